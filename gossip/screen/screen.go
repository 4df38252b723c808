package screen

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// Config is what a Transport is made from.
type Config struct {
	// Transport carries what passes. The Transport that is made of it shuts it down.
	Transport memberlist.NodeAwareTransport
	// Label is memberlist's, which is in front of every packet and stream; empty: none is.
	Label string
	// Keys are those that open messages, in any order; nil: nothing is encrypted. It must be quick and safe for concurrent
	// use.
	Keys func() [][]byte
	// Limits of messages over streams.
	Limits Limits
	// Dropped is told of everything that does not pass and where it says that it comes from. It must be quick and safe for
	// concurrent use.
	Dropped func(why Reason, from netip.AddrPort)
}

// Transport lets through what memberlist sends and nothing else.
type Transport struct {
	memberlist.NodeAwareTransport
	conf    Config
	ciphers ciphers
	packets chan *memberlist.Packet
	streams chan net.Conn
	done    chan struct{}
	once    sync.Once
	work    sync.WaitGroup
}

var _ memberlist.NodeAwareTransport = (*Transport)(nil)

// New starts to look at what the transport receives, until Shutdown.
func New(c Config) *Transport {
	t := &Transport{
		NodeAwareTransport: c.Transport, conf: c, ciphers: ciphers{keys: c.Keys},
		packets: make(chan *memberlist.Packet), streams: make(chan net.Conn), done: make(chan struct{}),
	}
	t.work.Go(t.screenPackets)
	t.work.Go(t.screenStreams)
	return t
}

// PacketCh gives the packets that passed. It is never closed.
func (t *Transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh gives accepted streams. Whether their message passes shows when it is read. It is never closed.
func (t *Transport) StreamCh() <-chan net.Conn { return t.streams }

// DialTimeout is DialAddressTimeout.
func (t *Transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// StreamTimeout is how long a dialed stream lives unless memberlist says otherwise, which it does not where it only
// sends (SendReliable): somebody who never reads would hold it for ever. transport.Transport has the same limit.
const StreamTimeout = 10 * time.Second

// DialAddressTimeout opens a stream, of which the answer is looked at.
func (t *Transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	conn, err := t.NodeAwareTransport.DialAddressTimeout(a, timeout)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(StreamTimeout)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &stream{Conn: conn, t: t}, nil
}

// Shutdown shuts the transport down.
func (t *Transport) Shutdown() error {
	err := t.NodeAwareTransport.Shutdown()
	t.once.Do(func() { close(t.done) })
	t.work.Wait()
	return err
}

// screenPackets hands on the packets that pass.
func (t *Transport) screenPackets() {
	room := make([]byte, 0, 2048)
	for {
		select {
		case <-t.done:
			return
		case p := <-t.NodeAwareTransport.PacketCh():
			if why := t.packet(p.Buf, room); why != "" {
				t.conf.Dropped(why, addrPort(p.From))
				continue
			}
			select {
			case <-t.done:
				return
			case t.packets <- p:
			}
		}
	}
}

// packet says what is wrong with a packet.
func (t *Transport) packet(b, room []byte) Reason {
	b, ok := t.unlabel(b)
	if !ok {
		return OtherCluster
	}
	if t.conf.Keys == nil {
		return checkPacket(b)
	}
	plain, ok := t.ciphers.open(room, b, []byte(t.conf.Label))
	if !ok {
		return NotOpened
	}
	return checkPacket(plain)
}

// unlabel takes the label off and says whether it was this cluster's.
func (t *Transport) unlabel(b []byte) ([]byte, bool) {
	label := t.conf.Label
	if label == "" {
		return b, len(b) == 0 || b[0] != typeLabel
	}
	n := 2 + len(label)
	if len(b) < n || b[0] != typeLabel || int(b[1]) != len(label) || string(b[2:n]) != label {
		return nil, false
	}
	return b[n:], true
}

// screenStreams hands on what was accepted.
func (t *Transport) screenStreams() {
	for {
		select {
		case <-t.done:
			return
		case conn := <-t.NodeAwareTransport.StreamCh():
			select {
			case <-t.done:
				_ = conn.Close()
				return
			case t.streams <- &stream{Conn: conn, t: t, accepted: true}:
			}
		}
	}
}

// addrPort is the address of a packet or stream; invalid where it has none.
func addrPort(a net.Addr) netip.AddrPort {
	if a, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		p := a.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}
