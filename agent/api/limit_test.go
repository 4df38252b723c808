package api_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
)

func TestConnectionsAreBoundedAndSomeAreForRoot(t *testing.T) {
	// 16 connections, of which readers may have 8.
	r := start(t, func(c *api.Config) { c.MaxConnections = 16 })
	r.as(reader)
	for range 8 {
		r.hold()
	}
	if got := r.refused(); got != http.StatusServiceUnavailable {
		t.Errorf("the ninth connection of readers: %d", got)
	}
	// Root has the other eight. Each is held: of one that was closed it could not be told when the server has done so too.
	r.as(root)
	for range 8 {
		r.hold()
	}
	if got := r.refused(); got != http.StatusServiceUnavailable {
		t.Errorf("the seventeenth connection: %d", got)
	}
	if err := testutil.CollectAndCompare(r.server, strings.NewReader(`
# HELP daemonsetd_api_rejected_total Connections and watches refused because there were too many.
# TYPE daemonsetd_api_rejected_total counter
daemonsetd_api_rejected_total 2
`), "daemonsetd_api_rejected_total"); err != nil {
		t.Error(err)
	}
}

// hold opens a connection that has been answered once and stays open.
func (r *rig) hold() {
	r.t.Helper()
	c, err := r.dial(r.t.Context(), "", "")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write([]byte("GET /v1/version HTTP/1.1\r\nHost: daemonsetd\r\n\r\n")); err != nil {
		r.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		r.t.Fatalf("holding a connection: %s", res.Status)
	}
}

// refused opens a connection and returns what the server says before anything is sent.
func (r *rig) refused() int {
	r.t.Helper()
	c, err := r.dial(r.t.Context(), "", "")
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// memory is a listener of pipes.
type memory struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error {
	m.once.Do(func() { close(m.done) })
	return nil
}

func (m *memory) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case m.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestServesWithoutASocket(t *testing.T) {
	m := &memory{conns: make(chan net.Conn), done: make(chan struct{})}
	s := api.New(api.Config{Backend: apitest.New(), PeerOf: func(net.Conn) (api.Peer, error) { return root, nil }})
	served := make(chan error, 1)
	go func() { served <- s.Serve(m) }()
	c := &http.Client{Transport: &http.Transport{DialContext: m.dial}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://daemonsetd/v1/version", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 200 {
		t.Error(res.Status)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := errors.Join(s.Shutdown(ctx), <-served); err != nil {
		t.Error(err)
	}
}

func TestMetricsAreWellFormed(t *testing.T) {
	r := start(t, nil)
	r.send(request{target: "/v1/version"})
	r.send(request{target: "/nowhere"})
	problems, err := testutil.CollectAndLint(r.server)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(r.server)
	if err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP daemonsetd_api_requests_total Requests answered on the API socket, by HTTP status.
# TYPE daemonsetd_api_requests_total counter
daemonsetd_api_requests_total{code="200"} 1
daemonsetd_api_requests_total{code="404"} 1
# HELP daemonsetd_api_objects Objects that the API lists, by resource.
# TYPE daemonsetd_api_objects gauge
daemonsetd_api_objects{resource="daemonsets"} 2
daemonsetd_api_objects{resource="events"} 0
daemonsetd_api_objects{resource="nodes"} 1
daemonsetd_api_objects{resource="pods"} 0
`), "daemonsetd_api_requests_total", "daemonsetd_api_objects"); err != nil {
		t.Error(err)
	}
}

func TestOnTCPThereAreMetricsAndNothingElse(t *testing.T) {
	h := api.MetricsHandler(apitest.New())
	for _, c := range []struct {
		method, target string
		want           int
	}{
		{"GET", "/metrics", 200},
		{"GET", "/healthz", 200},
		{"HEAD", "/metrics", 200},
		{"POST", "/metrics", 405},
		{"GET", "/", 404},
		{"GET", "/v1/status", 404},
		{"GET", "/v1/nodes", 404},
		{"POST", "/v1/reload", 405},
		{"GET", "/metrics/", 404},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.target, nil))
		if w.Code != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.target, w.Code, c.want)
		}
	}
}
