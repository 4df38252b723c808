package gossip_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// cluster is a fleet in one process and in the virtual time of a synctest bubble.
//
// The seed decides what the network does to each packet and what a scenario chooses. The members' own dice and the order in
// which Go runs goroutines are not seeded: a seed gives the same scenario again, not the same run to the last packet.
type cluster struct {
	t    *testing.T
	net  *memnet.Network
	rng  *rand.Rand
	dir  string
	keys [][]byte
	// edit changes the configuration of a member before it starts; may be nil.
	edit func(h *host, c *gossip.Config)
	// hosts may grow, never shrink.
	hosts []*host
	known *signatures
	watch *watcher
	// begun is when the cluster was made.
	begun time.Time
	// unequal is which host's view differed when it was last looked at.
	unequal int
}

// host is one host: what is on its disk outlives its agent.
type host struct {
	i    int
	addr netip.AddrPort
	id   identity.Identity
	name string
	dir  string
	node *gossip.Node
	stop func()
	// counter is what it last published in section "test".
	counter uint64
	// size is how long the bodies are that it publishes.
	size int
	// seen is what its views have shown, for the watcher.
	seen  seen
	log   bytes.Buffer
	logMu sync.Mutex
}

func (h *host) Write(p []byte) (int, error) {
	h.logMu.Lock()
	defer h.logMu.Unlock()
	return h.log.Write(p)
}

func (h *host) logged() string {
	h.logMu.Lock()
	defer h.logMu.Unlock()
	return h.log.String()
}

// signatures remembers what was verified by any member of the process, so that a thousand do not each verify a thousand
// records, and keeps one copy of each.
type signatures struct {
	mu   sync.Mutex
	good map[string][]byte
}

func (s *signatures) verify(r record.Record, cluster string) error {
	s.mu.Lock()
	_, ok := s.good[string(r.Encoded)]
	s.mu.Unlock()
	if ok {
		return nil
	}
	if err := r.Verify(cluster); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.good[string(r.Encoded)] = bytes.Clone(r.Encoded)
	return nil
}

// newCluster makes n hosts, none of which runs yet. The seed is printed, as a failing run needs it.
func newCluster(t *testing.T, n int, seed uint64, faults memnet.Faults) *cluster {
	t.Helper()
	t.Logf("%d members, seed %d", n, seed)
	c := &cluster{
		t: t, net: memnet.New(memnet.Config{Seed: seed, Faults: faults, Grain: time.Millisecond, Queue: 4096}), dir: t.TempDir(),
		rng: rand.New(rand.NewPCG(seed, 1)), keys: [][]byte{keyOf(7)}, known: &signatures{good: map[string][]byte{}},
		watch: newWatcher(), begun: time.Now(),
	}
	for range n {
		c.add()
	}
	t.Cleanup(func() {
		c.stopAll()
		// memberlist's Shutdown waits for none of its goroutines; they end when their probes and streams time out.
		time.Sleep(time.Minute)
		c.noErrors()
	})
	return c
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// sleep lets virtual time pass.
func sleep(d time.Duration) { time.Sleep(d) }

// seedOf is the seed of a simulation: the environment's SEED, or the one that it has.
func seedOf(t *testing.T, seed uint64) uint64 {
	t.Helper()
	text := os.Getenv("SEED")
	if text == "" {
		return seed
	}
	other, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("SEED=%q: want a number: %v", text, err)
	}
	return other
}

// keyOf is a gossip key.
func keyOf(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// noErrors: nothing that a simulation does is worth an error in a log.
func (c *cluster) noErrors() {
	for _, h := range c.hosts {
		for line := range bytes.Lines([]byte(h.logged())) {
			if bytes.Contains(line, []byte(`"level":"error"`)) {
				c.t.Errorf("%s logged %s", h.name, line)
			}
		}
	}
}

// lan is a quiet local network.
func lan() memnet.Faults {
	return memnet.Faults{DelayMin: 200 * time.Microsecond, DelayMax: 2 * time.Millisecond}
}

// identityOf makes the same key for the same number.
func identityOf(n int) identity.Identity {
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint64(seed, uint64(n)+1)
	key := ed25519.NewKeyFromSeed(seed)
	return identity.Identity{Private: key, ID: record.IDOf(ed25519.PublicKey(key[ed25519.SeedSize:]))}
}

// add makes one more host.
func (c *cluster) add() *host {
	i := len(c.hosts)
	h := &host{
		i: i, addr: addrAt(i),
		id: identityOf(i), name: fmt.Sprintf("node-%d", i), dir: filepath.Join(c.dir, strconv.Itoa(i)), size: 150,
	}
	c.hosts = append(c.hosts, h)
	return h
}

// start runs a host's agent; join are hosts whose addresses it is told.
func (c *cluster) start(h *host, join ...*host) {
	c.t.Helper()
	cfg := gossip.Config{
		Cluster: "test", Name: h.name, Identity: h.id, Dir: h.dir, Transport: c.net.Listen(h.addr), Keys: c.keys, Verify: c.known.verify,
		Logger: zerolog.New(h).Level(zerolog.InfoLevel),
	}
	for _, j := range join {
		cfg.Join = append(cfg.Join, j.addr.String())
	}
	if c.edit != nil {
		c.edit(h, &cfg)
	}
	node, err := gossip.New(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := node.Run(ctx); err != nil {
			c.t.Errorf("%s: %v", h.name, err)
		}
	}()
	h.node, h.stop = node, func() { cancel(); <-done; h.node, h.stop = nil, nil }
	c.watch.started(h)
	c.publish(h)
}

// startAll starts every host that does not run, each told of up to three others that were started before.
func (c *cluster) startAll() {
	for i, h := range c.hosts {
		if h.node != nil {
			continue
		}
		var join []*host
		for range min(i, 3) {
			join = append(join, c.hosts[c.rng.IntN(i)])
		}
		c.start(h, join...)
	}
}

// shuffled are the hosts in an order of this seed.
func (c *cluster) shuffled() []*host {
	hosts := slices.Clone(c.hosts)
	c.rng.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	return hosts
}

func (c *cluster) stopAll() { stopTogether(c.hosts) }

// stopTogether ends agents as systemd does: what is in memory reaches the disk.
func stopTogether(hosts []*host) {
	var wg sync.WaitGroup
	for _, h := range hosts {
		if h.stop != nil {
			wg.Go(h.stop)
		}
	}
	wg.Wait()
}

// publish has a host say something new.
func (c *cluster) publish(h *host) {
	h.counter++
	body := make([]byte, h.size)
	binary.BigEndian.PutUint64(body, h.counter)
	err := h.node.Publish("test", body)
	if errors.Is(err, gossip.ErrReturned) {
		// As an agent does whose own words are newer than whatever comes back: beside a clone they come back often.
		h.node.TakeReturned("test")
		err = h.node.Publish("test", body)
	}
	if err != nil {
		c.t.Errorf("%s: %v", h.name, err)
	}
}

// differences lists, up to a few, what views lack of what every running host last said and of who is alive, and where
// they do not hold the same records of everybody, those included that do not run.
func (c *cluster) differences(among []*host) []string {
	if len(among) == 0 {
		return nil
	}
	want := c.watch.stamps(among[0])
	for k := range among {
		// Whoever lagged last time probably still does.
		h := among[(c.unequal+k)%len(among)]
		if out := append(c.lacks(h, among), c.unlike(h, want)...); len(out) > 0 {
			c.unequal = (c.unequal + k) % len(among)
			return out[:min(len(out), 4)]
		}
	}
	return nil
}

// lacks says what one host does not know of what the others last said.
func (c *cluster) lacks(h *host, among []*host) (out []string) {
	members := map[record.ID]gossip.Member{}
	for _, m := range h.node.View().Members {
		members[m.ID] = m
	}
	for _, o := range among {
		m := members[o.id.ID]
		if got := counterOf(m); got != o.counter || m.State != gossip.StateAlive {
			out = append(out, fmt.Sprintf("%s has of %s %d (%s), want %d (alive)", h.name, o.name, got, m.State, o.counter))
		}
	}
	return out
}

// unlike says where one host's records are not those of another.
func (c *cluster) unlike(h *host, want map[key]record.Stamp) (out []string) {
	got := c.watch.stamps(h)
	for k, stamp := range want {
		if got[k] != stamp {
			out = append(out, fmt.Sprintf("%s has %s at %s, another at %s", h.name, k, got[k], stamp))
		}
	}
	if len(got) > len(want) {
		out = append(out, fmt.Sprintf("%s has %d records, another %d", h.name, len(got), len(want)))
	}
	return out
}

// counterOf is what a member last published, as a view shows it; 0: nothing.
func counterOf(m gossip.Member) uint64 {
	if s := m.Sections["test"]; len(s.Body) >= 8 {
		return binary.BigEndian.Uint64(s.Body)
	}
	return 0
}

// running are the hosts whose agents run.
func (c *cluster) running() []*host {
	var hosts []*host
	for _, h := range c.hosts {
		if h.node != nil {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// step is how often the invariants are looked at while something is waited for.
const step = 100 * time.Millisecond

// await lets time pass until all running hosts see all running hosts alive and with what they last said, and hold the same
// records. It returns how long that took, and fails the test after limit.
func (c *cluster) await(limit time.Duration) time.Duration {
	c.t.Helper()
	return c.until(limit, func() []string { return c.differences(c.running()) })
}

// until lets time pass until nothing is missing any more.
func (c *cluster) until(limit time.Duration, missing func() []string) time.Duration {
	c.t.Helper()
	for begin := time.Now(); ; time.Sleep(step) {
		c.watch.look(c)
		took := time.Since(begin)
		d := missing()
		if len(d) == 0 {
			return took
		}
		if took >= limit {
			c.t.Fatalf("%s after the start: not within %s: %q", time.Since(c.begun), limit, d)
		}
	}
}

// pass lets time pass and looks at the invariants all the while.
func (c *cluster) pass(d time.Duration) {
	c.t.Helper()
	every := step
	if d > time.Minute {
		every = time.Second
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(every, time.Until(end)))
		c.watch.look(c)
	}
}

// cut separates the first n hosts from the others, in both directions or only towards the others.
func (c *cluster) cut(n int, oneWay bool) {
	side := map[netip.AddrPort]bool{}
	for _, h := range c.hosts[:n] {
		side[h.addr] = true
	}
	in := func(a netip.AddrPort) bool { return side[a] }
	out := func(a netip.AddrPort) bool { return !side[a] }
	f := c.net.Faults()
	f.Cut = memnet.Split(in)
	if oneWay {
		f.Cut = memnet.OneWay(in, out)
	}
	c.net.SetFaults(f)
}

func (c *cluster) heal() {
	f := c.net.Faults()
	f.Cut = nil
	c.net.SetFaults(f)
}

// kill ends agents as a power cut does: what has not reached the disk is lost.
func (c *cluster) kill(hosts ...*host) {
	c.t.Helper()
	for _, h := range hosts {
		c.backup(h, "crash")
	}
	stopTogether(hosts)
	for _, h := range hosts {
		c.restore(h, "crash")
	}
}

// backup copies a host's disk.
func (c *cluster) backup(h *host, name string) {
	c.t.Helper()
	to := h.dir + "." + name
	if err := os.RemoveAll(to); err != nil {
		c.t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(h.dir)); err != nil {
		c.t.Fatal(err)
	}
}

// restore puts the copy in place of the disk of a host that does not run.
func (c *cluster) restore(h *host, name string) {
	c.t.Helper()
	c.wipe(h)
	if err := os.CopyFS(h.dir, os.DirFS(h.dir+"."+name)); err != nil {
		c.t.Fatal(err)
	}
}

// wipe takes the disk of a host that does not run away; the key stays.
func (c *cluster) wipe(h *host) {
	c.t.Helper()
	if err := os.RemoveAll(h.dir); err != nil {
		c.t.Fatal(err)
	}
	h.seen = nil
}

// reimage takes disk and key away: the host comes back as another member with the same name and address.
func (c *cluster) reimage(h *host) {
	c.t.Helper()
	c.wipe(h)
	h.id, h.counter = identityOf(1_000_000+h.i), 0
}
