package rollout

import (
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// rig is one host, step by step.
type rig struct {
	t *testing.T
	State
	Seen     Observation
	Peers    []Peer
	Strategy strategy.Strategy
	d        Decision
}

// newRig is a host that runs A and nobody else.
func newRig(t *testing.T) *rig {
	r := &rig{t: t, State: State{Key: "ns/agent"}, Strategy: budget(1)}
	r.Seen = Observation{
		Now: simStart, ID: "self", Placed: true, Wanted: fleetRev("A"), Running: fleetRev("A"), Pod: PodUp, Answers: true, Settled: true,
		LastGood: fleetRev,
	}
	r.step()
	r.pass(HoldDown)
	return r
}

func (r *rig) step(events ...Event) {
	r.t.Helper()
	r.State, r.d = Next(Input{r.State, r.Seen, r.Peers, r.Strategy})
	if events != nil && !slices.Equal(r.d.Events, events) {
		r.t.Fatalf("got the events %v, wanted %v", r.d.Events, events)
	}
}

func (r *rig) pass(d time.Duration) {
	r.Seen.Now = r.Seen.Now.Add(d)
	r.step()
}

func (r *rig) want(p Phase, replace bool) {
	r.t.Helper()
	if r.Phase != p || r.d.Replace != replace {
		r.t.Fatalf("got %s, replace %v; wanted %s, %v (%s)", r.Phase, r.d.Replace, p, replace, r.d.Blockers.String())
	}
}

func (r *rig) held(h Hold) {
	r.t.Helper()
	r.want(PhaseHeld, false)
	if all := r.d.Blockers.All(); r.Hold != h || len(all) != 1 || all[0].Hold != h || all[0].Reason != ReasonOwn || r.d.Blockers.String() != h.Text(all[0].Until) {
		r.t.Fatalf("held by %s (%v), wanted %s", r.Hold, all, h)
	}
}

func (r *rig) target(generation uint64, rev string) {
	r.t.Helper()
	if r.Target != (Target{generation, fleetRev(rev)}) {
		r.t.Fatalf("got the target %+v, wanted %d of %s", r.Target, generation, rev)
	}
}

// written is the new manifest written.
func (r *rig) written() { r.Seen.Running, r.Seen.Pod = r.d.Target, PodDown }

func TestUpdate(t *testing.T) {
	r := newRig(t)
	r.want(PhaseAvailable, false)
	r.target(1, "A")
	r.Seen.Wanted = fleetRev("B")
	r.step(EventTarget, EventStarted)
	r.want(PhaseUpdating, true)
	r.target(2, "B")
	if want := (Ticket{2, classMember, TicketHash("ns/agent", "self")}); r.Ticket != want {
		t.Errorf("got the ticket %v, wanted %v", r.Ticket, want)
	}
	r.Seen.Running, r.Seen.Pod = Revision{}, PodDown
	r.step()
	r.want(PhaseUpdating, true)
	r.written()
	r.step()
	r.want(PhaseUpdating, true)
	if !r.d.Again.Equal(r.Seen.Now.Add(strategy.DefaultDeadline)) {
		t.Errorf("wants to be asked again at %s", r.d.Again)
	}
	r.Seen.Pod = PodUp
	r.step(EventFinished)
	r.want(PhaseAvailable, false)
	if r.Good != "B" || r.GoodBefore != "A" {
		t.Errorf("good are %q and %q before", r.Good, r.GoodBefore)
	}
}

// TestRestart: killed after any step, the host goes on with what it began and begins nothing twice.
func TestRestart(t *testing.T) {
	r := newRig(t)
	r.Seen.Wanted = fleetRev("B")
	r.step()
	began := r.State
	if !began.Promises(&State{Ticket: began.Ticket, Target: began.Target, HeldUntil: began.HeldUntil, Good: began.Good}) {
		t.Error("an update has begun and that need not be on disk")
	}
	for name, seen := range map[string]func(){
		"the old pod still runs": func() {},
		"nothing stands":         func() { r.Seen.Running, r.Seen.Pod = Revision{}, PodDown },
		"the new one stands":     func() { r.Seen.Running, r.Seen.Pod = fleetRev("B"), PodDown },
		"nobody knows":           func() { r.Seen.Pod, r.Seen.Answers = PodUnknown, false },
	} {
		r.State = began
		seen()
		r.step()
		if len(r.d.Events) > 0 {
			t.Errorf("%s: %v", name, r.d.Events)
		}
		r.want(PhaseUpdating, true)
	}
	r.Seen.Answers, r.Seen.Pod, r.Seen.Running = true, PodUp, fleetRev("B")
	r.State = began
	r.step(EventFinished)
	r.want(PhaseAvailable, false)
}

func TestHolds(t *testing.T) {
	bad := Peer{ID: "x", State: at(PhaseFailed, 2, 1, 1, "B", "B")}
	later := Peer{ID: "y", State: &State{Phase: PhaseWaiting, Target: Target{2, fleetRev("B")}, Running: fleetRev("A"), Ticket: Ticket{2, 1, 1}}}
	for name, c := range map[string]struct {
		set  func(*rig)
		hold Hold
	}{
		"paused":           {func(r *rig) { r.Strategy.Paused = true }, HoldPaused},
		"kubelet":          {func(r *rig) { r.Seen.Answers = false }, HoldKubelet},
		"unsettled":        {func(r *rig) { r.Seen.Settled = false }, HoldUnsettled},
		"OnDelete":         {func(r *rig) { r.Strategy.OnDelete = true }, HoldOnDelete},
		"new":              {func(r *rig) { r.HeldUntil = r.Seen.Now.Add(time.Second) }, HoldNew},
		"partition":        {func(r *rig) { r.Strategy.Partition = intstr.FromString("1%") }, HoldPartition},
		"partition of two": {func(r *rig) { r.Strategy.Partition, r.Peers = intstr.FromInt(1), []Peer{later} }, HoldPartition},
		"failed": {func(r *rig) {
			r.Peers, r.Strategy.Budget = []Peer{bad}, intstr.FromInt(3)
			one := intstr.FromInt(1)
			r.Strategy.MaxFailed = &one
		}, HoldFailed},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.Seen.Wanted = fleetRev("B")
			c.set(r)
			r.step()
			r.held(c.hold)
			if r.Target.Revision != fleetRev("B") || r.Ticket.Generation < r.Target.Generation {
				t.Errorf("the target is %+v, the ticket %+v", r.Target, r.Ticket)
			}
		})
	}
}

func TestOnDelete(t *testing.T) {
	r := newRig(t)
	r.Strategy.OnDelete = true
	r.Peers = []Peer{{ID: "x", Trouble: TroubleUnknown}}
	r.Seen.Wanted = fleetRev("B")
	r.step()
	r.held(HoldOnDelete)
	r.Seen.Requested = true
	r.step(EventStarted)
	r.want(PhaseUpdating, true)
	r.Seen.Requested = false
	r.step()
	r.want(PhaseUpdating, true)
}

func TestFirstPlacement(t *testing.T) {
	r := newRig(t)
	r.State, r.Seen.Running, r.Seen.Pod = State{Key: "ns/agent"}, Revision{}, PodDown
	r.Peers = []Peer{{ID: "x", State: at(PhaseAvailable, 5, 1, 1, "A", "A")}}
	r.step(EventTarget)
	r.want(PhaseUnavailable, false)
	r.target(5, "A")
	if r.d.Target != fleetRev("A") {
		t.Errorf("is told to run %v", r.d.Target)
	}
	r.Seen.Running, r.Seen.Pod = fleetRev("A"), PodUp
	r.step()
	r.want(PhaseAvailable, false)
	r.Seen.Wanted = fleetRev("B")
	r.Peers[0].State = at(PhaseAvailable, 6, 1, 1, "B", "B")
	r.step()
	r.held(HoldNew)
	r.target(6, "B")
	if left := r.d.Again.Sub(r.Seen.Now); left != HoldDown {
		t.Errorf("wants to be asked again in %s", left)
	}
	r.pass(HoldDown)
	r.want(PhaseUpdating, true)
	if !r.HeldUntil.IsZero() {
		t.Error("still new")
	}
}

func TestNewMemberGoesBehind(t *testing.T) {
	r := newRig(t)
	busy := at(PhaseUpdating, 7, 3, 1, "B", "B")
	r.Peers = []Peer{{ID: "x", State: busy}}
	r.HeldUntil = r.Seen.Now
	r.Seen.Settled = false
	r.step()
	if r.HeldUntil.IsZero() || r.Ticket.Above(busy.Ticket) {
		t.Error("no longer new, though it has not heard of the others")
	}
	r.Seen.Settled = true
	r.step()
	if want := (Ticket{7, 4, TicketHash("ns/agent", "self")}); r.Ticket != want || !r.HeldUntil.IsZero() {
		t.Errorf("got the ticket %v, wanted %v", r.Ticket, want)
	}
}

func TestGenerations(t *testing.T) {
	peer := func(s *State) []Peer { return []Peer{{ID: "x", State: s}} }
	for name, c := range map[string]struct {
		own    uint64
		wanted string
		peers  []Peer
		want   uint64
	}{
		"one above one's own":             {3, "B", nil, 4},
		"one above all":                   {3, "B", peer(at(PhaseAvailable, 8, 1, 1, "C", "C")), 9},
		"one above all tickets":           {3, "B", peer(&State{Phase: PhaseAvailable, Ticket: Ticket{8, 2, 1}}), 9},
		"that of another":                 {3, "B", peer(at(PhaseAvailable, 8, 1, 1, "B", "B")), 8},
		"not that of another, if not new": {3, "B", peer(at(PhaseAvailable, 3, 1, 1, "B", "B")), 4},
		"back again":                      {3, "A", peer(at(PhaseAvailable, 1, 1, 1, "A", "A")), 4},
		"not from who has another key":    {3, "B", []Peer{{ID: "x", Trouble: TroubleKey, State: at(PhaseAvailable, 8, 1, 1, "B", "B")}}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.State.Target, r.State.Ticket = Target{c.own, fleetRev("O")}, Ticket{c.own, classMember, r.State.Ticket.Hash}
			r.Strategy.Paused = true
			r.Peers, r.Seen.Wanted = c.peers, fleetRev(c.wanted)
			r.step(EventTarget)
			r.target(c.want, c.wanted)
		})
	}
}

func TestAdopts(t *testing.T) {
	r := newRig(t)
	r.Peers = []Peer{{ID: "x", State: at(PhaseWaiting, 9, 1, 1, "A", "O")}}
	r.step(EventAdopted)
	r.want(PhaseAvailable, false)
	r.target(9, "A")
	if !r.Done(9) || r.Ticket.Generation != 9 {
		t.Errorf("not done for what it adopted, ticket %v", r.Ticket)
	}
}

// TestNodeLabels: a label of this node is in the pod's environment.
func TestNodeLabels(t *testing.T) {
	r := newRig(t)
	r.Strategy.Paused = true
	r.Seen.Wanted = Revision{"A", "A-edge"}
	r.step(EventTarget)
	if r.Target != (Target{2, Revision{"A", "A-edge"}}) || r.Done(1) || r.Done(2) {
		t.Errorf("got %+v, done %v", r.Target, r.Done(2))
	}
	other := newRig(t)
	other.Peers = []Peer{{ID: "x", State: &r.State}}
	other.step(EventAdopted)
	other.want(PhaseAvailable, false)
	other.target(2, "A")
}

func TestExhausted(t *testing.T) {
	r := newRig(t)
	r.State.Target.Generation, r.State.Ticket.Generation = MaxGeneration, MaxGeneration
	r.Seen.Wanted = fleetRev("B")
	r.step()
	r.want(PhaseAvailable, false)
	r.target(MaxGeneration, "A")
	if got := r.d.Blockers.String(); got != HoldExhausted.String() {
		t.Errorf("got %q", got)
	}
}

func TestFails(t *testing.T) {
	r := newRig(t)
	r.Seen.Wanted = fleetRev("B")
	r.step()
	r.written()
	r.step()
	r.pass(strategy.DefaultDeadline - time.Second)
	r.want(PhaseUpdating, true)
	r.Seen.Now = r.Seen.Now.Add(time.Second)
	r.step(EventFailed)
	r.want(PhaseFailed, true)
	r.step()
	if len(r.d.Events) > 0 {
		t.Errorf("failed twice: %v", r.d.Events)
	}
	r.Seen.Wanted = fleetRev("C")
	r.step(EventTarget)
	r.want(PhaseUpdating, true)
	if r.Ticket.Generation != 2 || r.Target.Generation != 3 || !r.Sick {
		t.Errorf("ticket %v, target %v, sick %v", r.Ticket, r.Target, r.Sick)
	}
	r.written()
	r.pass(2 * strategy.DefaultDeadline)
	r.want(PhaseUpdating, true) // C found the pod down, and is not to blame
	r.Seen.Pod = PodUp
	r.step(EventFinished)
	if r.Ticket.Generation != 3 || r.Sick {
		t.Errorf("ticket %v, sick %v", r.Ticket, r.Sick)
	}
}

// TestOldPodIsNotToBlame: the deadline is that of the new revision. Until its manifest has stood, what takes long is something else: an old pod that
// takes its time, a kubelet that is away, a file that is missing.
func TestOldPodIsNotToBlame(t *testing.T) {
	r := newRig(t)
	r.Strategy.AutoRollback = true
	r.Seen.Wanted = fleetRev("B")
	r.step()
	r.Seen.Running, r.Seen.Pod = Revision{}, PodUnknown
	for range 3 {
		r.pass(strategy.DefaultDeadline)
		r.want(PhaseUpdating, true)
	}
	r.target(2, "B")
	r.written()
	r.step()
	r.Seen.Running, r.Seen.Pod = Revision{}, PodUnknown // refused by the kubelet, and on its way to be tried again
	r.pass(strategy.DefaultDeadline)
	r.target(3, "A")

	surge := newRig(t)
	surge.Strategy.Surge = true
	surge.Seen.Wanted = fleetRev("B")
	surge.step()
	surge.pass(strategy.DefaultDeadline)
	surge.want(PhaseUpdating, true)
	surge.Seen.Beside = fleetRev("B")
	surge.step()
	surge.pass(strategy.DefaultDeadline)
	surge.want(PhaseFailed, true)
}

func TestLateIsNoFailure(t *testing.T) {
	r := newRig(t)
	r.Seen.Wanted = fleetRev("B")
	r.step()
	r.written()
	r.Seen.Pod, r.Seen.Answers = PodUnknown, false
	r.pass(time.Hour)
	r.want(PhaseUpdating, true) // nobody knows how it is
	r.Seen.Now = simStart       // the clock is set back
	r.Seen.Pod, r.Seen.Answers = PodDown, true
	r.step()
	r.want(PhaseUpdating, true)
	r.pass(strategy.DefaultDeadline)
	r.want(PhaseFailed, true)
	r.Seen.Pod = PodUp
	r.step(EventFinished)
	r.want(PhaseAvailable, false)
}

func TestDown(t *testing.T) {
	blocked := []Peer{{ID: "x", State: at(PhaseUpdating, 2, 1, 1, "B", "B")}}
	for name, c := range map[string]struct {
		set     func(*rig)
		phase   Phase
		replace bool
	}{
		"at once":           {func(*rig) {}, PhaseUpdating, true},
		"at once, if new":   {func(r *rig) { r.HeldUntil = r.Seen.Now.Add(time.Minute) }, PhaseUpdating, true},
		"strict":            {func(r *rig) { r.Strategy.Strict = true }, PhaseUnavailable, false},
		"strict, K=2":       {func(r *rig) { r.Strategy.Strict, r.Strategy.Budget = true, intstr.FromInt(2) }, PhaseUpdating, true},
		"paused":            {func(r *rig) { r.Strategy.Paused = true }, PhaseUnavailable, false},
		"OnDelete":          {func(r *rig) { r.Strategy.OnDelete = true }, PhaseUnavailable, false},
		"no kubelet":        {func(r *rig) { r.Seen.Answers = false }, PhaseUnavailable, false},
		"nobody knows":      {func(r *rig) { r.Seen.Pod = PodUnknown }, PhaseUnknown, false},
		"nothing to change": {func(r *rig) { r.Seen.Wanted = fleetRev("A") }, PhaseUnavailable, false},
		"unknown what":      {func(r *rig) { r.Seen.Wanted = Revision{} }, PhaseUnavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.Peers, r.Seen.Wanted, r.Seen.Pod = blocked, fleetRev("B"), PodDown
			c.set(r)
			r.step()
			r.pass(DownFor)
			r.want(c.phase, c.replace)
			if c.replace && !r.Sick {
				t.Error("the revision would be blamed for a pod that was down before")
			}
		})
	}
}

func TestRollsBack(t *testing.T) {
	r := newRig(t)
	r.Strategy.AutoRollback = true
	r.Seen.Wanted = fleetRev("B")
	r.step()
	r.written()
	r.step()
	r.Seen.Now = r.Seen.Now.Add(strategy.DefaultDeadline)
	r.step(EventFailed, EventRolledBack, EventTarget)
	r.want(PhaseUpdating, true)
	r.target(3, "A")
	if r.Rejected != (Target{2, fleetRev("B")}) {
		t.Errorf("rejected %+v", r.Rejected)
	}
	r.written()
	r.Seen.Pod = PodUp
	r.step(EventFinished)
	r.step()
	r.want(PhaseAvailable, false) // and stays, though the file still says B
	r.target(3, "A")

	other := newRig(t)
	other.Strategy.AutoRollback = true
	other.Seen.Wanted = fleetRev("B")
	other.step()
	other.written()
	other.Seen.Pod = PodUp
	other.step(EventFinished)
	other.Peers = []Peer{{ID: "x", State: &r.State, Counts: true}}
	other.step(EventRolledBack, EventTarget, EventStarted)
	other.target(3, "A")
	other.Peers = nil
	other.Seen.Wanted = fleetRev("C")
	other.step(EventTarget)
	other.target(4, "C")
	if other.Rejected.Generation != 0 {
		t.Errorf("still rejects %+v, though the file has changed", other.Rejected)
	}
}

func TestDoesNotRollBack(t *testing.T) {
	for name, set := range map[string]func(*rig){
		"not asked to":         func(r *rig) { r.Strategy.AutoRollback = false },
		"nothing was good":     func(r *rig) { r.Good = "" },
		"not in the history":   func(r *rig) { r.Seen.LastGood = nil },
		"the pod was not well": func(r *rig) { r.Sick = true },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.Strategy.AutoRollback = true
			r.Seen.Wanted = fleetRev("B")
			r.step()
			r.written()
			set(r)
			r.pass(time.Hour)
			r.target(2, "B")
			if r.Rejected.Generation != 0 {
				t.Errorf("rejected %+v", r.Rejected)
			}
		})
	}
}

func TestUnplaced(t *testing.T) {
	r := newRig(t)
	r.Seen.Wanted = fleetRev("B")
	r.step()
	r.want(PhaseUpdating, true)
	r.Seen.Placed, r.Seen.Running, r.Seen.Pod = false, Revision{}, PodDown
	r.step()
	r.want(PhaseNotPlaced, false)
	r.Seen.Wanted = fleetRev("C")
	r.step()
	r.target(3, "C") // what it would start with
	if r.Ticket.Generation != 3 || !r.Done(3) {
		t.Errorf("ticket %v, done %v", r.Ticket, r.Done(3))
	}
	r.Seen.Placed = true
	r.step()
	r.want(PhaseUnavailable, false)
	if r.HeldUntil.IsZero() {
		t.Error("not new")
	}
}

func TestYieldsAfterAWhile(t *testing.T) {
	r := newRig(t)
	waits := at(PhaseWaiting, 2, 1, 1, "B", "A")
	r.Peers = []Peer{{ID: "x", State: waits}}
	r.step()
	if left := r.d.Again.Sub(r.Seen.Now); left != YieldAfter {
		t.Errorf("wants to be asked again in %s", left)
	}
	r.pass(YieldAfter - time.Second)
	if len(r.d.Events) > 0 {
		t.Fatalf("too early: %v", r.d.Events)
	}
	r.Seen.Now = r.Seen.Now.Add(time.Second)
	r.step(EventYielded)
	if want := (Ticket{2, 2, TicketHash("ns/agent", "self")}); r.Ticket != want {
		t.Errorf("got the ticket %v, wanted %v", r.Ticket, want)
	}
	r.pass(time.Hour)
	if len(r.d.Events) > 0 {
		t.Errorf("twice: %v", r.d.Events)
	}
}

func TestRestore(t *testing.T) {
	r := newRig(t)
	told := *at(PhaseUpdating, 4, 2, 7, "B", "A")
	r.State = Restore(&told, r.Seen.Now)
	r.Seen.Wanted, r.Seen.Running, r.Seen.Pod = fleetRev("B"), Revision{}, PodDown
	r.step()
	r.want(PhaseUpdating, true) // it finishes what it had begun
	if r.Ticket != told.Ticket {
		t.Errorf("got the ticket %v, wanted %v", r.Ticket, told.Ticket)
	}
	r.Seen.Running, r.Seen.Pod = fleetRev("B"), PodUp
	r.step(EventFinished)
	r.Seen.Wanted = fleetRev("C")
	r.step()
	r.held(HoldNew)

	// Where the old pod was not touched, it may have told since that it has finished, and others may go by that.
	r.State = Restore(&told, r.Seen.Now)
	r.Seen.Wanted, r.Seen.Running = fleetRev("B"), fleetRev("A")
	r.step(EventLapsed)
	r.held(HoldNew)
}
