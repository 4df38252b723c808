package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// roundTrip is a transport in memory.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reply makes an answer.
func reply(status int, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// fake returns a client of which every question is answered by f.
func fake(t *testing.T, s Settings, f roundTrip) *Client {
	t.Helper()
	c, err := New(s, Config{Transport: f})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var both = Settings{URL: "https://secure:1", ReadOnlyURL: "http://readonly:2", HealthzURL: "http://health:3/healthz"}

func TestStates(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	set := Settings{URL: "https://secure:1"}
	for _, tc := range []struct {
		name   string
		status int
		body   string
		err    error
		want   State
	}{
		{"refused", 0, "", refused, Unreachable},
		{"broken connection", 0, "", io.ErrUnexpectedEOF, Unreachable},
		{"good", 200, emptyPods, nil, ""},
		{"unauthorized", 401, "Unauthorized", nil, Unauthorised},
		{"forbidden", 403, "Forbidden (user=system:anonymous, verb=get, resource=nodes, subresource(s)=[pods])", nil, Unauthorised},
		{"not found", 404, "404 page not found", nil, WrongVersion},
		{"not allowed", 405, "Debug endpoints are disabled.", nil, WrongVersion},
		{"server error", 500, "boom", nil, BadAnswer},
		{"redirect", 302, "", nil, BadAnswer},
		{"no content", 204, "", nil, BadAnswer},
		{"not JSON", 200, "<html>", nil, BadAnswer},
		{"cut", 200, emptyPods[:20], nil, BadAnswer},
		{"other kind", 200, `{"kind":"Status","apiVersion":"v1"}`, nil, WrongVersion},
		{"other version", 200, `{"kind":"PodList","apiVersion":"v2","items":[]}`, nil, WrongVersion},
		{"no name", 200, `{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"namespace":"x"}}]}`, nil, BadAnswer},
		{"wrong type", 200, `{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"a","namespace":"x"},"spec":7}]}`, nil, BadAnswer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := fake(t, set, func(*http.Request) (*http.Response, error) {
				if tc.err != nil {
					return nil, tc.err
				}
				return reply(tc.status, tc.body)
			})
			for op, ask := range map[string]func() error{
				opPods:    func() error { _, err := c.Pods(t.Context()); return err },
				opRunning: func() error { _, err := c.RunningPods(t.Context()); return err },
			} {
				err := ask()
				e := cause(err)
				if state(e) != tc.want {
					t.Fatalf("%s: state %q, want %q: %v", op, state(e), tc.want, err)
				}
				if e == nil {
					continue
				}
				if e.Op != op || !strings.HasPrefix(e.URL, set.URL) || e.Remedy == "" || e.Status != tc.status {
					t.Errorf("%s: %+v", op, e)
				}
				if tc.err != nil && !errors.Is(err, tc.err) {
					t.Errorf("%s: %v does not wrap its cause", op, err)
				}
				if strings.Count(err.Error(), "secure:1") != 1 {
					t.Errorf("%s: the address stands in %q other than once", op, err)
				}
			}
			if got, wrong := c.Stats(), tc.err != nil || tc.status != 200; (got.Failures == 2) != wrong || got.Requests != 2 {
				t.Errorf("stats %+v", got)
			}
		})
	}
}

func TestOtherAnswers(t *testing.T) {
	set := Settings{URL: "https://secure:1"}
	for _, tc := range []struct {
		name, path, body string
		want             State
		ask              func(context.Context, *Client) (any, error)
		value            string
	}{
		{"summary", "/stats/summary", `{"node":{"nodeName":"n","memory":{"availableBytes":7}}}`, "", summary, "7"},
		{"summary of nothing", "/stats/summary", `{}`, WrongVersion, summary, ""},
		{"summary cut", "/stats/summary", `{"node":`, BadAnswer, summary, ""},
		{"configuration", "/configz", `{"kubeletconfig":{"staticPodPath":"/x","apiVersion":"kubelet.config.k8s.io/v1beta1"},"other":{}}`, "", configz, "/x"},
		{"configuration of no version", "/configz", `{"kubeletconfig":{"staticPodPath":"/x"}}`, "", configz, "/x"},
		{"configuration of another version", "/configz", `{"kubeletconfig":{"apiVersion":"kubelet.config.k8s.io/v2"}}`, WrongVersion, configz, ""},
		{"no configuration", "/configz", `{"componentconfig":{}}`, WrongVersion, configz, ""},
		{"configuration cut", "/configz", `{"kubeletconfig":`, BadAnswer, configz, ""},
		{"version", "/metrics", "a 1\n" + `kubernetes_build_info{build_date="",git_version="v1.34.4",go_version="go1"} 1` + "\nb 2\n", "", version, "v1.34.4"},
		{"version of an odd build", "/metrics", "a 1\n" + `kubernetes_build_info{git_version="v0.0.0-master+$Format:%H$"} 1`, "", version, "v0.0.0-master"},
		{"no version", "/metrics", "a 1\n", WrongVersion, version, ""},
		{"version not closed", "/metrics", "\n" + `kubernetes_build_info{git_version="v1`, WrongVersion, version, ""},
		{"endless version", "/metrics", "\n" + `kubernetes_build_info{git_version="` + strings.Repeat("v", 99) + `"}`, WrongVersion, version, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := fake(t, set, func(r *http.Request) (*http.Response, error) {
				if r.URL.String() != set.URL+tc.path {
					t.Errorf("asked %s", r.URL)
				}
				return reply(200, tc.body)
			})
			got, err := tc.ask(t.Context(), c)
			if state(cause(err)) != tc.want {
				t.Fatalf("state %q, want %q: %v", state(cause(err)), tc.want, err)
			}
			if err == nil && fmt.Sprint(got) != tc.value {
				t.Errorf("got %v, want %s", got, tc.value)
			}
		})
	}
}

func summary(ctx context.Context, c *Client) (any, error) {
	s, err := c.Summary(ctx)
	if err != nil {
		return nil, err
	}
	return *s.Node.Memory.AvailableBytes, nil
}

func configz(ctx context.Context, c *Client) (any, error) {
	s, err := c.Configz(ctx)
	if err != nil {
		return nil, err
	}
	return s.StaticPodPath, nil
}

func version(ctx context.Context, c *Client) (any, error) { return c.Version(ctx) }

// TestWhoIsAsked: the read-only port stands in where the authenticated one cannot be asked, and only there.
func TestWhoIsAsked(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for _, tc := range []struct {
		name   string
		set    Settings
		secure func() (*http.Response, error)
		ask    func(context.Context, *Client) error
		asked  string
		want   State
	}{
		{"good", both, func() (*http.Response, error) { return reply(200, emptyPods) }, pods, "secure:1/pods", ""},
		{"refused", both, func() (*http.Response, error) { return nil, refused }, pods, "secure:1/pods readonly:2/pods", ""},
		{"unauthorized", both, func() (*http.Response, error) { return reply(401, "") }, pods, "secure:1/pods readonly:2/pods", ""},
		{"untrusted", both, func() (*http.Response, error) { return nil, errUntrusted }, pods, "secure:1/pods", Untrusted},
		{"bad answer", both, func() (*http.Response, error) { return reply(500, "") }, pods, "secure:1/pods", BadAnswer},
		{"read-only alone", Settings{ReadOnlyURL: both.ReadOnlyURL}, nil, pods, "readonly:2/pods", ""},
		{"neither", Settings{}, nil, pods, "", Unreachable},
		{"running pods are on the authenticated port", both, func() (*http.Response, error) { return reply(401, "") }, runningPods, "secure:1/runningpods/", Unauthorised},
		{"health has its own port", both, nil, health, "health:3/healthz", ""},
		{"health without its own port", Settings{URL: both.URL, ReadOnlyURL: both.ReadOnlyURL}, func() (*http.Response, error) { return reply(401, "") }, health, "secure:1/healthz readonly:2/healthz", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var asked []string
			c := fake(t, tc.set, func(r *http.Request) (*http.Response, error) {
				asked = append(asked, r.URL.Host+r.URL.Path)
				if r.URL.Host == "secure:1" {
					return tc.secure()
				}
				return reply(200, emptyPods)
			})
			err := tc.ask(t.Context(), c)
			if got := strings.Join(asked, " "); got != tc.asked {
				t.Errorf("asked %q, want %q", got, tc.asked)
			}
			if state(cause(err)) != tc.want {
				t.Errorf("state %q, want %q: %v", state(cause(err)), tc.want, err)
			}
		})
	}
}

func health(ctx context.Context, c *Client) error      { return c.Health(ctx) }
func pods(ctx context.Context, c *Client) error        { _, err := c.Pods(ctx); return err }
func runningPods(ctx context.Context, c *Client) error { _, err := c.RunningPods(ctx); return err }

// endless is a body without an end.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read.Add(int64(len(p)))
	return len(p), nil
}

func TestEndlessAnswers(t *testing.T) {
	for _, tc := range []struct {
		name  string
		ask   func(context.Context, *Client) error
		limit int64
		want  State
	}{
		{"health", health, maxHealthBody, ""},
		{"configuration", func(ctx context.Context, c *Client) error { _, err := c.Configz(ctx); return err }, maxConfigBody, BadAnswer},
	} {
		body := &endless{}
		c := fake(t, both, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(body)}, nil
		})
		err := tc.ask(t.Context(), c)
		if state(cause(err)) != tc.want {
			t.Errorf("%s: state %q, want %q: %v", tc.name, state(cause(err)), tc.want, err)
		}
		if read := body.read.Load(); read > 2*tc.limit {
			t.Errorf("%s: %d bytes were read", tc.name, read)
		}
		if c.Stats().Cut != 1 {
			t.Errorf("%s: stats %+v", tc.name, c.Stats())
		}
	}
}

// TestDeadline: a kubelet that never answers costs the deadline and no more.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake(t, both, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		start := time.Now()
		err := c.Health(t.Context())
		if state(cause(err)) != Unreachable || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "within 1s") {
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("a health check took %v of virtual time", took)
		}
	})
}

// TestNoRedirectNoProxyOneConnection is about the real transport.
func TestNoRedirectNoProxyOneConnection(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	var connections, asked atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path == "/pods" {
			http.Redirect(w, r, "/healthz", http.StatusFound)
		}
		if r.Header.Get("User-Agent") != "test/1" {
			t.Errorf("user agent %q", r.Header.Get("User-Agent"))
		}
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	c, err := New(Settings{URL: s.URL, HealthzURL: s.URL + "/healthz"}, Config{UserAgent: "test/1"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 5 {
		if err := c.Health(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Pods(t.Context()); cause(err) == nil || cause(err).Status != http.StatusFound {
		t.Errorf("redirect: %v", err)
	}
	if asked.Load() != 6 || connections.Load() != 1 {
		t.Errorf("%d questions over %d connections, want 6 over 1", asked.Load(), connections.Load())
	}
}

// TestPodCache: the same bytes give the same pods, in whatever order, and changed ones are decoded anew.
func TestPodCache(t *testing.T) {
	item := func(name, phase string) string {
		return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"x","labels":{"a":"b"}},"status":{"phase":%q}}`, name, phase)
	}
	body := ""
	c := fake(t, both, func(*http.Request) (*http.Response, error) {
		return reply(200, `{"kind":"PodList","apiVersion":"v1","items":[`+body+`]}`)
	})
	for _, step := range []struct{ items, want string }{
		{item("a", "Pending") + "," + item("b", "Running"), "a Pending b Running "},
		{item("b", "Running") + "," + item("a", "Running"), "b Running a Running "},
		{item("a", "Running"), "a Running "},
		{item("b", "Failed") + "," + item("a", "Running"), "b Failed a Running "},
	} {
		body = step.items
		list, err := c.Pods(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, p := range list.Items {
			got += p.Name + " " + string(p.Status.Phase) + " "
		}
		if got != step.want {
			t.Errorf("got %q, want %q", got, step.want)
		}
		if len(c.cache.pods) != len(list.Items) {
			t.Errorf("%d pods are kept for a list of %d", len(c.cache.pods), len(list.Items))
		}
	}
}

func TestNewRefusesBadAddress(t *testing.T) {
	if _, err := New(Settings{URL: "https://a b:1"}, Config{}); err == nil {
		t.Error("an address with a space was accepted")
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(emptyPods))
	f.Add([]byte(`{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"a","namespace":"b","uid":"c"},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}]}`))
	f.Add([]byte(`{"node":{"nodeName":"n","memory":{"availableBytes":7}}}`))
	f.Add([]byte(`{"kubeletconfig":{"apiVersion":"kubelet.config.k8s.io/v1beta1","evictionHard":{}}}`))
	f.Add([]byte("\nkubernetes_build_info{git_version=\"v1\"} 1\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := source{op: opPods, url: "https://secure:1/pods"}
		var cache podCache
		first, err := cache.decode(s, body)
		checkAnswer(t, first != nil, err)
		if err == nil {
			second, err := cache.decode(s, body)
			if err != nil || len(second.Items) != len(first.Items) {
				t.Errorf("decoded twice: %d and %d pods, %v", len(first.Items), len(second.Items), err)
			}
			digests(first.Items)
		}
		sum, err := decodeSummary(s, body)
		checkAnswer(t, sum != nil, err)
		config, err := decodeConfigz(s, body)
		checkAnswer(t, config != nil, err)
		if v := buildVersion(body); len(v) > 64 || strings.ContainsAny(v, "\"\n") {
			t.Errorf("version %q", v)
		}
	})
}

// checkAnswer wants an answer or an Error that says all it should.
func checkAnswer(t *testing.T, answered bool, err error) {
	t.Helper()
	if answered != (err == nil) {
		t.Errorf("answered %t with %v", answered, err)
	}
	if err == nil {
		return
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || e.State == "" || e.Remedy == "" || e.Op == "" || len(err.Error()) > 4096 {
		t.Errorf("%+v", err)
	}
}
