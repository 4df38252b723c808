package records

// Stats is how much a table holds and what became of what was offered to it.
type Stats struct {
	// Members is how many members have records, this host too; Records and Bytes are their records and their encoded size.
	Members, Records, Bytes int
	// Tombstones is how many members are forgotten.
	Tombstones int
	// Outcomes counts the calls of Offer since Open, by outcome.
	Outcomes map[Outcome]uint64
	// LogBytes is the size of members.log.
	LogBytes int64
	// LogFailures counts the writes of members.log that failed since Open.
	LogFailures uint64
	// SetAside is the file in which members.log was kept as it was found, since it was damaged or of another cluster or
	// version; empty where it was well.
	SetAside string
}

// Stats gives the figures of this moment.
func (t *Table) Stats() Stats {
	s := Stats{Outcomes: make(map[Outcome]uint64, outcomeCount)}
	for o := range outcomeCount {
		s.Outcomes[o] = t.counts[o].Load()
	}
	s.LogBytes, s.LogFailures = t.disk.bytes.Load(), t.disk.failures.Load()
	if aside := t.disk.aside.Load(); aside != nil {
		s.SetAside = *aside
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s.Members, s.Records, s.Bytes, s.Tombstones = len(t.order), t.records, t.bytes, len(t.tombstones)
	return s
}
