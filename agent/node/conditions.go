package node

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// KubeletStatus is what is known of the local kubelet's health.
type KubeletStatus struct {
	// Healthy makes the node Ready.
	Healthy bool
	// Reason is one CamelCase word and Message a sentence; empty takes the kubelet's own. A message that changes by itself
	// (with times or counters in it) would change the node every time: leave such things out.
	Reason  string
	Message string
	// AssumeReady makes the node Ready whatever the kubelet says or does not say (kubelet.assumeReady).
	AssumeReady bool
}

// ready is the Ready condition, in the kubelet's words (ReadyCondition of pkg/kubelet/nodestatus/setters.go).
func (k KubeletStatus) ready() corev1.NodeCondition {
	c := corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue}
	switch {
	case k.Healthy:
		c.Reason, c.Message = or(k.Reason, "KubeletReady"), or(k.Message, "kubelet is posting ready status")
	case k.AssumeReady:
		c.Reason, c.Message = "KubeletAssumedReady", "the kubelet is taken as ready without being asked (kubelet.assumeReady)"
	default:
		c.Status = corev1.ConditionFalse
		c.Reason, c.Message = or(k.Reason, "KubeletNotReady"), or(k.Message, "the kubelet does not answer")
	}
	return c
}

// pressureWords are the reasons and messages of pkg/kubelet/nodestatus/setters.go.
type pressureWords struct {
	kind                     corev1.NodeConditionType
	reasonTrue, reasonFalse  string
	messageTrue, messageFine string
}

func pressureConditions() []pressureWords {
	return []pressureWords{
		{
			corev1.NodeMemoryPressure, "KubeletHasInsufficientMemory", "KubeletHasSufficientMemory",
			"kubelet has insufficient memory available", "kubelet has sufficient memory available",
		},
		{
			corev1.NodeDiskPressure, "KubeletHasDiskPressure", "KubeletHasNoDiskPressure", "kubelet has disk pressure",
			"kubelet has no disk pressure",
		},
		{
			corev1.NodePIDPressure, "KubeletHasInsufficientPID", "KubeletHasSufficientPID",
			"kubelet has insufficient PID available", "kubelet has sufficient PID available",
		},
	}
}

func (w pressureWords) condition(status corev1.ConditionStatus) corev1.NodeCondition {
	c := corev1.NodeCondition{Type: w.kind, Status: status}
	switch status {
	case corev1.ConditionTrue:
		c.Reason, c.Message = w.reasonTrue, w.messageTrue
	case corev1.ConditionFalse:
		c.Reason, c.Message = w.reasonFalse, w.messageFine
	default:
		c.Reason, c.Message = "NoStatistics", "neither the kubelet nor the host gave the statistics that this needs"
	}
	return c
}

// conditions puts together all conditions: the kubelet's four in its order, then those of conditions.d by type.
func conditions(in Inputs, pressure State, th Thresholds, extra []dropIn, now time.Time) []corev1.NodeCondition {
	var all []corev1.NodeCondition
	for _, w := range pressureConditions() {
		all = append(all, w.condition(pressure.Status(w.kind, th)))
	}
	all = append(all, in.Kubelet.ready())
	for _, d := range extra {
		all = append(all, d.at(now))
	}
	return all
}

// transition sets lastTransitionTime: that of before while the status is the same, else now. A time in the future
// counts as now. The heartbeat stays empty: it would change the node every few seconds and say nothing that this agent,
// which runs on the host itself, could be wrong about.
func transition(before, after []corev1.NodeCondition, now time.Time) {
	for i, c := range after {
		after[i].LastTransitionTime = second(now)
		j := slices.IndexFunc(before, func(b corev1.NodeCondition) bool { return b.Type == c.Type })
		if j >= 0 && before[j].Status == c.Status && !before[j].LastTransitionTime.After(now) {
			after[i].LastTransitionTime = before[j].LastTransitionTime
		}
	}
}

// resume is the memory of pressure after a restart. A condition that was raised then is taken as met now, so that the
// hold-down begins anew and is never cut short.
func resume(before []corev1.NodeCondition, now time.Time) State {
	s := State{
		LastMet: map[corev1.NodeConditionType]time.Time{}, Sampled: map[corev1.NodeConditionType]bool{},
		Pressure: map[corev1.NodeConditionType]bool{},
	}
	for _, w := range pressureConditions() {
		for _, c := range before {
			if c.Type == w.kind && c.Status == corev1.ConditionTrue {
				s.LastMet[c.Type], s.Pressure[c.Type], s.Sampled[c.Type] = now, true, true
			}
		}
	}
	return s
}
