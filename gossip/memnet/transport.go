package memnet

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// maxPacket is the largest payload of a UDP packet over IPv4, in bytes.
const maxPacket = 65507

// Transport is one member's attachment to a Network.
type Transport struct {
	n     *Network
	addr  netip.AddrPort
	udp   *net.UDPAddr
	salt  uint64
	meter *meter

	packets chan *memberlist.Packet
	streams chan net.Conn
	done    chan struct{}

	// conns are the ends of streams that this member has open. Guarded by n.mu, as is stopped.
	conns   map[*Conn]struct{}
	stopped bool

	// mu guards the dice.
	mu   sync.Mutex
	dice *rand.PCG
	seq  uint64
}

var _ memberlist.NodeAwareTransport = (*Transport)(nil)

func newTransport(n *Network, addr netip.AddrPort, start uint64) *Transport {
	salt := mix(n.conf.Seed ^ hashAddr(addr))
	return &Transport{
		n: n, addr: addr, udp: udpAddr(addr), salt: salt, meter: &meter{},
		packets: make(chan *memberlist.Packet, n.conf.Queue),
		streams: make(chan net.Conn, n.conf.Backlog),
		done:    make(chan struct{}),
		conns:   map[*Conn]struct{}{},
		dice:    rand.NewPCG(salt, start),
	}
}

// Addr is the address that the member listens at.
func (t *Transport) Addr() netip.AddrPort { return t.addr }

// FinalAdvertiseAddr gives the configured address, or the one that the member listens at.
func (t *Transport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	if ip == "" {
		return t.addr.Addr().AsSlice(), int(t.addr.Port()), nil
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return nil, 0, fmt.Errorf("advertised address %q: %w: wanted an IP address", ip, err)
	}
	return addr.Unmap().AsSlice(), port, nil
}

// PacketCh gives packets as they arrive. It is never closed.
func (t *Transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh gives streams that other members dialed. It is never closed.
func (t *Transport) StreamCh() <-chan net.Conn { return t.streams }

// WriteTo sends a packet to an address as netip.ParseAddrPort reads it; names are not resolved.
func (t *Transport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress sends a packet. It copies the bytes and never waits; that a packet does not arrive is no error.
func (t *Transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	to, err := parseAddr(a.Addr)
	if err == nil && len(b) > maxPacket {
		err = fmt.Errorf("packet of %d bytes to %s: at most %d go over UDP", len(b), to, maxPacket)
	}
	if err != nil {
		return time.Time{}, err
	}
	select {
	case <-t.done:
		return time.Time{}, &net.OpError{Op: "write", Net: "udp", Source: t.udp, Err: net.ErrClosed}
	default:
	}
	now := time.Now()
	t.meter.Sent(len(b))
	if packet := t.tapped(to, bytes.Clone(b)); packet != nil {
		t.send(to, packet)
	}
	return now, nil
}

// tapped is the packet as the tap wants it.
func (t *Transport) tapped(to netip.AddrPort, packet []byte) []byte {
	tap := t.n.tap.Load()
	if tap == nil {
		return packet
	}
	if packet = (*tap)(t.addr, to, packet); packet == nil {
		t.meter.tapped.Add(1)
	}
	return packet
}

// send exposes the packet to the faults.
func (t *Transport) send(to netip.AddrPort, packet []byte) {
	f := t.throw(t.n.faults.Load())
	if f.lost {
		t.meter.lost.Add(1)
		return
	}
	if f.reordered {
		t.meter.reordered.Add(1)
	}
	e := event{from: t, to: to, packet: packet, seq: f.seq}
	t.n.carry(&e, f.delay)
	if f.duplicate {
		t.meter.duplicated.Add(1)
		// memberlist decrypts and cuts in place, so each gets its own bytes.
		again := event{from: t, to: to, packet: bytes.Clone(packet), seq: f.seq}
		t.n.carry(&again, f.again)
	}
}

// take queues a packet that has arrived, or drops it.
func (t *Transport) take(p *memberlist.Packet) {
	select {
	case t.packets <- p:
		t.meter.Received(len(p.Buf))
	default:
		t.meter.queueFull.Add(1)
	}
}

// Shutdown detaches the member: what is in flight to it is dropped, and its streams are reset, as those of a process
// that was killed. It may be called more than once.
func (t *Transport) Shutdown() error {
	t.n.mu.Lock()
	defer t.n.mu.Unlock()
	t.stop()
	return nil
}

// stop is Shutdown with n.mu held.
func (t *Transport) stop() {
	if t.stopped {
		return
	}
	t.stopped = true
	close(t.done)
	delete(t.n.nodes, t.addr)
	for _, c := range slices.SortedFunc(maps.Keys(t.conns), byNumber) {
		c.abort()
	}
}

func parseAddr(s string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return a, fmt.Errorf("address %q: %w: wanted an IP address and a port", s, err)
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
}
