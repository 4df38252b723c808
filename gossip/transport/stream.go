package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ErrStreamTooLong is a peer that sent more than Config.MaxStreamBytes over one stream.
var ErrStreamTooLong = errors.New("stream is too long")

// ErrStreamsTooLong are peers that sent more than Config.MaxOpenBytes over all streams that are open, or one of them
// more than its share.
var ErrStreamsTooLong = errors.New("open streams have too much in them")

// stream is a TCP connection that cannot outlive its limit, in time and bytes.
type stream struct {
	// Conn is the TCP connection; as an interface, so that none of its methods goes around the limits.
	net.Conn

	t *Transport
	// limit is when the stream's time is over.
	limit time.Time
	// inbound was accepted, from peer, and may still give left bytes.
	inbound bool
	peer    netip.Addr
	left    atomic.Int64
	// held is what the gate counts for it; the Transport's mutex guards it.
	held held

	once sync.Once
	err  error
}

var _ net.Conn = (*stream)(nil)

// Read reads what the limit allows.
func (s *stream) Read(p []byte) (int, error) {
	if !s.inbound {
		n, err := s.Conn.Read(p)
		s.t.meter.StreamReceived(n)
		return n, err
	}
	left := s.left.Load()
	if left <= 0 && len(p) > 0 {
		s.t.drops.streamTooLong.Add(1)
		return 0, fmt.Errorf("read from %s: %w: at most %d bytes", s.peer, ErrStreamTooLong, s.t.conf.MaxStreamBytes)
	}
	want := min(int64(len(p)), max(left, 0))
	may := s.t.mayRead(s, want)
	if may == 0 && want > 0 {
		s.t.drops.streamBytes.Add(1)
		return 0, fmt.Errorf("read from %s: %w", s.peer, ErrStreamsTooLong)
	}
	n, err := s.Conn.Read(p[:may])
	s.t.mayRead(s, int64(n)-may)
	s.left.Add(int64(-n))
	s.t.meter.StreamReceived(n)
	return n, err
}

// Write closes the stream when it fails: nobody knows how much of p the peer has, so there is nothing more to say.
func (s *stream) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	s.t.meter.StreamSent(n)
	if err != nil {
		s.t.drops.writeErrors.Add(1)
		_ = s.Close()
	}
	return n, err
}

// Close may be called more than once.
func (s *stream) Close() error {
	s.once.Do(func() {
		s.err = s.Conn.Close()
		s.t.forget(s)
	})
	return s.err
}

// SetDeadline sets both deadlines, which are never later than the stream's limit; the zero time is the limit.
func (s *stream) SetDeadline(at time.Time) error { return s.Conn.SetDeadline(s.clamp(at)) }

// SetReadDeadline is SetDeadline for Read.
func (s *stream) SetReadDeadline(at time.Time) error { return s.Conn.SetReadDeadline(s.clamp(at)) }

// SetWriteDeadline is SetDeadline for Write.
func (s *stream) SetWriteDeadline(at time.Time) error { return s.Conn.SetWriteDeadline(s.clamp(at)) }

func (s *stream) clamp(at time.Time) time.Time {
	if at.IsZero() || at.After(s.limit) {
		return s.limit
	}
	return at
}
