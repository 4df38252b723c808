package apitest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// Serve serves the backend on a real unix socket, whose path it returns, until the test ends. The path is short, which
// t.TempDir does not promise. Whoever connects is taken for peer; nil means for who it is.
func Serve(t testing.TB, b *Backend, peer *api.Peer) string {
	t.Helper()
	socket := filepath.Join(Dir(t), "s")
	ServeAt(t, b, peer, socket)
	return socket
}

// ServeAt is Serve with a path.
func ServeAt(t testing.TB, b *Backend, peer *api.Peer, socket string) {
	t.Helper()
	l, err := api.Listen(api.ListenConfig{Path: socket})
	if err != nil {
		t.Fatal(err)
	}
	cfg := api.Config{Backend: b}
	if peer != nil {
		cfg.PeerOf = func(net.Conn) (api.Peer, error) { return *peer, nil }
	}
	s := api.New(cfg)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutting the API down: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serving the API: %v", err)
		}
	})
}

// Dir makes a directory with a short path that goes with the test.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
