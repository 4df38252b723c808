package transport

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// memberlist reads every packet into 64 KiB of its own, which live as long as the packet.
func TestAPacketTakesNoMoreThanItsSize(t *testing.T) {
	theirs, addr := startTheirs(t)
	ours := start(t, Config{})
	for range 3 {
		for _, to := range []string{addr, ours.Addr().String()} {
			if _, err := ours.WriteTo(make([]byte, 100), to); err != nil {
				t.Fatal(err)
			}
		}
		if p := next(t, theirs.PacketCh()); len(p.Buf) != 100 || cap(p.Buf) < 60_000 {
			t.Errorf("memberlist keeps %d bytes for a packet of %d: is this transport still needed?", cap(p.Buf), len(p.Buf))
		}
		p := next(t, ours.PacketCh())
		if len(p.Buf) != 100 || cap(p.Buf) > 112 {
			t.Errorf("we keep %d bytes for a packet of %d", cap(p.Buf), len(p.Buf))
		}
		if p.From.String() != ours.Addr().String() || p.From.Network() != "udp" || p.Timestamp.IsZero() {
			t.Errorf("from %s over %s at %s", p.From, p.From.Network(), p.Timestamp)
		}
	}
}

// A member that does not keep up holds PacketQueue packets of MaxPacket bytes, and the others are counted.
func TestAFloodOfPacketsIsDropped(t *testing.T) {
	const flood, queue, longest = 300, 8, 500
	ours := start(t, Config{PacketQueue: queue, MaxPacket: longest})
	other := start(t, Config{})
	for i := range flood {
		if _, err := other.WriteTo(make([]byte, longest), ours.Addr().String()); err != nil {
			t.Fatal(err)
		}
		// One after the other, so that the kernel's buffer is not what is flooded.
		eventually(t, "the packet was queued or dropped", func() bool {
			s := ours.Stats()
			return s.PacketsReceived+s.PacketsQueueFull == uint64(i+1)
		})
	}
	s := ours.Stats()
	if s.PacketsReceived != queue || s.PacketsQueueFull != flood-queue || s.QueuedPackets != queue {
		t.Errorf("wanted %d packets queued and the others dropped: %+v", queue, s)
	}
	if other.Stats().PacketsSent != flood {
		t.Errorf("%+v", other.Stats())
	}
	for range queue {
		next(t, ours.PacketCh())
	}
}

func TestPacketsThatCannotBeMemberlists(t *testing.T) {
	ours := start(t, Config{MaxPacket: 100})
	other := start(t, Config{})
	for _, size := range []int{0, 101, 5000, 100} {
		if _, err := other.WriteTo(make([]byte, size), ours.Addr().String()); err != nil {
			t.Fatal(err)
		}
	}
	if p := next(t, ours.PacketCh()); len(p.Buf) != 100 {
		t.Errorf("got a packet of %d bytes", len(p.Buf))
	}
	if s := ours.Stats(); s.PacketsEmpty != 1 || s.PacketsTooLong != 2 {
		t.Errorf("%+v", s)
	}
}

func TestPacketsThatCannotBeSent(t *testing.T) {
	ours := start(t, Config{})
	for _, c := range []struct {
		addr string
		size int
		want string
	}{
		{"host:7947", 1, `address "host:7947"`},
		{ours.Addr().String(), maxUDP + 1, "message too long"},
	} {
		if _, err := ours.WriteTo(make([]byte, c.size), c.addr); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d bytes to %s: %v", c.size, c.addr, err)
		}
	}
	if s := ours.Stats(); s.PacketsUnsent != 1 || s.PacketsSent != 0 {
		t.Errorf("%+v", s)
	}
}

func TestReadingIsTriedAgain(t *testing.T) {
	ours := start(t, Config{})
	_ = ours.udp.SetReadDeadline(time.Unix(1, 0))
	eventually(t, "reading failed several times", func() bool { return ours.Stats().ReadErrors >= 3 })
	_ = ours.udp.SetReadDeadline(time.Time{})
	if _, err := ours.WriteTo([]byte("x"), ours.Addr().String()); err != nil {
		t.Fatal(err)
	}
	next(t, ours.PacketCh())
}

// What the kernel drops is told with the packets that come later.
func TestTheKernelsDropsAreKnown(t *testing.T) {
	conn, err := listenUDP(loopback, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	to := unmapAddr(conn.LocalAddr())
	for range 100 {
		if _, err := conn.WriteToUDPAddrPort(make([]byte, 1000), to); err != nil {
			t.Fatal(err)
		}
	}
	buf, oob := make([]byte, 2000), make([]byte, oobSize)
	var lost uint32
	eventually(t, "a packet comes that tells of the others", func() bool {
		// Which of them finds room is the kernel's business.
		_, _ = conn.WriteToUDPAddrPort([]byte("later"), to)
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		_, n, _, _, err := conn.ReadMsgUDPAddrPort(buf, oob)
		if err != nil {
			return false
		}
		var ok bool
		lost, ok = overflow(oob[:n])
		return ok
	})
	if lost < 50 {
		t.Errorf("%d of 100 packets were dropped, wanted most of them", lost)
	}
}

func TestReadBufferIsWhatTheKernelGave(t *testing.T) {
	small, large := start(t, Config{ReadBuffer: 8 << 10}), start(t, Config{})
	if s, l := small.Stats().ReadBuffer, large.Stats().ReadBuffer; s <= 0 || l <= s {
		t.Errorf("read buffers of %d and %d bytes", s, l)
	}
}

// Bound to all addresses, a transport takes packets over IPv4 and over IPv6. Where the host has no IPv6, the half of this that
// speaks of it is skipped, and only that.
func TestBindingAllAddressesTakesBothFamilies(t *testing.T) {
	bind := "[::]:0"
	if !hasIPv6() {
		bind = "0.0.0.0:0"
	}
	ours := start(t, Config{Bind: netip.MustParseAddrPort(bind)})
	for _, ip := range []string{"127.0.0.1", "::1"} {
		t.Run(ip, func(t *testing.T) {
			if ip == "::1" && !hasIPv6() {
				t.Skip("this host has no IPv6")
			}
			to := netip.AddrPortFrom(netip.MustParseAddr(ip), ours.Addr().Port())
			from, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
			if err != nil {
				t.Fatal(err)
			}
			defer from.Close()
			if _, err := from.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if got := next(t, ours.PacketCh()).From.String(); got != from.LocalAddr().String() {
				t.Errorf("a packet from %s seems to be from %s", from.LocalAddr(), got)
			}
			if _, err := ours.WriteTo([]byte("x"), to.String()); err != nil {
				t.Error(err)
			}
			next(t, ours.PacketCh())
		})
	}
}

// hasIPv6 says whether this host has the loopback address of IPv6.
func hasIPv6() bool {
	conn, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func controlMessage(level, kind int32, data []byte) []byte {
	b := make([]byte, unix.CmsgSpace(len(data)))
	binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(len(data))))
	binary.NativeEndian.PutUint32(b[8:], uint32(level))
	binary.NativeEndian.PutUint32(b[12:], uint32(kind))
	copy(b[unix.CmsgLen(0):], data)
	return b
}

func FuzzOverflow(f *testing.F) {
	f.Add([]byte{})
	f.Add(controlMessage(unix.SOL_SOCKET, unix.SO_RXQ_OVFL, []byte{1, 2, 3, 4}))
	f.Add(controlMessage(unix.SOL_SOCKET, unix.SO_RXQ_OVFL, []byte{1}))
	f.Add(controlMessage(unix.SOL_SOCKET, unix.SO_TIMESTAMP, []byte{1, 2, 3, 4}))
	f.Fuzz(func(t *testing.T, oob []byte) {
		got, ok := overflow(oob)
		if !ok {
			return
		}
		data := make([]byte, 4)
		binary.NativeEndian.PutUint32(data, got)
		want := controlMessage(unix.SOL_SOCKET, unix.SO_RXQ_OVFL, data)
		if string(oob[8:unix.CmsgLen(0)+4]) != string(want[8:unix.CmsgLen(4)]) {
			t.Errorf("%d was read from %x", got, oob)
		}
	})
}
