package placement_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/placement/placementtest"
)

// chooser makes the choices of placementtest those of a property test, which then makes failing ones smaller.
type chooser struct{ t *rapid.T }

func (c chooser) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(c.t, "choice") }

func generator(t *rapid.T) placementtest.Gen { return placementtest.Gen{C: chooser{t}} }

func TestDecideEqualsTheNaiveMatcher(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := generator(t)
		ds, node := g.DaemonSet(), g.Node()
		got := placement.Decide(ds, node)
		run, stay := naiveDecide(ds, node)
		if got.ShouldRun != run || got.ShouldContinueRunning != stay {
			t.Fatalf("Decide = (%t, %t), want (%t, %t); reasons: %+v", got.ShouldRun, got.ShouldContinueRunning, run, stay, got.Reasons)
		}
	})
}

func TestReasonsAgreeWithTheAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := generator(t)
		compiled, node := placement.Compile(g.DaemonSet()), g.Node()
		decision := compiled.Decide(node)
		run, stay := compiled.Fits(node)
		if decision.ShouldRun != run || decision.ShouldContinueRunning != stay {
			t.Fatalf("Decide and Fits differ: %+v, (%t, %t)", decision, run, stay)
		}
		if wantRun, wantStay := answerOf(decision.Reasons); wantRun != run || wantStay != stay {
			t.Fatalf("the reasons say (%t, %t), the answer is (%t, %t): %+v", wantRun, wantStay, run, stay, decision.Reasons)
		}
	})
}

// answerOf derives the answer from the reasons alone.
func answerOf(reasons []placement.Reason) (run, stay bool) {
	run, stay = true, true
	for _, reason := range reasons {
		if reason.Passed {
			continue
		}
		run = false
		onlyNew := reason.Predicate == placement.TaintToleration && strings.Contains(reason.Message, ":NoSchedule is not tolerated")
		stay = stay && onlyNew
	}
	return run, stay
}

func TestReasonsAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := generator(t)
		ds, node := g.DaemonSet(), g.Node()
		dsBefore, nodeBefore := ds.DeepCopy(), node.DeepCopy()
		first := placement.Decide(ds, node)
		if diff := cmp.Diff(first, placement.Decide(ds.DeepCopy(), node.DeepCopy())); diff != "" {
			t.Fatalf("the same input gave two answers:\n%s", diff)
		}
		if diff := cmp.Diff(dsBefore, ds) + cmp.Diff(nodeBefore, node); diff != "" {
			t.Fatalf("the input was changed:\n%s", diff)
		}
		checkOrder(t, first.Reasons)
		for _, reason := range first.Reasons {
			if reason.Message == "" || reason.Passed != (reason.Remedy == "") {
				t.Errorf("reason without a message, or with a remedy out of place: %+v", reason)
			}
		}
	})
}

// checkOrder wants each of the first three predicates once, then one or more reasons about taints.
func checkOrder(t *rapid.T, reasons []placement.Reason) {
	var predicates []string
	for _, reason := range reasons {
		predicates = append(predicates, reason.Predicate)
	}
	want := []string{placement.NodeName, placement.NodeSelector, placement.NodeAffinity, placement.TaintToleration}
	if got := slices.Compact(predicates); !slices.Equal(got, want) {
		t.Errorf("predicates are %q, want %q", got, want)
	}
}

// TestLabelRemediesWork does what the remedy of a NodeSelector or NodeAffinity reason says and expects the predicate to
// pass.
func TestLabelRemediesWork(t *testing.T) {
	tried := 0
	rapid.Check(t, func(t *rapid.T) {
		g := generator(t)
		compiled, node := placement.Compile(g.DaemonSet()), g.Node()
		for i, reason := range compiled.Decide(node).Reasons {
			arguments, ok := strings.CutPrefix(reason.Remedy, "dsctl label ")
			if !ok {
				continue
			}
			tried++
			changed := node.DeepCopy()
			arguments, overwrite := strings.CutSuffix(arguments, " --overwrite")
			if replaced := relabel(changed, strings.Split(arguments, " ")); replaced != overwrite {
				t.Fatalf("%q: a label has another value: %t", reason.Remedy, replaced)
			}
			if after := compiled.Decide(changed).Reasons[i]; !after.Passed {
				t.Fatalf("after %q: %+v", reason.Remedy, after)
			}
		}
	})
	if tried == 0 {
		t.Error("no remedy was a change of labels")
	}
}

// relabel says whether a label had another value before.
func relabel(node *corev1.Node, arguments []string) (replaced bool) {
	for _, argument := range arguments {
		key, value, set := strings.Cut(argument, "=")
		if !set {
			delete(node.Labels, strings.TrimSuffix(argument, "-"))
			continue
		}
		if node.Labels == nil {
			node.Labels = map[string]string{}
		}
		now, has := node.Labels[key]
		replaced = replaced || has && now != value
		node.Labels[key] = value
	}
	return replaced
}
