package gossip

import (
	"context"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// blindAfter is how long no probe has been answered when digests are compared in another way.
const blindAfter = 5 * time.Second

// steady keeps those in touch that are known to answer, whoever else there may be. memberlist chooses to whom it sends
// and whom it probes among all that it was told of, and its own messages go first in every packet: whoever has the key
// and invents a few hundred members would otherwise keep the real ones of a small fleet from hearing each other for an
// hour, and a thousand real ones that come at once would for a minute. So one packet of each round goes to a member
// that has answered, with nothing in it but what is pushed.
func (n *Node) steady(ctx context.Context) {
	for {
		wait, wake := blindAfter, n.pushed
		if n.queue.Len() > 0 {
			wait, wake = n.timing.Gossip, nil
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-time.After(wait):
		}
		if id, p, ok := n.swim.answering(); ok {
			n.pushTo(id, p)
			n.lookAround(id, time.Now())
		}
	}
}

// pushTo sends one packet of what is to be pushed.
func (n *Node) pushTo(id record.ID, p peer) {
	frames := n.queue.Take(wire.PushesOverhead, n.room()-1)
	if len(frames) == 0 {
		return
	}
	to := &memberlist.Node{Name: id.String(), Addr: p.addr.Addr().AsSlice(), Port: p.addr.Port()}
	if err := n.list.Load().SendBestEffort(to, wire.PushesFrame(frames)); err != nil {
		n.log.Debug().Err(err).Stringer(logfield.Member, id).Msg("a packet could not be sent")
		return
	}
	n.counts.frames.WithLabelValues(wire.Pushes.String(), "sent").Inc()
}

// lookAround compares with a member when no probe has brought a digest for a while.
func (n *Node) lookAround(id record.ID, now time.Time) {
	if now.Sub(n.swim.lastAnswer()) < blindAfter || now.Sub(n.started) < blindAfter {
		return
	}
	n.sync.suspect(id)
}
