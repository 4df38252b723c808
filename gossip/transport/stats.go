package transport

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Stats counts what was carried and what was not, since New.
type Stats struct {
	Traffic
	// PacketsQueueFull waited behind Config.PacketQueue others, PacketsTooLong had more than Config.MaxPacket bytes,
	// PacketsEmpty none, PacketsUnsent were refused by the kernel. PacketsOverflow did not fit into the kernel's receive
	// buffer; it is known only once a later packet has arrived.
	PacketsQueueFull, PacketsTooLong, PacketsEmpty, PacketsUnsent, PacketsOverflow uint64
	// StreamsTooMany came while Config.MaxStreams were open, StreamsTooManyOfPeer while Config.PeerStreams of their
	// address were, StreamsTooFast faster than Config.PeerRate. StreamsTooLong gave more than Config.MaxStreamBytes,
	// StreamsTooMuch met the limit of Config.MaxOpenBytes.
	StreamsTooMany, StreamsTooManyOfPeer, StreamsTooFast, StreamsTooLong, StreamsTooMuch uint64
	// StreamWriteErrors are writes that failed, by their deadline or because the peer was gone; DialErrors are streams
	// that could not be opened; AcceptErrors and ReadErrors are failures of the sockets themselves.
	StreamWriteErrors, DialErrors, AcceptErrors, ReadErrors uint64
	// StreamsOpen is how many streams are open now, dialed or accepted; QueuedPackets how many packets wait now.
	StreamsOpen, QueuedPackets int
	// ReadBuffer is the size of the kernel's receive buffer in bytes as the kernel counts, 0 if it does not say.
	ReadBuffer int
}

// drops counts what Stats tells beside the traffic.
type drops struct {
	queueFull, tooLong, empty, unsent, kernel         atomic.Uint64
	refused                                           [refusals]atomic.Uint64
	streamTooLong, streamBytes                        atomic.Uint64
	writeErrors, dialErrors, acceptErrors, readErrors atomic.Uint64
}

// Stats reads every counter once; they are not read at one moment.
func (t *Transport) Stats() Stats {
	t.mu.Lock()
	open := len(t.open)
	t.mu.Unlock()
	d := &t.drops
	return Stats{
		Traffic:          t.meter.Traffic(),
		PacketsQueueFull: d.queueFull.Load(), PacketsTooLong: d.tooLong.Load(), PacketsEmpty: d.empty.Load(),
		PacketsUnsent: d.unsent.Load(), PacketsOverflow: d.kernel.Load(),
		StreamsTooMany:       d.refused[tooMany].Load(),
		StreamsTooManyOfPeer: d.refused[tooManyOfPeer].Load(),
		StreamsTooFast:       d.refused[tooFast].Load(),
		StreamsTooLong:       d.streamTooLong.Load(),
		StreamsTooMuch:       d.streamBytes.Load(),
		StreamWriteErrors:    d.writeErrors.Load(), DialErrors: d.dialErrors.Load(),
		AcceptErrors: d.acceptErrors.Load(), ReadErrors: d.readErrors.Load(),
		StreamsOpen: open, QueuedPackets: len(t.packets),
		ReadBuffer: t.readBuffer(),
	}
}

// Refused lists the addresses of which streams were refused, most first; at most some thousand.
func (t *Transport) Refused() []Refused {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.gate.refused()
}

func (t *Transport) readBuffer() int {
	var size int
	// After Shutdown there is no buffer, and no error worth telling.
	_ = control(t.udp, func(fd int) (err error) {
		size, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		return err
	})
	return size
}
