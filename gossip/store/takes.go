package store

// Takes says whether Offer would look at a record with this head: that it is not forgotten, nor from the future. It is asked
// before a record is asked for that somebody has.
func (t *Table) Takes(h Head) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.forgotten(h.ID, h.Stamp)
}
