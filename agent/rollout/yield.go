package rollout

import "time"

// goBehind raises the ticket just above another one.
func (m *machine) goBehind(t Ticket) {
	m.raise(Ticket{Generation: t.Generation, Class: t.Class + 1, Hash: TicketHash(m.Key, m.o.ID)})
}

// yield lets those that wait pass, when this host has had a lower ticket than one of them for YieldAfter and would not
// use its turn: it has nothing to start, or is held, or has an older target than the one that waits. So a host whose
// file is late, broken or odd delays itself and not the fleet.
func (m *machine) yield() {
	above, waits := m.waiting()
	if m.w.yield || !waits || m.Phase.Disrupted() {
		m.PassedBy = time.Time{}
		return
	}
	if m.PassedBy.IsZero() || m.PassedBy.After(m.o.Now) {
		m.PassedBy = m.o.Now
	}
	if end := m.PassedBy.Add(YieldAfter); m.o.Now.Before(end) {
		m.until(end)
		return
	}
	m.PassedBy = time.Time{}
	if above.Class >= maxClass {
		return
	}
	m.goBehind(above)
	m.event(EventYielded)
}

// waiting is the highest ticket with which another member waits for this one.
func (m *machine) waiting() (highest Ticket, waits bool) {
	for i := range m.peers {
		p := &m.peers[i]
		if p.Trouble == TroubleNone && p.State != nil && m.holdsUp(p.State) && !highest.Above(p.State.Ticket) {
			highest, waits = p.State.Ticket, true
		}
	}
	return highest, waits
}

// holdsUp says whether a member waits, for this one among others, and should not have to.
func (m *machine) holdsUp(s *State) bool {
	waits := s.waits() || m.w.yieldWaiting && s.Phase == PhaseHeld
	if !waits || !s.Ticket.Above(m.Ticket) || m.Done(s.Ticket.Generation) {
		return false
	}
	return m.Phase != PhaseWaiting || s.Target.Generation > m.Target.Generation && !m.w.yieldNewer
}
