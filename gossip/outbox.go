package gossip

import (
	"context"
	"sync/atomic"

	"github.com/hashicorp/memberlist"

	"github.com/daemonsetd/daemonsetd/agent/zf"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

// outgoing is one frame on its way, sealed when it is its turn.
type outgoing struct {
	to   record.ID
	kind wire.Kind
	// payload is the frame's; for a Bulk it is made of what refs name.
	payload []byte
	refs    []wire.Ref
}

// refBytes is about what one Ref takes in memory.
const refBytes = 40

func (o outgoing) size() int64 { return int64(len(o.payload) + refBytes*len(o.refs)) }

// outbox holds the frames that wait to be sent, up to a number of them and of bytes. A Bulk waits as a list of names: what
// others ask for is not copied before it is sent.
type outbox struct {
	frames chan outgoing
	bytes  atomic.Int64
	counts *counts
}

func newOutbox(c *counts) *outbox { return &outbox{frames: make(chan outgoing, maxOutbox), counts: c} }

// put queues a frame or drops it, as everything is asked for again.
func (o *outbox) put(out outgoing) {
	if o.bytes.Add(out.size()) > maxOutboxBytes {
		o.bytes.Add(-out.size())
		o.counts.dropped("outbox-full")
		return
	}
	select {
	case o.frames <- out:
	default:
		o.bytes.Add(-out.size())
		o.counts.dropped("outbox-full")
	}
}

// post queues a frame.
func (n *Node) post(to record.ID, kind wire.Kind, payload []byte) {
	n.outbox.put(outgoing{to: to, kind: kind, payload: payload})
}

// sendPosted sends what was posted over streams, which the transport gives deadlines.
func (n *Node) sendPosted(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case out := <-n.outbox.frames:
			n.outbox.bytes.Add(-out.size())
			n.send(out)
		}
	}
}

func (n *Node) send(out outgoing) {
	p, ok := n.swim.get(out.to)
	if !ok || !p.addr.IsValid() {
		n.counts.dropped("no-address")
		return
	}
	if out.kind == wire.Bulk {
		out.payload = n.bulk(out.refs)
	}
	to := &memberlist.Node{Name: out.to.String(), Addr: p.addr.Addr().AsSlice(), Port: p.addr.Port()}
	if err := n.list.Load().SendReliable(to, n.sealer.Seal(out.kind, out.to, out.payload)); err != nil {
		n.counts.dropped("send-failed")
		n.log.Debug().Err(err).Stringer(zf.Member, out.to).Msg("a frame could not be sent")
		return
	}
	n.counts.frames.WithLabelValues(out.kind.String(), "sent").Inc()
}

// give has records sent in frames of bounded size. What is not here is left out, and what is more than the receiver may have
// at this time is left to another one to give.
func (n *Node) give(to record.ID, refs []wire.Ref) {
	begin, size := 0, 0
	for i, ref := range refs {
		encoded, _ := n.table.Encoded(ref.ID, ref.Section)
		if size+len(encoded) > wire.MaxBulk && !n.giveSome(to, refs[begin:i], size) {
			return
		}
		if size+len(encoded) > wire.MaxBulk {
			begin, size = i, 0
		}
		size += len(encoded)
	}
	n.giveSome(to, refs[begin:], size)
}

// giveSome queues one frame and says whether there may be more.
func (n *Node) giveSome(to record.ID, refs []wire.Ref, size int) bool {
	if size == 0 {
		return true
	}
	if !n.allows(to, size) {
		return false
	}
	n.outbox.put(outgoing{to: to, kind: wire.Bulk, refs: refs})
	return true
}

// bulk is the payload of the records that are here. One may have grown since it was listed, so some may have to wait for the
// next time.
func (n *Node) bulk(refs []wire.Ref) []byte {
	var chunk [][]byte
	size := 0
	for _, ref := range refs {
		encoded, ok := n.table.Encoded(ref.ID, ref.Section)
		if ok && size+len(encoded) <= wire.MaxBulk {
			chunk, size = append(chunk, encoded), size+len(encoded)
		}
	}
	return wire.BulkPayload(chunk)
}
