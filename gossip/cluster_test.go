package gossip_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/store"
)

// cluster is a fleet in one process, meant for a synctest bubble.
type cluster struct {
	t    *testing.T
	net  *memnet.Network
	rng  *rand.Rand
	dir  string
	keys [][]byte
	// edit changes the configuration of a member before it starts; may be nil.
	edit func(i int, c *gossip.Config)
	// hosts may grow, never shrink.
	hosts []*host
	known *signatures
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
	// counter is what it last published in section "test", highest what others may have seen.
	counter uint64
	log     bytes.Buffer
	logMu   sync.Mutex
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
		rng: rand.New(rand.NewPCG(seed, 1)), keys: [][]byte{bytes.Repeat([]byte{7}, 32)}, known: &signatures{good: map[string][]byte{}},
	}
	for range n {
		c.add()
	}
	t.Cleanup(c.stopAll)
	return c
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
		i: i, addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), gossip.DefaultPort),
		id: identityOf(i), name: fmt.Sprintf("node-%d", i), dir: filepath.Join(c.dir, fmt.Sprint(i)),
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
		c.edit(h.i, &cfg)
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

func (c *cluster) stopAll() {
	var wg sync.WaitGroup
	for _, h := range c.hosts {
		if h.stop != nil {
			wg.Go(h.stop)
		}
	}
	wg.Wait()
}

// publish has a host say something new.
func (c *cluster) publish(h *host) {
	h.counter++
	body := make([]byte, 150)
	binary.BigEndian.PutUint64(body, h.counter)
	if err := h.node.Publish("test", body); err != nil {
		c.t.Errorf("%s: %v", h.name, err)
	}
}

// counterIn is what a view says that a host last published; 0: nothing.
func counterIn(v *gossip.View, h *host) uint64 {
	m, ok := v.Member(h.id.ID)
	if !ok {
		return 0
	}
	s, ok := m.Sections["test"]
	if !ok || len(s.Body) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(s.Body)
}

// differences lists, up to a few, what views lack of what every host last said and of who is alive.
func (c *cluster) differences(among []*host) []string {
	var out []string
	for _, h := range among {
		v := h.node.View()
		states := map[record.ID]gossip.State{}
		counters := map[record.ID]uint64{}
		for _, m := range v.Members {
			states[m.ID] = m.State
			if s, ok := m.Sections["test"]; ok {
				counters[m.ID] = binary.BigEndian.Uint64(s.Body)
			}
		}
		for _, o := range among {
			if counters[o.id.ID] != o.counter || states[o.id.ID] != gossip.StateAlive {
				out = append(out, fmt.Sprintf("%s has of %s %d (%s), want %d (alive)", h.name, o.name, counters[o.id.ID], states[o.id.ID], o.counter))
			}
			if len(out) > 4 {
				return out
			}
		}
	}
	return out
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

// await lets time pass until all running hosts see all running hosts alive and with what they last said. It returns how
// long that took, and fails the test after limit.
func (c *cluster) await(limit time.Duration) time.Duration {
	c.t.Helper()
	begin := time.Now()
	for {
		d := c.differences(c.running())
		took := time.Since(begin)
		if len(d) == 0 {
			return took
		}
		if took > limit {
			c.t.Fatalf("after %s the views still differ: %q", took, d)
		}
		time.Sleep(100 * time.Millisecond)
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

// wipe takes a host's disk and key away: it comes back as another member with the same name and address.
func (c *cluster) wipe(h *host) {
	if err := os.RemoveAll(h.dir); err != nil {
		c.t.Fatal(err)
	}
	h.id = identityOf(1_000_000 + h.i)
}

var _ = store.SectionMember
