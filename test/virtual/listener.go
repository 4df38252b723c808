package virtual

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// Listener is a net.Listener in memory: whoever dials it gets one end of a net.Pipe, on which nothing waits on the
// operating system, so that virtual time passes. Make it with NewListener, in the bubble that it is for.
type Listener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// NewListener makes one that is open.
func NewListener() *Listener { return &Listener{conns: make(chan net.Conn), done: make(chan struct{})} }

// Dial connects, once the connection has been accepted. Where the listener is closed it fails as a socket does on which
// nobody listens.
func (l *Listener) Dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	err := error(&net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED})
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = ours.Close() // which cannot fail
	return nil, err
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It may be called more than once.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
