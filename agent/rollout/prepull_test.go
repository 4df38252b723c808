package rollout

import (
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// TestPrePullFails: images that cannot be pulled are a failure of their revision when the progress deadline is over, while the
// old pod runs on.
func TestPrePullFails(t *testing.T) {
	const why = "pulling logger:2 before the old pod stops: image logger:2: ErrImagePull: not found"
	begin := func(t *testing.T) *rig {
		r := newRig(t)
		r.Strategy.AutoRollback = false
		r.Seen.Wanted = fleetRev("B")
		r.step(EventTarget, EventStarted)
		r.Seen.Pulling, r.Seen.Why = r.Seen.Now, why
		r.step()
		r.pass(strategy.DefaultDeadline - time.Second)
		r.want(PhaseUpdating, true)
		return r
	}
	failed := func(t *testing.T) *rig {
		r := begin(t)
		r.Seen.Now = r.Seen.Now.Add(time.Second)
		r.step(EventFailed)
		r.want(PhaseFailed, true)
		if r.Why != why || r.Running != fleetRev("A") {
			t.Errorf("failed with %q, and runs %v", r.Why, r.Running)
		}
		return r
	}

	t.Run("pulled in time", func(t *testing.T) {
		r := begin(t)
		r.Seen.Pulling, r.Seen.Why = time.Time{}, ""
		r.pass(time.Minute)
		r.want(PhaseUpdating, true)
		r.written()
		r.pass(strategy.DefaultDeadline - time.Second) // the new pod has all of its deadline
		r.step()
		r.want(PhaseUpdating, true)
		r.Seen.Pod = PodUp
		r.step(EventFinished)
	})
	t.Run("pulled after all", func(t *testing.T) {
		r := failed(t)
		r.Seen.Pulling, r.Seen.Why = time.Time{}, ""
		r.step()
		r.want(PhaseFailed, true)
		r.written()
		r.step()
		r.Seen.Pod = PodUp
		r.step(EventFinished)
		r.want(PhaseAvailable, false)
	})
	t.Run("the file is mended", func(t *testing.T) {
		r := failed(t)
		r.Seen.Pulling, r.Seen.Why, r.Seen.Wanted = time.Time{}, "", fleetRev("C")
		r.step()
		r.want(PhaseUpdating, true)
		r.target(3, "C")
	})
	t.Run("the file is taken back", func(t *testing.T) {
		r := failed(t)
		r.Seen.Pulling, r.Seen.Why, r.Seen.Wanted = time.Time{}, "", fleetRev("A")
		r.step()
		r.step()
		r.want(PhaseAvailable, false)
	})
	t.Run("auto-rollback", func(t *testing.T) {
		r := begin(t)
		r.Strategy.AutoRollback = true
		r.Seen.Now = r.Seen.Now.Add(time.Second)
		r.step()
		r.Seen.Pulling, r.Seen.Why = time.Time{}, ""
		r.step()
		r.want(PhaseAvailable, false)
		if r.Target.Revision != fleetRev("A") || r.Rejected.Revision != fleetRev("B") {
			t.Errorf("it goes on to %v, and rejects %v", r.Target, r.Rejected)
		}
	})
	t.Run("begun long before its turn", func(t *testing.T) {
		r := newRig(t)
		r.Seen.Pulling, r.Seen.Why = r.Seen.Now.Add(-time.Hour), why
		r.Seen.Wanted = fleetRev("B")
		r.step(EventTarget, EventStarted)
		r.pass(strategy.DefaultDeadline - time.Second)
		r.want(PhaseUpdating, true)
		r.pass(time.Second)
		r.want(PhaseFailed, true)
	})
	t.Run("the clock is set back", func(t *testing.T) {
		r := begin(t)
		r.Seen.Now = r.Seen.Now.Add(-time.Hour)
		r.step()
		r.want(PhaseUpdating, true)
	})
}

// TestPrePullNear: near are as many hosts as may be down at a time, those whose turn comes next.
func TestPrePullNear(t *testing.T) {
	for _, c := range []struct {
		b    Blockers
		want bool
	}{
		{Blockers{}, false}, // it was not asked
		{Blockers{Budget: 1}, false},
		{Blockers{Budget: 1, Count: 1}, true},
		{Blockers{Budget: 1, Count: 2}, false},
		{Blockers{Budget: 3, Count: 2}, false},
		{Blockers{Budget: 3, Count: 3}, true},
		{Blockers{Budget: 3, Count: 5}, true},
		{Blockers{Budget: 3, Count: 6}, false},
		{Blockers{Budget: 1, Count: 1, hold: HoldKubelet}, false},
		{Blockers{Budget: 1, Count: 1, own: true}, false},
		{Blockers{Budget: 1, Count: 1, canary: &Blocker{}}, false},
	} {
		if c.b.May() && c.b.Near() {
			t.Errorf("%+v is near and may", c.b)
		}
		if got := c.b.Near(); got != c.want {
			t.Errorf("%+v: near %v", c.b, got)
		}
	}
}
