package transport

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hashicorp/memberlist"
)

func TestNewRefuses(t *testing.T) {
	taken := start(t, Config{})
	for _, c := range []struct {
		name string
		conf Config
		want string
	}{
		{"no address", Config{}, "bind address is missing"},
		{"an address in use", Config{Bind: taken.Addr()}, taken.Addr().String()},
		{"an address of another host", Config{Bind: netip.MustParseAddrPort("192.0.2.1:7947")}, "192.0.2.1:7947"},
		{"packets that no UDP carries", Config{Bind: loopback, MaxPacket: maxUDP + 1}, "at most 65507"},
		{"negative numbers", Config{Bind: loopback, PacketQueue: -1}, "packet queue -1 is negative"},
		{"several at once", Config{MaxStreams: -7}, "number of streams -7 is negative"},
	} {
		tr, err := New(c.conf)
		if tr != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, wanted an error with %q", c.name, err, c.want)
		}
	}
	if _, err := New(Config{Bind: taken.Addr()}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Error("the cause is not wrapped:", err)
	}
}

// The UDP port of the same number may be in use although the TCP port is free.
func TestAFixedPortMustBeFreeForPackets(t *testing.T) {
	udp, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	_, err = New(Config{Bind: unmapAddr(udp.LocalAddr())})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "UDP "+udp.LocalAddr().String()) {
		t.Error(err)
	}
	// The TCP socket was given back.
	tcp, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(unmapAddr(udp.LocalAddr())))
	if err != nil {
		t.Fatal(err)
	}
	_ = tcp.Close()
}

func TestFinalAdvertiseAddr(t *testing.T) {
	ours := start(t, Config{})
	port := int(ours.Addr().Port())
	for _, c := range []struct {
		ip       string
		port     int
		want     string
		wantPort int
	}{
		{"", 0, "127.0.0.1", port},
		{"192.0.2.7", 99, "192.0.2.7", 99},
		{"::ffff:192.0.2.7", 99, "192.0.2.7", 99},
		{"2001:db8::7", 99, "2001:db8::7", 99},
	} {
		ip, p, err := ours.FinalAdvertiseAddr(c.ip, c.port)
		if err != nil || ip.String() != c.want || p != c.wantPort {
			t.Errorf("FinalAdvertiseAddr(%q, %d) = %s, %d, %v", c.ip, c.port, ip, p, err)
		}
	}
	if _, _, err := ours.FinalAdvertiseAddr("host", 1); err == nil || !strings.Contains(err.Error(), `"host"`) {
		t.Error("a name is taken for an address:", err)
	}
}

func TestAllAddressesAdvertiseOneOfThem(t *testing.T) {
	ours := start(t, Config{Bind: netip.MustParseAddrPort("0.0.0.0:0")})
	ip, port, err := ours.FinalAdvertiseAddr("", 0)
	if err != nil {
		if !strings.Contains(err.Error(), "set the address to advertise") {
			t.Error("the error does not say what to do:", err)
		}
		return
	}
	if a, ok := netip.AddrFromSlice(ip); !ok || !a.IsGlobalUnicast() || port != int(ours.Addr().Port()) {
		t.Errorf("%s, %d", ip, port)
	}
}

func TestOnlyAddr(t *testing.T) {
	for _, c := range []struct {
		name, nets, want, err string
	}{
		{"one", "127.0.0.1/8 ::1/128 fe80::1/64 10.0.0.7/24", "10.0.0.7", ""},
		{"one twice", "10.0.0.7/24 10.0.0.7/32", "10.0.0.7", ""},
		{"one of IPv6", "127.0.0.1/8 2001:db8::7/64", "2001:db8::7", ""},
		{"IPv4: one of each", "2001:db8::7/64 10.0.0.7/24", "10.0.0.7", ""},
		{"IPv4: one of IPv6", "127.0.0.1/8 2001:db8::7/64", "", "no address that others could reach"},
		{"none", "127.0.0.1/8 fe80::1/64 169.254.0.1/16", "", "no address that others could reach"},
		{"two", "192.0.2.2/24 10.0.0.7/24", "", "[10.0.0.7 192.0.2.2] and no default route"},
	} {
		var nets []net.Addr
		for s := range strings.FieldsSeq(c.nets) {
			ip, n, err := net.ParseCIDR(s)
			if err != nil {
				t.Fatal(err)
			}
			n.IP = ip
			nets = append(nets, n)
		}
		got, err := onlyAddr(nets, !strings.HasPrefix(c.name, "IPv4"))
		switch {
		case c.err == "" && (err != nil || got.String() != c.want):
			t.Errorf("%s: %s, %v", c.name, got, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %s, %v, wanted an error with %q", c.name, got, err, c.err)
		}
	}
}

// Everything that a transport, and a memberlist over it, ever started bears the label of those who started it.
func TestShutdownLeavesNoGoroutine(t *testing.T) {
	const name = "shutdown-leaves-nothing"
	pprof.Do(t.Context(), pprof.Labels("test", name), func(context.Context) {
		ours, other := start(t, Config{}), start(t, Config{})
		member := startMember(t, "a", other, nil)
		var work sync.WaitGroup
		for range 10 {
			// Streams of which nobody takes care any more, and dials that may be under way.
			work.Go(func() { _, _ = ours.DialTimeout(other.Addr().String(), patience) })
			work.Go(func() { _, _ = other.WriteTo([]byte("x"), ours.Addr().String()) })
			work.Go(func() { _, _ = other.DialTimeout(ours.Addr().String(), patience) })
		}
		if !running(t, name) {
			t.Error("the profile does not show what runs")
		}
		for range 2 {
			if err := ours.Shutdown(); err != nil {
				t.Error(err)
			}
		}
		if err := member.Shutdown(); err != nil {
			t.Error(err)
		}
		work.Wait()
		if _, err := ours.DialTimeout(other.Addr().String(), patience); !errors.Is(err, net.ErrClosed) {
			t.Error("dial after Shutdown:", err)
		}
		if _, err := ours.WriteTo([]byte("x"), other.Addr().String()); !errors.Is(err, net.ErrClosed) {
			t.Error("send after Shutdown:", err)
		}
		if s := ours.Stats(); s.StreamsOpen != 0 {
			t.Errorf("%d streams are open", s.StreamsOpen)
		}
	})
	eventually(t, "no goroutine is left", func() bool { return !running(t, name) })
}

// running tells whether a goroutine with the label exists.
func running(t *testing.T, label string) bool {
	t.Helper()
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		t.Fatal(err)
	}
	// The test itself runs in pprof.Do, too.
	profile := b.String()
	for block := range strings.SplitSeq(profile, "\n\n") {
		if strings.Contains(block, label) && !strings.Contains(block, "transport.running") {
			return true
		}
	}
	return false
}

// Whoever waits for a stream is woken.
func TestShutdownClosesStreams(t *testing.T) {
	ours, other := start(t, Config{}), start(t, Config{})
	dialed, err := ours.DialTimeout(other.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	next(t, other.StreamCh())
	dialTCP(t, "127.0.0.1", ours.Addr())
	accepted := next(t, ours.StreamCh())
	if err := ours.Shutdown(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{dialed, accepted} {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("stream with %s: %v", c.RemoteAddr(), err)
		}
	}
}

// A dial to a host that does not answer ends with the transport, not by its timeout.
func TestShutdownEndsDials(t *testing.T) {
	ours := start(t, Config{StreamTimeout: 10 * patience})
	silent := fullListener(t)
	done := make(chan error, 1)
	go func() {
		_, err := ours.DialTimeout(silent.String(), 10*patience)
		done <- err
	}()
	eventually(t, "the dial is under way", func() bool { return dialing(silent) })
	if err := ours.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if ours.Stats().DialErrors != 1 {
		t.Error("Shutdown did not wait for the dial to end")
	}
	if err := next(t, done); err == nil {
		t.Error("the dial succeeded")
	}
}

var _ memberlist.NodeAwareTransport = (*Transport)(nil)
