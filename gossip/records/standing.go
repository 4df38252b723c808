package records

import (
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// Throttled says whether a new identity was refused within the last d, since more came than are admitted in the time:
// there are members that this host does not know of, though it has met somebody who does.
func (t *Table) Throttled(d time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.refused.IsZero() && time.Since(t.refused) < d
}

// Standing is that of a member of which there is no record: Excluded where it was forgotten, or where a roster does not
// list it, else Held, as it has not told who it is.
func (t *Table) Standing(id record.ID) Standing {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, buried := t.tombstones[id]
	_, listed := t.roster.forgotten[id]
	_, keyed := t.roster.names[id]
	if buried || listed || len(t.roster.listed) > 0 && !keyed {
		return Excluded
	}
	return Held
}

// Expects says whether a member is known otherwise than by hearsay: there is a record of it, or its key is listed, or a
// name is pinned to it.
func (t *Table) Expects(id record.ID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.member(id) != nil || t.expected(id)
}

// Enrolled says whether there is a roster that lists members.
func (t *Table) Enrolled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.roster.listed) > 0
}
