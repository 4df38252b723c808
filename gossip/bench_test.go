package gossip_test

import (
	"fmt"
	"io"
	"log"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/transport"
	"github.com/daemonsetd/daemonsetd/test/virtual"
)

// The figures of BenchmarkSpread are in virtual time: what the protocol takes on a quiet local network (delays of 0.2 to 2 ms,
// no loss), whatever the processors of this machine can do. Processor time is not in them.

// settle is how long a fleet that has formed is left alone: memberlist still tells of those that have come.
const settle = time.Minute

// arrivals gathers how long after they were published records arrived, in milliseconds.
type arrivals struct {
	mu    sync.Mutex
	begin time.Time
	took  []float64
}

func (a *arrivals) start() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.begin, a.took = time.Now(), nil
}

func (a *arrivals) add() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.begin.IsZero() {
		a.took = append(a.took, float64(time.Since(a.begin).Microseconds())/1000)
	}
}

func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.took)
}

// figures are what is reported of one spread.
type figures struct {
	p50, p99, last float64
	arrived        float64
}

func (a *arrivals) figures(want int) figures {
	a.mu.Lock()
	defer a.mu.Unlock()
	slices.Sort(a.took)
	at := func(p float64) float64 {
		// Of all that should have arrived: what has not is later than all that has.
		if i := int(p * float64(want-1)); i < len(a.took) {
			return a.took[i]
		}
		return -1
	}
	f := figures{p50: at(0.5), p99: at(0.99), last: at(1), arrived: 100 * float64(len(a.took)) / float64(want)}
	a.begin = time.Time{}
	return f
}

// spreader is a fleet in which something can be told.
type spreader interface {
	// tell has some members say something new.
	tell(members int)
	traffic() memnet.Stats
	arrivals() *arrivals
}

// measure tells something and waits until all others have it, or limit is over; what is sent in that time is told of each
// member and second.
func measure(s spreader, members, telling int, limit time.Duration) (figures, transport.Rate) {
	want := telling * (members - 1)
	s.arrivals().start()
	before, begin := s.traffic(), time.Now()
	s.tell(telling)
	for s.arrivals().count() < want && time.Since(begin) < limit {
		sleep(50 * time.Millisecond)
	}
	rate := s.traffic().Since(before.Traffic).PerMember(members, time.Since(begin))
	return s.arrivals().figures(want), rate
}

// ours is a fleet of Nodes.
type ours struct {
	*cluster
	a *arrivals
}

func (o *ours) arrivals() *arrivals   { return o.a }
func (o *ours) traffic() memnet.Stats { return o.net.Stats() }
func (o *ours) tell(members int) {
	for _, h := range o.hosts[:members] {
		o.publish(h)
	}
}

func newOurs(t *testing.T, members int) spreader {
	o := &ours{cluster: newCluster(t, members, 1, lan()), a: &arrivals{}}
	o.edit = func(h *host, cfg *gossip.Config) {
		cfg.Dir, cfg.Timing = "", gossip.Default()
		cfg.Verify = func(r record.Record, cluster string) error {
			err := o.known.verify(r, cluster)
			if err == nil && r.Section == "test" && r.Owner != h.id.ID {
				o.a.add()
			}
			return err
		}
	}
	o.a.start()
	o.startAll()
	for begin := time.Now(); o.a.count() < members*(members-1); sleep(time.Second) {
		if time.Since(begin) > 10*time.Minute {
			t.Fatalf("the fleet has not formed: %d of %d records", o.a.count(), members*(members-1))
		}
	}
	o.a.figures(1)
	sleep(settle)
	return o
}

// bare is a fleet of memberlists with broadcasts, as most who use the library do it.
type bare struct {
	net   *memnet.Network
	a     *arrivals
	lists []*memberlist.Memberlist
	nodes []*bareNode
	told  int
}

// bareNode tells on what it hears first.
type bareNode struct {
	a     *arrivals
	queue memberlist.TransmitLimitedQueue
	mu    sync.Mutex
	seen  map[string]bool
}

func (p *bareNode) NodeMeta(int) []byte                   { return nil }
func (p *bareNode) LocalState(bool) []byte                { return nil }
func (p *bareNode) MergeRemoteState([]byte, bool)         {}
func (p *bareNode) GetBroadcasts(over, most int) [][]byte { return p.queue.GetBroadcasts(over, most) }

func (p *bareNode) NotifyMsg(b []byte) {
	p.mu.Lock()
	news := !p.seen[string(b[:8])]
	p.seen[string(b[:8])] = true
	p.mu.Unlock()
	if news {
		p.a.add()
		p.queue.QueueBroadcast(bareMessage(slices.Clone(b)))
	}
}

// bareMessage replaces nothing.
type bareMessage []byte

func (bareMessage) Invalidates(memberlist.Broadcast) bool { return false }
func (m bareMessage) Message() []byte                     { return m }
func (bareMessage) Finished()                             {}

func (p *bare) arrivals() *arrivals   { return p.a }
func (p *bare) traffic() memnet.Stats { return p.net.Stats() }
func (p *bare) tell(members int) {
	for i, n := range p.nodes[:members] {
		p.told++
		// As long as one of our records with the same body.
		b := fmt.Appendf(nil, "%08d", p.told)
		b = append(b, make([]byte, 150+137-8)...)
		n.mu.Lock()
		n.seen[string(b[:8])] = true
		n.mu.Unlock()
		p.nodes[i].queue.QueueBroadcast(bareMessage(b))
	}
}

func newBare(t *testing.T, members int) spreader {
	p := &bare{net: memnet.New(memnet.Config{Seed: 1, Faults: lan(), Grain: time.Millisecond, Queue: 4096}), a: &arrivals{}}
	t.Cleanup(func() {
		for _, l := range p.lists {
			_ = l.Shutdown()
		}
		sleep(time.Minute)
	})
	for i := range members {
		n := &bareNode{a: p.a, seen: map[string]bool{}, queue: memberlist.TransmitLimitedQueue{RetransmitMult: 4, NumNodes: func() int { return members }}}
		conf := memberlist.DefaultLANConfig()
		conf.Name, conf.SecretKey, conf.Delegate = fmt.Sprintf("member-%020d", i), keyOf(7), n
		conf.Transport = p.net.Listen(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 7946))
		conf.EnableCompression, conf.DNSConfigPath, conf.Logger = false, "/dev/null", log.New(io.Discard, "", 0)
		list, err := memberlist.Create(conf)
		if err != nil {
			t.Fatal(err)
		}
		p.lists, p.nodes = append(p.lists, list), append(p.nodes, n)
		if i > 0 {
			_, _ = list.Join([]string{"10.0.0.0:7946"})
		}
	}
	for begin := time.Now(); !p.formed(); sleep(time.Second) {
		if time.Since(begin) > 30*time.Minute {
			t.Fatal("memberlist has not formed")
		}
	}
	sleep(settle)
	return p
}

func (p *bare) formed() bool {
	return !slices.ContainsFunc(p.lists, func(l *memberlist.Memberlist) bool { return l.NumMembers() < len(p.lists) })
}

// inBubble runs what needs a *testing.T within a benchmark.
func inBubble(b *testing.B, test func(t *testing.T)) {
	b.Helper()
	virtual.Run(b, func(t *testing.T) { bubble(t, test) })
}

// BenchmarkSpread is how long it takes until all members have what one of them says, and what all of them say at once, and
// what that costs, beside memberlist's own broadcasts with its defaults.
func BenchmarkSpread(b *testing.B) {
	for _, kind := range []struct {
		name string
		make func(t *testing.T, members int) spreader
	}{{"ours", newOurs}, {"plain", newBare}} {
		for _, members := range []int{100, 300} { // 1,000 cost some 400 s of a processor; make sim shows them
			b.Run(fmt.Sprintf("%s/members=%d", kind.name, members), func(b *testing.B) {
				b.ReportMetric(0, "ns/op")
				inBubble(b, func(t *testing.T) {
					s := kind.make(t, members)
					idle := s.traffic()
					sleep(time.Minute)
					report(b, "idle", s.traffic().Since(idle.Traffic).PerMember(members, time.Minute))
					// A single change is one throw of the dice: several, one after the other.
					var p50, p99, last []float64
					for range 5 {
						f, _ := measure(s, members, 1, time.Minute)
						p50, p99, last = append(p50, f.p50), append(p99, f.p99), append(last, f.last)
						sleep(5 * time.Second)
					}
					b.ReportMetric(mean(p50), "one-p50-ms")
					b.ReportMetric(mean(p99), "one-p99-ms")
					b.ReportMetric(slices.Max(last), "one-last-ms")
					f, busy := measure(s, members, members, 2*time.Minute)
					b.ReportMetric(f.p50, "all-p50-ms")
					b.ReportMetric(f.p99, "all-p99-ms")
					b.ReportMetric(f.last, "all-last-ms")
					b.ReportMetric(f.arrived, "all-arrived-%")
					report(b, "busy", busy)
				})
				b.ReportMetric(1500, "one-p99-ms-bar")
				b.ReportMetric(20_000, "all-last-ms-bar")
			})
		}
	}
}

// report prints what one member sends in one second; it receives as much.
func report(b *testing.B, when string, r transport.Rate) {
	b.ReportMetric(r.PacketsOut, when+"-packets/s")
	b.ReportMetric(r.BytesOut, when+"-B/s")
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
