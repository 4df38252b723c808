package placement_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/agent/placement"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(second int) time.Time { return start.Add(time.Duration(second) * time.Second) }

func since(second int, t corev1.Taint) corev1.Taint {
	t.TimeAdded = &metav1.Time{Time: at(second)}
	return t
}

func forSeconds(key string, seconds int64) corev1.Toleration {
	return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, TolerationSeconds: &seconds}
}

// step is what the node looks like at one moment, and whether the pod has to be gone then.
type step struct {
	second  int
	taints  []corev1.Taint
	evicted bool
}

func TestEvictionOverTime(t *testing.T) {
	a, b, other := taint("a", "", noExecute), taint("b", "", noExecute), taint("other", "", noExecute)
	list := func(taints ...corev1.Taint) []corev1.Taint { return taints }
	forever := corev1.Toleration{Key: "b", Operator: corev1.TolerationOpExists}
	cases := []struct {
		name        string
		tolerations []corev1.Toleration
		steps       []step
	}{
		{"no taint", nil, []step{{0, nil, false}, {1000, nil, false}}},
		{"NoSchedule evicts nobody", nil, []step{{0, list(taint("a", "", noSchedule)), false}}},
		{"not tolerated: at once", nil, []step{{0, list(a), true}, {500, list(a), true}, {501, nil, false}}},
		{"tolerated for ever", []corev1.Toleration{forever}, []step{{0, list(b), false}, {1e6, list(b), false}}},
		{
			"tolerated for a minute, then away while the taint stays",
			[]corev1.Toleration{forSeconds("a", 60)},
			[]step{{0, list(a), false}, {59, list(a), false}, {60, list(a), true}, {5000, list(a), true}, {5001, nil, false}},
		},
		{"zero seconds: at once", []corev1.Toleration{forSeconds("a", 0)}, []step{{0, list(a), true}}},
		{"less than zero seconds: at once", []corev1.Toleration{forSeconds("a", -5)}, []step{{0, list(a), true}}},
		{"seconds beyond any time are for ever", []corev1.Toleration{forSeconds("a", math.MaxInt64)}, []step{{0, list(a), false}, {1e9, list(a), false}}},
		{
			"the first toleration that matches counts",
			[]corev1.Toleration{forSeconds("a", 60), forSeconds("a", 5)},
			[]step{{0, list(a), false}, {5, list(a), false}, {60, list(a), true}},
		},
		{
			"the shortest of two taints counts",
			[]corev1.Toleration{forSeconds("a", 60), forSeconds("b", 5)},
			[]step{{0, list(a, b), false}, {5, list(a, b), true}},
		},
		{
			"a running timer is not shortened",
			[]corev1.Toleration{forSeconds("a", 60), forSeconds("b", 5)},
			[]step{{0, list(a), false}, {10, list(a, b), false}, {15, list(a, b), false}, {60, list(a, b), true}},
		},
		{
			"nor by zero seconds",
			[]corev1.Toleration{forSeconds("a", 60), forSeconds("b", 0)},
			[]step{{0, list(a), false}, {10, list(a, b), false}, {60, list(a, b), true}},
		},
		{
			"nor put off",
			[]corev1.Toleration{forSeconds("a", 60), forSeconds("b", 600)},
			[]step{{0, list(a), false}, {10, list(a, b), false}, {20, list(b), false}, {60, list(b), true}},
		},
		{
			"a taint that is not tolerated ends a running timer",
			[]corev1.Toleration{forSeconds("a", 60)},
			[]step{{0, list(a), false}, {10, list(a, other), true}},
		},
		{
			"cancelled without taints, then armed anew",
			[]corev1.Toleration{forSeconds("a", 60)},
			[]step{{0, list(a), false}, {30, nil, false}, {40, list(a), false}, {99, list(a), false}, {100, list(a), true}},
		},
		{
			"cancelled when what is left is tolerated for ever",
			[]corev1.Toleration{forSeconds("a", 60), forever},
			[]step{{0, list(a, b), false}, {30, list(b), false}, {100, list(b), false}, {110, list(a, b), false}, {170, list(a, b), true}},
		},
		{
			"a limited taint beside one for ever",
			[]corev1.Toleration{forever, forSeconds("a", 60)},
			[]step{{0, list(b, a), false}, {60, list(b, a), true}, {61, list(b), false}},
		},
		{"the automatic tolerations are for ever", nil, []step{{0, list(taint(corev1.TaintNodeNotReady, "", noExecute)), false}}},
		{"and void a limit of the user's", []corev1.Toleration{{
			Key: corev1.TaintNodeNotReady, Operator: "Exists", Effect: noExecute, TolerationSeconds: new(int64(5)),
		}}, []step{{0, list(taint(corev1.TaintNodeNotReady, "", noExecute)), false}, {10, list(taint(corev1.TaintNodeNotReady, "", noExecute)), false}}},
		{"but not the limit of an Equal one, which comes first", []corev1.Toleration{{
			Key: corev1.TaintNodeNotReady, Effect: noExecute, TolerationSeconds: new(int64(5)),
		}}, []step{{0, list(taint(corev1.TaintNodeNotReady, "", noExecute)), false}, {5, list(taint(corev1.TaintNodeNotReady, "", noExecute)), true}}},
		{
			"time counts from timeAdded",
			[]corev1.Toleration{forSeconds("a", 60)},
			[]step{{50, list(since(0, a)), false}, {60, list(since(0, a)), true}},
		},
		{"a taint older than the limit: at once", []corev1.Toleration{forSeconds("a", 60)}, []step{{100, list(since(0, a)), true}}},
		{
			"a timeAdded in the future counts from now",
			[]corev1.Toleration{forSeconds("a", 60)},
			[]step{{0, list(since(500, a)), false}, {59, list(since(500, a)), false}, {60, list(since(500, a)), true}},
		},
		{
			"back when only younger taints are left",
			[]corev1.Toleration{forSeconds("a", 60), forSeconds("b", 60)},
			[]step{
				{0, list(since(0, a)), false},
				{60, list(since(0, a)), true},
				{80, list(since(0, a), since(80, b)), true},
				{90, list(since(80, b)), false},
				{139, list(since(80, b)), false},
				{140, list(since(80, b)), true},
			},
		},
		{
			"away while one that stood is left",
			[]corev1.Toleration{forSeconds("a", 60), forSeconds("b", 600)},
			[]step{
				{0, list(since(0, a)), false},
				{30, list(since(0, a), since(30, b)), false},
				{60, list(since(0, a), since(30, b)), true},
				{61, list(since(30, b)), true},
				{62, nil, false},
			},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { walk(t, placement.Compile(tolerating(c.tolerations...)), c.steps) })
	}
}

func walk(t *testing.T, compiled *placement.Compiled, steps []step) {
	t.Helper()
	var eviction placement.Eviction
	for _, s := range steps {
		node := tainted(s.taints...)
		eviction = placement.NextEviction(eviction, compiled, node, at(s.second))
		if got := eviction.Evicted(at(s.second)); got != s.evicted {
			t.Errorf("at %d s: evicted = %t, want %t; %+v", s.second, got, s.evicted, eviction)
		}
		if diff := cmp.Diff(eviction, placement.NextEviction(eviction, compiled, node, at(s.second))); diff != "" {
			t.Errorf("at %d s: asked again at the same moment, it changed:\n%s", s.second, diff)
		}
	}
}

func TestEvictionSaysWhen(t *testing.T) {
	compiled := placement.Compile(tolerating(forSeconds("a", 60)))
	node := tainted(since(0, taint("a", "", noExecute)))
	got := placement.NextEviction(placement.Eviction{}, compiled, node, at(10))
	if diff := cmp.Diff(placement.Eviction{ScheduledAt: at(10), At: at(60)}, got); diff != "" {
		t.Errorf("NextEviction (-want +got):\n%s", diff)
	}
	if (placement.Eviction{}).Evicted(at(0)) {
		t.Error("the zero value says evicted")
	}
}

// TestEvictionWithTheClockSetBack: a timer that says that it was armed in the future is not believed.
func TestEvictionWithTheClockSetBack(t *testing.T) {
	compiled := placement.Compile(tolerating(forSeconds("a", 60)))
	prev := placement.Eviction{ScheduledAt: at(3600), At: at(3660)}
	got := placement.NextEviction(prev, compiled, tainted(taint("a", "", noExecute)), at(0))
	if diff := cmp.Diff(placement.Eviction{ScheduledAt: at(0), At: at(60)}, got); diff != "" {
		t.Errorf("NextEviction (-want +got):\n%s", diff)
	}
}

// TestEvictionSettles: on a node that does not change, the timer changes once at most, the pod is taken away at most
// once, and it stays away; with a NoExecute taint that is not tolerated it is gone from the start.
func TestEvictionSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := generator(t)
		ds, node := g.DaemonSet(), g.Node()
		compiled := placement.Compile(ds)
		eviction := placement.NextEviction(placement.Eviction{}, compiled, node, at(0))
		gone := eviction.Evicted(at(0))
		if _, tolerated := naiveTaints(ds.Spec.Template.Spec, node); !tolerated && !gone {
			t.Fatal("the pod stays with a NoExecute taint that it does not tolerate")
		}
		for _, second := range []int{0, 1, 29, 30, 31, 60, 299, 300, 1e6} {
			next := placement.NextEviction(eviction, compiled, node, at(second))
			if diff := cmp.Diff(eviction, next); diff != "" {
				t.Fatalf("the timer changed by itself at %d s:\n%s", second, diff)
			}
			if gone && !next.Evicted(at(second)) {
				t.Fatalf("the pod came back at %d s", second)
			}
			gone = next.Evicted(at(second))
		}
	})
}
