package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// DialTimeout opens a stream to an IP address and port.
func (t *Transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout opens a stream, which lives for Config.StreamTimeout from now. No timeout, or a longer one, is
// that.
func (t *Transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	to, err := parseAddr(a.Addr)
	if err != nil {
		return nil, err
	}
	if err := t.begin(); err != nil {
		return nil, fmt.Errorf("dial %s: %w", to, err)
	}
	defer t.work.Done()
	limit := time.Now().Add(t.conf.StreamTimeout)
	conn, err := t.dial(to, timeout)
	if err != nil {
		t.drops.dialErrors.Add(1)
		return nil, err
	}
	s := &stream{Conn: conn, t: t, limit: limit}
	if err := t.keep(s); err != nil {
		return nil, err
	}
	t.meter.StreamsDialed.Add(1)
	return s, nil
}

// dial comes from the address that is bound, which is the one that peers know, and not from the one that the kernel
// likes.
func (t *Transport) dial(to netip.AddrPort, timeout time.Duration) (*net.TCPConn, error) {
	if timeout <= 0 || timeout > t.conf.StreamTimeout {
		timeout = t.conf.StreamTimeout
	}
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	var d net.Dialer
	from := netip.AddrPort{}
	if ip := t.addr.Addr(); !ip.IsUnspecified() {
		from = netip.AddrPortFrom(ip, 0)
	}
	return d.DialTCP(ctx, "tcp", from, to)
}

// keep puts the stream under the transport's care: its deadlines are set, and Shutdown closes it.
func (t *Transport) keep(s *stream) error {
	t.mu.Lock()
	ended := t.ended
	if !ended {
		t.open[s] = struct{}{}
	}
	t.mu.Unlock()
	if ended {
		_ = s.Close()
		return net.ErrClosed
	}
	if err := s.SetDeadline(time.Time{}); err != nil {
		_ = s.Close()
		return fmt.Errorf("set the deadline of the stream with %s: %w", s.RemoteAddr(), err)
	}
	return nil
}

// forget is called when a stream was closed.
func (t *Transport) forget(s *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, s)
	if s.inbound {
		t.gate.free(s.peer, &s.held)
		t.gate.leave(s.peer)
	}
}

// mayRead is gate.reads; nothing is counted for a stream that is closed.
func (t *Transport) mayRead(s *stream, n int64) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, open := t.open[s]; !open {
		return max(n, 0)
	}
	return t.gate.reads(s.peer, n, &s.held)
}

// SetKnown says which addresses are members'. It must be quick. Before it is called all are taken for that; afterwards
// the others have half of the places for accepted streams at most, so that they cannot keep members out.
func (t *Transport) SetKnown(known func(netip.Addr) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gate.known = known
}

// acceptStreams accepts until Shutdown.
func (t *Transport) acceptStreams() {
	for wait := retryFirst; ; {
		conn, err := t.tcp.AcceptTCP()
		if err == nil {
			t.accepted(wait > retryFirst)
			wait = retryFirst
			t.admit(conn)
			continue
		}
		t.cannotAccept(err, wait == retryFirst)
		if !t.pause(wait) {
			return
		}
		wait = min(2*wait, retryMax)
	}
}

// cannotAccept is mostly that the process has no file descriptor left.
func (t *Transport) cannotAccept(err error, first bool) {
	if t.ctx.Err() != nil {
		return
	}
	t.drops.acceptErrors.Add(1)
	if first {
		t.conf.Logger.Warn().Err(err).Stringer(logfield.Address, t.addr).Msg("cannot accept gossip streams")
	}
}

func (t *Transport) accepted(again bool) {
	if again {
		t.conf.Logger.Info().Stringer(logfield.Address, t.addr).Msg("accepting gossip streams again")
	}
}

// admit serves the stream, or resets it.
func (t *Transport) admit(conn *net.TCPConn) {
	now := time.Now()
	s := &stream{Conn: conn, t: t, limit: now.Add(t.conf.StreamTimeout), inbound: true, peer: unmapAddr(conn.RemoteAddr()).
		Addr()}
	s.left.Store(t.conf.MaxStreamBytes)
	t.mu.Lock()
	refusal := t.gate.enter(s.peer, now)
	t.mu.Unlock()
	if refusal != admitted {
		t.drops.refused[refusal].Add(1)
		reset(conn)
		return
	}
	if err := t.keep(s); err != nil {
		return
	}
	t.meter.StreamsAccepted.Add(1)
	// There is room: the queue has a place for each stream that is admitted.
	t.streams <- s
}

// reset closes at once and leaves nothing behind in the kernel.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}
