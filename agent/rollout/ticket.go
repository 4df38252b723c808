package rollout

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
)

// Ticket is a host's place in the order in which pods are replaced; lower ones go first. A host's ticket is only ever
// raised, and never while the rollout has its pod down: that is what makes old news of it safe to act upon.
type Ticket struct {
	// Generation is at least that of the host's target.
	Generation uint64 `json:"generation"`
	// Class is 0 for canaries, 1 for all others, and higher after a yield.
	Class uint32 `json:"class"`
	// Hash is TicketHash of the DaemonSet and the host.
	Hash uint64 `json:"hash"`
}

const (
	classCanary = 0
	classMember = 1
	// maxClass and MaxGeneration bound what is accepted from others, so that nothing overflows.
	maxClass = 1 << 30
	// MaxGeneration is the highest generation that is understood, of the last epoch.
	MaxGeneration = 1<<63 - 1
)

// Compare orders tickets by generation, class and hash: -1, 0 or 1, as cmp.Compare.
func (t Ticket) Compare(o Ticket) int {
	return cmp.Or(cmp.Compare(t.Generation, o.Generation), cmp.Compare(t.Class, o.Class), cmp.Compare(t.Hash, o.Hash))
}

// Above says whether t is higher than o: t lets o go first.
func (t Ticket) Above(o Ticket) bool { return t.Compare(o) > 0 }

// TicketHash is the last part of a ticket: the same on every host for the same DaemonSet (namespace/name) and the id of
// the host that holds the ticket, and in no order that anybody could choose.
func TicketHash(key, id string) uint64 {
	h := sha256.New()
	// A key has no NUL in it, so that no two pairs run together.
	h.Write([]byte(key))
	h.Write([]byte{0})
	h.Write([]byte(id))
	return binary.BigEndian.Uint64(h.Sum(nil))
}
