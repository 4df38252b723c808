package rollout

import (
	"strings"
	"testing"
	"time"
)

// TestFaultT13Lapses: a pod that is down may be replaced at once. What cannot be done before it is up again is not done then:
// the host asks for its turn, whatever has kept it from acting.
func TestFaultT13Lapses(t *testing.T) {
	busy := []Peer{{ID: "x", State: at(PhaseUpdating, 2, 1, 1, "B", "B")}}
	begun := func(t *testing.T) *rig {
		r := newRig(t)
		r.Peers, r.Seen.Pod = busy, PodDown
		r.step()
		r.Seen.Now, r.Seen.Wanted = r.Seen.Now.Add(DownFor), fleetRev("B")
		r.step(EventTarget, EventStarted)
		r.want(PhaseUpdating, true)
		return r
	}
	for name, c := range map[string]struct {
		set    func(*rig)
		phase  Phase
		events []Event
	}{
		"the pod is up, and another host has the turn": {func(*rig) {}, PhaseWaiting, []Event{EventLapsed}},
		"nobody has":                    {func(r *rig) { r.Peers = nil }, PhaseUpdating, []Event{EventLapsed, EventStarted}},
		"a typo in the file":            {func(r *rig) { r.Seen.Wanted = Revision{} }, PhaseHeld, []Event{EventLapsed}},
		"another file":                  {func(r *rig) { r.Seen.Wanted = fleetRev("C") }, PhaseWaiting, []Event{EventTarget, EventLapsed}},
		"the old file again":            {func(r *rig) { r.Seen.Wanted = fleetRev("A") }, PhaseAvailable, []Event{EventTarget, EventFinished}},
		"paused":                        {func(r *rig) { r.Strategy.Paused = true }, PhaseHeld, []Event{EventLapsed}},
		"strict":                        {func(r *rig) { r.Strategy.Strict = true }, PhaseWaiting, []Event{EventLapsed}},
		"surge, not begun":              {func(r *rig) { r.Strategy.Surge = true }, PhaseWaiting, []Event{EventLapsed}},
		"new":                           {func(r *rig) { r.HeldUntil = r.Seen.Now.Add(HoldDown) }, PhaseHeld, []Event{EventLapsed}},
		"the new pod is up":             {func(r *rig) { r.Seen.Running = fleetRev("B") }, PhaseAvailable, []Event{EventFinished}},
		"an agent killed and restarted": {func(r *rig) { r.Began = r.Seen.Now }, PhaseWaiting, []Event{EventLapsed}},
	} {
		t.Run(name, func(t *testing.T) {
			r := begun(t)
			r.Seen.Pod = PodUp
			c.set(r)
			r.step(c.events...)
			r.want(c.phase, c.phase == PhaseUpdating)
			if r.Sick && c.phase != PhaseUpdating {
				t.Error("the next revision would not be blamed for what it does")
			}
			if r.Ticket.Generation < r.Target.Generation && !r.Phase.Taken() {
				t.Errorf("ticket %+v, target %+v", r.Ticket, r.Target)
			}
		})
	}
}

// TestFaultT13Stays: a permission stays while its reason does, and the turn that the rule has given stays in any case.
func TestFaultT13Stays(t *testing.T) {
	sick := func(r *rig) { r.Seen.Pod, r.DownSince, r.DownOf = PodDown, r.Seen.Now.Add(-DownFor), fleetRev("A") }
	turn := func(r *rig) {}
	for name, c := range map[string]struct {
		begin, set func(*rig)
		replace    bool
	}{
		"still down":                        {sick, func(*rig) {}, true},
		"already stopped":                   {sick, func(r *rig) { r.Seen.Running = Revision{} }, true},
		"the new one is written":            {sick, func(r *rig) { r.Seen.Running = r.d.Target }, true},
		"it is not known how the pod is":    {sick, func(r *rig) { r.Seen.Pod = PodUnknown }, false},
		"the kubelet has stopped answering": {sick, func(r *rig) { r.Seen.Answers = false }, false},
		"a turn":                            {turn, func(*rig) {}, true},
		"a turn, nobody knows":              {turn, func(r *rig) { r.Seen.Pod, r.Seen.Answers = PodUnknown, false }, true},
		"a turn, another file":              {turn, func(r *rig) { r.Seen.Wanted = fleetRev("C") }, true},
		"a surge that stands beside": {sick, func(r *rig) {
			r.Strategy.Surge, r.Seen.Beside, r.Seen.Pod = true, fleetRev("B"), PodUp
		}, true},
		"OnDelete, asked for": {func(r *rig) { r.Strategy.OnDelete, r.Seen.Requested = true, true }, func(r *rig) { r.Seen.Requested = false }, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.Seen.Wanted = fleetRev("B")
			c.begin(r)
			r.step(EventTarget, EventStarted)
			c.set(r)
			r.step()
			r.want(PhaseUpdating, c.replace)
			if !c.replace && r.d.Blockers.String() == "" {
				t.Error("nothing says why nothing happens")
			}
		})
	}
}

// TestFaultT13OnDelete: an operator's request for one host is none for a strategy that was put in its place.
func TestFaultT13OnDelete(t *testing.T) {
	r := newRig(t)
	r.Peers = []Peer{{ID: "x", State: at(PhaseUpdating, 2, 1, 1, "B", "B")}}
	r.Seen.Wanted, r.Strategy.OnDelete, r.Seen.Requested = fleetRev("B"), true, true
	r.step(EventTarget, EventStarted)
	r.Strategy.OnDelete, r.Seen.Requested = false, false
	r.step(EventLapsed)
	r.want(PhaseWaiting, false)
}

// TestFaultT13Checker: the random fleets find it, too, when a permission outlives its reason: acts fail in them for any time,
// while pods come up and others begin.
func TestFaultT13Checker(t *testing.T) {
	for seed := uint64(1); seed <= 3000; seed++ {
		if s := chaos(seed, without{lapse: true}, false, false); strings.HasSuffix(s.found, "are allowed") {
			t.Logf("seed %d: %s", seed, s.found)
			return
		}
	}
	t.Error("permissions outlived their reasons and nothing went wrong")
}

// TestKnownChecker: the random fleets find it, too, when a host with a members file does not wait until the others know of it.
func TestKnownChecker(t *testing.T) {
	for seed := uint64(3); seed <= 30000; seed += 3 {
		if s := chaos(seed, without{known: true}, false, false); strings.HasSuffix(s.found, "are allowed") {
			t.Logf("seed %d: %s", seed, s.found)
			return
		}
	}
	t.Error("nobody waited until the others knew of it, and nothing went wrong")
}

// TestFaultT16Lasts: a pod is down for certain when it has been for a while, by what a kubelet says that answered all the while.
func TestFaultT16Lasts(t *testing.T) {
	r := newRig(t)
	r.Peers = []Peer{{ID: "x", State: at(PhaseUpdating, 2, 1, 1, "B", "B")}}
	r.Seen.Wanted, r.Seen.Pod = fleetRev("B"), PodDown
	for name, breaks := range map[string]func(){
		"it is up for a moment":             func() { r.Seen.Pod = PodUp },
		"nobody knows for a moment":         func() { r.Seen.Pod = PodUnknown },
		"the kubelet is away for a moment":  func() { r.Seen.Answers = false },
		"another pod":                       func() { r.Seen.Running = fleetRev("O") },
		"the clock is set back":             func() { r.Seen.Now = r.Seen.Now.Add(-time.Hour) },
		"the agent is restarted":            func() { r.DownSince, r.DownOf = time.Time{}, Revision{} },
		"the manifest goes and comes again": func() { r.Seen.Running = Revision{} },
	} {
		r.Seen.Pod = PodUp
		r.step()
		r.Seen.Pod = PodDown
		r.step()
		r.pass(DownFor - time.Second)
		before := r.Seen
		breaks()
		r.step()
		now := r.Seen.Now
		r.Seen = before
		r.Seen.Now = now.Add(time.Second)
		r.step()
		r.want(PhaseUnavailable, false)
		if r.d.Again.IsZero() || r.d.Again.After(r.Seen.Now.Add(DownFor)) {
			t.Errorf("%s: asked again at %s, now it is %s", name, r.d.Again, r.Seen.Now)
		}
	}
	r.pass(DownFor)
	r.want(PhaseUpdating, true)
}
