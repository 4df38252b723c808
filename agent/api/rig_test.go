package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
)

// Peers of the tests. The socket's group is the test's own.
var (
	root     = api.Peer{UID: 0}
	reader   = api.Peer{UID: 4_000_000, Groups: []uint32{4_000_001, uint32(os.Getegid())}}
	stranger = api.Peer{UID: 4_000_000, Groups: []uint32{4_000_001}}
)

// rig is a server on a real socket with a fake backend.
type rig struct {
	t       *testing.T
	backend *apitest.Backend
	server  *api.Server
	socket  string
	log     *lockedBuffer

	mu   sync.Mutex
	peer api.Peer
	done chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// socketDir is a directory with a short path, which t.TempDir does not promise.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, edit func(*api.Config)) *rig {
	t.Helper()
	r := &rig{
		t: t, backend: apitest.New(), socket: filepath.Join(socketDir(t), "s"), peer: root,
		log: new(lockedBuffer), done: make(chan error, 1),
	}
	cfg := api.Config{Backend: r.backend, Log: zerolog.New(r.log), PeerOf: r.peerOf}
	if edit != nil {
		edit(&cfg)
	}
	r.server = api.New(cfg)
	l, err := api.Listen(api.ListenConfig{Path: r.socket})
	if err != nil {
		t.Fatal(err)
	}
	go func() { r.done <- r.server.Serve(l) }()
	t.Cleanup(r.stop)
	return r
}

func (r *rig) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.server.Shutdown(ctx); err != nil {
		r.t.Errorf("shutting down: %v", err)
	}
	if err := <-r.done; err != nil {
		r.t.Errorf("serving: %v", err)
	}
	r.done <- nil
}

func (r *rig) as(p api.Peer) *rig {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.peer = p
	return r
}

func (r *rig) peerOf(net.Conn) (api.Peer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peer, nil
}

// request is what a test sends. The zero values of Method and Host are GET and daemonsetd.
type request struct {
	method, host, target, body string
	header                     http.Header
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// problem decodes a problem object, or fails.
func (a answer) problem(t *testing.T) api.Error {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("content type %q, wanted a problem; body %s", got, a.body)
	}
	var p api.Error
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	if p.Status != a.status || p.Title == "" || p.Type != "urn:daemonsetd:problem:"+p.Code || p.Detail == "" {
		t.Errorf("incomplete problem with HTTP status %d: %s", a.status, a.body)
	}
	return p
}

// send opens a connection of its own, so that each request has the peer of the moment.
func (r *rig) send(req request) answer {
	r.t.Helper()
	hr, err := http.NewRequestWithContext(r.t.Context(), or(req.method, "GET"), "http://"+or(req.host, api.Host)+req.target,
		bytes.NewReader([]byte(req.body)))
	if err != nil {
		r.t.Fatal(err)
	}
	maps.Copy(hr.Header, req.header)
	if req.body != "" && hr.Header.Get("Content-Type") == "" {
		hr.Header.Set("Content-Type", "application/json")
	}
	tr := &http.Transport{DialContext: r.dial, DisableKeepAlives: true}
	res, err := tr.RoundTrip(hr)
	if err != nil {
		r.t.Fatalf("%s %s: %v", hr.Method, req.target, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, body}
}

func (r *rig) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", r.socket)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
