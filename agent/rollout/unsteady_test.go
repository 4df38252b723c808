package rollout

import (
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// flap has the pod go down and come up again for a time: up for so many seconds, then down for so many. None is long enough for what counts
// as available or as down.
func (r *rig) flap(d time.Duration, up, down int, replaced func() bool) time.Duration {
	r.t.Helper()
	for at := time.Duration(0); at < d; at += time.Second {
		if n := int(at/time.Second) % (up + down); n < up {
			if r.Seen.Pod != PodUp {
				r.Seen.Pod, r.Seen.ReadySince = PodUp, r.Seen.Now
			}
		} else {
			r.Seen.Pod = PodDown
		}
		r.step()
		if replaced() {
			return at
		}
		r.Seen.Now = r.Seen.Now.Add(time.Second)
	}
	return -1
}

// TestUnsteady: an old pod that comes up and goes down again, never for long enough to be available nor to be down, is replaced without a turn
// after a while, as the DaemonSet controller does, so that it does not hold the budget for ever.
func TestUnsteady(t *testing.T) {
	for name, c := range map[string]struct {
		up, down int
		soak     time.Duration
		set      func(*rig)
		// within is by when it is replaced, and not before from; zero: never.
		from, within time.Duration
	}{
		"up 8 s, down 2 s":             {8, 2, strategy.DefaultSoak, func(*rig) {}, UnsteadyFor, UnsteadyFor + 2*time.Second},
		"up 1 s, down 9 s":             {1, 9, strategy.DefaultSoak, func(*rig) {}, UnsteadyFor, UnsteadyFor + 2*time.Second},
		"up for longer than the soak":  {12, 5, strategy.DefaultSoak, func(*rig) {}, 0, 0},
		"without a soak":               {8, 2, 0, func(*rig) {}, 0, 0},
		"a long soak":                  {30, 5, time.Minute, func(*rig) {}, 3 * time.Minute, 3*time.Minute + 2*time.Second},
		"the current revision":         {8, 2, strategy.DefaultSoak, func(r *rig) { r.Seen.Wanted = fleetRev("A") }, 0, 0},
		"paused":                       {8, 2, strategy.DefaultSoak, func(r *rig) { r.Strategy.Paused = true }, 0, 0},
		"strict, and the budget taken": {8, 2, strategy.DefaultSoak, func(r *rig) { r.Strategy.Strict = true }, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.Peers = []Peer{{ID: "x", State: at(PhaseUpdating, 2, 1, 1, "B", "B")}} // who has the budget of 1
			r.Strategy.Soak = c.soak
			r.Seen.Pod, r.Seen.ReadySince = PodUp, r.Seen.Now
			r.Seen.Wanted = fleetRev("B")
			c.set(r)
			at := r.flap(10*time.Minute, c.up, c.down, func() bool { return r.d.Replace })
			if c.within == 0 && at >= 0 || c.within > 0 && (at < c.from || at > c.within) {
				t.Errorf("replaced after %s, want from %s to %s", at, c.from, c.within)
			}
		})
	}
}

// TestUnsteadyEnds: a silence of the kubelet, a restart of the agent, another pod and one that has soaked begin the measure anew.
func TestUnsteadyEnds(t *testing.T) {
	for name, breaks := range map[string]func(*rig){
		"nobody knows for a moment":        func(r *rig) { r.Seen.Pod = PodUnknown },
		"the kubelet is away for a moment": func(r *rig) { r.Seen.Answers = false },
		"another pod":                      func(r *rig) { r.Seen.Running = fleetRev("O") },
		"the agent is restarted":           func(r *rig) { r.UnsteadySince, r.UnsteadyOf = time.Time{}, Revision{} },
		"it has soaked":                    func(r *rig) { r.Seen.Pod, r.Seen.ReadySince = PodUp, r.Seen.Now.Add(-r.Strategy.Soak) },
		"the manifest goes and comes":      func(r *rig) { r.Seen.Running = Revision{} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.Peers = []Peer{{ID: "x", State: at(PhaseUpdating, 2, 1, 1, "B", "B")}}
			r.Strategy.Soak = strategy.DefaultSoak
			r.Seen.Wanted = fleetRev("B")
			r.Seen.Pod = PodDown
			replaced := func() bool { return r.d.Replace }
			if at := r.flap(UnsteadyFor-time.Second, 8, 2, replaced); at >= 0 {
				t.Fatalf("replaced after %s", at)
			}
			seen := r.Seen
			breaks(r)
			r.step()
			r.Seen.Running, r.Seen.Answers, r.Seen.Pod = seen.Running, true, PodDown
			if at := r.flap(UnsteadyFor-2*time.Second, 8, 2, replaced); at >= 0 {
				t.Errorf("replaced %s after it", at)
			}
		})
	}
}

// TestUnsteadyLapses: a permission that was given since the pod was unsteady stays while it is, and ends when it has soaked before it was touched.
func TestUnsteadyLapses(t *testing.T) {
	r := newRig(t)
	r.Peers = []Peer{{ID: "x", State: at(PhaseUpdating, 2, 1, 1, "B", "B")}}
	r.Strategy.Soak = strategy.DefaultSoak
	r.Seen.Wanted = fleetRev("B")
	if at := r.flap(time.Minute, 8, 2, func() bool { return r.d.Replace }); at < 0 {
		t.Fatal("not replaced")
	}
	// The act cannot be done.
	r.flap(time.Minute, 8, 2, func() bool {
		if !r.d.Replace || r.Phase != PhaseUpdating {
			t.Fatalf("the permission went: %s, %+v", r.Phase, r.d)
		}
		return false
	})
	r.Seen.Answers = false
	r.step()
	if r.d.Replace {
		t.Error("replaced while nobody knows how the pod is")
	}
	r.Seen.Answers = true
	r.Seen.Pod, r.Seen.ReadySince = PodUp, r.Seen.Now.Add(-strategy.DefaultSoak)
	r.step()
	if r.d.Replace || r.Phase != PhaseWaiting {
		t.Errorf("%s, replace %v with a pod that is available", r.Phase, r.d.Replace)
	}
}
