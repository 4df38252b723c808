package kubelet

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestFaultK11: a certificate that is not trusted is final, whatever is asked for. The read-only port, which proves nothing, is not asked instead.
func TestFaultK11(t *testing.T) {
	asked := 0
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = io.WriteString(w, emptyPods)
	}))
	defer plain.Close()
	impostor, _ := issue(t, nil, nil)
	kubelet, _ := issue(t, nil, nil)
	c, err := New(Settings{
		URL: serveTLS(t, &tls.Config{Certificates: []tls.Certificate{impostor.Certificate}}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, emptyPods)
		})),
		ReadOnlyURL: plain.URL, ServingCertFile: file(t, kubelet.certPEM),
	}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for op, ask := range map[string]func(context.Context) error{
		opPods:    func(ctx context.Context) error { _, err := c.Pods(ctx); return err },
		opSummary: func(ctx context.Context) error { _, err := c.Summary(ctx); return err },
		opVersion: func(ctx context.Context) error { _, err := c.Version(ctx); return err },
		opHealth:  c.Health,
		opRunning: func(ctx context.Context) error { _, err := c.RunningPods(ctx); return err },
		opConfig:  func(ctx context.Context) error { _, err := c.Configz(ctx); return err },
	} {
		if err := ask(t.Context()); state(cause(err)) != Untrusted {
			t.Errorf("%s: %v, want an error of the state %s", op, err, Untrusted)
		}
	}
	if asked != 0 {
		t.Errorf("the read-only port was asked %d times", asked)
	}
}
