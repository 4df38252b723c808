// Package client is the typed client of the agent's API. Its errors are written for people: they say whether the agent
// is not running, may not be asked, or refused, and what to do.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

const (
	// DefaultSocket is where the agent listens unless it is told otherwise.
	DefaultSocket = "/run/daemonsetd/agent.sock"
	// maxAnswer is how many bytes of an answer are read.
	maxAnswer = 256 << 20
	// requestTimeout is longer than the server's own, so that its word about a timeout is heard.
	requestTimeout = 90 * time.Second
)

// Config says whom to ask. The zero value is usable.
type Config struct {
	// Socket is the path of the agent's socket; empty means DefaultSocket.
	Socket string
	// Version is this program's; empty means that versions are not compared.
	Version string
	// Warn is called at most once, with one sentence, when the agent has another version; nil means nobody is told.
	Warn func(string)
	// RetryFor is how long to go on trying while the socket is there and nobody listens, which is so while the agent
	// restarts; 0 means 2 seconds, a negative value not to try again.
	RetryFor time.Duration
	// Dial connects to the agent in place of the socket, for an agent in the same process; nil: the socket is opened.
	Dial func(ctx context.Context) (net.Conn, error)
}

// Client asks one agent. Its methods may be called from several goroutines.
type Client struct {
	cfg  Config
	http *http.Client
	warn sync.Once
}

// New makes a client. Nothing is opened before the first request.
func New(cfg Config) *Client {
	if cfg.Socket == "" {
		cfg.Socket = DefaultSocket
	}
	if cfg.RetryFor == 0 {
		cfg.RetryFor = 2 * time.Second
	}
	c := &Client{cfg: cfg}
	if cfg.Dial == nil {
		c.cfg.Dial = c.dial
	}
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return c.cfg.Dial(ctx) },
			DisableCompression: true,
			MaxIdleConns:       1,
			IdleConnTimeout:    10 * time.Second,
		},
		// The agent never redirects.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// Close gives up the connections that are kept for later.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// do sends one request and decodes the answer into out.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := c.send(ctx, method, path, query, in)
	if err != nil {
		return err
	}
	defer closeBody(res)
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("reading the agent's answer: %w", err)
	case len(data) > maxAnswer:
		return fmt.Errorf("the agent's answer to %s is larger than %d bytes", path, maxAnswer)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("the agent's answer to %s is not what was wanted: %w", path, err)
	}
	return nil
}

// send returns an answer of 2xx, whose body the caller closes, or an error.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, in any) (*http.Response, error) {
	req, err := c.request(ctx, method, path, query, in)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(err)
	}
	c.compare(res.Header.Get(api.HeaderVersion))
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer closeBody(res)
	return nil, c.refused(res)
}

func (c *Client) request(
	ctx context.Context, method, path string, query url.Values, in any,
) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		// Sent anyway, it would fail with a broken pipe before the agent's answer is read.
		if len(data) > api.MaxPlanBody {
			return nil, fmt.Errorf("the request has %d bytes, the agent takes at most %d; ask for fewer files at a time",
				len(data), api.MaxPlanBody)
		}
		body = bytes.NewReader(data)
	}
	u := url.URL{Scheme: "http", Host: api.Host, Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", "daemonsetd-client")
	req.Header.Set(api.HeaderVersion, c.cfg.Version)
	return req, nil
}

func closeBody(res *http.Response) {
	// What is left is read, within reason, so that the connection can be used again.
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10)
	_ = res.Body.Close()
}

// compare warns once when the agent is not of this program's version.
func (c *Client) compare(agent string) {
	if c.cfg.Warn == nil || c.cfg.Version == "" || agent == "" || agent == c.cfg.Version {
		return
	}
	c.warn.Do(func() {
		c.cfg.Warn(fmt.Sprintf("this is version %s, the agent has version %s; restart the agent after an upgrade",
			c.cfg.Version, agent))
	})
}

// refused makes an error of an answer that is not 2xx.
func (c *Client) refused(res *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("the agent answered %s, and reading why failed: %w", res.Status, err)
	}
	var p api.Error
	if err := json.Unmarshal(data, &p); err != nil || p.Detail == "" {
		return fmt.Errorf("what listens on %q answered %s and is no daemonsetd agent, it seems", c.cfg.Socket, res.Status)
	}
	if p.Status == http.StatusForbidden {
		return &Error{Kind: ErrForbidden, Text: p.Detail, Remedy: p.Remedy, Cause: &p}
	}
	if p.Status == http.StatusGone {
		return fmt.Errorf("%w: %w", ErrGone, &p)
	}
	return &p
}

// ErrGone is returned when a resource version is not in the agent's history any more: list and watch again.
var ErrGone = errors.New("too old")
