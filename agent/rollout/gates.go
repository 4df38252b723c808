package rollout

// held is why the host does not want a turn now, whoever stands in the way.
func (m *machine) held() Hold {
	switch {
	case !m.o.Answers:
		return HoldKubelet
	case m.d.Blockers.hold != HoldNone:
		return m.d.Blockers.hold
	case m.idle() && !m.w.idle:
		return HoldFile
	case m.spec.OnDelete:
		return m.onDelete()
	case m.spec.Paused:
		return HoldPaused
	case m.young() && !m.w.holdNew:
		return HoldNew
	case !m.o.Settled:
		return HoldUnsettled
	case m.stays() && !m.w.partition:
		return HoldPartition
	case m.halted() && !m.w.maxFailed:
		return HoldFailed
	}
	return HoldNone
}

// idle says that nothing could be done with a turn: it is not known what the file asks for, and the host does not go
// back from that either.
func (m *machine) idle() bool {
	return m.o.Wanted.IsZero() && (m.Rejected.Generation == 0 || m.Target.Revision.Fleet == m.Rejected.Revision.Fleet)
}

// onDelete: what the operator asks for on one host is the operator's act, and waits for nobody.
func (m *machine) onDelete() Hold {
	if m.o.Requested {
		return HoldNone
	}
	return HoldOnDelete
}

// stays says whether the host is among the last of the order, of which Stay remain on what they run. The order is that
// of tickets without what moves: canaries first, then by hash.
func (m *machine) stays() bool {
	if m.spec.Stay(1) == 0 {
		return false
	}
	members, after := 1, 0
	own := rank(m.Canary, TicketHash(m.Key, m.o.ID))
	for i := range m.peers {
		if p := &m.peers[i]; p.inOrder(m.w) {
			members++
			if rank(p.State.Canary, p.State.Ticket.Hash).Above(own) {
				after++
			}
		}
	}
	return after < m.spec.Stay(members)
}

func rank(canary bool, hash uint64) Ticket {
	if canary {
		return Ticket{Class: classCanary, Hash: hash}
	}
	return Ticket{Class: classMember, Hash: hash}
}

// halted says whether too many hosts have failed with the revision that this one would start. All that say so are
// believed, and those that count make up a percentage.
func (m *machine) halted() bool {
	members, failed := 1, 0
	for i := range m.peers {
		p := &m.peers[i]
		if !p.placed() {
			continue
		}
		members += one(p.grants(m.w))
		if failedWith(p.State, &m.Target) {
			failed++
		}
	}
	return failed > 0 && failed >= m.spec.Halt(members)
}

// failedWith says whether a member failed with the target's revision, or went back from it.
func failedWith(s *State, t *Target) bool {
	return s.Phase == PhaseFailed && s.Target.Revision.Fleet == t.Revision.Fleet ||
		s.Rejected.Generation >= t.Generation && s.Rejected.Revision.Fleet == t.Revision.Fleet
}

// canary is a canary for which this host waits; nil: there is none. One that is down does not hold up the fleet beyond
// its part of the budget, nor does one whose file is late and which has let the others pass, nor one that does not
// count.
func (m *machine) canary() *Blocker {
	if m.spec.Canary == nil || m.Canary || m.w.canaries {
		return nil
	}
	for i := range m.peers {
		p := &m.peers[i]
		if p.Counts && p.Trouble == TroubleNone && p.placed() && p.State.Canary && !p.State.Ticket.Above(m.Ticket) &&
			!p.State.Done(m.Ticket.Generation) {
			b := blocker(p, ReasonCanary, m.Ticket.Generation)
			return &b
		}
	}
	return nil
}
