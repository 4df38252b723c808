package rollout

import "github.com/daemonsetd/daemonsetd/manifests/strategy"

// without switches clauses of the rule off. The zero value is the rule. Tests show that each clause is needed.
type without struct {
	// Clauses of MayStart.
	trouble     bool // members that do not show how they stand count
	veto        bool // so do those that are down
	key         bool // so do those whose name another key claims
	gone        bool // but not those that are down and have no pod to lose
	disrupted   bool // so do those whose pod is down
	order       bool // so do those with a lower ticket
	orderPasses bool // a member with a higher ticket does not count
	donePasses  bool // a member that is done does not count
	doneRuns    bool // who is done runs its target
	doneNew     bool // who is done has a target that is new enough
	doneUp      bool // who is done is available
	everywhere  bool // the members without the pod are held to the rule, too

	strict bool // a pod that is down and has to wait goes before all that are available

	counts bool // only members that this host has reason to count make up a percentage

	// Clauses of Next.
	steps        bool // what is far above all that is known is not believed
	approach     bool // and is approached
	epochs       bool // epochs are compared before generations
	raise        bool // a new target raises the ticket
	onlyRaised   bool // a ticket is never lowered
	fixed        bool // a ticket stays while the pod is down
	newer        bool // a changed revision is a new generation
	localNewer   bool // so is one that changed by the node alone
	rollbackNew  bool // so is one that was there before
	aboveAll     bool // a new generation is above all known
	adopt        bool // a generation that another gives to the same revision is taken over
	yield        bool // who has nothing to start lets those waiting pass
	yieldNewer   bool // who waits lets those waiting with a newer target pass
	yieldWaiting bool // nobody yields to those that are held
	free         bool // a pod that is not available is replaced at once
	blip         bool // when it has been down for DownFor
	lapse        bool // and asks for its turn when it is up again before it was touched
	unproven     bool // and is not touched while it is not known to be down
	idle         bool // who cannot do anything with a turn takes none
	holdNew      bool // a new member holds
	known        bool // with a members file only until all have shown that they know of it
	behind       bool // and goes behind those that may not have known of it
	follow       bool // a rejected revision is left by others, too
	canaries     bool // members wait for canaries
	declared     bool // also for those that were declared when they had their tickets
	partition    bool // some stay
	soak         bool // a pod is available when it has been ready for the soak
	crashes      bool // and has failed when its containers end again and again, also after that
	maxFailed    bool // all hold when too many have failed
}

// MayStart is the rule: whether this host may take down its available pod, from its state and what is known of all
// other members, however old that is. It may iff all but at most Limit-1 of the others show that they do not stand in
// the way: not disrupted, and with a ticket above this host's or done for its ticket's generation.
//
// It is the whole of what keeps the budget. Whether the host wants to start is another question; see Next.
func MayStart(self *State, peers []Peer, spec strategy.Strategy) (bool, Blockers) {
	b := mayStart(self, believed(self, peers), spec, without{})
	return b.May(), b
}

func mayStart(self *State, peers []Peer, spec strategy.Strategy, w without) Blockers {
	b := Blockers{Generation: self.Ticket.Generation, Members: 1}
	for i := range peers {
		p := &peers[i]
		b.count(p, w)
		if reason := w.blocks(&self.Ticket, p); reason != ReasonNone {
			b.add(p, reason)
		}
	}
	b.Budget = spec.Limit(b.Members)
	b.own = self.Ticket.Generation < self.Target.Generation
	return b
}

// mayReplaceDown is the rule for a pod that is down and has to wait for its turn (strict). It counts as down already,
// so that it goes before all that are available, and after those that are being replaced; of two that both wait, the
// one with the lower ticket goes first. Were it held to the ticket rule, it and one that is available could wait for
// each other.
func mayReplaceDown(self *State, peers []Peer, spec strategy.Strategy, w without) Blockers {
	if w.strict {
		return mayStart(self, peers, spec, w)
	}
	b := Blockers{Generation: self.Ticket.Generation, Members: 1}
	for i := range peers {
		p := &peers[i]
		b.count(p, w)
		if s := p.State; s != nil && p.Trouble == TroubleNone &&
			(!s.Phase.Disrupted() || s.waits() && s.Ticket.Above(self.Ticket)) {
			continue
		}
		if reason := w.blocks(&self.Ticket, p); reason != ReasonNone {
			b.add(p, reason)
		}
	}
	b.Budget = spec.Limit(b.Members)
	return b
}

// blocks says why a member does not show that the holder of the ticket may start; ReasonNone: it does show it.
func (w without) blocks(t *Ticket, p *Peer) Reason {
	s := p.State
	switch {
	case p.Trouble == TroubleNone && s == nil:
		return ReasonNone
	case p.Trouble == TroubleDown && s != nil:
		if s.Phase == PhaseNotPlaced && !w.gone {
			// It takes no pod with it, and holds for 10 minutes when it is placed again.
			return ReasonNone
		}
		if !w.veto {
			return ReasonDown
		}
	case p.Trouble == TroubleKey && s != nil && w.key:
	case p.Trouble != TroubleNone:
		if w.trouble {
			return ReasonNone
		}
		return troubleReason(p.Trouble)
	}
	if w.shows(t, s) {
		return ReasonNone
	}
	return whyNot(t, s)
}

// shows is the heart of the rule. Whatever of it was true once keeps the member from being down under a lower ticket:
// its ticket is never lowered, and if it is done it starts again only for a newer target, under a ticket of a higher
// generation.
func (w without) shows(t *Ticket, s *State) bool {
	if w.everywhere && s.Phase == PhaseNotPlaced {
		return true
	}
	up := !s.Phase.Disrupted()
	lets := s.Ticket.Above(*t) && !w.orderPasses || w.order
	return (up || w.disrupted) && lets || w.done(s, t.Generation)
}

// done is State.Done, clause by clause.
func (w without) done(s *State, generation uint64) bool {
	switch {
	case w.donePasses:
		return false
	case s.Phase.Disrupted() && !w.doneUp:
		return false
	case s.Target.Generation < generation && !w.doneNew:
		return false
	}
	return s.Running == s.Target.Revision || s.Phase == PhaseNotPlaced && s.Running.IsZero() || w.doneRuns
}

// whyNot puts into a word why shows is false.
func whyNot(t *Ticket, s *State) Reason {
	switch {
	case s.Phase == PhaseUpdating:
		return ReasonUpdating
	case s.Phase == PhaseFailed:
		return ReasonFailed
	case s.Phase == PhaseUnavailable:
		return ReasonUnavailable
	case s.Phase.Disrupted():
		return ReasonKubelet
	case s.Target.Generation < t.Generation:
		return ReasonOlderFile
	case s.Phase == PhaseHeld:
		return ReasonHeld
	}
	return ReasonFirst
}
