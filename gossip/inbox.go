package gossip

import (
	"sync/atomic"

	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

// inbox holds the frames that came and were not looked at yet. A burst that is larger than it is dropped and counted:
// comparing digests finds what was in it.
type inbox struct {
	// pushes came in packets, sealed in streams; each has a worker of its own, so that neither waits for the other.
	pushes, sealed chan []byte
	bytes          atomic.Int64
	counts         *counts
}

func newInbox(c *counts) *inbox {
	return &inbox{pushes: make(chan []byte, maxInbox), sealed: make(chan []byte, maxInbox/8), counts: c}
}

// put takes a frame, which must be the inbox's own, or drops it.
func (in *inbox) put(data []byte) {
	if len(data) == 0 || len(data) > wire.MaxFrame {
		in.counts.dropped("size")
		return
	}
	if in.bytes.Add(int64(len(data))) > maxInboxBytes {
		in.bytes.Add(-int64(len(data)))
		in.counts.dropped("inbox-full")
		return
	}
	to := in.sealed
	if kind := wire.Kind(data[0]); kind == wire.Push || kind == wire.Hint || kind == wire.Pushes {
		to = in.pushes
	}
	select {
	case to <- data:
	default:
		in.bytes.Add(-int64(len(data)))
		in.counts.dropped("inbox-full")
	}
}

// taken must be called for every frame that was received from one of the channels.
func (in *inbox) taken(data []byte) { in.bytes.Add(-int64(len(data))) }
