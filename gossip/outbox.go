package gossip

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
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

func (o outgoing) size() int { return len(o.payload) + refBytes*len(o.refs) }

// outbox holds the frames that wait to be sent, up to a number of them and of bytes. Each receiver has a lane of its
// own, so that one that does not read keeps nobody else from getting theirs, and loses its own for a while. A Bulk
// waits as a list of names: what others ask for is not copied before it is sent.
type outbox struct {
	send   func(outgoing) error
	counts *counts
	work   sync.WaitGroup

	mu            sync.Mutex
	closed        bool
	lanes         map[record.ID][]outgoing
	frames, bytes int
	// stalled are those that did not take a frame in time, until when nothing is sent to them.
	stalled map[record.ID]time.Time
}

func newOutbox(c *counts, send func(outgoing) error) *outbox {
	return &outbox{send: send, counts: c, lanes: map[record.ID][]outgoing{}, stalled: map[record.ID]time.Time{}}
}

// put queues a frame or drops it, as everything is asked for again.
func (o *outbox) put(out outgoing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if why := o.refuses(out, time.Now()); why != "" {
		o.counts.dropped(why)
		return
	}
	lane, runs := o.lanes[out.to]
	o.lanes[out.to] = append(lane, out)
	o.frames, o.bytes = o.frames+1, o.bytes+out.size()
	if !runs {
		o.work.Go(func() { o.run(out.to) })
	}
}

// refuses says why a frame is not queued; mu is held.
func (o *outbox) refuses(out outgoing, now time.Time) string {
	_, runs := o.lanes[out.to]
	switch until, stalled := o.stalled[out.to]; {
	case o.closed:
		return "closed"
	case stalled && now.Before(until):
		return "stalled"
	case stalled:
		delete(o.stalled, out.to)
	}
	if o.frames >= maxOutbox || o.bytes+out.size() > maxOutboxBytes || !runs && len(o.lanes) >= maxLanes {
		return "outbox-full"
	}
	return ""
}

// run sends what one receiver gets, until there is nothing more. After an error the rest is dropped.
func (o *outbox) run(to record.ID) {
	for {
		out, ok := o.next(to)
		if !ok {
			return
		}
		if err := o.send(out); err != nil {
			o.failed(to, err, time.Now())
		}
	}
}

// next takes the first frame of a lane, or takes the lane away.
func (o *outbox) next(to record.ID) (outgoing, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lane := o.lanes[to]
	if len(lane) == 0 || o.closed {
		o.forget(lane)
		delete(o.lanes, to)
		return outgoing{}, false
	}
	o.lanes[to] = lane[1:]
	o.forget(lane[:1])
	return lane[0], true
}

// forget takes frames out of the sums; mu is held.
func (o *outbox) forget(frames []outgoing) {
	for _, out := range frames {
		o.frames, o.bytes = o.frames-1, o.bytes-out.size()
	}
}

// failed drops what waits for a receiver, and what comes for it in the next while when it was too slow.
func (o *outbox) failed(to record.ID, err error, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.drops.WithLabelValues("send-failed").Add(float64(1 + len(o.lanes[to])))
	o.forget(o.lanes[to])
	o.lanes[to] = nil
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	for id, until := range o.stalled {
		if now.After(until) {
			delete(o.stalled, id)
		}
	}
	if len(o.stalled) < maxBlamed {
		o.stalled[to] = now.Add(quiet)
	}
}

// close drops everything and waits for what is being sent.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.work.Wait()
}

// post queues a frame.
func (n *Node) post(to record.ID, kind wire.Kind, payload []byte) {
	n.outbox.put(outgoing{to: to, kind: kind, payload: payload})
}

var errNoAddress = errors.New("its address is not known")

// send sends one frame over a stream, which the transport gives a deadline.
func (n *Node) send(out outgoing) error {
	p, ok := n.swim.get(out.to)
	if !ok || !p.addr.IsValid() {
		return errNoAddress
	}
	if out.kind == wire.Bulk {
		out.payload = n.bulk(out.refs)
	}
	to := &memberlist.Node{Name: out.to.String(), Addr: p.addr.Addr().AsSlice(), Port: p.addr.Port()}
	if err := n.list.Load().SendReliable(to, n.sealer.Seal(out.kind, out.to, n.count.next(), out.payload)); err != nil {
		n.log.Debug().Err(err).Stringer(logfield.Member, out.to).Msg("a frame could not be sent")
		return err
	}
	n.counts.frames.WithLabelValues(out.kind.String(), "sent").Inc()
	return nil
}

// give has records sent in frames of bounded size. What is not here is left out, and what is more than the receiver may
// have at this time is left to another one to give.
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

// bulk is the payload of the records that are here. One may have grown since it was listed, so some may have to wait
// for the next time.
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
