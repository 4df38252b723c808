package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// portTries is how often New looks for a port that is free for both UDP and TCP.
const portTries = 16

// Transport is memberlist's way to its peers. It is safe for concurrent use.
type Transport struct {
	conf  Config
	addr  netip.AddrPort
	udp   *net.UDPConn
	tcp   *net.TCPListener
	meter Meter
	drops drops

	packets chan *memberlist.Packet
	streams chan net.Conn

	// ctx ends with Shutdown; work counts the readers and dials that it waits for.
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu    sync.Mutex
	open  map[*stream]struct{}
	gate  gate
	ended bool
}

var _ memberlist.NodeAwareTransport = (*Transport)(nil)

// New opens both sockets and starts to read. The error names the address.
func New(c Config) (*Transport, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("gossip transport: %w", err)
	}
	c.Bind = unmap(c.Bind)
	t := &Transport{
		conf:    c,
		packets: make(chan *memberlist.Packet, c.PacketQueue),
		streams: make(chan net.Conn, c.MaxStreams),
		open:    map[*stream]struct{}{},
		gate:    newGate(c),
	}
	if err := t.listen(); err != nil {
		return nil, err
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.work.Go(t.readPackets)
	t.work.Go(t.acceptStreams)
	return t, nil
}

// listen opens both sockets. With port 0 the free port of one may be in use for the other, so it looks for another.
func (t *Transport) listen() error {
	for try := 1; ; try++ {
		err := t.listenOnce()
		if err == nil || t.conf.Bind.Port() != 0 || try == portTries || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
}

func (t *Transport) listenOnce() error {
	tcp, err := net.ListenTCP(network("tcp", t.conf.Bind), net.TCPAddrFromAddrPort(t.conf.Bind))
	if err != nil {
		return fmt.Errorf("listen for gossip streams on TCP %s: %w", t.conf.Bind, err)
	}
	addr := netip.AddrPortFrom(t.conf.Bind.Addr(), unmapAddr(tcp.Addr()).Port())
	udp, err := listenUDP(addr, t.conf.ReadBuffer)
	if err != nil {
		return errors.Join(err, tcp.Close())
	}
	t.addr, t.tcp, t.udp = addr, tcp, udp
	return nil
}

// network is "udp" or "tcp" for the address: :: takes IPv4 as well.
func network(kind string, a netip.AddrPort) string {
	if a.Addr().Is4() {
		return kind + "4"
	}
	return kind
}

// Addr is the address that both sockets are bound to, with the port that was found.
func (t *Transport) Addr() netip.AddrPort { return t.addr }

// PacketCh gives packets as they arrive. It is never closed.
func (t *Transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh gives streams that were accepted. It is never closed.
func (t *Transport) StreamCh() <-chan net.Conn { return t.streams }

// Shutdown closes the sockets and all streams and waits until nothing of the transport runs any more. It may be called
// more than once.
func (t *Transport) Shutdown() error {
	t.cancel()
	t.mu.Lock()
	first := !t.ended
	t.ended = true
	open := t.open
	t.open = map[*stream]struct{}{}
	t.mu.Unlock()
	var err error
	if first {
		err = errors.Join(t.udp.Close(), t.tcp.Close())
	}
	for s := range open {
		err = errors.Join(err, s.Close())
	}
	t.work.Wait()
	return err
}

// pause waits before something is tried again, and tells whether to try: not after Shutdown.
func (t *Transport) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// begin starts a piece of work that Shutdown waits for, unless it is over already.
func (t *Transport) begin() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return net.ErrClosed
	}
	t.work.Add(1)
	return nil
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// unmapAddr is the address of a TCP or UDP socket.
func unmapAddr(a net.Addr) netip.AddrPort {
	if a, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		return unmap(a.AddrPort())
	}
	return netip.AddrPort{}
}

// parseAddr reads memberlist's addresses. Names are resolved by those who join, never here.
func parseAddr(s string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return a, fmt.Errorf("address %q: %w: wanted an IP address and a port", s, err)
	}
	return unmap(a), nil
}
