package rollout

import (
	"testing"

	"k8s.io/apimachinery/pkg/labels"
)

// TestFaultO9Order: the order is the declared one from when it is declared, also where tickets were told before.
func TestFaultO9Order(t *testing.T) {
	if found := calmRuns["canaries, declared late"](without{}); found != "" {
		t.Error(found)
	}
	canary := func(change func(*Peer)) []Peer {
		p := Peer{ID: "x", Name: "x", Counts: true, State: at(PhaseWaiting, 2, 1, 1<<64-1, "B", "A")}
		p.State.Canary = true
		change(&p)
		return []Peer{p}
	}
	for name, c := range map[string]struct {
		change func(*Peer)
		behind bool
	}{
		"a canary that waits":                 {func(*Peer) {}, true},
		"one that is paused, as this host is": {func(p *Peer) { p.State.Phase, p.State.Hold = PhaseHeld, HoldPaused }, true},
		"one that is held for another reason": {func(p *Peer) { p.State.Phase, p.State.Hold = PhaseHeld, HoldKubelet }, false},
		"no canary":                           {func(p *Peer) { p.State.Canary = false }, false},
		"one that does not count":             {func(p *Peer) { p.Counts = false }, false},
		"one that is down":                    {func(p *Peer) { p.Trouble = TroubleDown }, false},
		"one with another generation":         {func(p *Peer) { p.State.Target.Generation = 1 }, false},
		"one that is being updated":           {func(p *Peer) { p.State.Phase = PhaseUpdating }, false},
		"one that is done":                    {func(p *Peer) { p.State.Phase, p.State.Running = PhaseAvailable, p.State.Target.Revision }, false},
		"one that goes first already":         {func(p *Peer) { p.State.Ticket.Class = classCanary }, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.Strategy.Canary = labels.SelectorFromSet(labels.Set{"canary": "true"})
			r.Peers, r.Seen.Wanted, r.Strategy.Paused = canary(c.change), fleetRev("B"), true
			r.Peers = append(r.Peers, Peer{ID: "y", Counts: true, State: at(PhaseWaiting, 2, 1, 7, "B", "A")})
			r.step(EventTarget)
			if got := r.Ticket.Above(r.Peers[0].State.Ticket); got != c.behind && name != "one that goes first already" {
				t.Errorf("ticket %+v, the canary's %+v", r.Ticket, r.Peers[0].State.Ticket)
			}
			if r.Ticket.Class > 2 {
				t.Errorf("ticket %+v", r.Ticket)
			}
		})
	}
}
