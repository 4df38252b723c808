package rollout

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// TestFaultT1Counts: a percentage is one of the members that this host has reason to count; all others stand in the way and grant nothing.
func TestFaultT1Counts(t *testing.T) {
	percent := func(text string) *intstr.IntOrString { v := intstr.FromString(text); return &v }
	spec := strategy.Strategy{Budget: *percent("25%"), MaxFailed: percent("25%"), Partition: *percent("50%"), AutoRollback: true}
	self := at(PhaseWaiting, 2, 1, 50, "B", "A")
	fleet := func(made int, change func(p *Peer)) []Peer {
		var peers []Peer
		for i := range 5 + made {
			p := Peer{ID: fmt.Sprint(i), Counts: i < 5, State: at(PhaseWaiting, 2, 1, 1000+uint64(i), "B", "A")}
			if i >= 5 && change != nil {
				change(&p)
			}
			peers = append(peers, p)
		}
		return peers
	}
	for made, want := range map[int]int{0: 2, 24: 2} { // of 6
		_, b := MayStart(self, fleet(made, nil), spec)
		if b.Budget != want || b.Members != 6 || b.Uncounted != made {
			t.Errorf("with %d made up: %+v", made, b)
		}
	}
	trouble := fleet(0, nil)
	for i := range 3 {
		trouble[i].Trouble = TroubleDown
	}
	if _, b := MayStart(self, trouble, spec); b.Budget != 1 || b.Members != 3 || b.Count != 3 || b.Uncounted != 0 {
		t.Errorf("members in trouble are counted: %+v", b)
	}
	lies := fleet(24, func(p *Peer) {
		p.State = at(PhaseUpdating, 2, 1, 1<<60, "B", "B")
	})
	if may, b := MayStart(self, lies, spec); may || b.Count != 24 {
		t.Errorf("made-up members do not stand in the way: %+v", b)
	}
	m := machine{State: *self, spec: spec, o: Observation{ID: "self"}}
	m.peers = fleet(0, nil)
	stays := m.stays()
	m.peers = fleet(24, func(p *Peer) { p.State.Ticket.Hash = 1<<64 - 1 })
	if m.stays() != stays {
		t.Error("made-up members move this host's place in the order")
	}
	m.peers = fleet(24, nil)
	m.peers[0].State = at(PhaseFailed, 2, 1, 7, "B", "B")
	m.peers[1].State = at(PhaseFailed, 2, 1, 8, "B", "B")
	if !m.halted() {
		t.Error("made-up members raise the number of hosts that may fail")
	}
	r := newRig(t)
	r.Strategy.AutoRollback, r.GoodBefore = true, "O"
	r.Peers = fleet(3, func(p *Peer) { p.State.Rejected = Target{9, fleetRev("A")} })
	r.step()
	if r.Rejected.Generation != 0 {
		t.Error("went back because a made-up member says that it did")
	}
	if f := Foresee("ns/agent", fleet(24, nil), spec, func(*Peer) bool { return true }, func(*Peer) bool { return false }); f.Budget != 2 || f.Members != 5 || f.Uncounted != 24 {
		t.Errorf("foreseen: %d of %d, %d not counted", f.Budget, f.Members, f.Uncounted)
	}
}

// TestFaultT2Steps: what is far above all that is known is not believed, not taken over and not yielded to, whoever tells it; two that count
// are believed. Towards one that counts a host goes half a step every 30 seconds, here twice.
func TestFaultT2Steps(t *testing.T) {
	far := func(id string, generation uint64, class uint32, counts bool) Peer {
		s := at(PhaseWaiting, generation, class, 1, "A", "O")
		return Peer{ID: id, Name: id, State: s, Counts: counts}
	}
	const most, half = 1 + stepGeneration, stepGeneration / 2
	for name, c := range map[string]struct {
		peers []Peer
		want  uint64 // the generation that is taken over
		class uint32 // the highest class that this host comes to
	}{
		"one step":                        {[]Peer{far("x", most, 1, true)}, most, 2},
		"one step of who does not count":  {[]Peer{far("x", most, 1, false)}, most, 2},
		"further":                         {[]Peer{far("x", most+1, 1, true)}, most + 1, 2},
		"the last generation":             {[]Peer{far("x", lastPlain-1, 1, true)}, 1 + 2*half, 1},
		"the last epoch":                  {[]Peer{far("x", MaxGeneration, 1, true)}, 1, 1},
		"the next epoch, of one":          {[]Peer{far("x", firstOf(0), 1, true)}, 1, 1},
		"the next epoch, of two":          {[]Peer{far("x", firstOf(0), 1, true), far("y", firstOf(0), 1, true)}, firstOf(0), 2},
		"one far on in an epoch of two":   {[]Peer{far("x", firstOf(0), 1, true), far("y", firstOf(0)+1<<40, 1, true)}, firstOf(0) + half, 2},
		"far on in the last, one in next": {[]Peer{far("x", firstOf(0), 1, true), far("y", 1<<50, 1, true)}, 1 + 2*half, 1},
		"the last class":                  {[]Peer{far("x", 1, maxClass, true)}, 3, 1},
		"a class within reach":            {[]Peer{far("x", 1, 1+stepClass, true)}, 1, 2 + stepClass},
		"far, of who does not count":      {[]Peer{far("x", MaxGeneration, 1, false)}, 1, 1},
		"two that count":                  {[]Peer{far("x", 1<<40, 1, true), far("y", 1<<40, 1, true)}, 1 << 40, 2},
		"of two that count the lower":     {[]Peer{far("x", 1<<50, 1, true), far("y", 1<<40, 1, true)}, 1<<40 + 2*half, 2},
		"many that do not count":          {[]Peer{far("x", 1<<40, 1, false), far("y", 1<<40, 1, false), far("z", 1<<40, 1, true)}, 1 + 2*half, 1},
		"many that have another key":      {[]Peer{{ID: "x", Trouble: TroubleKey, Counts: true, State: at(PhaseAvailable, 1<<40, 1, 1, "A", "A")}, far("y", 1<<40, 1, true)}, 1 + 2*half, 1},
		"what was rejected is held to it": {[]Peer{{ID: "x", Counts: true, State: &State{Phase: PhaseAvailable, Target: Target{9, fleetRev("A")}, Rejected: Target{lastPlain - 1, fleetRev("B")}}}}, 1 + 2*half, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.Peers = c.peers
			r.step()
			r.pass(YieldAfter)
			r.pass(YieldAfter)
			if r.Target.Generation != c.want || r.Ticket.Class > c.class {
				t.Errorf("target %+v, ticket %+v", r.Target, r.Ticket)
			}
		})
	}
	// It is one unit of the budget, and nothing is left of it when it is forgotten.
	r := newRig(t)
	r.Peers, r.Seen.Wanted = []Peer{far("x", MaxGeneration, 1, true)}, fleetRev("B")
	r.step(EventTarget)
	r.target(2, "B")
	r.want(PhaseWaiting, false)
	if got, want := r.d.Blockers.String(), "x "+blockerWords[ReasonStep]; got != want {
		t.Errorf("got %q, wanted %q", got, want)
	}
	r.Peers = nil
	r.step(EventStarted)
}
