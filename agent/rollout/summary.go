package rollout

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// Counts are the status fields of a DaemonSet, as updateDaemonSetStatus of Kubernetes'
// pkg/controller/daemon/daemon_controller.go defines them, over all known members.
type Counts struct {
	// Desired is how many members the pod belongs on, Current on how many of these there is one.
	Desired, Current int
	// Misscheduled is how many others have one.
	Misscheduled int
	// Ready and Available are of Desired; a member that is down has neither.
	Ready, Available int
	// Updated is how many of Desired run the revision that was asked for.
	Updated int
	// Failed is how many of them did not become available with it, and Unknown how many members do not show how they
	// stand.
	Failed, Unknown int
}

// Unavailable is Desired without Available.
func (c Counts) Unavailable() int { return c.Desired - c.Available }

// Count counts all members, the host itself among them, for the fleet revision that is rolling out.
func Count(members []Peer, fleet string) Counts {
	var c Counts
	for i := range members {
		c.add(&members[i], fleet)
	}
	return c
}

func (c *Counts) add(p *Peer, fleet string) {
	s := p.State
	if s == nil {
		if p.Trouble != TroubleNone {
			c.Unknown++
		}
		return
	}
	has := s.Shown.Pod || !s.Running.IsZero()
	if !p.placed() {
		c.Misscheduled += one(has)
		return
	}
	up := p.Trouble == TroubleNone
	c.Unknown += one(!up)
	c.Desired++
	c.Current += one(has)
	c.Ready += one(up && s.Shown.Ready)
	c.Available += one(up && s.Shown.Ready && s.Shown.Available)
	c.Updated += one(has && s.Running.Fleet == fleet)
	c.Failed += one(failedWith(s, &Target{Revision: Revision{Fleet: fleet}}))
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Halt is how many members have failed with a revision, and how many may.
type Halt struct {
	// Failed are those that failed with it, or went back from it.
	Failed []Peer
	// Limit is at how many of them every member holds: of Members that count, where it is a percentage; see Blockers.
	Limit, Members, Uncounted int
	// Going says whether another member is on its way to the revision, or will be: it does not run it, and holds neither
	// because of Failed nor for good.
	Going bool
}

// Over says whether the rollout does not go on by itself because of those that failed.
func (h *Halt) Over() bool { return len(h.Failed) > 0 && (len(h.Failed) >= h.Limit || !h.Going) }

// Halted looks for members that failed with the fleet revision that is rolling out. Each host decides by what it knows
// itself, as Next does; this is what it comes to from here.
func Halted(members []Peer, target Target, spec strategy.Strategy) Halt {
	var h Halt
	for i := range members {
		p := &members[i]
		if !p.placed() {
			continue
		}
		h.Members += one(p.grants(without{}))
		h.Uncounted += one(p.Trouble == TroubleNone && !p.Counts)
		switch s := p.State; {
		case failedWith(s, &target):
			h.Failed = append(h.Failed, *p)
		case s.Running.Fleet == target.Revision.Fleet && !s.Phase.Disrupted():
		case s.Hold != HoldFailed && s.Hold != HoldPartition:
			h.Going = true
		}
	}
	h.Limit = spec.Halt(max(h.Members, 1))
	return h
}

// Soaking are the members whose pod of the fleet revision is available for Kubernetes, and not for the rollout: it has
// not been ready for as long as the soak, or has failed by its restarts.
func Soaking(members []Peer, fleet string) []Peer {
	var out []Peer
	for _, p := range members {
		if p.placed() && p.Trouble == TroubleNone && p.State.Running.Fleet == fleet && p.State.Shown.Ready &&
			p.State.Shown.Available && p.State.Phase.Disrupted() && p.State.Phase != PhaseUnknown {
			out = append(out, p)
		}
	}
	return out
}

// Status is kubectl's sentence on the rollout, and whether it is over (DaemonSetStatusViewer.Status in
// kubectl/pkg/polymorphichelpers/rollout_status.go).
func (c Counts) Status(name string) (message string, done bool) {
	switch {
	case c.Updated < c.Desired:
		return fmt.Sprintf("Waiting for daemon set %q rollout to finish: %d out of %d new pods have been updated...", name,
			c.Updated, c.Desired), false
	case c.Available < c.Desired:
		return fmt.Sprintf("Waiting for daemon set %q rollout to finish: %d of %d updated pods are available...", name,
			c.Available, c.Desired), false
	}
	return fmt.Sprintf("daemon set %q successfully rolled out", name), true
}

// Latest is the target with the highest generation: what is rolling out, or what everybody runs.
func Latest(members []Peer) Target {
	var out Target
	for i := range members {
		if s := members[i].State; s != nil && s.Target.Generation > out.Generation {
			out = s.Target
		}
	}
	return out
}

// Queue gives the members that wait for their turn or are being replaced, in the order of their tickets.
func Queue(members []Peer) []Peer {
	var out []Peer
	for _, p := range members {
		if p.State != nil && (p.State.waits() || p.State.Phase.Taken()) {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b Peer) int { return a.State.Ticket.Compare(b.State.Ticket) })
	return out
}

// WhyNot says who stands in the way of a member, as far as the records here go. Of one that has nothing to wait for,
// nobody does.
func WhyNot(id string, members []Peer, spec strategy.Strategy) Blockers {
	i := slices.IndexFunc(members, func(p Peer) bool { return p.ID == id })
	if i < 0 || members[i].State == nil {
		return Blockers{Budget: 1}
	}
	others := slices.Delete(slices.Clone(members), i, i+1)
	s := members[i].State
	others = believed(s, others)
	var b Blockers
	switch {
	case s.Done(0) || s.Phase.Taken():
		return Blockers{Budget: 1}
	case s.Phase == PhaseUnavailable:
		b = mayReplaceDown(s, others, spec, without{})
	default:
		b = mayStart(s, others, spec, without{})
	}
	b.hold = s.Hold
	return b
}

// Unawaited are canaries for which no host waits: those that have a pod and do not count, as they are newer than a day
// and no members file lists them. Canary says which members are canaries.
func Unawaited(members []Peer, spec strategy.Strategy, canary func(*Peer) bool) []Peer {
	if spec.Canary == nil || spec.OnDelete {
		return nil
	}
	var out []Peer
	for i := range members {
		if p := &members[i]; p.placed() && p.Trouble == TroubleNone && !p.Counts && canary(p) {
			out = append(out, *p)
		}
	}
	return out
}

// Forecast is what a new revision would do to a fleet that stands as it does.
type Forecast struct {
	// Budget is how many are replaced at a time, of Members that count; see Blockers.
	Budget, Members, Uncounted int
	// Waves are those that would be replaced, in their order; each wave is at most Budget members, and canaries have waves
	// of their own. A wave is an estimate: a member starts as soon as one before it is available.
	Waves [][]Peer
	// Stay are those that would keep what they run, by the annotation daemonsetd.io/partition.
	Stay []Peer
	// Blockers are members that would stand in the way from the beginning.
	Blockers Blockers
}

// Foresee plans for the members that change says would be given another revision. Canary says which of them goes first.
func Foresee(key string, members []Peer, spec strategy.Strategy, change, canary func(*Peer) bool) Forecast {
	var placed []Peer
	for i := range members {
		if members[i].placed() {
			placed = append(placed, members[i])
		}
	}
	order := func(p *Peer) Ticket { return rank(canary(p), TicketHash(key, p.ID)) }
	slices.SortFunc(placed, func(a, b Peer) int { return cmp.Or(order(&a).Compare(order(&b)), cmp.Compare(a.ID, b.ID)) })
	f := Forecast{}
	for i := range placed {
		f.Members += one(placed[i].grants(without{}))
		f.Uncounted += one(placed[i].Trouble == TroubleNone && !placed[i].Counts)
	}
	f.Budget = spec.Limit(f.Members)
	inOrder := 0
	for i := range placed {
		inOrder += one(placed[i].inOrder(without{}))
	}
	going := max(len(placed)-spec.Stay(inOrder), 0)
	f.Stay = placed[going:]
	f.Waves = waves(placed[:going], f.Budget, change, canary)
	f.Blockers = obstacles(members, f)
	return f
}

func waves(order []Peer, budget int, change, canary func(*Peer) bool) [][]Peer {
	var out [][]Peer
	for i := range order {
		p := &order[i]
		if !change(p) {
			continue
		}
		last := len(out) - 1
		if last < 0 || len(out[last]) == budget || canary(&out[last][0]) != canary(p) {
			out = append(out, nil)
			last++
		}
		out[last] = append(out[last], *p)
	}
	return out
}

// obstacles are members that count against the budget before anything has begun. All others would show that they do
// not.
func obstacles(members []Peer, f Forecast) Blockers {
	b := Blockers{Budget: f.Budget, Members: f.Members}
	for i := range members {
		p, reason := &members[i], ReasonNone
		switch {
		case p.Trouble != TroubleNone:
			reason = without{}.blocks(&Ticket{}, p)
		case p.State != nil && p.State.Phase.Disrupted():
			reason = whyNot(&Ticket{}, p.State)
		}
		if reason != ReasonNone {
			b.add(p, reason)
		}
	}
	return b
}
