package rollout

import "fmt"

// epochBits is how many generations an epoch has: a generation is its epoch, and a number within that in the lowest
// bits, so that of two the one of the higher epoch is the higher generation, whatever their numbers are. All that
// compares generations compares epochs first by that, the bounded steps (reachOf) too: a higher epoch is believed of
// two members that count, and of no single one.
const epochBits = 53

// maxEpoch is the last epoch.
const maxEpoch = MaxGeneration >> epochBits

// Epoch is how often an operator began the generations anew; 0: never.
func Epoch(generation uint64) uint64 { return generation >> epochBits }

// Number is the number of a generation within its epoch.
func Number(generation uint64) uint64 { return generation & (1<<epochBits - 1) }

// GenerationText is a generation for people: its number, and its epoch where that is not the first.
func GenerationText(generation uint64) string {
	if e := Epoch(generation); e > 0 {
		return fmt.Sprintf("%d of epoch %d", Number(generation), e)
	}
	return fmt.Sprint(generation)
}

// firstOf is the first generation of the epoch after that of the given one.
func firstOf(generation uint64) uint64 { return (Epoch(generation)+1)<<epochBits | 1 }

// Resettable says why a new epoch cannot begin with the state, or need not; ResetNo... are the reasons.
func Resettable(self *State, peers []Peer) ResetRefusal {
	own := max(self.Target.Generation, self.Ticket.Generation)
	switch {
	case self.Target.Revision.IsZero():
		return ResetNoTarget
	case Epoch(own) >= maxEpoch:
		return ResetNoEpoch
	}
	r := reachOf(self, peers)
	for i := range peers {
		if s := peers[i].State; s != nil && !r.holds(s) {
			return ResetMay
		}
	}
	if Number(own) <= stepGeneration && self.Ticket.Class <= stepClass {
		return ResetNoNeed
	}
	return ResetMay
}

// ResetRefusal is why an operator's reset is refused.
type ResetRefusal uint8

const (
	// ResetMay: it is not.
	ResetMay ResetRefusal = iota
	// ResetNoTarget: nothing was made of the file here, so that there is no generation yet.
	ResetNoTarget
	// ResetNoEpoch: no epoch is left.
	ResetNoEpoch
	// ResetNoNeed: the generations are as low as those of a healthy fleet, and nobody is out of reach.
	ResetNoNeed
)

// renew begins a new epoch, which an operator asked for: the target gets its first generation, and the ticket follows
// as for a new file. It is a generation above all that this host has, so that nothing that others rely on falls.
func (m *machine) renew() {
	if !m.o.Reset || m.Target.Revision.IsZero() {
		return
	}
	if m.w.epochs {
		m.Target.Generation, m.Ticket = 1, Ticket{Generation: 1, Class: m.class(), Hash: TicketHash(m.Key, m.o.ID)}
		return
	}
	to := firstOf(max(m.Target.Generation, m.Ticket.Generation))
	if to > MaxGeneration {
		return
	}
	m.Target.Generation = to
	m.event(EventReset)
}

// release ends the time after a first placement, which an operator asked for.
func (m *machine) release() {
	if m.o.Released && m.HeldUntil.After(m.o.Now) {
		m.HeldUntil = m.o.Now
		m.event(EventReleased)
	}
}
