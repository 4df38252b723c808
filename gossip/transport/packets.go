package transport

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"
	"golang.org/x/sys/unix"
)

// Pauses between tries to read or accept while the socket gives errors.
const (
	retryFirst = 5 * time.Millisecond
	retryMax   = time.Second
)

// oobSize has room for the one control message that the kernel sends with a packet (see overflow).
const oobSize = 64

// listenUDP opens the socket of packets.
func listenUDP(addr netip.AddrPort, readBuffer int) (*net.UDPConn, error) {
	conn, err := net.ListenUDP(network("udp", addr), net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("listen for gossip packets on UDP %s: %w", addr, err)
	}
	// A smaller buffer, or one whose overflow is not counted, is no reason not to start.
	_ = conn.SetReadBuffer(readBuffer)
	_ = control(conn, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1) })
	return conn, nil
}

// control calls f with the socket's file descriptor.
func control(conn *net.UDPConn, f func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// WriteTo sends a packet to an IP address and port.
func (t *Transport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress sends a packet. That it does not arrive is no error.
func (t *Transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	to, err := parseAddr(a.Addr)
	if err != nil {
		return time.Time{}, err
	}
	_, err = t.udp.WriteToUDPAddrPort(b, to)
	now := time.Now()
	if err != nil {
		t.drops.unsent.Add(1)
		return now, fmt.Errorf("send a packet to %s: %w", to, err)
	}
	t.meter.Sent(len(b))
	return now, nil
}

// packet is what memberlist gets, with the address in the same piece of memory.
type packet struct {
	memberlist.Packet
	from packetAddr
}

// packetAddr is a peer's UDP address.
type packetAddr struct{ netip.AddrPort }

// Network is that of net.UDPAddr.
func (*packetAddr) Network() string { return "udp" }

// readPackets reads until Shutdown.
func (t *Transport) readPackets() {
	// One byte more than a packet may have, to see that it is too long.
	buf, oob := make([]byte, t.conf.MaxPacket+1), make([]byte, oobSize)
	for wait := retryFirst; ; {
		n, on, _, from, err := t.udp.ReadMsgUDPAddrPort(buf, oob)
		if err != nil {
			t.drops.readErrors.Add(1)
			if !t.pause(wait) {
				return
			}
			wait = min(2*wait, retryMax)
			continue
		}
		wait = retryFirst
		if lost, ok := overflow(oob[:on]); ok {
			t.drops.kernel.Store(uint64(lost))
		}
		t.take(buf[:n], from)
	}
}

// take copies a packet into the queue, or drops it.
func (t *Transport) take(b []byte, from netip.AddrPort) {
	now := time.Now()
	switch {
	case len(b) == 0:
		t.drops.empty.Add(1)
		return
	case len(b) > t.conf.MaxPacket:
		t.drops.tooLong.Add(1)
		return
	case len(t.packets) == cap(t.packets):
		// Only this goroutine fills the queue, so one that is not full here takes the packet, and a flood costs no copy.
		t.drops.queueFull.Add(1)
		return
	}
	p := &packet{from: packetAddr{unmap(from)}}
	p.Buf = append(make([]byte, 0, len(b)), b...)
	p.From = &p.from
	p.Timestamp = now
	t.meter.Received(len(b))
	t.packets <- &p.Packet
}

// overflow reads the count of packets that the kernel dropped because the socket's buffer was full, which comes as a
// control message (SO_RXQ_OVFL) once there were any. It wraps at 2^32.
func overflow(oob []byte) (uint32, bool) {
	if len(oob) < unix.CmsgSpace(0)+4 {
		return 0, false
	}
	header, data, _, err := unix.ParseOneSocketControlMessage(oob)
	if err != nil || header.Level != unix.SOL_SOCKET || header.Type != unix.SO_RXQ_OVFL || len(data) < 4 {
		return 0, false
	}
	return binary.NativeEndian.Uint32(data), true
}
