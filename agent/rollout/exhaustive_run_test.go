package rollout

import (
	"testing"
	"time"
)

// search1 is one of the searches.
type search1 struct {
	scenario
	full bool
	// fullFrom is the budget from which on only the full run searches; 0: none.
	fullFrom int
}

// exhaustive are the searches. Those that take longer than a few seconds are for the full run alone.
var exhaustive = []search1{
	{scenario: scenario{name: "two hosts", scripts: scripts(file("B"), file("B"))}},
	{scenario: scenario{name: "three hosts", scripts: scripts(file("B"), file("B"), file("B"))}},
	{scenario: scenario{name: "four hosts, one yields", late: "a", scripts: scripts(file("B"), file("B"), file("B"), file("B"))}},
	{scenario: scenario{name: "four hosts", scripts: scripts(file("B"), file("B"), file("B"), file("B"))}, full: true},
	{scenario: scenario{name: "a file that never comes", scripts: scripts(file("B"), file("B"), nil)}},
	{scenario: scenario{name: "a file that never comes, four", late: "ad", scripts: scripts(file("B"), file("B"), file("B"), nil)}},
	{scenario: scenario{name: "rolled back, two hosts", scripts: scripts(file("B", "A"), file("B", "A"))}},
	{scenario: scenario{name: "rolled back, three hosts", late: "-", scripts: scripts(file("B", "A"), file("B", "A"), file("B", "A"))}},
	{scenario: scenario{name: "rolled back, three, one yields", late: "a", scripts: scripts(file("B", "A"), file("B", "A"), file("B", "A"))}, full: true},
	{scenario: scenario{name: "rolled back, four hosts", late: "-", scripts: scripts(file("B", "A"), file("B", "A"), file("B", "A"), file("B", "A"))}, full: true},
	{scenario: scenario{name: "two files", scripts: scripts(file("B"), file("B"), file("C"))}},
	{fullFrom: 2, scenario: scenario{name: "a rogue file, then the right one", scripts: scripts(file("C", "B"), file("B"), file("B"))}},
	{scenario: scenario{name: "the second revision overtakes", late: "-", scripts: scripts(file("B", "C"), file("B", "C"), file("C"))}},
	{scenario: scenario{name: "it overtakes, one yields", late: "a", scripts: scripts(file("B", "C"), file("B", "C"), file("C"))}, full: true},
	{scenario: scenario{name: "a revision that never works", late: "-", bad: "B", unfinished: true, scripts: scripts(file("B", "C"), file("B", "C"), file("B", "C"))}},
	{scenario: scenario{name: "a label of a node changes", late: "a", scripts: scripts([]step{{stepLabel, "A1"}, {stepFile, "B"}}, file("B"), file("B"))}},
	{scenario: scenario{name: "labels of nodes change", late: "a", scripts: scripts([]step{{stepLabel, "A1"}, {stepLabel, "A"}}, []step{{stepLabel, "A1"}}, file("B"))}},
	{scenario: scenario{name: "a node stops and starts again", late: "c", scripts: scripts(file("B"), file("B"), []step{{kind: stepUnplace}, {kind: stepPlace}, {stepFile, "B"}})}},
	{scenario: scenario{name: "a node that starts", late: "c", scripts: scripts(file("B"), file("B"), []step{{kind: stepPlace}, {stepFile, "B"}})}},
	{scenario: scenario{name: "a tainted node", late: "c", scripts: scripts(file("B"), file("B"), []step{{kind: stepTaint}, {stepFile, "B"}, {kind: stepPlace}})}},
	{scenario: scenario{name: "a new member", late: "c", newcomer: "c", scripts: scripts(file("B"), file("B"), []step{{kind: stepPlace}, {stepFile, "B"}})}},
	{scenario: scenario{name: "a new member that is listed", late: "-", joiners: "c", scripts: scripts(file("B"), file("B"), joins("B"))}},
	{scenario: scenario{name: "two that are listed, both new", late: "-", joiners: "ab", scripts: scripts(joins("B"), joins("B"))}},
	{scenario: scenario{name: "three that are listed, two new", late: "-", joiners: "bc", scripts: scripts(file("B"), joins("B"), joins("B"))}, full: true},
	{scenario: scenario{name: "four that are listed, one new", late: "-", joiners: "c", scripts: scripts(file("B"), file("B"), joins("B"), file("B"))}, full: true},
	{scenario: scenario{name: "a member without a record", late: "c", strangers: "c", scripts: scripts(file("B"), file("B"), file("B"))}},
	{scenario: scenario{name: "a host goes down", late: "-", unfinished: true, scripts: scripts(file("B"), file("B"), []step{{stepFile, "B"}, {kind: stepCrash}})}},
	{scenario: scenario{name: "paused hosts", paused: "ab", scripts: scripts(file("B"), file("B"), file("B"))}},
	// Two begin it: a single one is not believed.
	{scenario: scenario{name: "a new epoch, two hosts", resets: true, scripts: scripts(renewed("B"), renewed("B"))}},
	{scenario: scenario{name: "a new epoch", late: "c", resets: true, scripts: scripts(file("B"), []step{{stepFile, "B"}, {kind: stepReset}}, renewed("B"))}},
	{scenario: scenario{name: "a new epoch, and back", late: "-", resets: true, scripts: scripts(file("B", "A"), []step{{stepFile, "B"}, {kind: stepReset}, {stepFile, "A"}}, []step{{kind: stepReset}, {stepFile, "B"}, {stepFile, "A"}})}, full: true},
	{scenario: scenario{name: "a new epoch of one host", late: "c", resets: true, unfinished: true, scripts: scripts(file("B"), file("B"), renewed("B"))}},
	{scenario: scenario{name: "a pod fails", late: "a", scripts: scripts([]step{{kind: stepFail}, {kind: stepHeal}, {stepFile, "B"}}, file("B"), file("B"))}},
	{scenario: scenario{name: "pods fail and nothing can be done", late: "-", scripts: scripts(idle(), idle(), file("B"))}},
	// Of two that are down and wait, one goes first, so that a host that starts may know of one.
	{scenario: scenario{name: "the same, strict", late: "-", strict: true, claimOnly: true, scripts: scripts(idle(), idle(), file("B"))}},
	{scenario: scenario{name: "the same, all three", late: "-", scripts: scripts(idle(), idle(), idle())}, full: true},
	{scenario: scenario{name: "the same, and it is not known", late: "-", scripts: scripts(
		[]step{{stepFile, "B"}, {kind: stepFail}, {kind: stepAway}, {kind: stepHeal}, {kind: stepBack}}, idle(), file("B"))}},
	{scenario: scenario{name: "a pod fails, strict", late: "a", strict: true, scripts: scripts([]step{{stepFile, "B"}, {kind: stepFail}, {kind: stepHeal}}, file("B"), file("B"))}},
}

// joins is a new host, which gets another file later.
func joins(revs ...string) []step { return append([]step{{kind: stepPlace}}, file(revs...)...) }

// renewed is a host on which an operator begins a new epoch, and then the file changes.
func renewed(rev string) []step { return []step{{kind: stepReset}, {stepFile, rev}} }

// idle is a host on which a pod fails while a new file waits, and comes back. Acts wait for whatever keeps them from being
// done in all searches.
func idle() []step { return []step{{stepFile, "B"}, {kind: stepFail}, {kind: stepHeal}} }

func TestExhaustive(t *testing.T) {
	total := 0
	for _, c := range exhaustive {
		if c.full && !isFull() {
			continue
		}
		for k := 1; k <= 2; k++ {
			if c.fullFrom > 0 && k >= c.fullFrom && !isFull() {
				continue
			}
			c.k, c.yields = k, 1
			began := time.Now()
			s := newSearch(c.scenario, without{})
			worlds, found := s.run()
			total += worlds
			t.Logf("%-32s K=%d: %8d worlds, %6d without what was told, %4d hosts, %s", c.name, c.k, worlds, len(s.seen), len(s.hosts), time.Since(began).Round(time.Millisecond))
			if found != "" {
				t.Errorf("%s, K=%d: %s", c.name, c.k, found)
			}
		}
	}
	t.Logf("%d worlds in all", total)
	if !isFull() {
		t.Logf("the larger searches run with %s=1", fullSearch)
	}
}
