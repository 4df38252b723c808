package records

import (
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// known is what this host remembers of an identity beside its records, also across restarts: what it can be told by
// from one that somebody has just made up.
type known struct {
	// since is when the first record of it was kept here, in seconds of this host's clock.
	since int64
	flags knownFlags
}

// knownFlags are written to the disk: add some, never use one for something else.
type knownFlags uint8

const (
	// knownByHand: Trust was called for it.
	knownByHand knownFlags = 1 << iota
	// knownSeen: this host itself has had an answer from it.
	knownSeen
)

func (k known) has(f knownFlags) bool { return k.flags&f != 0 }

// at is when it was first kept; zero where nothing is known of it.
func (k known) at() time.Time {
	if k.since == 0 {
		return time.Time{}
	}
	return time.Unix(k.since, 0)
}

// remember notes an identity of which a record is kept for the first time.
func (t *Table) remember(id record.ID, at time.Time) {
	if _, ok := t.known[id]; !ok {
		t.setKnown(id, known{since: max(at.Unix(), 1)})
	}
}

// setKnown changes what is remembered of an identity.
func (t *Table) setKnown(id record.ID, k known) {
	t.known[id] = k
	t.dirty.addKnown(id)
	t.changed()
}

// Seen notes that this host itself has had an answer from a member: it lives, or lived, and was not made up. Of a
// member of which nothing is kept nothing is noted.
func (t *Table) Seen(id record.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k, ok := t.known[id]; ok && !k.has(knownSeen) {
		k.flags |= knownSeen
		t.setKnown(id, k)
		t.disk.wake()
	}
}

// lose drops what is remembered of an identity of which nothing is left.
func (t *Table) lose(id record.ID) {
	if _, pinned := t.pins.byID[id]; !pinned && t.member(id) == nil {
		delete(t.known, id)
	}
}
