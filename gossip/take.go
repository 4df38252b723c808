package gossip

import (
	"context"
	"errors"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// few is up to how many new records of one Bulk are told on. More than that came because this member was behind, and
// those that it would tell are not.
const few = 16

// takePushes looks at what came in packets.
func (n *Node) takePushes(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case data := <-n.inbox.pushes:
			n.inbox.taken(data)
			n.takePush(data)
		}
	}
}

func (n *Node) takePush(data []byte) {
	f, err := wire.Open(data)
	if err != nil {
		n.counts.dropped("malformed")
		return
	}
	n.counts.frames.WithLabelValues(f.Kind.String(), "received").Inc()
	if f.Kind == wire.Pushes {
		frames, err := wire.DecodePushes(f.Payload)
		if err != nil {
			n.counts.dropped("malformed")
		}
		for _, frame := range frames {
			n.takePush(frame)
		}
		return
	}
	if f.Kind == wire.Push {
		if r, news := n.offer(f.Payload, record.ID{}); news {
			n.spread(r)
		}
		return
	}
	holder, head, err := wire.DecodeHint(f.Payload)
	if err != nil {
		n.counts.dropped("malformed")
		return
	}
	n.fetch.hinted(holder, head)
}

// takeSealed looks at what came in streams.
func (n *Node) takeSealed(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case data := <-n.inbox.sealed:
			n.inbox.taken(data)
			n.takeFrame(data)
		}
	}
}

// takeFrame verifies a sealed frame and does what it asks. Whoever sealed it must be one of those that memberlist
// knows, as the answer goes to the address that memberlist has of it.
func (n *Node) takeFrame(data []byte) {
	f, err := wire.Open(data)
	if err != nil {
		n.counts.dropped(reasonOf(err))
		return
	}
	if f.From == n.cfg.Identity.ID || !f.To.IsZero() && f.To != n.cfg.Identity.ID {
		n.counts.dropped("not-for-me")
		return
	}
	if p, ok := n.swim.get(f.From); !ok || !p.addr.IsValid() {
		n.counts.dropped("no-address")
		return
	}
	if fresh, older := n.swim.untaken(f.From, f.Count); !fresh {
		n.replayed(f, older)
		return
	}
	if err := f.Verify(n.cfg.Cluster); err != nil {
		n.counts.dropped("forged")
		return
	}
	if !n.swim.took(f.From, f.Count) {
		n.replayed(f, false)
		return
	}
	if !n.blames.admits(f.From, time.Now()) {
		n.counts.dropped("too-many")
		n.blame(f.From, "more frames come under its seal than a member sends")
		return
	}
	n.counts.frames.WithLabelValues(f.Kind.String(), "received").Inc()
	n.table.Seen(f.From)
	switch f.Kind {
	case wire.Vector:
		err = n.sync.vector(f)
	case wire.Heads:
		err = n.sync.heads(f)
	case wire.Want:
		err = n.sync.want(f)
	case wire.Bulk:
		err = n.takeBulk(f)
	}
	if err != nil {
		n.counts.dropped("malformed")
		n.blame(f.From, err.Error())
	}
}

// remind is how often a member is told of its own records because its frames come under an older count.
const remind = 10 * time.Second

// replayed drops a frame that was taken before, or may have been: nobody but its sender could have sealed it, but
// anybody with the gossip key can send it again. Where it is of an older run, the sender may have lost count with its
// disk: it gets its own records, above which it counts then.
func (n *Node) replayed(f wire.Frame, older bool) {
	n.counts.dropped("replayed")
	if !older || !n.blames.reminds(f.From, time.Now()) {
		return
	}
	var refs []wire.Ref
	for _, section := range n.table.Sections(f.From) {
		refs = append(refs, wire.Ref{ID: f.From, Section: section})
	}
	n.give(f.From, refs)
}

// reasonOf names an error of wire.Open for the metrics.
func reasonOf(err error) string {
	if errors.Is(err, wire.ErrUnknown) {
		return "unknown-kind"
	}
	return "malformed"
}

// takeBulk takes records that were asked for, or that somebody thinks this member lacks.
func (n *Node) takeBulk(f wire.Frame) error {
	encoded, err := wire.DecodeBulk(f.Payload)
	if err != nil {
		return err
	}
	var news []record.Record
	for _, e := range encoded {
		if r, isNews := n.offer(e, f.From); isNews {
			news = append(news, r)
		}
	}
	if len(news) <= few {
		for _, r := range news {
			n.spread(r)
		}
	}
	n.sync.arrived(f.From, len(encoded), len(news))
	return nil
}

// offer gives a record to the table and says whether it was news. From is who sealed the frame, zero when nobody did.
func (n *Node) offer(encoded []byte, from record.ID) (record.Record, bool) {
	r, outcome := n.table.Offer(encoded)
	n.counts.records.WithLabelValues(outcome.String()).Inc()
	switch outcome {
	case records.Newer:
		now := time.Now()
		n.swim.heardOf(r.Owner, now, 0)
		n.fetch.arrived(headOf(r))
		n.revive(r)
		n.changed()
		return r, true
	case records.Own:
		n.log.Warn().Str(logfield.Section, r.Section).Stringer(logfield.Stamp, r.Stamp).
			Msg("others have a newer record of this member than its own disk; writing it anew")
		n.returned(r)
	case records.Forged, records.Malformed, records.Future, records.Full:
		n.blame(from, "it sends records that are "+outcome.String())
	}
	return record.Record{}, false
}

// revive has a member tried again that memberlist thinks dead while it has just written a record: the news that it was
// accused may never have reached it (hashicorp/memberlist#311).
func (n *Node) revive(r record.Record) {
	if p, ok := n.swim.get(r.Owner); ok && p.alive {
		return
	}
	select {
	case n.joinSoon <- r.Owner:
	default:
	}
}
