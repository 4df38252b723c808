package gossip

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// delegate is the Node as memberlist sees it. No method waits or calls memberlist: most are called with its lock held,
// and NotifyMsg from the one goroutine that takes packets, or from one goroutine for each stream.
type delegate Node

var (
	_ memberlist.Delegate         = (*delegate)(nil)
	_ memberlist.EventDelegate    = (*delegate)(nil)
	_ memberlist.ConflictDelegate = (*delegate)(nil)
	_ memberlist.PingDelegate     = (*delegate)(nil)
	_ memberlist.AliveDelegate    = (*delegate)(nil)
)

var (
	errNotAnID = errors.New("its name is no member's id")
	errFull    = errors.New("too many members")
	errSelf    = errors.New("it is this member")
)

// NodeMeta is nothing: it would be in every message about this member.
func (d *delegate) NodeMeta(int) []byte { return nil }

// NotifyMsg takes a frame; memberlist may use the bytes again.
func (d *delegate) NotifyMsg(data []byte) { (*Node)(d).inbox.put(slices.Clone(data)) }

// GetBroadcasts hands out what is to be pushed.
func (d *delegate) GetBroadcasts(overhead, limit int) [][]byte { return d.queue.Take(overhead, limit) }

// LocalState is a Vector for whoever asks: the size does not grow with the fleet.
func (d *delegate) LocalState(bool) []byte {
	return d.sealer.Seal(wire.Vector, record.ID{}, d.count.next(), wire.VectorPayload(d.table.Vector()))
}

// MergeRemoteState gets the other's Vector.
func (d *delegate) MergeRemoteState(data []byte, _ bool) {
	if len(data) > 0 {
		(*Node)(d).inbox.put(slices.Clone(data))
	}
}

// NotifyJoin says that a member answers, for the first time or again.
func (d *delegate) NotifyJoin(node *memberlist.Node) {
	if id, err := record.ParseID(node.Name); err == nil {
		d.swim.joined(id, addrOf(node), time.Now())
		(*Node)(d).changed()
	}
}

// NotifyLeave says that a member does not answer any more, or that it said that it goes.
func (d *delegate) NotifyLeave(node *memberlist.Node) {
	if id, err := record.ParseID(node.Name); err == nil {
		d.swim.gone(id, time.Now())
		(*Node)(d).accuse(id)
		(*Node)(d).changed()
	}
}

// NotifyUpdate says that a member's address or metadata changed.
func (d *delegate) NotifyUpdate(node *memberlist.Node) { d.NotifyJoin(node) }

// NotifyAlive refuses what cannot be a member.
func (d *delegate) NotifyAlive(node *memberlist.Node) error {
	id, err := record.ParseID(node.Name)
	if err != nil {
		d.counts.dropped("not-a-member")
		return errNotAnID
	}
	if id == d.cfg.Identity.ID && d.begun.Load() {
		// Who this host is it knows itself. What others accuse it of it hears as such, and answers; to answer what others say
		// of its life would let them drive its incarnation as high as they like.
		return errSelf
	}
	if !d.swim.admits(id, d.table.Expects, d.table.Enrolled(), time.Now()) {
		d.counts.dropped("too-many-members")
		return errFull
	}
	return nil
}

// NotifyConflict says that a member's ID is used from a second address: a cloned disk, or a host whose address has
// changed and whose old one has not been given up yet.
func (d *delegate) NotifyConflict(existing, other *memberlist.Node) {
	id, err := record.ParseID(existing.Name)
	if err != nil || !d.swim.conflict(id, addrOf(other), time.Now()) {
		return
	}
	d.log.Warn().Stringer(logfield.Member, id).Stringer(logfield.Address, addrOf(existing)).
		Stringer(logfield.Elsewhere, addrOf(other)).
		Msg("one member's key is used from two addresses")
	(*Node)(d).changed()
}

// AckPayload rides on every answer to a probe: the root of the digest and how many records it is over.
func (d *delegate) AckPayload() []byte {
	digest := d.table.Digest()
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(nil, digest.Root), digest.Count)
}

// NotifyPingComplete compares the digests.
func (d *delegate) NotifyPingComplete(other *memberlist.Node, rtt time.Duration, payload []byte) {
	id, err := record.ParseID(other.Name)
	if err != nil {
		return
	}
	d.swim.heardOf(id, time.Now(), rtt)
	d.table.Seen(id)
	if len(payload) >= 8 {
		(*Node)(d).compare(id, binary.BigEndian.Uint64(payload))
	}
}
