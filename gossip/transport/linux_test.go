package transport

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fullListener listens with no room for another connection, so that a dial to it hangs: the kernel drops its first packet.
func fullListener(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	in4, ok := name.(*unix.SockaddrInet4)
	if !ok {
		t.Fatalf("the socket has the address %v", name)
	}
	addr := netip.AddrPortFrom(netip.AddrFrom4(in4.Addr), uint16(in4.Port))
	// A backlog of 0 has room for one.
	c, err := net.DialTCP("tcp4", nil, net.TCPAddrFromAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return addr
}

// dialing tells whether a connection to the address of 127.0.0.1 has been asked for and not answered (SYN_SENT, 02 in
// /proc/net/tcp).
func dialing(to netip.AddrPort) bool {
	b, err := os.ReadFile("/proc/net/tcp")
	return err == nil && strings.Contains(string(b), fmt.Sprintf(" 0100007F:%04X 02 ", to.Port()))
}
