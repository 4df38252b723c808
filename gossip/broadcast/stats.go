package broadcast

// Stats counts what happened to messages since the queue was made. Accepted is always the sum of Queued, Replaced,
// Evicted, Removed and Finished: no message leaves in any other way.
type Stats struct {
	// Queued is how many wait to be sent or to be sent again.
	Queued int
	// Sent counts messages given to memberlist, each one as often as it was given.
	Sent uint64
	// Accepted counts what Push took.
	Accepted uint64
	// Replaced counts what gave way to a newer record of the same section and owner.
	Replaced uint64
	// Evicted counts what was dropped before its last sending because every slot was taken.
	Evicted uint64
	// Removed counts what Remove took out.
	Removed uint64
	// Finished counts what was sent as often as it should be.
	Finished uint64
	// Stale counts what Push refused because the slot held the same record or a newer one.
	Stale uint64
	// Oversize counts what Push refused because no packet could hold it.
	Oversize uint64
	// Full counts what Push refused because every slot held a message that nobody had been sent yet.
	Full uint64
}

// Stats gives the counters as they are now.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Queued = len(q.slots)
	return s
}
