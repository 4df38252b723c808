package memnet

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// dialLimit is how long a dial without a timeout tries (Linux: tcp_syn_retries).
const dialLimit = 127 * time.Second

// errBacklog is a listener that does not accept; its kernel drops the first packet of a stream.
var errBacklog = errors.New("backlog is full")

// DialTimeout opens a stream to an address as netip.ParseAddrPort reads it.
func (t *Transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout opens a stream. It takes a round trip; across a cut, and where the other end does not accept, it
// fails with a timeout; where nobody listens, it is refused.
func (t *Transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	to, err := parseAddr(a.Addr)
	if err != nil {
		return nil, err
	}
	if timeout <= 0 {
		timeout = dialLimit
	}
	c, err := t.dial(to, time.Now().Add(timeout))
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Source: t.udp, Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	return c, nil
}

func (t *Transport) dial(to netip.AddrPort, until time.Time) (*Conn, error) {
	for again := dialResend; ; again *= 2 {
		f := t.n.faults.Load()
		there, back := t.throw(f), t.throw(f)
		if !there.lost && !back.lost && !f.cutsStream(t.addr, to) {
			if err := t.pause(there.delay+back.delay, until); err != nil {
				return nil, err
			}
			if c, err := t.n.connect(t, to); !errors.Is(err, errBacklog) {
				return c, err
			}
		}
		if err := t.pause(again, until); err != nil {
			return nil, err
		}
	}
}

// pause waits, at most until the time when it fails.
func (t *Transport) pause(d time.Duration, until time.Time) error {
	left := time.Until(until)
	timer := time.NewTimer(min(d, left))
	defer timer.Stop()
	select {
	case <-t.done:
		return net.ErrClosed
	case <-timer.C:
	}
	if d >= left {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// connect opens a stream now.
func (n *Network) connect(from *Transport, addr netip.AddrPort) (*Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	to := n.nodes[addr]
	switch {
	case from.stopped:
		return nil, net.ErrClosed
	case to == nil:
		return nil, syscall.ECONNREFUSED
	}
	dialed, accepted := newStream(from, to)
	select {
	case to.streams <- accepted:
	default:
		return nil, errBacklog
	}
	n.ends += 2
	dialed.number, accepted.number = n.ends-1, n.ends
	from.conns[dialed] = struct{}{}
	to.conns[accepted] = struct{}{}
	from.meter.StreamsDialed.Add(1)
	to.meter.StreamsAccepted.Add(1)
	return dialed, nil
}
