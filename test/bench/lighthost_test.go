package bench

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/agent/pace"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

const (
	lightKey = "default/ds"
	// lightStop is what of toReady passes until the old pod has stopped.
	lightStop = time.Second
	// lightPoll is how often a kubelet is asked while something is expected of it, as package agent/kubelet does it.
	lightPoll = 75 * time.Millisecond
)

// lightFleet is hosts without files, kubelets and an API: each a member of the real gossip with the real rule, the real
// sections and the paces of the agent, and a pod that is away for toReady. It is there because a thousand whole agents are too
// much for one machine.
type lightFleet struct {
	t     *testing.T
	net   *memnet.Network
	hosts []*lightHost
	known verified
	told  tellings
	spec  strategy.Strategy
	// look is what a look at the fleet is taken to cost, which virtual time does not show.
	look time.Duration
}

// verified remembers the signatures that were verified by some member of the process, so that a thousand do not each verify a
// thousand records.
type verified struct{ good sync.Map }

func (v *verified) verify(r record.Record, cluster string) error {
	if _, ok := v.good.Load(string(r.Encoded)); ok {
		return nil
	}
	if err := r.Verify(cluster); err != nil {
		return err
	}
	v.good.Store(string(r.Encoded), nil)
	return nil
}

// tellings remembers the sections that some member of the process has decoded.
type tellings struct{ known sync.Map }

// of decodes a section. One that cannot be decoded, which was encoded in this process, is nobody's state, so that the others wait.
func (d *tellings) of(id string, s records.Section) lightPeer {
	key := lightPeer{id: id, stamp: s.Stamp}
	if known, ok := d.known.Load(key); ok {
		return known.(lightPeer)
	}
	section, err := rollout.Decode(id, s.Body)
	peer := lightPeer{id: id, stamp: s.Stamp, trouble: rollout.TroubleUnreadable}
	if err == nil && len(section.States) == 1 {
		peer.state, peer.trouble = &section.States[0], rollout.TroubleNone
	}
	d.known.Store(key, peer)
	return peer
}

type lightHost struct {
	fleet *lightFleet
	node  *gossip.Node
	id    string
	self  record.ID
	rand  *rand.Rand
	poke  chan struct{}
	tell  chan []byte
	// file is the revision that the file asks for now, up whether the pod is available, done whether it is the file's.
	file     atomic.Pointer[rollout.Revision]
	up, done atomic.Bool

	// said is what it last told.
	said atomic.Pointer[saying]

	// The rest belongs to the host's loop.
	state rollout.State
	peers map[record.ID]lightPeer
	pod   rollout.Pod
	runs  rollout.Revision
	// change is when the pod changes next; zero: not before it is replaced.
	change time.Time
}

// saying is where a host stands, for a run that fails.
type saying struct {
	state    rollout.State
	blockers rollout.Blockers
}

type lightPeer struct {
	id    string
	stamp record.Stamp
	state *rollout.State
	// trouble is that of a section that cannot be decoded.
	trouble rollout.Trouble
}

func lightRevision(n int) rollout.Revision {
	name := fmt.Sprintf("7f9c6d5b4%d", n)
	return rollout.Revision{Fleet: name, Local: name}
}

// newLightFleet starts hosts that run the first revision for long.
func newLightFleet(t *testing.T, n int, look time.Duration) *lightFleet {
	t.Helper()
	f := &lightFleet{
		t: t, net: memnet.New(memnet.Config{Seed: 1, Faults: lanDelays(), Queue: 4096}),
		spec: strategy.Strategy{Budget: intstr.FromString("10%"), Deadline: strategy.DefaultDeadline}, look: look,
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range n {
		f.add(t, ctx, &running, i)
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
		time.Sleep(2 * time.Minute) // memberlist's goroutines end by themselves
	})
	return f
}

func (f *lightFleet) add(t *testing.T, ctx context.Context, running *sync.WaitGroup, i int) {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint64(seed, uint64(i)+1) //nolint:gosec // it counts
	key := ed25519.NewKeyFromSeed(seed)
	id := identity.Identity{Private: key, ID: record.IDOf(key.Public().(ed25519.PublicKey))}
	at := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), gossip.DefaultPort) //nolint:gosec // that is how addresses are made
	}
	h := &lightHost{
		fleet: f, id: id.ID.String(), self: id.ID, rand: rand.New(rand.NewPCG(1, uint64(i))), //nolint:gosec // a simulation
		poke: make(chan struct{}, 1), tell: make(chan []byte, 1), peers: map[record.ID]lightPeer{}, pod: rollout.PodUp, runs: lightRevision(1),
	}
	h.state = rollout.State{
		Key: lightKey, Target: rollout.Target{Generation: 1, Revision: h.runs}, Running: h.runs, Phase: rollout.PhaseAvailable, Good: h.runs.Fleet,
		Ticket: rollout.Ticket{Generation: 1, Class: 1, Hash: rollout.TicketHash(lightKey, h.id)},
	}
	h.up.Store(true)
	h.lay(lightRevision(1))
	cfg := gossip.Config{
		Cluster: "bench", Name: fmt.Sprintf("node-%d", i), Identity: id, Transport: f.net.Listen(at(i)), Keys: [][]byte{[]byte("0123456789abcdefghijklmnopqrstuv")},
		Verify: f.known.verify, Logger: zerolog.Nop(),
	}
	for range min(i, 3) {
		cfg.Join = append(cfg.Join, at(h.rand.IntN(i)).String())
	}
	var err error
	if h.node, err = gossip.New(cfg); err != nil {
		t.Fatal(err)
	}
	running.Go(func() {
		if err := h.node.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() { h.publish(ctx) })
	running.Go(func() { h.loop(ctx) })
	f.hosts = append(f.hosts, h)
}

// lay gives the host another file.
func (h *lightHost) lay(r rollout.Revision) {
	h.file.Store(&r)
	h.done.Store(r == lightRevision(1))
	select {
	case h.poke <- struct{}{}:
	default:
	}
}

// loop looks at the fleet and steps, as often as an agent does.
func (h *lightHost) loop(ctx context.Context) {
	h.step()
	changed := h.node.Changed()
	var rested <-chan time.Time
	for {
		var pod <-chan time.Time
		if !h.change.IsZero() {
			pod = time.After(time.Until(h.change))
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
			changed, rested = nil, time.After(pace.Look(h.fleet.look))
		case <-rested:
			changed, rested = h.node.Changed(), nil
			continue
		case <-h.poke:
		case <-pod:
			h.podChanges()
		}
		h.step()
	}
}

// podChanges takes the pod one stage further: stopped, which makes the new one start, or ready.
func (h *lightHost) podChanges() {
	if h.runs.IsZero() {
		h.runs, h.change = *h.file.Load(), h.seenAt(toReady-lightStop)
		return
	}
	h.pod, h.change = rollout.PodUp, time.Time{}
	h.up.Store(true)
	h.done.Store(h.runs == *h.file.Load())
}

// seenAt is when what happens in that time is seen by asking the kubelet.
func (h *lightHost) seenAt(d time.Duration) time.Time {
	return time.Now().Add(d + time.Duration(h.rand.Int64N(int64(lightPoll))))
}

// step is a round.
func (h *lightHost) step() {
	view := h.node.View()
	next, d := rollout.Next(rollout.Input{State: h.state, Peers: h.decode(view), Strategy: h.fleet.spec, Seen: rollout.Observation{
		Now: time.Now(), ID: h.id, Placed: true, Wanted: *h.file.Load(), Running: h.runs, Pod: h.pod, Answers: true, Settled: view.Settled,
		Shown: rollout.Shown{Pod: !h.runs.IsZero(), Ready: h.pod == rollout.PodUp, Available: h.pod == rollout.PodUp, Addresses: []string{"10.244.17.23"}},
	}})
	h.state = next
	h.said.Store(&saying{next, d.Blockers})
	if d.Replace && h.pod == rollout.PodUp && h.runs != d.Target {
		h.runs, h.pod, h.change = rollout.Revision{}, rollout.PodDown, h.seenAt(lightStop)
		h.up.Store(false)
		h.step()
		return
	}
	if body, _, err := rollout.Encode([]rollout.State{h.state}, 0); err == nil {
		select {
		case <-h.tell:
		default:
		}
		h.tell <- body
	}
}

// decode takes what the others tell, each record once.
func (h *lightHost) decode(view *gossip.View) []rollout.Peer {
	peers := make([]rollout.Peer, 0, len(view.Members))
	for i := range view.Members {
		m := &view.Members[i]
		if m.Self {
			continue
		}
		section, told := m.Sections["rollout"]
		known := h.peers[m.ID]
		if known.id == "" {
			known.id = m.ID.String()
		}
		p := rollout.Peer{ID: known.id, Name: m.Name, Counts: true}
		if told && known.stamp != section.Stamp {
			known = h.fleet.told.of(known.id, section)
			h.peers[m.ID] = known
		}
		switch p.State, p.Trouble = known.state, known.trouble; {
		case !told:
			p.Trouble = rollout.TroubleUnknown
		case m.State != gossip.StateAlive:
			p.Trouble = rollout.TroubleDown
		}
		peers = append(peers, p)
	}
	return peers
}

// publish tells the others as an agent does.
func (h *lightHost) publish(ctx context.Context) {
	limiter := pace.Publications()
	var last string
	for limiter.Wait(ctx) == nil {
		select {
		case <-ctx.Done():
			return
		case body := <-h.tell:
			if string(body) == last {
				continue
			}
			last = string(body)
			if err := h.node.Publish("rollout", body); err != nil {
				h.fleet.t.Error(err)
			}
		}
	}
}

// equal says whether all know all, and have for long enough.
func (f *lightFleet) equal() bool {
	for _, h := range f.hosts {
		view := h.node.View()
		if len(view.Members) != len(f.hosts) || !view.Settled {
			return false
		}
		for i := range view.Members {
			if _, told := view.Members[i].Sections["rollout"]; !told || view.Members[i].State != gossip.StateAlive {
				return false
			}
		}
	}
	return true
}

// describe says where every host stands.
func (f *lightFleet) describe() string {
	var text strings.Builder
	for _, h := range f.hosts {
		s := h.said.Load()
		fmt.Fprintf(&text, "%.8s %s target %v running %v ticket %v; %s\n", h.id, s.state.Phase, s.state.Target, s.state.Running, s.state.Ticket, s.blockers.String())
	}
	return text.String()
}

func rollLight(t *testing.T, hosts int, look time.Duration) rolled {
	r := rolled{hosts: hosts, budget: (hosts + 9) / 10}
	synctest.Test(t, func(t *testing.T) {
		f := newLightFleet(t, hosts, look)
		for begin := time.Now(); !f.equal(); time.Sleep(time.Second) {
			if time.Since(begin) > 5*time.Minute {
				t.Fatal("after 5 minutes not all know all")
			}
		}
		time.Sleep(30 * time.Second)
		before, cpu, begin := f.net.Stats(), processor(), time.Now()
		for _, h := range f.hosts {
			h.lay(lightRevision(2))
		}
		for {
			down, done := 0, 0
			for _, h := range f.hosts {
				if h.done.Load() {
					done++
				}
				if !h.up.Load() {
					down++
				}
			}
			r.see(down, time.Since(begin))
			if done == hosts {
				break
			}
			if time.Since(begin) > 4*r.ideal() {
				t.Fatalf("after %s %d of %d run the new revision:\n%s", time.Since(begin), done, hosts, f.describe())
			}
			time.Sleep(glance)
		}
		r.took, r.cpu = time.Since(begin), processor()-cpu
		r.traffic = f.net.Stats()
		r.traffic.Traffic = r.traffic.Since(before.Traffic)
	})
	return r
}
