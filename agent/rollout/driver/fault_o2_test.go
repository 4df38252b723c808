package driver

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/rollout"
)

// TestFaultO2Restarts: restarts of a new revision's pod are counted from when it was first seen on trial, so that those of
// an earlier pod of the same revision are not its.
func TestFaultO2Restarts(t *testing.T) {
	turns := newTurns(Config{})
	st := rollout.State{Key: key, Target: rollout.Target{Generation: 2, Revision: rollout.Revision{Fleet: "B", Local: "B"}}}
	observe := func(restarts uint32) rollout.Observation {
		turns.states[key] = st
		turns.observe(&Seen{Key: key, Stand: []Stand{{Revision: "B"}}}, lately) // not known for a moment
		return turns.observe(&Seen{Key: key, Stand: []Stand{
			{Revision: "A", Ends: &Ends{Restarts: 50, Looping: true, Why: "the old one"}},
			{Revision: "B", Ends: &Ends{Restarts: restarts, Why: "it ends"}},
		}}, lately)
	}
	for i, c := range []struct {
		tried    time.Time
		restarts uint32
		want     uint32
	}{
		{time.Time{}, 7, 0},
		{lately, 7, 0},
		{lately, 9, 2},
		{lately, 10, 3},
		{lately, 1, 0}, // another pod
		{lately, 2, 1},
		{lately.Add(time.Hour), 5, 0},
	} {
		st.Tried = c.tried
		if o := observe(c.restarts); o.Restarts != c.want || o.Looping || o.Why != "it ends" {
			t.Errorf("%d: %d restarts, looping %t, %q; want %d", i, o.Restarts, o.Looping, o.Why, c.want)
		}
	}
}

// TestFaultO2RestartsAfterStart: an agent that starts anew goes on counting where it stood.
func TestFaultO2RestartsAfterStart(t *testing.T) {
	h := newHost(t)
	h.asks(newRevision)
	h.step()
	ends := func(restarts uint32) {
		h.stands(newRevision, rollout.PodDown)
		h.seen.Stand[0].Ends = &Ends{Restarts: restarts, Why: "container main ends with exit code 3"}
	}
	ends(1) // of a pod of the same revision that stood here before
	h.step()
	h.step()
	ends(3)
	if turn := h.step(); turn.State.Phase != rollout.PhaseUpdating {
		t.Fatalf("after two restarts: %+v", turn.State)
	}
	h.Turns = mustLoad(t, filepath.Dir(h.path))
	if turn := h.step(); turn.State.Phase != rollout.PhaseUpdating {
		t.Fatalf("after two restarts and a start of the agent: %+v", turn.State)
	}
	ends(4)
	if turn := h.step(); turn.State.Phase != rollout.PhaseFailed {
		t.Errorf("after three restarts, one since the agent started: %+v", turn.State)
	}
}
