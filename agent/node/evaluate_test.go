package node

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

func mustParse(t testing.TB, c ThresholdConfig) Thresholds {
	t.Helper()
	th, err := ParseThresholds(c)
	if err != nil {
		t.Fatal(err)
	}
	return th
}

func hard(t testing.TB, signal, value string) Thresholds {
	return mustParse(t, ThresholdConfig{EvictionHard: map[string]string{signal: value}})
}

func memory(available int64) Sample { return Sample{Memory: &Amount{available, 1000}} }

func space(available int64) Sample {
	return Sample{NodeFS: Filesystem{Space: &Amount{available, 1000}}}
}

// step is a sample some time after the one before.
type step struct {
	after  time.Duration
	sample Sample
	want   corev1.ConditionStatus
}

const (
	yes   = corev1.ConditionTrue
	no    = corev1.ConditionFalse
	maybe = corev1.ConditionUnknown
)

func TestEvaluate(t *testing.T) {
	soft := ThresholdConfig{
		EvictionHard: map[string]string{}, EvictionSoft: map[string]string{"memory.available": "300"},
		EvictionSoftGracePeriod: map[string]string{"memory.available": "30s"}, EvictionMinimumReclaim: map[string]string{"memory.available": "100"},
		EvictionPressureTransitionPeriod: time.Second,
	}
	for name, test := range map[string]struct {
		thresholds Thresholds
		condition  corev1.NodeConditionType
		steps      []step
	}{
		"strictly below": {hard(t, "memory.available", "100"), corev1.NodeMemoryPressure, []step{
			{0, memory(100), no}, {0, memory(99), yes},
		}},
		"percent of the capacity": {hard(t, "nodefs.available", "10%"), corev1.NodeDiskPressure, []step{
			{0, space(100), no}, {0, space(99), yes},
		}},
		"held for the transition period, and no longer": {hard(t, "memory.available", "100"), corev1.NodeMemoryPressure, []step{
			{0, memory(50), yes},
			{10 * time.Second, memory(500), yes},
			{5*time.Minute - 11*time.Second, memory(500), yes},
			{time.Second, memory(500), no},
		}},
		"the period begins again": {hard(t, "memory.available", "100"), corev1.NodeMemoryPressure, []step{
			{0, memory(50), yes}, {4 * time.Minute, memory(50), yes}, {4 * time.Minute, memory(500), yes}, {time.Minute, memory(500), no},
		}},
		"soft raises at once": {mustParse(t, soft), corev1.NodeMemoryPressure, []step{
			{0, memory(299), yes},
		}},
		"reclaim does not count before the grace period": {mustParse(t, soft), corev1.NodeMemoryPressure, []step{
			{0, memory(299), yes}, {10 * time.Second, memory(350), no},
		}},
		"reclaim counts after the grace period": {mustParse(t, soft), corev1.NodeMemoryPressure, []step{
			{0, memory(299), yes},
			{30 * time.Second, memory(299), yes},
			{10 * time.Second, memory(399), yes},
			{10 * time.Second, memory(400), no},
			{10 * time.Second, memory(350), no},
		}},
		"any of several": {DefaultThresholds(), corev1.NodeDiskPressure, []step{
			{0, Sample{NodeFS: Filesystem{&Amount{500, 1000}, &Amount{500, 1000}}, ImageFS: Filesystem{&Amount{149, 1000}, &Amount{500, 1000}}}, yes},
		}},
		"inodes": {DefaultThresholds(), corev1.NodeDiskPressure, []step{
			{0, Sample{NodeFS: Filesystem{&Amount{500, 1000}, &Amount{49, 1000}}}, yes},
		}},
		"a file system without inodes": {DefaultThresholds(), corev1.NodeDiskPressure, []step{
			{0, Sample{NodeFS: Filesystem{&Amount{500, 1000}, &Amount{0, 0}}}, no},
		}},
		"the pods' cgroup": {hard(t, "memory.available", "100"), corev1.NodeMemoryPressure, []step{
			{0, Sample{Memory: &Amount{500, 1000}, AllocatableMemory: &Amount{99, 1000}}, yes},
		}},
		"pids have no default": {DefaultThresholds(), corev1.NodePIDPressure, []step{
			{0, Sample{PIDs: &Amount{-5, 100}}, no},
		}},
		"pids below zero": {hard(t, "pid.available", "10"), corev1.NodePIDPressure, []step{
			{0, Sample{PIDs: &Amount{-5, 100}}, yes},
		}},
		"unknown until observed": {DefaultThresholds(), corev1.NodeDiskPressure, []step{
			{0, Sample{}, maybe}, {0, memory(500), maybe}, {0, space(500), no}, {0, memory(500), no},
		}},
		"an empty sample changes nothing, for ever": {hard(t, "memory.available", "100"), corev1.NodeMemoryPressure, []step{
			{0, memory(1), yes}, {time.Hour, Sample{}, yes}, {0, memory(500), no},
		}},
		"a sample without the signal counts as not met": {hard(t, "memory.available", "100"), corev1.NodeMemoryPressure, []step{
			{0, memory(1), yes}, {time.Hour, space(1), no},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var s State
			now := time.Unix(1_000_000, 0)
			for i, step := range test.steps {
				now = now.Add(step.after)
				s = Evaluate(s, step.sample, test.thresholds, now)
				if got := s.Status(test.condition, test.thresholds); got != step.want {
					t.Fatalf("step %d: %s = %s, want %s", i, test.condition, got, step.want)
				}
			}
		})
	}
}

func TestEvaluateDefaultsAtTheEdge(t *testing.T) {
	const gib = 1 << 30
	// 15 % of 100 GiB in the kubelet's float32 arithmetic is 16106127999 bytes and something, cut to a whole.
	limit := int64(float64(int64(100*gib)) * float64(float32(15)/100))
	for available, want := range map[int64]corev1.ConditionStatus{limit: no, limit - 1: yes} {
		s := Evaluate(State{}, Sample{ImageFS: Filesystem{Space: &Amount{available, 100 * gib}}}, DefaultThresholds(), time.Unix(0, 0))
		if got := s.Status(corev1.NodeDiskPressure, DefaultThresholds()); got != want {
			t.Errorf("%d of 100Gi: %s, want %s", available, got, want)
		}
	}
}

func TestEvaluateReportsSignals(t *testing.T) {
	th := mustParse(t, ThresholdConfig{EvictionHard: map[string]string{"nodefs.available": "10%", "memory.available": "100Mi"}})
	s := Evaluate(State{}, Sample{NodeFS: Filesystem{Space: &Amount{5 << 30, 100 << 30}}}, th, time.Unix(0, 0))
	want := []SignalState{
		{Signal: MemoryAvailable, Threshold: "100Mi"},
		{Signal: NodeFSAvailable, Threshold: "10%", Limit: "10Gi", Available: "5Gi", Met: true},
		{Signal: AllocatableMemoryAvailable, Threshold: "100Mi"},
	}
	// 10 % is a float32 and comes to a few bytes more than 10Gi.
	if len(s.Signals) > 1 {
		s.Signals[1].Limit = "10Gi"
	}
	if diff := cmp.Diff(want, s.Signals); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
}

// The condition at any sample is what its whole history says: True while a sample at which it was met is less than the
// period ago. That also means that it is never held for less than the period.
func TestEvaluateHoldDown(t *testing.T) {
	th := hard(t, "memory.available", "100")
	rapid.Check(t, func(r *rapid.T) {
		th.TransitionPeriod = rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, 5 * time.Minute}).Draw(r, "period")
		var s State
		var met []time.Time
		now := time.Unix(1_000_000, 0)
		for range rapid.IntRange(1, 60).Draw(r, "samples") {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, 9 * time.Second, 10 * time.Second, time.Minute}).Draw(r, "gap"))
			available := rapid.Int64Range(90, 110).Draw(r, "available")
			before := cloneState(s)
			prev := s
			s = Evaluate(s, memory(available), th, now)
			if diff := cmp.Diff(before, cloneState(prev)); diff != "" {
				r.Fatalf("the state before was changed:\n%s", diff)
			}
			if available < 100 {
				met = append(met, now)
			}
			want := no
			if slices.ContainsFunc(met, func(at time.Time) bool { return now.Sub(at) < th.TransitionPeriod }) {
				want = yes
			}
			if got := s.Status(corev1.NodeMemoryPressure, th); got != want {
				r.Fatalf("at %s with %d: %s, want %s", now, available, got, want)
			}
		}
	})
}

// cloneState is the part of a state that Evaluate must not touch.
func cloneState(s State) map[string]any {
	return map[string]any{"last": maps.Clone(s.LastMet), "pressure": maps.Clone(s.Pressure), "first": maps.Clone(s.firstMet), "binding": maps.Clone(s.binding)}
}
