package node

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

func strs(taints []corev1.Taint) []string {
	var out []string
	for _, t := range taints {
		out = append(out, t.ToString())
	}
	return out
}

// The whole table of nodeConditionToTaintKeyStatusMap, every status of every condition.
func TestConditionTaints(t *testing.T) {
	const k = "node.kubernetes.io/"
	want := map[string][]string{
		"Ready=False":             {k + "not-ready:NoExecute", k + "not-ready:NoSchedule"},
		"Ready=Unknown":           {k + "unreachable:NoExecute", k + "unreachable:NoSchedule"},
		"MemoryPressure=True":     {k + "memory-pressure:NoSchedule"},
		"DiskPressure=True":       {k + "disk-pressure:NoSchedule"},
		"PIDPressure=True":        {k + "pid-pressure:NoSchedule"},
		"NetworkUnavailable=True": {k + "network-unavailable:NoSchedule"},
	}
	for _, c := range []corev1.NodeConditionType{"Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", "Custom"} {
		for _, status := range []corev1.ConditionStatus{yes, no, maybe, ""} {
			name := fmt.Sprintf("%s=%s", c, status)
			got := ConditionTaints([]corev1.NodeCondition{{Type: c, Status: status}}, false)
			if diff := cmp.Diff(want[name], strs(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			for _, taint := range got {
				if conditionOwns(taint) == "" {
					t.Errorf("%s implies %s, which may be set by hand", name, taint.ToString())
				}
			}
		}
	}
	all := []corev1.NodeCondition{{Type: "Ready", Status: no}, {Type: "DiskPressure", Status: yes}, {Type: "DiskPressure", Status: yes}}
	if diff := cmp.Diff([]string{k + "disk-pressure:NoSchedule", k + "not-ready:NoExecute", k + "not-ready:NoSchedule", k + "unschedulable:NoSchedule"}, strs(ConditionTaints(all, true))); diff != "" {
		t.Errorf("several, unschedulable (-want +got):\n%s", diff)
	}
}

func TestConditionOwns(t *testing.T) {
	owned := map[string]bool{}
	for _, key := range []string{"not-ready", "unreachable", "memory-pressure", "disk-pressure", "pid-pressure", "network-unavailable", "unschedulable", "out-of-service"} {
		for _, effect := range effects() {
			taint := corev1.Taint{Key: "node.kubernetes.io/" + key, Effect: corev1.TaintEffect(effect)}
			if conditionOwns(taint) != "" {
				owned[key+":"+effect] = true
			}
		}
	}
	want := map[string]bool{
		"not-ready:NoSchedule": true, "not-ready:NoExecute": true, "unreachable:NoSchedule": true, "unreachable:NoExecute": true,
		"memory-pressure:NoSchedule": true, "disk-pressure:NoSchedule": true, "pid-pressure:NoSchedule": true,
		"network-unavailable:NoSchedule": true, "unschedulable:NoSchedule": true,
	}
	if diff := cmp.Diff(want, owned); diff != "" {
		t.Errorf("taints that follow a condition (-want +got):\n%s", diff)
	}
}

// timeAdded of a taint that stays never moves; one that comes back gets a new one, never an older one; none lies in the
// future, whatever the clock does.
func TestTaintTimes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		times := taintTimes{}
		now := time.Unix(1_000_000, 500)
		shown := map[string]time.Time{}
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, 300 * time.Millisecond, time.Second, time.Hour, -time.Minute}).Draw(r, "step"))
			var taints []corev1.Taint
			for _, key := range []string{"a", "b"} {
				for _, effect := range effects() {
					if rapid.Bool().Draw(r, key+effect) {
						taints = append(taints, corev1.Taint{Key: key, Effect: corev1.TaintEffect(effect)})
					}
				}
			}
			times = times.stamp(taints, now)
			seen := map[string]time.Time{}
			for _, taint := range taints {
				if (taint.TimeAdded != nil) != (taint.Effect == corev1.TaintEffectNoExecute) {
					r.Fatalf("timeAdded of %s is %v", taint.ToString(), taint.TimeAdded)
				}
				if taint.TimeAdded == nil {
					continue
				}
				id := taintID(taint)
				seen[id] = taint.TimeAdded.Time
				before, stayed := shown[id]
				if stayed && !before.After(now) && !seen[id].Equal(before) {
					r.Fatalf("%s stayed and moved from %s to %s", id, before, seen[id])
				}
				if !stayed && !seen[id].Equal(now.Truncate(time.Second)) {
					r.Fatalf("%s is new at %s and has %s", id, now, seen[id])
				}
				if seen[id].After(now) {
					r.Fatalf("%s has %s, which is after %s", id, seen[id], now)
				}
			}
			shown = seen
		}
	})
}

// Whatever the order in which the same facts are found within a file, and however many files there are, the later file
// wins, taints are unique and sorted, and the origin is the file that won.
func TestMergeOrder(t *testing.T) {
	keys := []string{"a", "b", "c"}
	rapid.Check(t, func(r *rapid.T) {
		var files []fileFacts
		wantLabels, wantTaints := map[string]sourced{}, map[string]sourcedTaint{}
		var wantCordon *bool
		for i := range rapid.IntRange(0, 6).Draw(r, "files") {
			f := fileFacts{Path: fmt.Sprintf("/%d", i), Labels: map[string]fact{}}
			for _, key := range keys {
				if rapid.Bool().Draw(r, key) {
					f.Labels[key] = fact{fmt.Sprint(i), i}
					wantLabels[key] = sourced{fmt.Sprint(i), fileOrigin(f.Path, i)}
				}
			}
			for _, key := range rapid.Permutation(keys).Draw(r, "order") {
				if rapid.Bool().Draw(r, "taint "+key) {
					taint := corev1.Taint{Key: key, Value: fmt.Sprint(i), Effect: corev1.TaintEffectNoSchedule}
					f.Taints = append(f.Taints, taintFact{taint, i})
					wantTaints[taintID(taint)] = sourcedTaint{taint, fileOrigin(f.Path, i)}
				}
			}
			if rapid.Bool().Draw(r, "cordon") {
				f.Cordon = &cordonFact{rapid.Bool().Draw(r, "value"), i}
				wantCordon = &f.Cordon.Value
			}
			files = append(files, f)
		}
		got := merge(files)
		compare := cmp.AllowUnexported(sourced{}, sourcedTaint{})
		if diff := cmp.Diff(wantLabels, got.labels, compare); diff != "" {
			r.Fatalf("labels (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(wantCordon, got.unschedulable); diff != "" {
			r.Fatalf("unschedulable (-want +got):\n%s", diff)
		}
		if len(got.taints) != len(wantTaints) || !slices.IsSortedFunc(got.taints, func(a, b sourcedTaint) int { return compareTaints(a.taint, b.taint) }) {
			r.Fatalf("taints are not unique and sorted: %v", got.taints)
		}
		for _, s := range got.taints {
			if diff := cmp.Diff(wantTaints[taintID(s.taint)], s, compare); diff != "" {
				r.Fatalf("taint (-want +got):\n%s", diff)
			}
		}
	})
}
