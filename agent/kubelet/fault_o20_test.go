package kubelet

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFaultO20Logs: a log is asked for as the kubelet has it, is read while it grows, and has a reason where there is none.
func TestFaultO20Logs(t *testing.T) {
	asked := make(chan string, 10)
	grow := make(chan string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path + " " + r.URL.RawQuery
		switch {
		case r.URL.Query().Get("previous") != "":
			http.Error(w, "previous terminated container not found", http.StatusBadRequest)
		case r.URL.Query().Get("follow") == "":
			_, _ = io.WriteString(w, "all\n")
		default:
			w.WriteHeader(http.StatusOK)
			for {
				_ = http.NewResponseController(w).Flush()
				select {
				case text := <-grow:
					_, _ = io.WriteString(w, text)
				case <-r.Context().Done():
					return
				}
			}
		}
	}))
	defer server.Close()
	c, err := New(Settings{URL: server.URL}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	req := LogRequest{Namespace: "kube-system", Pod: "web-a-edge-1", Container: "web", Tail: -1}
	const path = "/containerLogs/kube-system/web-a-edge-1/web "

	body, err := c.Logs(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(body); err != nil || string(text) != "all\n" {
		t.Errorf("%q, %v", text, err)
	}
	_ = body.Close()
	if diff := cmp.Diff(path+"limitBytes=67108864", <-asked); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}

	req.Follow, req.Tail, req.Since = true, 5, time.Minute
	if body, err = c.Logs(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(path+"follow=true&sinceSeconds=60&tailLines=5", <-asked); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	buf := make([]byte, 100)
	for _, line := range []string{"one\n", "two\n"} {
		grow <- line
		if n, err := body.Read(buf); err != nil || string(buf[:n]) != line {
			t.Errorf("%q, %v", buf[:n], err)
		}
	}
	_ = body.Close()

	req.Previous = true
	_, err = c.Logs(t.Context(), req)
	if !errors.Is(err, ErrNoLog) || !strings.Contains(err.Error(), "previous terminated container not found") {
		t.Errorf("no log: %v", err)
	}
	none, err := New(Settings{HealthzURL: server.URL}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := none.Logs(t.Context(), req); err == nil || errors.Is(err, ErrNoLog) {
		t.Errorf("without a port: %v", err)
	}
}
