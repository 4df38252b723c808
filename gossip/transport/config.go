package transport

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/rs/zerolog"
)

// What is used where Config does not say.
const (
	DefaultMaxPacket      = 2048
	DefaultPacketQueue    = 1024
	DefaultReadBuffer     = 1 << 20
	DefaultMaxStreams     = 32
	DefaultPeerStreams    = 8
	DefaultPeerRate       = 20
	DefaultStreamTimeout  = 10 * time.Second
	DefaultMaxStreamBytes = 4 << 20
	DefaultMaxOpenBytes   = 24 << 20
)

// maxUDP is the largest payload of a UDP packet over IPv4, in bytes.
const maxUDP = 65507

// Config is what a Transport is made from. Everything but Bind may be left 0 for its default.
type Config struct {
	// Bind is the address of both sockets. Port 0 takes a free one (for tests). An unspecified address (0.0.0.0 or ::) is
	// all addresses of the host.
	Bind netip.AddrPort
	// MaxPacket is the most bytes of a packet (default 2048). memberlist's packets have at most UDPBufferSize (1400), and
	// a label and encryption around it.
	MaxPacket int
	// PacketQueue is how many packets wait for memberlist to take them (default 1024).
	PacketQueue int
	// ReadBuffer is the kernel's receive buffer of the UDP socket in bytes (default 1 MiB). The kernel gives no more than
	// net.core.rmem_max; Stats shows what it gave.
	ReadBuffer int
	// MaxStreams is how many accepted streams are open at a time (default 32), PeerStreams how many of one address
	// (default 8; 2 of one that is no member's), PeerRate how many of one address are accepted in a second (default 20,
	// twice as many at once after a pause).
	MaxStreams, PeerStreams, PeerRate int
	// StreamTimeout is how long a stream lives, dialed or accepted (default 10 s, memberlist's TCPTimeout).
	StreamTimeout time.Duration
	// MaxStreamBytes is how much is read from an accepted stream (default 4 MiB). A push/pull has about 150 bytes for each
	// member.
	MaxStreamBytes int64
	// MaxOpenBytes is how much is read from all accepted streams that are open together (default 24 MiB): it bounds what
	// peers can make memberlist hold. One address has half of it at most, and all that are no members' a quarter together.
	MaxOpenBytes int64
	// Logger receives when streams cannot be accepted any more, and when they can again.
	Logger zerolog.Logger
}

func (c Config) withDefaults() Config {
	c.MaxPacket = cmp.Or(c.MaxPacket, DefaultMaxPacket)
	c.PacketQueue = cmp.Or(c.PacketQueue, DefaultPacketQueue)
	c.ReadBuffer = cmp.Or(c.ReadBuffer, DefaultReadBuffer)
	c.MaxStreams = cmp.Or(c.MaxStreams, DefaultMaxStreams)
	c.PeerStreams = cmp.Or(c.PeerStreams, min(DefaultPeerStreams, c.MaxStreams))
	c.PeerRate = cmp.Or(c.PeerRate, DefaultPeerRate)
	c.StreamTimeout = cmp.Or(c.StreamTimeout, DefaultStreamTimeout)
	c.MaxStreamBytes = cmp.Or(c.MaxStreamBytes, DefaultMaxStreamBytes)
	c.MaxOpenBytes = cmp.Or(c.MaxOpenBytes, max(DefaultMaxOpenBytes, 2*c.MaxStreamBytes))
	return c
}

// validate names every setting that cannot be.
func (c Config) validate() error {
	var errs []error
	if !c.Bind.IsValid() {
		errs = append(errs, errors.New("bind address is missing: wanted an IP address and a port"))
	}
	if c.MaxPacket > maxUDP {
		errs = append(errs, fmt.Errorf("packet size %d: at most %d go over UDP", c.MaxPacket, maxUDP))
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"packet size", int64(c.MaxPacket)},
		{"packet queue", int64(c.PacketQueue)},
		{"read buffer", int64(c.ReadBuffer)},
		{"number of streams", int64(c.MaxStreams)},
		{"number of streams of one peer", int64(c.PeerStreams)},
		{"rate of streams of one peer", int64(c.PeerRate)},
		{"stream timeout", int64(c.StreamTimeout)},
		{"bytes of a stream", c.MaxStreamBytes},
		{"bytes of all open streams", c.MaxOpenBytes},
	} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("%s %d is negative: leave it 0 for the default", n.name, n.value))
		}
	}
	return errors.Join(errs...)
}
