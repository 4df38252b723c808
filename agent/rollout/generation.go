package rollout

import "time"

// wanted is the revision that the host should run: that of the file, or the last good one while the file's is rejected.
func (m *machine) wanted() Revision {
	if m.Rejected.Generation != 0 && m.o.Wanted.Fleet == m.Rejected.Revision.Fleet {
		return m.goBackTo(m.Rejected.Revision.Fleet)
	}
	return m.o.Wanted
}

// goBackTo is the revision that was good before the given one, as it would run here now; zero: there is none.
func (m *machine) goBackTo(from string) Revision {
	fleet := m.Good
	if fleet == from {
		fleet = m.GoodBefore
	}
	switch {
	case fleet == "" || fleet == from:
		return Revision{}
	case m.o.LastGood != nil && m.o.LastGood(fleet).Fleet == fleet:
		return m.o.LastGood(fleet)
	case m.Running.Fleet == fleet:
		return m.Running
	}
	return Revision{}
}

// reject forgets a rejection when the file has changed, and follows another host that has gone back from what the file
// says.
func (m *machine) reject() {
	if m.o.Wanted.IsZero() {
		return
	}
	if m.o.Wanted.Fleet != m.Rejected.Revision.Fleet {
		m.Rejected = Target{}
	}
	if m.Rejected.Generation != 0 || !m.spec.AutoRollback || m.w.follow || m.o.Wanted != m.Target.Revision {
		return
	}
	for i := range m.peers {
		s := m.peers[i].State
		if s != nil && (m.peers[i].Counts || m.w.counts) && m.peers[i].Trouble != TroubleKey &&
			s.Rejected.Generation >= m.Target.Generation && s.Rejected.Revision.Fleet == m.o.Wanted.Fleet {
			m.rollBack(s.Rejected)
			return
		}
	}
}

// rollBack leaves the target for the last good revision, where there is one and the DaemonSet asks for it.
func (m *machine) rollBack(from Target) {
	if !m.spec.AutoRollback || m.Rejected.Generation != 0 {
		return
	}
	to := m.goBackTo(from.Revision.Fleet)
	if to.IsZero() {
		return
	}
	m.Rejected = Target{Generation: from.Generation, Revision: m.Target.Revision}
	m.event(EventRolledBack)
	m.retarget()
}

// retarget gives a changed revision its generation: one that another member gives to it, if that is above this host's,
// or one above all that are known. On one host the generation always rises, also when it goes back to a revision that
// it had, and when only labels of the node have changed what runs: whoever saw it done before must not take it for done
// with this.
func (m *machine) retarget() {
	to := m.wanted()
	if to.IsZero() || to == m.Target.Revision {
		return
	}
	if m.w.localNewer && to.Fleet == m.Target.Revision.Fleet {
		m.Target.Revision = to
		return
	}
	highest, same := m.generations(to.Fleet)
	generation := same
	switch {
	case m.w.newer:
		generation = max(m.Target.Generation, 1)
	case m.w.rollbackNew && same != 0:
	case m.w.adopt || same <= m.Target.Generation:
		generation = highest + 1
	}
	if generation > MaxGeneration {
		m.exhausted()
		return
	}
	m.Target = Target{Generation: generation, Revision: to}
	m.Tried, m.Why = time.Time{}, ""
	m.event(EventTarget)
	if m.Phase.Taken() {
		// What runs is not what is wanted any more: the clock starts anew, and the pod was down before this revision came.
		m.Phase, m.Began, m.Stood, m.Sick = PhaseUpdating, m.o.Now, time.Time{}, true
	}
	m.arrive()
}

// exhausted keeps the old target: the host goes on with what it runs.
func (m *machine) exhausted() { m.d.Blockers.hold = HoldExhausted }

// generations gives the highest generation that is known, and the highest that another member gives to a revision; 0:
// none.
func (m *machine) generations(fleet string) (highest, same uint64) {
	highest = max(m.Target.Generation, m.Ticket.Generation)
	for i := range m.peers {
		s := m.peers[i].State
		if s == nil || m.peers[i].Trouble == TroubleKey {
			continue
		}
		if !m.w.aboveAll {
			highest = max(highest, s.Target.Generation, s.Ticket.Generation)
		}
		if s.Target.Revision.Fleet == fleet {
			same = max(same, s.Target.Generation)
		}
	}
	return highest, same
}

// moveTicket raises the ticket where something asks for it. It stays as it is while the rollout has the pod down: what
// others have seen of it must say when that began.
func (m *machine) moveTicket() {
	if m.Phase.Taken() && !m.w.fixed {
		return
	}
	m.adopt()
	m.approach()
	if !m.w.raise {
		m.raise(Ticket{Generation: m.Target.Generation, Class: m.class(), Hash: TicketHash(m.Key, m.o.ID)})
	}
	m.behindCanaries()
	m.yield()
}

// behindCanaries lets canaries go first that were declared after they had their ticket, which is never lowered: whoever
// waits for the same target goes behind those that wait for it, too.
func (m *machine) behindCanaries() {
	if m.Phase != PhaseWaiting && m.Phase != PhaseHeld || m.spec.Canary == nil || m.Canary || m.w.declared {
		return
	}
	for i := range m.peers {
		p := &m.peers[i]
		if !p.Counts || p.Trouble != TroubleNone || !p.State.isAhead(m) || p.State.Ticket.Class >= maxClass {
			continue
		}
		m.goBehind(p.State.Ticket)
	}
}

// isAhead says whether the member is a canary that waits for what this host waits for, or will when the pause of both
// is over, and has the higher ticket. One that is held for a reason of its own has let others pass, and is not gone
// behind.
func (s *State) isAhead(m *machine) bool {
	if s == nil || !s.Canary {
		return false
	}
	waits := s.waits() || s.Phase == PhaseHeld && s.Hold == HoldPaused && m.spec.Paused
	return waits && s.Target.Generation == m.Target.Generation && s.Ticket.Above(m.Ticket)
}

func (m *machine) class() uint32 {
	if m.Canary {
		return classCanary
	}
	return classMember
}

func (m *machine) raise(to Ticket) {
	if to.Above(m.Ticket) || m.w.onlyRaised {
		m.Ticket = to
	}
}

// adopt takes over a higher generation that another member gives to the same files: nothing is restarted, and this host
// does not stand in that member's way.
func (m *machine) adopt() {
	if m.w.adopt || m.Target.Revision.IsZero() {
		return
	}
	if _, same := m.generations(m.Target.Revision.Fleet); same > m.Target.Generation {
		m.Target.Generation = same
		m.event(EventAdopted)
	}
}
