package rollout

import (
	"testing"
	"time"
)

// menu are the records of a liar: every phase that matters with every order of generations that the honest come to, and some far
// beyond. More of them differ in nothing that Next can tell apart.
func (s *search) menu(i int) []Peer {
	var out []Peer
	add := func(phase Phase, target Target, running string, generation uint64, class uint32) {
		st := &State{Key: modelKey, Phase: phase, Target: target, Ticket: Ticket{generation, class, TicketHash(modelKey, hostID(i))}}
		if running != "" {
			st.Running = fleetRev(running)
		}
		out = append(out, Peer{State: st})
	}
	for _, target := range []Target{{1, fleetRev("A")}, {2, fleetRev("B")}, {3, fleetRev("A")}, {3, fleetRev("B")}, {3, fleetRev("C")}} {
		for generation := target.Generation; generation <= 3; generation++ {
			add(PhaseAvailable, target, target.Revision.Fleet, generation, classMember)
			add(PhaseWaiting, target, "O", generation, classMember)
			add(PhaseWaiting, target, "O", generation, classMember+3)
		}
		add(PhaseUpdating, target, "O", 1, classMember) // below its target, which an honest host comes to as well
	}
	add(PhaseNotPlaced, Target{3, fleetRev("B")}, "", 3, classMember)
	add(PhaseUnavailable, Target{1, fleetRev("A")}, "", 1, classMember)
	add(PhaseFailed, Target{2, fleetRev("B")}, "B", 2, classMember)
	add(PhaseWaiting, Target{MaxGeneration, fleetRev("A")}, "O", MaxGeneration, classMember)
	add(PhaseWaiting, Target{1, fleetRev("A")}, "O", 1, maxClass)
	return out
}

// coreOf is what a liar tells, who has always heard of everybody.
func coreOf(s *State) coreKey {
	core := toldBy(s)
	core.knows = 1<<maxHosts - 1
	return core
}

// outOfReach says whether a record is bounded away at every step of a search, in which nobody honest comes near.
func outOfReach(s *State) bool {
	generation, class := s.claims()
	return generation > stepGeneration+1 || class > stepClass+100
}

// liars are searches with a member that lies. The honest keep the budget, and when it has been forgotten all of them finish.
var liars = []search1{
	{scenario: scenario{name: "two hosts and a liar", liar: "c", scripts: scripts(file("B"), file("B"), nil)}},
	{scenario: scenario{name: "two hosts, back and a liar", liar: "c", late: "-", scripts: scripts(file("B", "A"), file("B"), nil)}},
	{scenario: scenario{name: "two files and a liar", liar: "c", scripts: scripts(file("B"), file("C"), nil)}},
	{scenario: scenario{name: "pods that fail and a liar", liar: "c", late: "-", scripts: scripts(idle(), idle(), nil)}},
	{scenario: scenario{name: "three hosts and a liar", liar: "d", late: "-", scripts: scripts(file("B"), file("B"), file("B"), nil)}},
	{scenario: scenario{name: "a late file, three and a liar", liar: "d", late: "-", scripts: scripts(file("B"), file("B"), nil, nil)}},
	{scenario: scenario{name: "four hosts and a liar", liar: "e", late: "-", scripts: scripts(file("B"), file("B"), file("B"), file("B"), nil)}, full: true},
	{scenario: scenario{name: "four hosts, one yields, and a liar", liar: "e", late: "a", scripts: scripts(file("B"), file("B"), file("B"), file("B"), nil)}, full: true},
	{scenario: scenario{name: "a late file, four and a liar", liar: "e", late: "c", scripts: scripts(file("B"), file("B"), nil, file("B"), nil)}, full: true},
	{scenario: scenario{name: "four, one goes back, and a liar", liar: "e", late: "-", scripts: scripts(file("B", "A"), file("B"), file("B"), file("B"), nil)}, full: true},
	{scenario: scenario{name: "two hosts, both back, and a liar", liar: "c", scripts: scripts(file("B", "A"), file("B", "A"), nil)}, full: true},
	{scenario: scenario{name: "a late file, two yield, and a liar", liar: "d", late: "ac", scripts: scripts(file("B"), file("B"), nil, nil)}, full: true},
	{scenario: scenario{name: "three hosts, one yields, and a liar", liar: "d", late: "a", scripts: scripts(file("B"), file("B"), file("B"), nil)}, full: true},
	{scenario: scenario{name: "a new listed member and a liar", liar: "b", late: "-", joiners: "c", scripts: scripts(file("B"), nil, joins("B"))}},
	{scenario: scenario{name: "a new listed member, two, a liar", liar: "d", late: "-", joiners: "c", scripts: scripts(file("B"), file("B"), joins("B"), nil)}, full: true},
	{scenario: scenario{name: "a new member and a liar", liar: "d", late: "-", newcomer: "c", scripts: scripts(file("B"), file("B"), []step{{kind: stepPlace}, {stepFile, "B"}}, nil)}, full: true},
}

// TestFaultT1Liar searches all that one liar can do to 2 and 3 honest hosts.
func TestFaultT1Liar(t *testing.T) {
	total := 0
	for _, c := range liars {
		if c.full && !isFull() {
			continue
		}
		for k := 1; k <= 2; k++ {
			c.k, c.yields = k, 1
			began := time.Now()
			s := newSearch(c.scenario, without{})
			worlds, found := s.run()
			total += worlds
			t.Logf("%-36s K=%d: %8d worlds, %6d without what was told, %5d hosts, %s", c.name, c.k, worlds, len(s.seen), len(s.hosts), time.Since(began).Round(time.Millisecond))
			if found != "" {
				t.Errorf("%s, K=%d: %s", c.name, c.k, found)
			}
		}
	}
	t.Logf("%d worlds in all", total)
}
