package rollout

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// TestFaultO2Soak: for the rollout a pod is available when it has been ready for the soak, and not a moment earlier.
func TestFaultO2Soak(t *testing.T) {
	r := newRig(t)
	r.Strategy.Soak = strategy.DefaultSoak
	r.Seen.Wanted = fleetRev("B")
	r.step(EventTarget, EventStarted)
	r.written()
	r.Seen.Pod, r.Seen.ReadySince = PodUp, r.Seen.Now
	r.step()
	r.want(PhaseUpdating, true)
	if !r.d.Again.Equal(r.Seen.Now.Add(strategy.DefaultSoak)) {
		t.Errorf("wants to be asked again at %s", r.d.Again)
	}
	r.pass(strategy.DefaultSoak - time.Second)
	r.want(PhaseUpdating, true)
	r.Seen.ReadySince = r.Seen.Now // its container has ended and was started again
	r.pass(strategy.DefaultSoak - time.Second)
	r.want(PhaseUpdating, true)
	r.Seen.Now = r.Seen.Now.Add(time.Second)
	r.step(EventFinished)
	r.want(PhaseAvailable, false)

	r.Seen.ReadySince = r.Seen.Now
	r.step()
	r.want(PhaseUnavailable, false)
	r.Seen.Wanted = fleetRev("C")
	r.step(EventTarget)
	r.want(PhaseUnavailable, false) // it is up, and no reason to go without a turn
	r.Seen.ReadySince = time.Time{}
	r.step(EventStarted)
}

// TestFaultO2Restarts: a new pod whose containers end again and again has failed, also when it was available before; with the reason.
func TestFaultO2Restarts(t *testing.T) {
	updated := func(t *testing.T) *rig {
		r := newRig(t)
		r.Seen.Wanted = fleetRev("B")
		r.step(EventTarget, EventStarted)
		r.written()
		r.step()
		return r
	}
	available := func(t *testing.T) *rig {
		r := updated(t)
		r.Seen.Pod = PodUp
		r.step(EventFinished)
		return r
	}
	const why = "container main ends with exit code 3"
	for name, c := range map[string]struct {
		begin func(*testing.T) *rig
		set   func(*rig)
		want  Phase
	}{
		"two restarts":                    {updated, func(r *rig) { r.Seen.Restarts = 2 }, PhaseUpdating},
		"three restarts":                  {updated, func(r *rig) { r.Seen.Restarts = 3 }, PhaseFailed},
		"three restarts, up":              {updated, func(r *rig) { r.Seen.Restarts, r.Seen.Pod = 3, PodUp }, PhaseFailed},
		"back-off":                        {updated, func(r *rig) { r.Seen.Looping = true }, PhaseFailed},
		"it was available":                {available, func(r *rig) { r.Seen.Restarts = 3 }, PhaseFailed},
		"it was available, back-off":      {available, func(r *rig) { r.Seen.Looping, r.Seen.Pod = true, PodDown }, PhaseFailed},
		"it was available for long":       {available, func(r *rig) { r.Seen.Restarts, r.Seen.Now = 3, r.Seen.Now.Add(strategy.DefaultDeadline) }, PhaseAvailable},
		"a pod that is not of a rollout":  {newRig, func(r *rig) { r.Seen.Restarts, r.Seen.Looping = 9, true }, PhaseAvailable},
		"beside the old one, in a surge":  {updated, func(r *rig) { r.Seen.Running, r.Seen.Beside, r.Seen.Looping = fleetRev("A"), fleetRev("B"), true }, PhaseFailed},
		"the clock is set back meanwhile": {available, func(r *rig) { r.Seen.Restarts, r.Seen.Now = 3, r.Seen.Now.Add(-time.Hour) }, PhaseFailed},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.begin(t)
			c.set(r)
			r.Seen.Why = why
			r.step()
			if r.Phase != c.want {
				t.Fatalf("got %s, wanted %s", r.Phase, c.want)
			}
			if failed := c.want == PhaseFailed; failed != (r.Why == why) || failed != slices.Contains(r.d.Events, EventFailed) {
				t.Errorf("why %q, events %v", r.Why, r.d.Events)
			}
		})
	}
	r := available(t)
	r.Strategy.AutoRollback, r.Seen.Looping, r.Seen.Pod = true, true, PodDown
	r.step(EventFailed, EventRolledBack, EventTarget)
	r.target(3, "A")

	// It stays failed for as long as it is on trial, also while the pod is up in between; then it is what it shows to be.
	r = available(t)
	r.Seen.Restarts, r.Seen.Pod = 3, PodDown
	r.step(EventFailed)
	r.Seen.Pod = PodUp
	r.pass(strategy.DefaultDeadline - time.Second)
	r.want(PhaseFailed, true)
	r.Seen.Now = r.Seen.Now.Add(time.Second)
	r.step(EventFinished)
	if r.Why != "" {
		t.Errorf("it is available and says %q", r.Why)
	}

	// Another file: whoever failed after it was available took no turn for that.
	r = available(t)
	r.Seen.Restarts, r.Seen.Pod = 3, PodUp
	r.step(EventFailed)
	r.Peers = []Peer{{ID: "x", State: at(PhaseUpdating, 3, 1, 1, "C", "C")}}
	r.Seen.Wanted = fleetRev("C")
	r.step(EventTarget, EventLapsed)
	r.want(PhaseWaiting, false)
}

// TestFaultO5Why: why a host has failed is told to the others, within limits and without what does not print.
func TestFaultO5Why(t *testing.T) {
	for name, c := range map[string]struct {
		phase     Phase
		why, want string
	}{
		"failed":           {PhaseFailed, "container main ends with exit code 3", "container main ends with exit code 3"},
		"in another phase": {PhaseUpdating, "old", ""},
		"too long":         {PhaseFailed, strings.Repeat("ü", MaxWhy), strings.Repeat("ü", MaxWhy/2)},
		"controls":         {PhaseFailed, "a\x1b[31mb\nc\xff", "a [31mb c "},
		"nothing":          {PhaseFailed, "", ""},
	} {
		s := *at(c.phase, 2, 1, 1, "B", "B")
		s.Why = c.why
		body, section, err := Encode([]State{s}, 0)
		if err != nil || section.Plain != 0 {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := Decode("x", body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.States[0].Why != c.want {
			t.Errorf("%s: got %q, wanted %q", name, got.States[0].Why, c.want)
		}
	}
}
