package api

import (
	"net"
	"sync"
	"time"
)

// busy is the answer to a connection too many. It is written before any request is read.
const busy = "HTTP/1.1 503 Service Unavailable\r\n" +
	"Content-Type: application/problem+json\r\nConnection: close\r\nRetry-After: 1\r\n\r\n" +
	`{"type":"urn:daemonsetd:problem:Unavailable","title":"Service Unavailable","status":503,` +
	`"detail":"the agent has too many connections","remedy":"close some, such as forgotten watches, and try again",` +
	`"code":"Unavailable"}` + "\n"

// limitListener bounds how many connections are open.
type limitListener struct {
	net.Listener
	server  *Server
	all     chan struct{}
	readers chan struct{}
}

func newLimitListener(l net.Listener, s *Server) *limitListener {
	limit := s.cfg.MaxConnections
	return &limitListener{
		Listener: l,
		server:   s,
		all:      make(chan struct{}, limit),
		readers:  make(chan struct{}, max(limit-reservedConnections, (limit+1)/2)),
	}
}

// Accept returns the next connection that there is room for and refuses those that there is no room for.
func (l *limitListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if lc := l.admit(c); lc != nil {
			return lc, nil
		}
		l.server.counts.rejected.Add(1)
		refuse(c)
	}
}

func (l *limitListener) admit(c net.Conn) *limitConn {
	peer, err := l.server.cfg.PeerOf(c)
	lc := &limitConn{Conn: c, peer: peerResult{peer, err}}
	if err != nil || !l.server.policy.mayWrite(peer) {
		if !take(l.readers) {
			return nil
		}
		lc.held = append(lc.held, l.readers)
	}
	if !take(l.all) {
		lc.release()
		return nil
	}
	lc.held = append(lc.held, l.all)
	return lc
}

func take(slots chan struct{}) bool {
	select {
	case slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// refuse says why. That the peer does not hear it is no reason to wait.
func refuse(c net.Conn) {
	if err := c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err == nil {
		_, _ = c.Write([]byte(busy))
	}
	_ = c.Close()
}

// limitConn gives its slots back when it is closed.
type limitConn struct {
	net.Conn
	peer peerResult
	once sync.Once
	held []chan struct{}
}

// Close closes the connection.
func (c *limitConn) Close() error {
	c.once.Do(c.release)
	return c.Conn.Close()
}

func (c *limitConn) release() {
	for _, slots := range c.held {
		<-slots
	}
	c.held = nil
}
