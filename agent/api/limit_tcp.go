package api

import (
	"net"
	"net/netip"
	"sync"
)

// Limits of the TCP listener for metrics: a few scrapers, each of which keeps a connection or two.
const (
	maxTCP        = 64
	maxTCPAddress = 8
)

// LimitTCP bounds how many connections of a TCP listener are open, all together and of one address. Those that are too
// many are closed at once, and counted with those of the socket. The server need not serve anything itself.
func (s *Server) LimitTCP(l net.Listener) net.Listener {
	return &tcpLimit{Listener: l, server: s, of: map[netip.Addr]int{}}
}

type tcpLimit struct {
	net.Listener
	server *Server

	mu   sync.Mutex
	open int
	of   map[netip.Addr]int
}

// Accept returns the next connection that there is room for.
func (l *tcpLimit) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if from := addrOf(c); l.enter(from) {
			return &tcpConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(from) })}, nil
		}
		l.server.counts.rejected.Add(1)
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // nothing stays behind in the kernel
		}
		_ = c.Close()
	}
}

// addrOf is who is at the other end; invalid where that is no IP address.
func addrOf(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

func (l *tcpLimit) enter(from netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= maxTCP || l.of[from] >= maxTCPAddress {
		return false
	}
	l.open++
	l.of[from]++
	return true
}

func (l *tcpLimit) leave(from netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.of[from]--; l.of[from] == 0 {
		delete(l.of, from)
	}
}

// tcpConn gives its place back when it is closed.
type tcpConn struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *tcpConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
