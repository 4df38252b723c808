package transport

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

// patience is how long a test waits for something before it says that it will never be. Nothing depends on how long it took.
const patience = 30 * time.Second

// loopback is a free port of this host.
var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// start opens a transport on a free port.
func start(t *testing.T, c Config) *Transport {
	t.Helper()
	if !c.Bind.IsValid() {
		c.Bind = loopback
	}
	tr, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Shutdown() })
	return tr
}

// startTheirs opens memberlist's own transport.
func startTheirs(t *testing.T) (tr *memberlist.NetTransport, addr string) {
	t.Helper()
	tr, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{BindAddrs: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	// Its Shutdown waits until everything that came was taken.
	stop := make(chan struct{})
	t.Cleanup(func() {
		go drain(tr, stop)
		_ = tr.Shutdown()
		close(stop)
	})
	return tr, netip.AddrPortFrom(loopback.Addr(), uint16(tr.GetAutoBindPort())).String()
}

func drain(tr memberlist.Transport, stop <-chan struct{}) {
	for {
		select {
		case <-tr.PacketCh():
		case c := <-tr.StreamCh():
			_ = c.Close()
		case <-stop:
			return
		}
	}
}

// startMember starts a memberlist over the transport.
func startMember(t *testing.T, name string, tr memberlist.Transport, tune func(*memberlist.Config)) *memberlist.Memberlist {
	t.Helper()
	c := memberlist.DefaultLocalConfig()
	c.Name = name
	c.Transport = tr
	c.LogOutput = io.Discard
	c.EnableCompression = false
	if tune != nil {
		tune(c)
	}
	m, err := memberlist.Create(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Shutdown() })
	return m
}

// eventually waits until it is true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); !ok(); {
		select {
		case <-end:
			t.Fatal("it never came to be that", what)
		case <-tick.C:
		}
	}
}

// next takes what comes, or fails.
func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("not reached")
	}
}

// dialTCP opens a plain connection, from an address of this host. One that the other end resets at once may look as if it
// could not be opened; it is nil then.
func dialTCP(t *testing.T, from string, to netip.AddrPort) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.DialContext(t.Context(), "tcp", to.String())
	if errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// deafPeer accepts connections and never reads from them.
func deafPeer(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return unmapAddr(l.Addr())
}

// closed tells whether the other end has closed or reset the connection. It waits for one or the other: a byte or an end.
func closed(t *testing.T, c net.Conn) bool {
	t.Helper()
	if c == nil {
		return true
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, err := c.Read(make([]byte, 1))
	return err != nil
}
