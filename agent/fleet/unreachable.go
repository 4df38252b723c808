package fleet

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reasons and messages of conditions that nobody posts any more (tryUpdateNodeHealth of
// pkg/controller/nodelifecycle/node_lifecycle_controller.go).
const (
	reasonStopped  = "NodeStatusUnknown"
	messageStopped = "Kubelet stopped posting node status."
	reasonNever    = "NodeStatusNeverUpdated"
	messageNever   = "Kubelet never posted node status."
)

// Unreachable returns a copy of the node as Kubernetes' node lifecycle controller makes it when the node's kubelet has
// not been heard of for too long, which it found out at lost:
//
//   - Ready and the three pressure conditions become Unknown; one that is Unknown already stays as it is, one that is
//     missing is added; NetworkUnavailable and those of others are left alone;
//   - the taints that those conditions implied go, and node.kubernetes.io/unreachable comes, with NoSchedule and with
//     NoExecute. Other taints stay, those for NetworkUnavailable and for spec.unschedulable among them.
//
// What does not change is shared with n.
func Unreachable(n *corev1.Node, lost time.Time) *corev1.Node {
	at := metav1.Time{Time: lost}
	out := *n
	out.Status.Conditions = slices.Clone(n.Status.Conditions)
	for _, kind := range []corev1.NodeConditionType{
		corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure,
		corev1.NodePIDPressure,
	} {
		out.Status.Conditions = unknownCondition(out.Status.Conditions, kind, n.CreationTimestamp, at)
	}
	out.Spec.Taints = unreachableTaints(n.Spec.Taints, at)
	return &out
}

func unknownCondition(all []corev1.NodeCondition, kind corev1.NodeConditionType, created,
	at metav1.Time,
) []corev1.NodeCondition {
	i := slices.IndexFunc(all, func(c corev1.NodeCondition) bool { return c.Type == kind })
	if i < 0 {
		return append(all, corev1.NodeCondition{
			Type: kind, Status: corev1.ConditionUnknown, Reason: reasonNever, Message: messageNever,
			LastHeartbeatTime: created, LastTransitionTime: at,
		})
	}
	if c := &all[i]; c.Status != corev1.ConditionUnknown {
		c.Status, c.Reason, c.Message, c.LastTransitionTime = corev1.ConditionUnknown, reasonStopped, messageStopped, at
	}
	return all
}

// unreachableTaints carries unreachable over where the host had it itself, with its time, as the controller does.
func unreachableTaints(all []corev1.Taint, at metav1.Time) []corev1.Taint {
	out := slices.DeleteFunc(slices.Clone(all), impliedByHealth)
	for _, effect := range []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute} {
		taint := corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: effect, TimeAdded: &at}
		if !slices.ContainsFunc(out, func(t corev1.Taint) bool { return t.MatchTaint(&taint) }) {
			out = append(out, taint)
		}
	}
	slices.SortStableFunc(out, func(a, b corev1.Taint) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Effect, b.Effect))
	})
	return out
}

// impliedByHealth says whether the taint is one that follows Ready=False or a pressure, neither of which is known to be
// so any more.
func impliedByHealth(t corev1.Taint) bool {
	switch t.Key {
	case corev1.TaintNodeNotReady:
		return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
	case corev1.TaintNodeMemoryPressure, corev1.TaintNodeDiskPressure, corev1.TaintNodePIDPressure:
		return t.Effect == corev1.TaintEffectNoSchedule
	}
	return false
}
