package rollout

import (
	"testing"
	"time"
)

// TestFaultT2Reset: a fleet whose generations were spoilt finishes when two hosts begin a new epoch.
func TestFaultT2Reset(t *testing.T) {
	if found := calmRuns["spoilt, and a new epoch"](without{}); found != "" {
		t.Error(found)
	}
}

// TestReset: an operator's new epoch is above all that this host has, restarts nothing, and waits with its ticket for the
// end of a replacement.
func TestReset(t *testing.T) {
	r := newRig(t)
	r.Ticket.Class = maxClass
	r.Seen.Reset = true
	r.step(EventReset)
	r.want(PhaseAvailable, false)
	r.target(firstOf(0), "A")
	if r.Ticket.Generation != firstOf(0) || r.Ticket.Class != classMember {
		t.Errorf("ticket %+v", r.Ticket)
	}
	r.Seen.Reset = false
	r.Seen.Wanted = fleetRev("B")
	r.step(EventTarget, EventStarted)
	r.target(firstOf(0)+1, "B")
	was := r.Ticket
	r.Seen.Reset = true
	r.step(EventReset)
	r.want(PhaseUpdating, true)
	r.target(firstOf(firstOf(0)), "B")
	if r.Ticket != was {
		t.Errorf("the ticket moved from %+v to %+v while the pod is down", was, r.Ticket)
	}
	r.Seen.Reset = false
	r.written()
	r.step()
	r.Seen.Pod = PodUp
	r.step(EventFinished)
	if r.Ticket.Generation != firstOf(firstOf(0)) {
		t.Errorf("ticket %+v", r.Ticket)
	}
	r.Target.Generation, r.Ticket.Generation = MaxGeneration, MaxGeneration
	r.Seen.Reset = true
	if r.step(); len(r.d.Events) != 0 {
		t.Errorf("no epoch is left: %v", r.d.Events)
	}
}

// TestFaultT2ResetOfOne: an epoch that a single member tells of is not believed, as no single member is with what is far
// above all; of two that count it is.
func TestFaultT2ResetOfOne(t *testing.T) {
	next := func(id string) Peer {
		return Peer{ID: id, Counts: true, State: at(PhaseAvailable, firstOf(0), classMember, 7, "A", "A")}
	}
	r := newRig(t)
	r.Peers = []Peer{next("x")}
	r.step()
	for range 100 {
		r.pass(YieldAfter)
	}
	if Epoch(r.Target.Generation) != 0 {
		t.Errorf("one member alone has begun an epoch: %+v", r.Target)
	}
	if why := Resettable(&r.State, r.Peers); why != ResetMay {
		t.Errorf("refused with %d", why)
	}
	r.Peers = append(r.Peers, next("y"))
	r.step(EventAdopted)
	r.target(firstOf(0), "A")
}

func TestResettable(t *testing.T) {
	healthy := at(PhaseAvailable, 7, 3, 1, "A", "A")
	for name, c := range map[string]struct {
		change func(s *State)
		peers  []Peer
		want   ResetRefusal
	}{
		"healthy":           {func(*State) {}, []Peer{{ID: "x", Counts: true, State: healthy}}, ResetNoNeed},
		"never seen":        {func(s *State) { s.Target = Target{} }, nil, ResetNoTarget},
		"the last epoch":    {func(s *State) { s.Ticket.Generation = MaxGeneration }, nil, ResetNoEpoch},
		"spoilt":            {func(s *State) { s.Target.Generation = lastPlain - 1 }, nil, ResetMay},
		"a class":           {func(s *State) { s.Ticket.Class = stepClass + 1 }, nil, ResetMay},
		"another is far on": {func(*State) {}, []Peer{{ID: "x", State: at(PhaseAvailable, 1<<40, 1, 1, "A", "A")}}, ResetMay},
	} {
		s := *healthy
		c.change(&s)
		if got := Resettable(&s, c.peers); got != c.want {
			t.Errorf("%s: got %d, wanted %d", name, got, c.want)
		}
	}
}

// TestFaultO7Release: an operator ends the time of a new DaemonSet, in one step; what was heard of the others is still
// waited for, and whoever may not know of this host goes first.
func TestFaultO7Release(t *testing.T) {
	r := &rig{t: t, State: State{Key: "ns/agent"}, Strategy: budget(1)}
	r.Seen = Observation{
		Now: simStart, ID: "self", Placed: true, Wanted: fleetRev("A"), Running: fleetRev("A"), Pod: PodUp, Answers: true,
	}
	r.step()
	r.Seen.Wanted = fleetRev("B")
	r.pass(time.Minute)
	r.held(HoldNew)
	if want := simStart.Add(HoldDown); !r.d.Blockers.All()[0].Until.Equal(want) {
		t.Errorf("held until %s, wanted %s", r.d.Blockers.All()[0].Until, want)
	}
	r.Seen.Released = true
	r.step(EventReleased)
	r.held(HoldUnsettled)
	r.Seen.Released, r.Seen.Settled = false, true
	busy := Peer{ID: "x", Counts: true, State: at(PhaseUpdating, 2, 5, 1<<63, "B", "A")}
	r.Peers = []Peer{busy}
	r.step()
	r.want(PhaseWaiting, false)
	if !r.Ticket.Above(busy.State.Ticket) {
		t.Errorf("the ticket %+v is not behind that of who is being updated, %+v", r.Ticket, busy.State.Ticket)
	}
	r.Peers = nil
	r.step(EventStarted)
	r.Seen.Released = true
	if r.step(); len(r.d.Events) != 0 {
		t.Errorf("released what is not held: %v", r.d.Events)
	}
}
