package agent

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/agent/systemd"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
	"github.com/daemonsetd/daemonsetd/test/virtual"
)

func TestMain(m *testing.M) { os.Exit(virtual.Main(m)) }

// virtually runs a test in virtual time, beside others. What it makes is gone at its end; memberlist's goroutines, for which nobody
// can wait, get the time for it.
func virtually(t *testing.T, do func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(2 * time.Minute) })
		do(t)
	})
}

// sleep lets virtual time pass.
func sleep(d time.Duration) { time.Sleep(d) }

// bed is one host in a directory of its own: a simulated kubelet that goes on when the agent stops, as in life. In virtual time its agent
// has nothing of the machine but the disk; a bed of newMachine has sockets and watches too.
type bed struct {
	t       *testing.T
	dir     string
	cfg     config.Config
	kubelet *kubeletsim.Kubelet
	client  *client.Client
	next    func(*config.Config) error
	// machine: sockets and watches are the machine's.
	machine bool
	// net is what the hosts of one test gossip over; nil where there is one host.
	net *memnet.Network
	// surges: two pods of one DaemonSet may run at once.
	surges bool

	mu       sync.Mutex
	notified []string
	// agent is the one that runs or ran last, api where it is asked.
	agent *Agent
	api   *virtual.Listener
}

// newBed makes a host in virtual time.
func newBed(t *testing.T, opts kubeletsim.Options) *bed {
	t.Helper()
	opts.Manual, opts.ScanEvery = true, kubeletScan
	b := makeBed(t, opts)
	b.cfg.Kubelet.URL, b.cfg.Kubelet.HealthzURL = "http://127.0.0.1:10250", "http://127.0.0.1:10248/healthz"
	b.complete(client.Config{Dial: b.dial})
	return b
}

// kubeletScan is how often a kubelet looks at its directory, which stands for inotify.
const kubeletScan = 20 * time.Millisecond

// newMachine makes a host in real time whose agent and kubelet have sockets and watches. What is waited for there has to come by an event:
// no test waits for seconds.
func newMachine(t *testing.T) *bed {
	t.Helper()
	b := makeBed(t, kubeletsim.Options{})
	b.machine = true
	server, err := b.kubelet.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	b.cfg.Kubelet.URL, b.cfg.Kubelet.HealthzURL = server.URL, server.URL+"/healthz"
	b.complete(client.Config{Socket: b.path("run", "agent.sock")})
	return b
}

// makeBed makes the directories and starts the kubelet.
func makeBed(t *testing.T, opts kubeletsim.Options) *bed {
	t.Helper()
	b := &bed{t: t, dir: shortDir(t), cfg: config.Default()}
	for _, d := range []string{"specs.d", "manifests", "state", "run"} {
		if err := os.Mkdir(b.path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	opts.Dir, opts.NodeName = b.path("manifests"), cmp.Or(opts.NodeName, "node-1")
	var err error
	if b.kubelet, err = kubeletsim.New(opts); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = b.kubelet.Run(ctx) }()
	<-b.kubelet.Ready()
	t.Cleanup(func() {
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
	b.cfg.Gossip.KeyFile, b.cfg.MembersFile, b.cfg.Kubelet.Config = "", "", b.path("kubelet.yaml")
	return b
}

// shortDir is a temporary directory in which a socket's path is short: t.TempDir has the test's name in it. It is in memory where it can
// be, as nothing here looks at what a disk does.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "ds")
	if err != nil {
		dir, err = os.MkdirTemp("", "ds")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// complete is the end of making a bed.
func (b *bed) complete(c client.Config) {
	b.t.Helper()
	if err := b.cfg.Complete(); err != nil {
		b.t.Fatal(err)
	}
	b.client = client.New(c)
	b.t.Cleanup(b.client.Close)
}

// dial connects to the agent that runs.
func (b *bed) dial(ctx context.Context) (net.Conn, error) {
	if b.machine {
		var d net.Dialer
		return d.DialContext(ctx, "unix", b.cfg.Socket)
	}
	b.mu.Lock()
	l := b.api
	b.mu.Unlock()
	if l == nil {
		return nil, errors.New("no agent was started")
	}
	return l.Dial(ctx)
}

func (b *bed) path(elem ...string) string {
	return filepath.Join(append([]string{b.dir}, elem...)...)
}

// options is how the bed makes an agent.
func (b *bed) options() Options {
	opts := Options{
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
	if !b.machine {
		opts.Simulation = &Simulation{Gossip: b.transport, Kubelet: b.kubelet.Transport(), API: virtual.NewListener()}
	}
	return opts
}

// notifications are what the service manager was told, without its status lines.
func (b *bed) notifications() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var got []string
	for _, s := range b.notified {
		if !strings.HasPrefix(s, "STATUS=") {
			got = append(got, s)
		}
	}
	return got
}

// transport is the host's place in the network.
func (b *bed) transport() memberlist.NodeAwareTransport {
	return b.net.Listen(netip.MustParseAddrPort(b.cfg.Gossip.Bind))
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
	b.mu.Lock()
	if b.agent = a; !b.machine {
		b.api, _ = opts.Simulation.API.(*virtual.Listener)
	}
	b.mu.Unlock()
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

const (
	// patience is how long a test waits for anything; of a machine, which may be busy and where everything is slow then, as of virtual time.
	patience = time.Minute
	// glance is how often it looks.
	glance = 20 * time.Millisecond
)

// eventually waits for something that other goroutines and processes bring about.
func (b *bed) eventually(what string, ok func() bool) {
	b.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(glance)
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

// wake tells the agent of a changed file where no watch does.
func (b *bed) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.agent != nil && !b.machine {
		b.agent.Wake()
	}
}

// lay renames a file into place under the bed's directory.
func (b *bed) lay(name, text string) {
	b.t.Helper()
	b.slip(name, text)
	b.wake()
}

// slip is lay where the agent is not told: in virtual time it sees the file when it looks next.
func (b *bed) slip(name, text string) {
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
	b.wake()
}

// runsImage says whether the kubelet has a pod of the image, and whether that is ready.
func (b *bed) runsImage(image string) (there, ready bool) {
	for _, p := range b.kubelet.Pods() {
		if p.Spec.Containers[0].Image != image {
			continue
		}
		there = true
		for _, c := range p.Status.Conditions {
			ready = ready || c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		}
	}
	return there, ready
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

// noSoak: a pod is available for the rollout when it is for Kubernetes, as most tests are about something else.
const noSoak = `daemonsetd.io/soak: "0s"`

// annotated is a file of logger with more annotations.
func annotated(text string, annotations ...string) string {
	return strings.Replace(text, noSoak, strings.Join(append(annotations, noSoak), ", "), 1)
}

// logger is a DaemonSet file; extra is put into the pod's spec.
func logger(image string, extra ...string) string {
	return "apiVersion: apps/v1\nkind: DaemonSet\nmetadata:\n  name: logger\n  annotations: {" + noSoak + "}\nspec:\n  selector:\n    matchLabels: {app: logger}\n  template:\n    metadata:\n      labels: {app: logger}\n" +
		"    spec:\n      terminationGracePeriodSeconds: 1\n      containers:\n        - name: logger\n          image: " + image + "\n      " + strings.Join(extra, "\n      ") + "\n"
}

func nodeFile(spec string) string { return "apiVersion: v1\nkind: Node\n" + spec + "\n" }

// get is the body of a GET on the socket.
func (b *bed) get(path string) string {
	b.t.Helper()
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return b.dial(ctx) }}}
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
