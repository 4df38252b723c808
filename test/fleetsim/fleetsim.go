// Package fleetsim runs many whole agents in one process, each with a simulated kubelet and a directory of its own,
// over a simulated network: test equipment for rollouts, and no part of the agent.
//
// It is made for testing/synctest: all agents, kubelets and the network live in one bubble and in virtual time. The
// disk is real; use a directory in memory.
package fleetsim

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	crand "crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent"
	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/agent/systemd"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// Config says what a Fleet is like.
type Config struct {
	// Hosts is how many there are.
	Hosts int
	// Seed decides everything that is random.
	Seed uint64
	// Faults are the network's at the start.
	Faults memnet.Faults
	// Behaviour says how pods behave; nil: they start in 1 s, are ready 2 s later, and stop in 1 s.
	Behaviour func(host int, pod *corev1.Pod) kubeletsim.Behaviour
	// Scan is how often a kubelet looks at its directory; 0: every 500 ms.
	Scan time.Duration
	// RunningAge is kubeletsim.Options.RunningAge.
	RunningAge time.Duration
	// MembersFile: every host has a members file that lists all of them with their keys.
	MembersFile bool
	// Between is asked in place of a host's kubelet, which next asks; nil: nothing is between them.
	Between func(host int, r *http.Request, next http.RoundTripper) (*http.Response, error)
	// Log gets what the agents log; nil: nobody does.
	Log io.Writer
}

// Fleet is the hosts and what is between them.
type Fleet struct {
	t     testing.TB
	cfg   Config
	dir   string
	Net   *memnet.Network
	Rand  *rand.Rand
	Hosts []*Host
	known signatures
	// strangers end the members that are nobody's hosts.
	strangers []func()
}

// Host is one host. Its disk and its kubelet go on when its agent stops.
type Host struct {
	fleet *Fleet
	// Index counts from 0, Name is node-<index>.
	Index int
	Name  string
	Addr  netip.AddrPort
	// Kubelet is the simulated kubelet.
	Kubelet *kubeletsim.Kubelet
	// Agent is nil while it does not run.
	Agent *agent.Agent
	dir   string
	cfg   config.Config
	stop  func()
	quit  func()
	full  atomic.Bool
}

// SetFull sets whether the disk of the manifests directory takes no change, as one that is full or was mounted
// read-only after a failure.
func (h *Host) SetFull(full bool) { h.full.Store(full) }

func (h *Host) isFull() error {
	if h.full.Load() {
		return syscall.EROFS
	}
	return nil
}

// signatures remembers what was verified in this process.
type signatures struct {
	mu   sync.Mutex
	good map[string]struct{}
}

func (s *signatures) verify(r record.Record, cluster string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.good[string(r.Encoded)]; ok {
		return nil
	}
	if err := r.Verify(cluster); err != nil {
		return err
	}
	s.good[string(r.Encoded)] = struct{}{}
	return nil
}

// Run makes a fleet in a bubble of its own, has do work with it, and ends it.
func Run(t *testing.T, cfg Config, do func(t *testing.T, f *Fleet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := New(t, cfg)
		defer f.Close()
		do(t, f)
	})
}

// New makes a fleet of which no agent runs yet. Kubelets run. The seed is printed, as a failing run needs it.
func New(t testing.TB, cfg Config) *Fleet {
	t.Helper()
	t.Logf("%d hosts, seed %d", cfg.Hosts, cfg.Seed)
	if cfg.Behaviour == nil {
		cfg.Behaviour = func(int, *corev1.Pod) kubeletsim.Behaviour {
			return kubeletsim.Behaviour{Start: time.Second, Ready: 2 * time.Second, Stop: time.Second}
		}
	}
	if cfg.Scan == 0 {
		cfg.Scan = 500 * time.Millisecond
	}
	f := &Fleet{
		t: t, cfg: cfg, dir: memoryDir(t), Rand: rand.New(rand.NewPCG(cfg.Seed, 2)), known: signatures{good: map[string]struct{}{}}, //nolint:gosec // a simulation
		Net: memnet.New(memnet.Config{Seed: cfg.Seed, Faults: cfg.Faults, Queue: 4096}),
	}
	for i := range cfg.Hosts {
		f.Hosts = append(f.Hosts, f.host(i))
	}
	if cfg.MembersFile {
		f.enroll()
	}
	return f
}

// enroll gives every host its key, and a members file with the keys of all.
func (f *Fleet) enroll() {
	f.t.Helper()
	text := []byte("members:\n")
	for _, h := range f.Hosts {
		dir := filepath.Join(h.dir, "state", "gossip")
		f.must(os.MkdirAll(dir, 0o700))
		id, err := identity.Load(dir)
		f.must(err)
		text = fmt.Appendf(text, "- {name: %s, key: %s}\n", h.Name, api.MemberKey(id.Public()))
	}
	for _, h := range f.Hosts {
		h.cfg.MembersFile = filepath.Join(h.dir, "members.yaml")
		f.must(os.WriteFile(h.cfg.MembersFile, text, 0o600))
	}
}

// gossipKey is the key of all hosts.
const gossipKey = "0123456789abcdefghijklmnopqrstuv"

// Inject sends a host one of gossip's frames in a packet, as somebody does who has the gossip key and is no member.
func (f *Fleet) Inject(from *memnet.Transport, to *Host, frame []byte) {
	f.t.Helper()
	label := to.cfg.Cluster
	block, err := aes.NewCipher([]byte(gossipKey))
	f.must(err)
	aead, err := cipher.NewGCM(block)
	f.must(err)
	packet := append([]byte{244, byte(len(label))}, label...) // memberlist's label, then its encryption of version 1
	nonce := make([]byte, 13)
	nonce[0] = 1
	_, _ = crand.Read(nonce[1:])
	packet = append(packet, nonce...)
	packet = aead.Seal(packet, nonce[1:], append([]byte{8}, frame...), []byte(label)) // 8: a user message
	_, err = from.WriteTo(packet, to.Addr.String())
	f.must(err)
}

// Stranger runs a member that somebody has made up who has the gossip key: it joins, answers, and tells what it is
// given to publish, and there is no host.
func (f *Fleet) Stranger(n int) *gossip.Node {
	f.t.Helper()
	seed := bytes.Repeat([]byte{0xff}, 28)
	id, err := identity.Generate(bytes.NewReader(binary.BigEndian.AppendUint32(seed, uint32(n)))) //nolint:gosec // it is small
	f.must(err)
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(n >> 8), byte(n)}), gossip.DefaultPort) //nolint:gosec // that is how addresses are made
	node, err := gossip.New(gossip.Config{
		Cluster: f.Hosts[0].cfg.Cluster, Name: fmt.Sprintf("stranger-%d", n), Identity: id, Transport: f.Net.Listen(addr),
		Join: []string{f.Hosts[0].Addr.String()}, Keys: [][]byte{[]byte(gossipKey)}, Verify: f.known.verify,
		Logger: zerolog.Nop(),
	})
	f.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := node.Run(ctx); err != nil {
			f.t.Errorf("stranger %d: %v", n, err)
		}
	}()
	f.strangers = append(f.strangers, func() { cancel(); <-done })
	return node
}

// memoryDir is a directory in memory, where there is one.
func memoryDir(t testing.TB) string {
	t.Helper()
	if info, err := os.Stat("/dev/shm"); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "fleetsim-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (f *Fleet) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *Fleet) host(i int) *Host {
	f.t.Helper()
	h := &Host{fleet: f, Index: i, Name: fmt.Sprintf("node-%d", i), dir: filepath.Join(f.dir, fmt.Sprint(i))}
	h.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), gossip.DefaultPort) //nolint:gosec // that is how addresses are made
	for _, d := range []string{"specs.d", "manifests", "state", "run"} {
		f.must(os.MkdirAll(filepath.Join(h.dir, d), 0o755)) //nolint:gosec // a test's directory
	}
	key := base64.StdEncoding.EncodeToString([]byte(gossipKey))
	f.must(os.WriteFile(filepath.Join(h.dir, "gossip.key"), []byte(key+"\n"), 0o600))
	var err error
	h.Kubelet, err = kubeletsim.New(kubeletsim.Options{
		Dir: filepath.Join(h.dir, "manifests"), NodeName: h.Name, Manual: true, ScanEvery: f.cfg.Scan, RunningAge: f.cfg.RunningAge, Seed: f.cfg.Seed + uint64(i), //nolint:gosec // it is not negative
		Behaviour: func(p *corev1.Pod) kubeletsim.Behaviour { return f.cfg.Behaviour(i, p) },
	})
	f.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = h.Kubelet.Run(ctx) }()
	h.quit = func() { cancel(); <-done }
	h.configure()
	return h
}

func (h *Host) configure() {
	in := func(name string) string { return filepath.Join(h.dir, name) }
	c := config.Default()
	c.SpecsDir, c.NodeFile, c.ManifestsDir, c.StateDir, c.RuntimeDir, c.NodeName = in("specs.d"), in("node.yaml"),
		in("manifests"), in("state"), in("run"), h.Name
	c.Kubelet.Config, c.Kubelet.URL, c.Kubelet.HealthzURL = in("kubelet.yaml"), "http://127.0.0.1:10250",
		"http://127.0.0.1:10248/healthz"
	c.Gossip.KeyFile, c.MembersFile, c.Gossip.Bind = in("gossip.key"), "", h.Addr.String()
	if h.Index > 0 {
		c.Gossip.Join = []string{h.fleet.Hosts[h.fleet.Rand.IntN(h.Index)].Addr.String(), h.fleet.Hosts[0].Addr.String()}
	}
	h.fleet.must(c.Complete())
	h.cfg = c
}

// Start runs the host's agent.
func (h *Host) Start() {
	f := h.fleet
	f.t.Helper()
	log := f.cfg.Log
	if log == nil {
		log = io.Discard
	}
	a, err := agent.New(agent.Options{
		Config: h.cfg, Logger: zerolog.New(log).With().Str(logfield.Node, h.Name).Logger().Level(zerolog.WarnLevel),
		Version:  api.Build("sim"),
		Notifier: systemd.Notifier{Send: func(string) error { return nil }},
		Simulation: &agent.Simulation{
			Gossip: func() memberlist.NodeAwareTransport { return f.Net.Listen(h.Addr) }, Verify: f.known.verify,
			Kubelet: between{host: h.Index, next: h.Kubelet.Transport(), ask: f.cfg.Between},
			Refuse:  h.isFull,
		},
	})
	f.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := a.Run(ctx); err != nil {
			f.t.Errorf("%s: %v", h.Name, err)
		}
	}()
	h.Agent, h.stop = a, func() { cancel(); <-done; h.Agent, h.stop = nil, nil }
}

// between is what a host's agent asks in place of its kubelet.
type between struct {
	host int
	next http.RoundTripper
	ask  func(host int, r *http.Request, next http.RoundTripper) (*http.Response, error)
}

// RoundTrip implements http.RoundTripper.
func (b between) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.ask == nil {
		return b.next.RoundTrip(r)
	}
	return b.ask(b.host, r, b.next)
}

// Stop ends the host's agent.
func (h *Host) Stop() {
	if h.stop != nil {
		h.stop()
	}
}

// StartAll starts every agent that does not run.
func (f *Fleet) StartAll() {
	for _, h := range f.Hosts {
		if h.Agent == nil {
			h.Start()
		}
	}
}

// Close ends all agents and kubelets and lets memberlist's goroutines end, which it does not wait for.
func (f *Fleet) Close() {
	var wg sync.WaitGroup
	for _, h := range f.Hosts {
		wg.Go(func() { h.Stop(); h.quit() })
	}
	for _, stop := range f.strangers {
		wg.Go(stop)
	}
	wg.Wait()
	time.Sleep(2 * time.Minute)
}

// Lay puts a file into a host's specs directory, by rename, and tells its agent as a watch would.
func (h *Host) Lay(name, text string) {
	h.fleet.t.Helper()
	path := filepath.Join(h.dir, "specs.d", name)
	h.fleet.must(os.WriteFile(path+".tmp", []byte(text), 0o600))
	h.fleet.must(os.Rename(path+".tmp", path))
	if h.Agent != nil {
		h.Agent.Wake()
	}
}

// LayAll puts a file on every host at once.
func (f *Fleet) LayAll(name, text string) {
	for _, h := range f.Hosts {
		h.Lay(name, text)
	}
}

// Age has every agent start anew as if all that it placed had been placed long ago, so that no host holds because a
// DaemonSet is new to it.
func (f *Fleet) Age() {
	f.t.Helper()
	for _, h := range f.Hosts {
		h.Stop()
		h.age()
		h.Start()
	}
}

// age takes the end of the time after a first placement out of what the agent remembers.
func (h *Host) age() {
	h.fleet.t.Helper()
	path := filepath.Join(h.dir, "state", "rollouts.json")
	data, err := os.ReadFile(path) //nolint:gosec // a test's directory
	h.fleet.must(err)
	file := struct {
		DaemonSets map[string]map[string]json.RawMessage `json:"daemonsets"`
		Version    int                                   `json:"version"`
	}{}
	h.fleet.must(json.Unmarshal(data, &file))
	for _, state := range file.DaemonSets {
		delete(state, "heldUntil")
	}
	data, err = json.Marshal(file)
	h.fleet.must(err)
	h.fleet.must(os.WriteFile(path, data, 0o600))
}

// Path is a path inside the host's directory: specs.d, manifests and state are there.
func (h *Host) Path(elem ...string) string { return filepath.Join(append([]string{h.dir}, elem...)...) }

// Available says whether a pod of the DaemonSet, namespace/name, with the image is ready on the host; no image is any.
func (h *Host) Available(key, image string) bool {
	for _, p := range h.Kubelet.Pods() {
		if p.Annotations["daemonsetd.io/daemonset"] != key || image != "" && p.Spec.Containers[0].Image != image {
			continue
		}
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				return true
			}
		}
	}
	return false
}

// Unavailable are the hosts without an available pod of the DaemonSet, whatever its image.
func (f *Fleet) Unavailable(key string) []*Host {
	var down []*Host
	for _, h := range f.Hosts {
		if !h.Available(key, "") {
			down = append(down, h)
		}
	}
	return down
}

// Count is on how many hosts a pod with the image is available.
func (f *Fleet) Count(key, image string) int {
	n := 0
	for _, h := range f.Hosts {
		if h.Available(key, image) {
			n++
		}
	}
	return n
}

// Step lets virtual time pass.
func (f *Fleet) Step(d time.Duration) { time.Sleep(d) }

// Cut separates the hosts for which side is true from the others, in both directions or only towards the others.
func (f *Fleet) Cut(side func(*Host) bool, oneWay bool) {
	in := map[netip.AddrPort]bool{}
	for _, h := range f.Hosts {
		in[h.Addr] = side(h)
	}
	faults := f.Net.Faults()
	if oneWay {
		faults.Cut = memnet.OneWay(func(a netip.AddrPort) bool { return in[a] },
			func(a netip.AddrPort) bool { return !in[a] })
	} else {
		faults.Cut = memnet.Split(func(a netip.AddrPort) bool { return in[a] })
	}
	f.Net.SetFaults(faults)
}

// Heal ends every cut.
func (f *Fleet) Heal() {
	faults := f.Net.Faults()
	faults.Cut = nil
	f.Net.SetFaults(faults)
}

// Rollouts says of each host where it stands with a DaemonSet, for a failing test.
func (f *Fleet) Rollouts(key string) []string {
	var out []string
	for _, h := range f.Hosts {
		text := "its agent does not run"
		if h.Agent != nil {
			text = h.Agent.Rollout(key)
		}
		out = append(out, h.Name+": "+text)
	}
	return out
}
