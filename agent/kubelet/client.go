package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Config says how a Client asks. The zero value is usable.
type Config struct {
	// UserAgent is sent with every question; empty: daemonsetd.
	UserAgent string
	// HealthTimeout, Timeout and SummaryTimeout are the deadlines of a health check, of any other question, and of
	// Summary, for which the kubelet walks its cgroups. 0: 1 s, 2 s and 5 s.
	HealthTimeout, Timeout, SummaryTimeout time.Duration
	// Transport is for tests. Nil: the network, with the trust that the settings describe.
	Transport http.RoundTripper
}

// Limits on the bodies of answers, in bytes. A kubelet with 500 large pods lists about 15 MiB.
const (
	maxHealthBody  = 64 << 10
	maxPodsBody    = 64 << 20
	maxSummaryBody = 32 << 20
	maxConfigBody  = 4 << 20
	maxMetricsBody = 16 << 20
)

// Client asks the kubelet of this host. It is safe for concurrent use and starts no goroutine of its own.
type Client struct {
	set  Settings
	cfg  Config
	http *http.Client
	// logs is for logs alone.
	logs  *http.Client
	stats struct{ requests, failures, cut atomic.Uint64 }
	cache podCache
}

// Stats counts what a Client did since it was made.
type Stats struct {
	// Requests counts the questions, Failures those without a usable answer.
	Requests, Failures uint64
	// Cut counts the answers that were larger than their limit and were not read to the end.
	Cut uint64
}

// New returns a Client. Nothing is asked yet, and no file of the settings need exist yet.
func New(s Settings, cfg Config) (*Client, error) {
	cfg.UserAgent = pick(cfg.UserAgent, "daemonsetd")
	for _, t := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{{&cfg.HealthTimeout, time.Second}, {&cfg.Timeout, 2 * time.Second}, {&cfg.SummaryTimeout, 5 * time.Second}} {
		if *t.value <= 0 {
			*t.value = t.fallback
		}
	}
	host := ""
	for _, address := range []string{s.ReadOnlyURL, s.HealthzURL, s.URL} {
		u, err := url.Parse(address)
		if err != nil {
			return nil, fmt.Errorf("address of the kubelet %q: %w", address, err)
		}
		host = u.Hostname()
	}
	forLogs := cfg.Transport
	if cfg.Transport == nil {
		cfg.Transport = transport(s, host)
		own := transport(s, host)
		own.MaxConnsPerHost, own.MaxIdleConnsPerHost = maxLogStreams, 1
		forLogs = own
	}
	c := &Client{set: s, cfg: cfg}
	// The kubelet redirects nothing that is asked here; a redirect is shown to the operator instead of followed.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http = &http.Client{Transport: cfg.Transport, CheckRedirect: stay}
	c.logs = &http.Client{Transport: forLogs, CheckRedirect: stay}
	return c, nil
}

// transport keeps one connection for each of the kubelet's ports. It uses no proxy, whatever the environment says.
func transport(s Settings, host string) *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{KeepAlive: -1}).DialContext,
		TLSClientConfig:        tlsConfig(s, host),
		MaxIdleConnsPerHost:    1,
		MaxConnsPerHost:        2,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
}

// Stats returns the counts so far.
func (c *Client) Stats() Stats {
	return Stats{Requests: c.stats.requests.Load(), Failures: c.stats.failures.Load(), Cut: c.stats.cut.Load()}
}

// address is the one that error messages show for what was asked of any of the kubelet's ports.
func (c *Client) address() string { return pick(c.set.URL, c.set.ReadOnlyURL) }

// Close drops the idle connections. The client can still be used.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.logs.CloseIdleConnections()
}

// question is one GET.
type question struct {
	op, url string
	limit   int64
	timeout time.Duration
	// cut accepts the beginning of an answer that is larger than limit.
	cut bool
	// secret sends the bearer token: only to the authenticated API.
	secret bool
}

// ask returns the body of the answer to q.
func (c *Client) ask(ctx context.Context, q question) ([]byte, *Error) {
	c.stats.requests.Add(1)
	body, err := c.try(ctx, q)
	if err != nil {
		c.stats.failures.Add(1)
	}
	return body, err
}

func (c *Client) try(ctx context.Context, q question) ([]byte, *Error) {
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	start := time.Now()
	resp, err := c.send(ctx, q)
	if err != nil {
		return nil, c.failed(q, err, time.Since(start))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, q.limit+1))
	if err != nil && resp.StatusCode == http.StatusOK {
		return nil, &Error{
			Op: q.op, URL: q.url, State: BadAnswer, Status: resp.StatusCode,
			Err:    fmt.Errorf("the answer broke off after %d bytes: %w", len(body), err),
			Remedy: "look at the kubelet's log; it is asked again by itself",
		}
	}
	large := int64(len(body)) > q.limit
	if large {
		c.stats.cut.Add(1)
		body = body[:q.limit]
	}
	if resp.StatusCode != http.StatusOK {
		return nil, statusError(q.op, q.url, resp.StatusCode, body)
	}
	if large && !q.cut {
		return nil, &Error{
			Op: q.op, URL: q.url, State: BadAnswer, Status: resp.StatusCode,
			Err:    fmt.Errorf("the answer is larger than %d bytes and was cut", q.limit),
			Remedy: "check that the address is the kubelet's",
		}
	}
	return body, nil
}

func (c *Client) send(ctx context.Context, q question) (*http.Response, error) {
	return c.sendBy(ctx, c.http, q)
}

func (c *Client) sendBy(ctx context.Context, by *http.Client, q question) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, q.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	if q.secret && c.set.TokenFile != "" {
		token, err := readToken(c.set.TokenFile)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return by.Do(req)
}

// failed explains why no answer came.
func (c *Client) failed(q question, err error, after time.Duration) *Error {
	e := &Error{Op: q.op, URL: q.url, State: Unreachable, Err: err}
	// The address stands in the message already.
	if u, ok := errors.AsType[*url.Error](err); ok {
		e.Err = u.Err
	}
	switch {
	case errors.Is(err, errUntrusted):
		e.State = Untrusted
		e.Remedy = "set kubelet.caFile to the CA of the kubelet's serving certificate, or make " + c.set.ServingCertFile +
			" readable to the agent"
		if c.set.CAFile != "" {
			e.Remedy = "set kubelet.url to a name that the kubelet's serving certificate has, and kubelet.caFile to the CA " +
				"that signed it"
		}
	case errors.Is(err, errCredentials):
		e.State = Unauthorised
		e.Remedy = "set kubelet.clientCertFile and kubelet.clientKeyFile, or kubelet.tokenFile, to files that the agent " +
			"can read"
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = fmt.Errorf("no answer within %v: %w", after.Round(time.Millisecond), context.DeadlineExceeded)
		e.Remedy = "see whether the kubelet is overloaded or stuck"
	case q.op == opHealth:
		e.Remedy = "start the kubelet; set kubelet.healthzURL if it answers elsewhere, or kubelet.assumeReady if it cannot " +
			"be asked at all"
	default:
		e.Remedy = "start the kubelet; set kubelet.url if it answers elsewhere"
	}
	return e
}
