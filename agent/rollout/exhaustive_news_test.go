package rollout

import (
	"slices"
	"strings"
)

// outcome is what can become of a host, and the news with which it does.
type outcome struct {
	host uint16
	news [maxHosts]uint16
	bad  string
}

type keptKey struct {
	i, e byte
	host uint16
	told told
}

// outcomes are all different ones of an event at a host, and those that are wrong.
func (s *search) outcomes(w *world, i int, e event) []outcome {
	h := w.hosts[i]
	if probe := s.hosts[h]; !s.outside(&probe, i, e) || e == eventLate && !s.mayYield(i, &probe) {
		return nil
	}
	key, news := keptKey{byte(i), byte(e), h, told{}}, &w.told
	if s.newcomer == hostID(i) {
		news = &w.heard
	}
	for j := range s.n {
		if j != i {
			key.told[j] = s.choose(i, e, h, j, news[j])
		}
	}
	if kept, ok := s.kept[key]; ok {
		return kept
	}
	kept := []outcome{}
	s.each(&key.told, i, 0, [maxHosts]uint16{}, func(news [maxHosts]uint16) {
		v := s.happens(i, e, h, news)
		known := func(c outcome) bool { return c.host == v.host && c.bad == v.bad }
		if (v.host != h || v.bad != "") && !slices.ContainsFunc(kept, known) {
			kept = append(kept, outcome{v.host, news, v.bad})
		}
	})
	s.kept[key] = kept
	return kept
}

func (s *search) mayYield(i int, h *host) bool {
	return int(h.state.Ticket.Class) <= s.yields && (s.late == "" || strings.Contains(s.late, hostID(i)))
}

// each calls f with every choice of one record out of every other host's set.
func (s *search) each(from *told, i, j int, news [maxHosts]uint16, f func([maxHosts]uint16)) {
	switch j {
	case s.n:
		f(news)
	case i:
		s.each(from, i, j+1, news, f)
	default:
		for r := range from[j].all() {
			news[j] = s.records[j][r]
			s.each(from, i, j+1, news, f)
		}
	}
}

type chosenKey struct {
	i, e, j byte
	host    uint16
	told    set
}

// choose leaves of what host j told one record of every kind that Next can tell apart.
func (s *search) choose(i int, e event, h uint16, j int, told set) set {
	key := chosenKey{byte(i), byte(e), byte(j), h, told}
	if c, ok := s.chosen[key]; ok {
		return c
	}
	var digests []digest
	var out set
	for r := range told.all() {
		if s.joins(j) && s.hosts[h].knows&bit(j) != 0 && s.peers[s.records[j][r]].State == nil {
			continue // it has a newer one, and keeps it
		}
		if d := s.digest(i, e, h, s.records[j][r]); !slices.Contains(digests, d) {
			digests = append(digests, d)
			out.add(r)
		}
	}
	s.chosen[key] = out
	return out
}

type digestKey struct {
	i, e      byte
	host, rec uint16
}

// digest is all that Next can see of another's record at a step of one host. It is finer than it need be.
type digest struct {
	highest, same uint64 // for a new generation or an adoption
	waits         Ticket // for a yield
	newer         bool
	shows         uint64 // for the rule, by the ticket that this host may have then
	down          bool
	knows         bool   // of this host
	record        uint16 // all of it
}

// Tickets have lower generations, and fewer classes above that of members.
const (
	digestGenerations = 10
	digestClasses     = 6
)

func (s *search) digest(i int, e event, h, rec uint16) digest {
	key := digestKey{byte(i), byte(e), h, rec}
	if d, ok := s.digests[key]; ok {
		return d
	}
	host, p := s.hosts[h], &s.peers[rec]
	if p.State == nil || p.Trouble != TroubleNone || s.resets || outOfReach(p.State) {
		s.digests[key] = digest{record: rec + 1}
		return s.digests[key]
	}
	r := p.State
	s.outside(&host, i, e)
	d := digest{down: r.Phase.Disrupted(), knows: s.knows[rec]&bit(i) != 0}
	waits := r.waits() || s.w.yieldWaiting && r.Phase == PhaseHeld
	switch own := &host.state; {
	case host.wanted != own.Target.Revision:
		d.highest = max(r.Target.Generation, r.Ticket.Generation)
		if r.Target.Revision.Fleet == host.wanted.Fleet {
			d.same = r.Target.Generation
		}
	case r.Target.Revision.Fleet == own.Target.Revision.Fleet:
		d.same = max(r.Target.Generation, own.Target.Generation)
	default:
		d.same = own.Target.Generation
	}
	if !host.state.HeldUntil.IsZero() && r.Phase.Taken() {
		d.record = rec + 1
	}
	classes := uint32(1)
	if e == eventLate {
		classes = digestClasses
		if waits && r.Ticket.Above(host.state.Ticket) {
			d.waits, d.newer = r.Ticket, r.Target.Generation > host.state.Target.Generation
		}
	}
	t := host.state.Ticket
	d.shows = uint64(one(s.w.shows(&t, r)))
	for g := range uint64(digestGenerations) {
		for c := range classes {
			t := Ticket{g, classMember + c, host.state.Ticket.Hash}
			d.shows = d.shows<<1 | uint64(one(s.w.shows(&t, r)))
		}
	}
	s.digests[key] = d
	return d
}
