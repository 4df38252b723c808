package rollout

import "slices"

const (
	// stepGeneration and stepClass are how far a member may be above what this host knows otherwise. A change of a file is one
	// generation, and whoever lets others pass goes one class above them. Many agents may be behind, and no honest one so far.
	stepGeneration = 1 << 20
	stepClass      = 1024
)

// reach is the highest generation and the highest class that are believed.
type reach struct {
	generation uint64
	class      uint32
}

// reachOf takes what this host has itself, and what at least two of those that count tell: one that lies moves neither. Each
// step up is bounded by that, however many follow each other: at one a second, the generations last for 270 years.
func reachOf(self *State, peers []Peer) reach {
	var generations, classes highestTwo
	for i := range peers {
		p := &peers[i]
		if p.State == nil || !p.Counts || p.Trouble != TroubleNone && p.Trouble != TroubleDown {
			continue
		}
		generation, class := p.State.claims()
		generations.add(generation)
		classes.add(uint64(class))
	}
	return reach{
		generation: max(self.Target.Generation, self.Ticket.Generation, generations.second) + stepGeneration,
		class:      max(self.Ticket.Class, uint32(classes.second)) + stepClass, //nolint:gosec // it was one
	}
}

// highestTwo are the two highest of some numbers.
type highestTwo struct{ first, second uint64 }

func (h *highestTwo) add(n uint64) {
	switch {
	case n > h.first:
		h.first, h.second = n, h.first
	case n > h.second:
		h.second = n
	}
}

// claims are the highest generation and class in a state, of all that others go by.
func (s *State) claims() (generation uint64, class uint32) {
	return max(s.Target.Generation, s.Ticket.Generation, s.Rejected.Generation), s.Ticket.Class
}

func (r reach) holds(s *State) bool {
	generation, class := s.claims()
	return generation <= r.generation && class <= r.class
}

// bounded are the members as they are believed: one that tells of a generation or a class out of reach shows nothing, and
// nothing of what it tells is taken over. Peers are not changed, and where all are within reach they are what is returned.
func bounded(self *State, peers []Peer) []Peer {
	r := reachOf(self, peers)
	out, copied := peers, false
	for i := range peers {
		if s := peers[i].State; s == nil || r.holds(s) {
			continue
		}
		if !copied {
			out, copied = slices.Clone(peers), true
		}
		out[i].State, out[i].Trouble = nil, TroubleStep
	}
	return out
}
