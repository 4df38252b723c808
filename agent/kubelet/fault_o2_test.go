package kubelet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
)

// TestFaultO2Ends: how the containers of a pod end, from what a kubelet says.
func TestFaultO2Ends(t *testing.T) {
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error"}}
	waits := func(reason string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
	}
	ready := []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	const why = "container main ended with exit code 3 (Error), and was restarted 2 times"
	for name, c := range map[string]struct {
		status corev1.PodStatus
		want   kubelet.Ends
	}{
		"all is well": {corev1.PodStatus{Conditions: ready}, kubelet.Ends{}},
		"not yet":     {corev1.PodStatus{}, kubelet.Ends{Why: "the pod is not ready yet"}},
		"runs again": {corev1.PodStatus{Conditions: ready, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "main", RestartCount: 2, LastTerminationState: ended},
		}}, kubelet.Ends{Restarts: 2, Why: why}},
		"backs off": {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{Name: "main", RestartCount: 2, LastTerminationState: ended, State: waits("CrashLoopBackOff")},
		}}, kubelet.Ends{Restarts: 2, Looping: true, Why: why}},
		"its image is missing": {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{Name: "main", State: waits("ImagePullBackOff")},
		}}, kubelet.Ends{Why: "container main waits: ImagePullBackOff "}},
		"nothing is known of the last end": {corev1.PodStatus{Conditions: ready, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "main", RestartCount: 4},
		}}, kubelet.Ends{Restarts: 4, Why: "its containers were restarted 4 times"}},
		"an init container": {corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{
			{Name: "main", RestartCount: 2, LastTerminationState: ended, State: waits("CrashLoopBackOff")},
		}}, kubelet.Ends{Restarts: 2, Looping: true, Why: why}},
	} {
		if diff := cmp.Diff(c.want, kubelet.EndsOf(&corev1.Pod{Status: c.status})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
