package node

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ConditionTaints returns the taints that conditions and spec.unschedulable imply, as the node lifecycle controller
// sets them (nodeConditionToTaintKeyStatusMap of pkg/controller/nodelifecycle/node_lifecycle_controller.go):
//
//	Ready=False               node.kubernetes.io/not-ready, NoSchedule and NoExecute
//	Ready=Unknown             node.kubernetes.io/unreachable, NoSchedule and NoExecute
//	MemoryPressure=True       node.kubernetes.io/memory-pressure:NoSchedule
//	DiskPressure=True         node.kubernetes.io/disk-pressure:NoSchedule
//	PIDPressure=True          node.kubernetes.io/pid-pressure:NoSchedule
//	NetworkUnavailable=True   node.kubernetes.io/network-unavailable:NoSchedule
//	unschedulable             node.kubernetes.io/unschedulable:NoSchedule
//
// Any other status of a condition implies nothing, and so does a condition that is missing. The result is sorted by key
// and effect, each of which stands once; timeAdded is not set.
func ConditionTaints(conditions []corev1.NodeCondition, unschedulable bool) []corev1.Taint {
	var taints []corev1.Taint
	for _, c := range conditions {
		key := conditionTaintKey(c.Type, c.Status)
		if key == "" {
			continue
		}
		taints = append(taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule})
		if c.Type == corev1.NodeReady {
			taints = append(taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoExecute})
		}
	}
	if unschedulable {
		taints = append(taints, corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule})
	}
	slices.SortFunc(taints, compareTaints)
	return slices.CompactFunc(taints, sameTaint)
}

func conditionTaintKey(c corev1.NodeConditionType, status corev1.ConditionStatus) string {
	switch {
	case c == corev1.NodeReady && status == corev1.ConditionFalse:
		return corev1.TaintNodeNotReady
	case c == corev1.NodeReady && status == corev1.ConditionUnknown:
		return corev1.TaintNodeUnreachable
	case status != corev1.ConditionTrue:
		return ""
	case c == corev1.NodeMemoryPressure:
		return corev1.TaintNodeMemoryPressure
	case c == corev1.NodeDiskPressure:
		return corev1.TaintNodeDiskPressure
	case c == corev1.NodePIDPressure:
		return corev1.TaintNodePIDPressure
	case c == corev1.NodeNetworkUnavailable:
		return corev1.TaintNodeNetworkUnavailable
	}
	return ""
}

// conditionOwns says whether the taint is one that follows a condition and that nothing else may set: Kubernetes' node
// lifecycle controller removes such a taint, and adds it, whatever anybody else did. It returns the name of what it
// follows, or "". The same keys with other effects are ordinary taints there and here.
func conditionOwns(t corev1.Taint) string {
	noSchedule := t.Effect == corev1.TaintEffectNoSchedule
	switch t.Key {
	case corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable:
		if noSchedule || t.Effect == corev1.TaintEffectNoExecute {
			return "the condition Ready"
		}
	case corev1.TaintNodeMemoryPressure:
		return onlyIf(noSchedule, "the condition MemoryPressure")
	case corev1.TaintNodeDiskPressure:
		return onlyIf(noSchedule, "the condition DiskPressure")
	case corev1.TaintNodePIDPressure:
		return onlyIf(noSchedule, "the condition PIDPressure")
	case corev1.TaintNodeNetworkUnavailable:
		return onlyIf(noSchedule, "the condition NetworkUnavailable")
	case corev1.TaintNodeUnschedulable:
		return onlyIf(noSchedule, "spec.unschedulable")
	}
	return ""
}

func onlyIf(cond bool, text string) string {
	if cond {
		return text
	}
	return ""
}

func compareTaints(a, b corev1.Taint) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Effect, b.Effect))
}

func sameTaint(a, b corev1.Taint) bool { return a.MatchTaint(&b) }

// taintID is key:Effect, which is what makes a taint unique on a node.
func taintID(t corev1.Taint) string { return t.Key + ":" + string(t.Effect) }

// taintTimes says since when each NoExecute taint has been there, by taintID.
type taintTimes map[string]metav1.Time

// stamp sets timeAdded of every NoExecute taint: the time it was first seen with, or now for a new one. A time in the
// future, which a clock that was set back leaves behind, counts as now. It returns the times of the taints that are
// there; those of taints that went away are forgotten.
func (old taintTimes) stamp(taints []corev1.Taint, now time.Time) taintTimes {
	times := taintTimes{}
	stamp := second(now)
	for i, t := range taints {
		if t.Effect != corev1.TaintEffectNoExecute {
			continue
		}
		at, known := old[taintID(t)]
		if !known || at.After(now) {
			at = stamp
		}
		times[taintID(t)] = at
		taints[i].TimeAdded = &at
	}
	return times
}

// second is a time in the form in which Kubernetes' objects keep it, so that it is the same after a restart.
func second(t time.Time) metav1.Time { return metav1.NewTime(t.UTC().Truncate(time.Second)) }
