package memnet

import (
	"bytes"
	"cmp"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Conn is one end of a stream. It behaves as a TCP connection does, deadlines and errors included.
type Conn struct {
	n             *Network
	owner         *Transport
	peer          *Conn
	local, remote *net.TCPAddr
	// number counts the ends of one network.
	number uint64

	// state is that of both ends.
	state *stream

	// flight is what was written at this end and has not arrived at the other, inbox what has arrived here and was not
	// read.
	flight, inbox bytes.Buffer
	// writing is held by the one Write that is under way.
	writing bool
	// closed is set when this end was closed, rude when there was something unread then; eof when the close of the other
	// end has arrived; err when the stream broke.
	closed, rude, eof bool
	err               error
	read, write       deadline

	// lastDue is when the last segment arrives, so that none overtakes it. Guarded by n.mu.
	lastDue int64
}

var _ net.Conn = (*Conn)(nil)

// stream is what both ends share.
type stream struct {
	mu   sync.Mutex
	cond sync.Cond
}

// byNumber orders ends as they came to be.
func byNumber(a, b *Conn) int { return cmp.Compare(a.number, b.number) }

// wake lets all who wait look again.
func (s *stream) wake() {
	s.mu.Lock()
	s.cond.Broadcast()
	s.mu.Unlock()
}

// newStream makes both ends of a stream.
func newStream(from, to *Transport) (dialed, accepted *Conn) {
	s := &stream{}
	s.cond.L = &s.mu
	a, b := net.TCPAddrFromAddrPort(from.addr), net.TCPAddrFromAddrPort(to.addr)
	dialed = &Conn{n: from.n, owner: from, local: a, remote: b, state: s}
	accepted = &Conn{n: to.n, owner: to, local: b, remote: a, state: s}
	dialed.peer, accepted.peer = accepted, dialed
	return dialed, accepted
}

// LocalAddr is the address of the member at this end. A dialing end has no port of its own.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the address of the member at the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// Read waits for bytes and reads them.
func (c *Conn) Read(p []byte) (int, error) {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.fault("read", net.ErrClosed)
		case c.read.passed():
			return 0, c.fault("read", os.ErrDeadlineExceeded)
		case c.inbox.Len() > 0 || len(p) == 0:
			return c.readInbox(p), nil
		case c.err != nil:
			return 0, c.fault("read", c.err)
		case c.eof:
			return 0, io.EOF
		}
		c.state.cond.Wait()
	}
}

// readInbox reads what is there and lets a writer go on that waited for room.
func (c *Conn) readInbox(p []byte) int {
	n := copy(p, c.inbox.Next(len(p)))
	c.owner.meter.StreamReceived(n)
	c.state.cond.Broadcast()
	return n
}

// Write waits until all bytes have found room in the window.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.startWriting(); err != nil {
		return 0, err
	}
	defer c.endWriting()
	for written := 0; ; {
		n, err := c.writeSome(p[written:])
		if n > 0 {
			c.owner.meter.StreamSent(n)
			c.n.carrySegment(c, n)
		}
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// startWriting waits for its turn, so that what several goroutines write does not mix.
func (c *Conn) startWriting() error {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	for c.writing {
		if err := c.cannotWrite(); err != nil {
			return err
		}
		c.state.cond.Wait()
	}
	c.writing = true
	return nil
}

func (c *Conn) endWriting() {
	c.state.mu.Lock()
	c.writing = false
	c.state.cond.Broadcast()
	c.state.mu.Unlock()
}

// writeSome waits for room and takes what fits.
func (c *Conn) writeSome(p []byte) (int, error) {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	for {
		if err := c.cannotWrite(); err != nil || len(p) == 0 {
			return 0, err
		}
		if room := c.n.conf.Window - c.flight.Len() - c.peer.inbox.Len(); room > 0 {
			return c.flight.Write(p[:min(room, len(p))])
		}
		c.state.cond.Wait()
	}
}

func (c *Conn) cannotWrite() error {
	switch {
	case c.closed:
		return c.fault("write", net.ErrClosed)
	case c.err != nil:
		return c.fault("write", c.err)
	case c.write.passed():
		return c.fault("write", os.ErrDeadlineExceeded)
	}
	return nil
}

func (c *Conn) fault(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// Close ends the stream at this end. What was written still arrives; if something was left unread, the other end's
// stream is reset, as the kernel does it.
func (c *Conn) Close() error {
	if !c.end(false) {
		return c.fault("close", net.ErrClosed)
	}
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	delete(c.owner.conns, c)
	c.n.sendSegment(c, 0)
	return nil
}

// abort closes this end as a process does that is killed. n.mu is held.
func (c *Conn) abort() {
	if c.end(true) {
		delete(c.owner.conns, c)
		c.n.sendSegment(c, 0)
	}
}

// end closes this end, once.
func (c *Conn) end(abort bool) bool {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	if c.closed {
		return false
	}
	c.closed = true
	c.rude = abort || c.inbox.Len() > 0
	if abort {
		c.flight.Reset()
	}
	c.inbox.Reset()
	c.read.stop()
	c.write.stop()
	c.state.cond.Broadcast()
	return true
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(at time.Time) error {
	return c.setDeadlines(at, &c.read, &c.write)
}

// SetReadDeadline makes Read fail with os.ErrDeadlineExceeded from then on.
func (c *Conn) SetReadDeadline(at time.Time) error { return c.setDeadlines(at, &c.read) }

// SetWriteDeadline makes Write fail with os.ErrDeadlineExceeded from then on.
func (c *Conn) SetWriteDeadline(at time.Time) error { return c.setDeadlines(at, &c.write) }

func (c *Conn) setDeadlines(at time.Time, deadlines ...*deadline) error {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	if c.closed {
		return c.fault("set", net.ErrClosed)
	}
	for _, d := range deadlines {
		d.set(at, c.state.wake)
	}
	c.state.cond.Broadcast()
	return nil
}

// receive takes a segment of the other end that has arrived.
func (c *Conn) receive(size int) {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	defer c.state.cond.Broadcast()
	from := c.peer
	if c.closed {
		if size > 0 {
			from.fail(syscall.ECONNRESET)
		}
		return
	}
	c.inbox.Write(from.flight.Next(size))
	switch {
	case !from.closed || from.flight.Len() > 0:
	case from.rude:
		c.fail(syscall.ECONNRESET)
	default:
		c.eof = true
	}
}

// fail breaks this end. The stream's mutex is held.
func (c *Conn) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.flight.Reset()
}

// broken breaks this end from outside.
func (c *Conn) broken(err error) {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	c.fail(err)
	c.state.cond.Broadcast()
}
