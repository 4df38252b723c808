package rollout

import (
	"slices"
	"time"
)

const (
	// stepGeneration and stepClass are how far a member may be above what this host knows otherwise. A change of a file is
	// one generation, and whoever lets others pass goes one class above them. Many agents may be behind, and no honest one
	// so far.
	stepGeneration = 1 << 20
	stepClass      = 1024
)

// reach is what is believed: the highest epoch and class, and the highest number of a generation in this host's own
// epoch and in the highest one. In between, numbers are believed up to one step.
type reach struct {
	// own is the highest generation that this host has itself; what is not above it is believed.
	own          uint64
	epoch        uint64
	number, last uint64
	class        uint32
}

// reachOf takes what this host has itself, and what at least two of those that count tell: one that lies moves neither
// of them. Each step up is bounded by that, however many follow each other: at one a second, the generations of an
// epoch last for 270 years. An epoch has no steps: it begins where two that count say so, or an operator on this host.
func reachOf(self *State, peers []Peer) reach {
	r := reach{own: max(self.Target.Generation, self.Ticket.Generation)}
	var epochs, classes highestTwo
	eachClaim(peers, func(generation uint64, class uint32) {
		epochs.add(Epoch(generation))
		classes.add(uint64(class))
	})
	r.epoch = max(Epoch(r.own), epochs.second)
	r.class = max(self.Ticket.Class, uint32(classes.second)) + stepClass //nolint:gosec // it was one
	var numbers, last highestTwo
	eachClaim(peers, func(generation uint64, _ uint32) {
		switch Epoch(generation) {
		case Epoch(r.own):
			numbers.add(Number(generation))
		case r.epoch:
			last.add(Number(generation))
		}
	})
	r.number = max(Number(r.own), numbers.second) + stepGeneration
	r.last = last.second + stepGeneration
	return r
}

// eachClaim goes through what those tell that count and show how they stand, or did before they went down.
func eachClaim(peers []Peer, f func(generation uint64, class uint32)) {
	for i := range peers {
		if p := &peers[i]; p.State != nil && p.Counts && (p.Trouble == TroubleNone || p.Trouble == TroubleDown) {
			f(p.State.claims())
		}
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

func (r *reach) holds(s *State) bool {
	generation, class := s.claims()
	return r.reaches(generation) && class <= r.class
}

func (r *reach) reaches(generation uint64) bool {
	epoch, number := Epoch(generation), Number(generation)
	switch {
	case generation <= r.own:
		return true
	case epoch == Epoch(r.own):
		return number <= r.number
	case epoch == r.epoch:
		return number <= r.last
	}
	return epoch < r.epoch && number <= stepGeneration
}

// bounded are the members as they are believed: one that tells of a generation or a class out of reach shows nothing,
// and nothing of what it tells is taken over. Peers are not changed, and where all are within reach they are what is
// returned. Further is how far this host would go towards those that count and are out of reach.
func bounded(self *State, peers []Peer) (out []Peer, further uint64) {
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
		if p := &peers[i]; p.Counts && p.Trouble == TroubleNone && r.approaches(p.State) {
			generation, _ := p.State.claims()
			further = max(further, one64(!r.reaches(generation))*(stepGeneration/2), 1)
		}
	}
	return out, further
}

// approaches says whether this host would go towards what is out of reach: within its own epoch.
func (r *reach) approaches(s *State) bool {
	generation, _ := s.claims()
	return Epoch(generation) == Epoch(r.own) || r.reaches(generation)
}

// believed are the members as bounded has them.
func believed(self *State, peers []Peer) []Peer {
	out, _ := bounded(self, peers)
	return out
}

func one64(b bool) uint64 { return uint64(one(b)) } //nolint:gosec // it is 0 or 1

// approach goes a bounded step towards those that count and are out of reach, every YieldAfter. One that lies may show
// each host something else, and lead an honest one so far away that the others do not believe it any more: when the
// liar is forgotten, they come together again. All that a liar gains is that, and at this rate the generations last for
// thousands of years.
func (m *machine) approach() {
	if m.further == 0 || m.Target.Revision.IsZero() || m.w.approach {
		m.FarSince = time.Time{}
		return
	}
	if m.FarSince.IsZero() || m.FarSince.After(m.o.Now) {
		m.FarSince = m.o.Now
	}
	if end := m.FarSince.Add(YieldAfter); m.o.Now.Before(end) {
		m.until(end)
		return
	}
	m.FarSince = m.o.Now
	m.until(m.o.Now.Add(YieldAfter))
	if to := max(m.Target.Generation, m.Ticket.Generation) + m.further; to <= MaxGeneration {
		m.Target.Generation = to
		m.event(EventAdopted)
	}
}
