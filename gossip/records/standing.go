package records

import "github.com/daemonsetd/daemonsetd/gossip/record"

// Standing is that of a member of which there is no record: Excluded where it was forgotten, or where a roster does not list it,
// else Held, as it has not told who it is.
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
