package rollout

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// clauses says for every clause of the rule what finds that it is missing: a search, a calm run, or the random ones. (The
// same without anything missing finds nothing: TestExhaustive, TestCalm and TestRandom.)
var clauses = map[string]func(w without) string{
	"trouble":      searched("a member without a record"),
	"veto":         searched("a host goes down"),
	"key":          calmRuns["a contested name"],
	"gone":         calmRuns["hosts without the pod go down"],
	"disrupted":    searched("three hosts"),
	"order":        searched("two hosts"),
	"orderPasses":  searched("two hosts"),
	"donePasses":   searched("two hosts"),
	"doneRuns":     searched("two hosts"),
	"doneNew":      searched("two hosts"),
	"doneUp":       searched("two hosts"),
	"everywhere":   searched("a node stops and starts again"),
	"strict":       calmRuns["strict, one is down"],
	"counts":       calmRuns["made-up members"],
	"steps":        calmRuns["a generation far above all"],
	"approach":     calmRuns["led astray"],
	"epochs":       searched("a new epoch of one host"),
	"raise":        searched("two hosts"),
	"onlyRaised":   searched("two hosts"),
	"fixed":        heldTwice,
	"newer":        searched("two hosts"),
	"localNewer":   searched("labels of nodes change"),
	"rollbackNew":  searched("rolled back, two hosts"),
	"aboveAll":     calmRuns["a bad file that was late"],
	"adopt":        calmRuns["late files"],
	"yield":        searched("a file that never comes"),
	"yieldNewer":   calmRuns["a bad file that was late"],
	"yieldWaiting": searched("paused hosts"),
	"free":         calmRuns["down at once"],
	"blip":         calmRuns["kubelets restart"],
	"lapse":        searched("pods fail and nothing can be done"),
	"unproven":     searched("the same, and it is not known"),
	"idle":         calmRuns["a file that cannot be used"],
	"holdNew":      searched("a new member"),
	"known":        searched("a new member that is listed"),
	"behind":       searched("a new member"),
	"follow":       calmRuns["rolled back by itself"],
	"canaries":     calmRuns["canaries"],
	"declared":     calmRuns["canaries, declared late"],
	"partition":    calmRuns["partition"],
	"soak":         calmRuns["a program that exits after 5s"],
	"crashes":      calmRuns["a program that exits, rolled back by itself"],
	"maxFailed":    calmRuns["halt"],
}

// searched is a search of TestExhaustive, by its name.
func searched(name string) func(w without) string {
	return func(w without) string {
		i := slices.IndexFunc(exhaustive, func(c search1) bool { return c.name == name })
		if i < 0 {
			return ""
		}
		for k := 1; k <= 2; k++ {
			sc := exhaustive[i].scenario
			sc.k, sc.yields = k, 1
			if _, found := newSearch(sc, w).run(); found != "" {
				return found
			}
		}
		return ""
	}
}

// heldTwice looks at a ticket that stays while the pod is down. What that keeps is also kept by not passing over anybody who
// is down, so that it is missed only without that. Both stay: the first needs no news of the other host.
func heldTwice(w without) string {
	w.disrupted = true
	for _, c := range exhaustive {
		if c.full || c.unfinished {
			continue
		}
		for k := 1; k <= 2; k++ {
			sc := c.scenario
			sc.k, sc.yields, sc.claimOnly, sc.unfinished = k, 1, true, true
			if _, found := newSearch(sc, w).run(); found != "" {
				return found
			}
		}
		if c.name == "rolled back, two hosts" {
			break
		}
	}
	return ""
}

// TestHeldTwice: it is the ticket that stays that keeps the budget, where a host passes over those that are down.
func TestHeldTwice(t *testing.T) {
	if found := heldTwice(without{}); found != "" {
		t.Error(found)
	}
}

// without1 is the rule without the clause of a name.
func without1(name string) without {
	var w without
	f := reflect.ValueOf(&w).Elem().FieldByName(name)
	reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem().SetBool(true)
	return w
}

// TestEveryClause: without any one clause something goes wrong, and is found. A clause that nothing misses fails.
func TestEveryClause(t *testing.T) {
	for f := range reflect.TypeFor[without]().Fields() {
		t.Run(f.Name, func(t *testing.T) {
			find := clauses[f.Name]
			if find == nil {
				t.Fatal("nothing looks for this clause")
			}
			found := find(without1(f.Name))
			if found == "" {
				t.Fatal("nothing is wrong without this clause: it is not needed, or the checker is blind")
			}
			first, _, _ := strings.Cut(found, "\n")
			t.Log(first)
		})
	}
}
