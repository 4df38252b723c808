package kubelet_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
)

// TestFaultF11: where no container says why, the Ready condition does.
func TestFaultF11(t *testing.T) {
	ready := func(reason, message string) corev1.PodStatus {
		return corev1.PodStatus{Conditions: []corev1.PodCondition{
			{Type: corev1.PodInitialized, Status: corev1.ConditionFalse, Reason: "Other"},
			{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: reason, Message: message},
		}}
	}
	waiting := ready("ContainersNotReady", "containers with unready status: [a]")
	waiting.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "a", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off"}},
	}}
	for want, status := range map[string]corev1.PodStatus{
		"the pod is not ready yet": ready("", ""),
		"the pod is not ready yet: ReadinessGatesNotReady: corresponding condition of pod readiness gate \"a\" does not exist.": ready(
			"ReadinessGatesNotReady", `corresponding condition of pod readiness gate "a" does not exist.`),
		"the pod is not ready yet: PodFailed":          ready("PodFailed", ""),
		"container a waits: CrashLoopBackOff back-off": waiting,
	} {
		if got := kubelet.PodMessage(&corev1.Pod{Status: status}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
