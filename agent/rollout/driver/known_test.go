package driver

import (
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// young is a host on which a/b was placed a moment ago and another revision is wanted, and the view that it has of a fleet with members files: itself,
// "b" and "c", who have told nothing of a/b.
func young(t *testing.T) (h *host, told func() rollout.Section, other func(i int, knows uint64) *gossip.Member) {
	t.Helper()
	view := &fleet.View{Settled: true}
	for i, name := range []string{"a", "b", "c"} {
		m := &gossip.Member{
			ID: record.ID{byte(i)}, Name: name, State: gossip.StateAlive, Standing: records.Trusted, Listed: true, Self: i == 0,
		}
		view.Members = append(view.Members, fleet.Member{Member: m})
	}
	self := view.Members[0].ID.String()
	h = &host{Turns: mustLoad(t, t.TempDir()), t: t, now: lately, fleet: Fleet{Self: self, View: view, New: true}}
	h.seen = newHost(t).seen
	told = func() rollout.Section {
		t.Helper()
		body, _, err := h.Tell()
		if err != nil {
			t.Fatal(err)
		}
		section, err := rollout.Decode(self, body)
		if err != nil {
			t.Fatal(err)
		}
		return section
	}
	stamp := record.Stamp{}
	other = func(i int, knows uint64) *gossip.Member {
		t.Helper()
		body, _, err := rollout.Encode(nil, knows)
		if err != nil {
			t.Fatal(err)
		}
		stamp.Version++
		m := view.Members[i].Member
		m.Sections = map[string]records.Section{Section: {Stamp: stamp, Body: body}}
		return m
	}
	other(1, 0)
	other(2, 0)
	h.step()
	if section := told(); section.Asks != 0 {
		t.Fatal("it asks before it wants anything")
	}
	h.asks(newRevision)
	if turn := h.step(); turn.State.Hold != rollout.HoldNew {
		t.Fatalf("it does not hold: %+v", turn.State)
	}
	return h, told, other
}

// TestYoungHostAsks: a host with a members file begins as soon as all others have shown that they have heard of it, and no earlier.
func TestYoungHostAsks(t *testing.T) {
	for name, c := range map[string]struct {
		// change is made after all others have answered.
		change func(h *host, members []fleet.Member)
		begins bool
	}{
		"all have answered":                      {func(*host, []fleet.Member) {}, true},
		"one of them is down by now":             {func(_ *host, m []fleet.Member) { m[1].State = gossip.StateFailed }, true},
		"one of them has left":                   {func(_ *host, m []fleet.Member) { m[1].State = gossip.StateLeft }, true},
		"there is no members file any more":      {func(_ *host, m []fleet.Member) { m[0].Listed, m[1].Listed, m[2].Listed = false, false, false }, false},
		"the file does not list this host":       {func(_ *host, m []fleet.Member) { m[0].Listed = false }, false},
		"the name of one is claimed by another":  {func(_ *host, m []fleet.Member) { m[1].Contested = true }, false},
		"one has lost its place":                 {func(_ *host, m []fleet.Member) { m[1].Standing, m[1].Listed = records.Held, false }, false},
		"one is listed now, and was never heard": {func(_ *host, m []fleet.Member) { m[1].Sections = nil }, false},
		"one tells what cannot be read":          {func(_ *host, m []fleet.Member) { m[1].Sections[Section] = records.Section{Body: []byte("?")} }, false},
		"it was placed anew since": {func(h *host, _ []fleet.Member) {
			st := h.states[key]
			st.HeldUntil = st.HeldUntil.Add(1)
			h.states[key] = st
		}, false},
		"what it told comes back from the others": {func(h *host, _ []fleet.Member) { st := h.states[key]; h.states[key] = rollout.Restore(&st, h.now) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			h, told, other := young(t)
			question := told().Asks
			if question == 0 {
				t.Fatal("it asks nothing")
			}
			all := rollout.Heard(h.fleet.Self, question)
			other(1, all)
			if turn := h.step(); turn.State.Hold != rollout.HoldNew {
				t.Fatalf("one has not answered: %+v", turn.State)
			}
			other(2, all)
			c.change(h, h.fleet.View.Members)
			turn := h.step()
			if begins := turn.Decision.Replace; begins != c.begins {
				t.Errorf("begins %v, want %v: %+v", begins, c.begins, turn.State)
			}
			if since := h.now.Sub(lately); since > time.Minute {
				t.Errorf("%s have passed: this shows nothing", since)
			}
		})
	}
}

// TestAnswersWhatItHeard: what a host has heard is told with what was decided since, and not where that could not be saved.
func TestAnswersWhatItHeard(t *testing.T) {
	h, told, _ := young(t)
	asking := rolled(1, rollout.PhaseHeld)
	asking.Running, asking.HeldUntil = oldRevision, lately.Add(rollout.HoldDown)
	b := h.fleet.View.Members[1].Member
	b.Sections = map[string]records.Section{Section: {Stamp: record.Stamp{Generation: 1}, Body: encoded(t, asking)}}
	want := rollout.Heard(h.fleet.Self, told().Asks) ^ rollout.Heard(b.ID.String(), rollout.Asks([]rollout.State{asking}))
	mend := h.breaks()
	h.asks(rollout.Revision{Fleet: "dddddddddd", Local: "dddddddddd"})
	if err := h.try(); err == nil {
		t.Fatal("it cannot have been saved")
	}
	if got := told().Knows; got == want {
		t.Error("it tells that it has heard what nothing that it tells was decided with")
	}
	mend()
	h.step()
	if got := told().Knows; got != want {
		t.Errorf("it tells %x, want %x", got, want)
	}
	for i := range h.fleet.View.Members {
		h.fleet.View.Members[i].Listed = false
	}
	h.step()
	if got := told().Knows; got != 0 {
		t.Errorf("without a members file it tells %x", got)
	}
}
