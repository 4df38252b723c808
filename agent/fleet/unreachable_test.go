package fleet

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/agent/node"
)

// TestUnreachable is the node of a host that had trouble already when it was lost.
func TestUnreachable(t *testing.T) {
	n := exampleNode()
	n.Spec.Taints = append(
		n.Spec.Taints,
		corev1.Taint{Key: corev1.TaintNodeMemoryPressure, Effect: corev1.TaintEffectNoSchedule},
		corev1.Taint{Key: corev1.TaintNodeMemoryPressure, Effect: corev1.TaintEffectNoExecute}, // somebody's own
		corev1.Taint{Key: corev1.TaintNodeNetworkUnavailable, Effect: corev1.TaintEffectNoSchedule},
	)
	before := n.DeepCopy()
	lost := at(5 * time.Hour)
	got := Unreachable(n, lost.Time)
	if diff := cmp.Diff(before, n); diff != "" {
		t.Errorf("the node itself was changed:\n%s", diff)
	}
	wantConditions := []corev1.NodeCondition{
		{Type: "MemoryPressure", Status: "Unknown", Reason: "NodeStatusUnknown", Message: "Kubelet stopped posting node status.", LastTransitionTime: lost},
		{Type: "DiskPressure", Status: "Unknown", Reason: "NoStatistics", LastTransitionTime: at(2 * time.Minute)},
		{Type: "Ready", Status: "Unknown", Reason: "NodeStatusUnknown", Message: "Kubelet stopped posting node status.", LastTransitionTime: lost},
		{Type: "KernelDeadlock", Status: "False", LastTransitionTime: at(time.Hour)},
		{Type: "PIDPressure", Status: "Unknown", Reason: "NodeStatusNeverUpdated", Message: "Kubelet never posted node status.", LastHeartbeatTime: at(0), LastTransitionTime: lost},
	}
	if diff := cmp.Diff(wantConditions, got.Status.Conditions); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	wantTaints := []corev1.Taint{
		{Key: "dedicated", Value: "storage", Effect: "NoSchedule"},
		{Key: "node.kubernetes.io/memory-pressure", Effect: "NoExecute"},
		{Key: "node.kubernetes.io/network-unavailable", Effect: "NoSchedule"},
		{Key: "node.kubernetes.io/unreachable", Effect: "NoExecute", TimeAdded: &lost},
		{Key: "node.kubernetes.io/unreachable", Effect: "NoSchedule", TimeAdded: &lost},
		{Key: "node.kubernetes.io/unschedulable", Effect: "NoSchedule"},
	}
	if diff := cmp.Diff(wantTaints, got.Spec.Taints); diff != "" {
		t.Errorf("taints (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got, Unreachable(got, lost.Add(time.Hour))); diff != "" {
		t.Errorf("lost twice is not lost once:\n%s", diff)
	}
}

// TestUnreachableTaints: they are those that the agent on the host would put there for such conditions.
func TestUnreachableTaints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &corev1.Node{Spec: corev1.NodeSpec{Unschedulable: rapid.Bool().Draw(t, "unschedulable")}}
		for _, kind := range []corev1.NodeConditionType{"Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"} {
			if status := rapid.SampledFrom([]corev1.ConditionStatus{"", "True", "False", "Unknown"}).Draw(t, string(kind)); status != "" {
				n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: kind, Status: status})
			}
		}
		n.Spec.Taints = node.ConditionTaints(n.Status.Conditions, n.Spec.Unschedulable)
		got := Unreachable(n, epoch)
		want := node.ConditionTaints(got.Status.Conditions, n.Spec.Unschedulable)
		same := func(a, b corev1.Taint) bool { return a.MatchTaint(&b) }
		if !slices.EqualFunc(got.Spec.Taints, want, same) {
			t.Fatalf("got %v, want %v", got.Spec.Taints, want)
		}
	})
}
