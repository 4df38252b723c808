package memnet

import (
	"cmp"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// What is used where Config does not say.
const (
	defaultGrain   = time.Millisecond
	defaultQueue   = 256
	defaultBacklog = 128
	defaultWindow  = 64 << 10
)

// Config is what a Network is made from. The zero value is a network without faults.
type Config struct {
	// Seed decides everything that is random.
	Seed uint64
	// Faults are those at the start; SetFaults changes them.
	Faults Faults
	// Grain is the step of arrival times (default 1 ms). The larger it is, the fewer wake-ups a simulation has.
	Grain time.Duration
	// Queue is how many packets wait at a member that does not take them (default 256); more are dropped and counted.
	Queue int
	// Backlog is how many streams wait at a member that does not take them (default 128).
	Backlog int
	// Window is how many bytes of a stream may be written and not yet read (default 64 KiB).
	Window int
}

func (c Config) withDefaults() Config {
	c.Grain = cmp.Or(c.Grain, defaultGrain)
	c.Queue = cmp.Or(c.Queue, defaultQueue)
	c.Backlog = cmp.Or(c.Backlog, defaultBacklog)
	c.Window = cmp.Or(c.Window, defaultWindow)
	return c
}

// Tap sees every packet when it is sent, before any fault. What it returns is sent instead; nil drops the packet. The
// slice is the network's own copy, and may be changed and returned, but not kept. It is called by the sending
// goroutine, by several at a time, and must not wait.
type Tap func(from, to netip.AddrPort, packet []byte) []byte

// Network carries packets and streams between its Transports. It is safe for concurrent use.
type Network struct {
	conf   Config
	epoch  time.Time
	faults atomic.Pointer[Faults]
	tap    atomic.Pointer[Tap]

	// mu is taken before the mutex of a stream, never after.
	mu     sync.Mutex
	nodes  map[netip.AddrPort]*Transport
	starts map[netip.AddrPort]uint64
	meters []*meter
	// ends counts the ends of streams that there were.
	ends   uint64
	flying eventHeap
	timer  *time.Timer
	// armed is when the timer fires, 0 when it does not run.
	armed int64
}

// New makes a network without members. It runs nothing until something is in flight.
func New(c Config) *Network {
	n := &Network{
		conf:   c.withDefaults(),
		epoch:  time.Now(),
		nodes:  map[netip.AddrPort]*Transport{},
		starts: map[netip.AddrPort]uint64{},
	}
	n.faults.Store(&c.Faults)
	return n
}

// Faults gives those that are in force.
func (n *Network) Faults() Faults { return *n.faults.Load() }

// SetFaults replaces the faults; what is in flight already keeps its delay.
func (n *Network) SetFaults(f Faults) {
	n.faults.Store(&f)
	if f.CutResets {
		n.resetCut(&f)
	}
}

// SetTap installs the tap, in place of one that was there; nil takes it away.
func (n *Network) SetTap(tap Tap) {
	if tap == nil {
		n.tap.Store(nil)
		return
	}
	n.tap.Store(&tap)
}

// Listen attaches a member at the address. One that listens there already is shut down first, as if its host had been
// switched off and another had taken its address. Port 0 takes a free one.
func (n *Network) Listen(addr netip.AddrPort) *Transport {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	n.mu.Lock()
	defer n.mu.Unlock()
	if addr.Port() == 0 {
		addr = n.freePort(addr.Addr())
	}
	if old := n.nodes[addr]; old != nil {
		old.stop()
	}
	n.starts[addr]++
	t := newTransport(n, addr, n.starts[addr])
	n.nodes[addr] = t
	n.meters = append(n.meters, t.meter)
	return t
}

func (n *Network) freePort(ip netip.Addr) netip.AddrPort {
	port := uint16(1024)
	for n.starts[netip.AddrPortFrom(ip, port)] > 0 {
		port++
	}
	return netip.AddrPortFrom(ip, port)
}

// now is the time in nanoseconds since the network was made.
func (n *Network) now() int64 { return int64(time.Since(n.epoch)) }

// dueAfter is when something arrives that takes the delay; 0 is at once.
func (n *Network) dueAfter(delay time.Duration) int64 {
	if delay <= 0 {
		return 0
	}
	grain := int64(n.conf.Grain)
	return (n.now() + int64(delay) + grain - 1) / grain * grain
}

// carry lets a packet arrive after the delay.
func (n *Network) carry(e *event, delay time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e.due = n.dueAfter(delay); e.due == 0 {
		n.arrive(e)
		return
	}
	n.fly(e)
}

// fly puts into the heap what has a due time. n.mu is held.
func (n *Network) fly(e *event) {
	e.tie = mix(e.from.salt ^ uint64(e.due))
	n.flying.push(*e)
	n.arm()
}

// arm makes the timer fire when the first in flight is due. n.mu is held.
func (n *Network) arm() {
	if len(n.flying) == 0 {
		return
	}
	due := n.flying[0].due
	if n.armed != 0 && n.armed <= due {
		return
	}
	n.armed = due
	after := time.Duration(max(due-n.now(), 0))
	if n.timer == nil {
		n.timer = time.AfterFunc(after, n.land)
		return
	}
	n.timer.Reset(after)
}

// land lets everything arrive that is due.
func (n *Network) land() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.armed = 0
	for now := n.now(); len(n.flying) > 0 && n.flying[0].due <= now; {
		e := n.flying.pop()
		n.arrive(&e)
	}
	n.arm()
}

// arrive hands on what has arrived. n.mu is held; it never waits.
func (n *Network) arrive(e *event) {
	if e.conn != nil {
		n.arriveSegment(e)
		return
	}
	to := n.nodes[e.to]
	switch {
	case n.faults.Load().cuts(e.from.addr, e.to):
		e.from.meter.cut.Add(1)
	case to == nil:
		e.from.meter.noRoute.Add(1)
	default:
		to.take(&memberlist.Packet{Buf: e.packet, From: e.from.udp, Timestamp: time.Now()})
	}
}

// mix spreads the bits of x (splitmix64's finalizer).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// hashAddr is the same for an address in every process.
func hashAddr(a netip.AddrPort) uint64 {
	h := uint64(a.Port())
	for _, b := range a.Addr().As16() {
		h = mix(h<<8 ^ h ^ uint64(b))
	}
	return h
}

func udpAddr(a netip.AddrPort) *net.UDPAddr { return net.UDPAddrFromAddrPort(a) }
