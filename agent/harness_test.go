package agent

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/agent/systemd"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// bed is one host in temporary directories: a simulated kubelet that goes on when the agent stops, as in life.
type bed struct {
	t       *testing.T
	dir     string
	cfg     config.Config
	kubelet *kubeletsim.Kubelet
	client  *client.Client
	next    func(*config.Config) error
	// surges: two pods of one DaemonSet may run at once.
	surges bool

	mu       sync.Mutex
	notified []string
}

// newBed starts the kubelet; behave may be nil.
func newBed(t *testing.T, opts kubeletsim.Options) *bed {
	t.Helper()
	t.Parallel()
	return newHostBed(t, opts)
}

// newHostBed is newBed for one of several hosts of a test, which says itself that it is parallel.
func newHostBed(t *testing.T, opts kubeletsim.Options) *bed {
	t.Helper()
	// A socket's path is short, and t.TempDir has the test's name in it.
	dir, err := os.MkdirTemp("", "ds")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &bed{t: t, dir: dir, cfg: config.Default()}
	for _, d := range []string{"specs.d", "manifests", "state", "run"} {
		if err := os.Mkdir(b.path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	opts.Dir, opts.NodeName = b.path("manifests"), cmp.Or(opts.NodeName, "node-1")
	if b.kubelet, err = kubeletsim.New(opts); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = b.kubelet.Run(ctx) }()
	server, err := b.kubelet.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Close()
		cancel()
		<-done
		for _, v := range b.kubelet.Violations() {
			if b.surges && v.Kind == kubeletsim.KindOverlap {
				continue
			}
			t.Errorf("the kubelet saw what must never happen: %s", v)
		}
	})
	b.cfg.SpecsDir, b.cfg.NodeFile, b.cfg.ManifestsDir = b.path("specs.d"), b.path("node.yaml"), b.path("manifests")
	b.cfg.StateDir, b.cfg.RuntimeDir, b.cfg.NodeName = b.path("state"), b.path("run"), opts.NodeName
	b.cfg.Gossip.KeyFile, b.cfg.MembersFile = "", ""
	b.cfg.Kubelet.Config, b.cfg.Kubelet.URL, b.cfg.Kubelet.HealthzURL = b.path("kubelet.yaml"), server.URL, server.URL+"/healthz"
	if err := b.cfg.Complete(); err != nil {
		t.Fatal(err)
	}
	b.client = client.New(client.Config{Socket: b.cfg.Socket})
	t.Cleanup(b.client.Close)
	return b
}

func (b *bed) path(elem ...string) string {
	return filepath.Join(append([]string{b.dir}, elem...)...)
}

// options is how the bed makes an agent.
func (b *bed) options() Options {
	return Options{
		Config: b.cfg, Logger: zerolog.New(io.Discard), Version: api.Build(""),
		Notifier: systemd.Notifier{Send: func(s string) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			if s != "WATCHDOG=1" {
				b.notified = append(b.notified, strings.SplitN(s, "\n", 2)[0])
			}
			return nil
		}},
		Reread: func() (config.Config, diag.List, error) {
			c := b.cfg
			if b.next != nil {
				if err := b.next(&c); err != nil {
					return c, nil, err
				}
			}
			return c, nil, nil
		},
	}
}

// run starts an agent and returns how to stop it; it is stopped at the end of the test at the latest.
func (b *bed) run() (stop func()) {
	b.t.Helper()
	return b.runWith(b.options())
}

func (b *bed) runWith(opts Options) (stop func()) {
	b.t.Helper()
	a, err := New(opts)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := a.Run(ctx); err != nil {
			b.t.Errorf("Run: %v", err)
		}
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	b.t.Cleanup(stop)
	b.eventually("the agent answers", func() bool {
		st, err := b.client.Status(b.t.Context())
		return err == nil && st.State != api.StateStarting
	})
	return stop
}

// patience is how long a test waits for anything; on a busy machine everything is slow.
const patience = time.Minute

// eventually waits for something that other goroutines and processes bring about.
func (b *bed) eventually(what string, ok func() bool) {
	b.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit.C:
			st, err := b.client.Status(b.t.Context())
			text, _ := json.MarshalIndent(st, "", " ")
			b.t.Fatalf("waited in vain for: %s\nstatus %s, %v\nmanifests %v", what, text, err, b.manifests())
		case <-tick.C:
		}
	}
}

// lay renames a file into place under the bed's directory.
func (b *bed) lay(name, text string) {
	b.t.Helper()
	temp := b.path(filepath.Dir(name), "."+filepath.Base(name)+".new")
	if err := os.WriteFile(temp, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Rename(temp, b.path(name)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) remove(name string) {
	b.t.Helper()
	if err := os.Remove(b.path(name)); err != nil {
		b.t.Fatal(err)
	}
}

// manifests are the visible files of the kubelet's directory.
func (b *bed) manifests() []string {
	entries, _ := os.ReadDir(b.path("manifests"))
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}

func (b *bed) status() *api.Status {
	b.t.Helper()
	st, err := b.client.Status(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return st
}

// daemonSet is the status of default/logger.
func (b *bed) daemonSet() api.DaemonSetStatus {
	b.t.Helper()
	for _, d := range b.status().DaemonSets {
		if d.Name == "default/logger" {
			return d
		}
	}
	return api.DaemonSetStatus{}
}

func (b *bed) phase(want string) {
	b.t.Helper()
	b.eventually("phase "+want, func() bool { return b.daemonSet().Phase == want })
}

func (b *bed) health(code string) bool {
	for _, h := range b.status().Health {
		if h.Code == code {
			return true
		}
	}
	return false
}

// logger is a DaemonSet file; extra is put into the pod's spec.
func logger(image string, extra ...string) string {
	return "apiVersion: apps/v1\nkind: DaemonSet\nmetadata:\n  name: logger\nspec:\n  selector:\n    matchLabels: {app: logger}\n  template:\n    metadata:\n      labels: {app: logger}\n" +
		"    spec:\n      terminationGracePeriodSeconds: 1\n      containers:\n        - name: logger\n          image: " + image + "\n      " + strings.Join(extra, "\n      ") + "\n"
}

func nodeFile(spec string) string { return "apiVersion: v1\nkind: Node\n" + spec + "\n" }

// get is the body of a GET on the socket.
func (b *bed) get(path string) string {
	b.t.Helper()
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", b.cfg.Socket)
	}}}
	defer c.CloseIdleConnections()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, "http://daemonsetd"+path, http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		b.t.Fatalf("GET %s: %s, %v", path, res.Status, err)
	}
	return string(body)
}

// lockedBuffer takes the log of several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
