package kubelet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// TestFaultO2ReadySince: since when a pod is ready, also from a kubelet that was started later than its containers and
// has forgotten it.
func TestFaultO2ReadySince(t *testing.T) {
	base := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(seconds int) metav1.Time { return metav1.NewTime(base.Add(time.Duration(seconds) * time.Second)) }
	probed := corev1.Container{Name: "main", ReadinessProbe: &corev1.Probe{}}
	started := corev1.Container{Name: "main", StartupProbe: &corev1.Probe{}}
	hooked := corev1.Container{Name: "main", Lifecycle: &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{}}}
	bare := corev1.Container{Name: "main"}
	always := corev1.ContainerRestartPolicyAlways
	sidecar := corev1.Container{Name: "side", RestartPolicy: &always}
	// Its containers were started at 0, the one beside at 2; the kubelet started at 100.
	pod := func(kubelet int, c corev1.Container, init ...corev1.Container) *corev1.Pod {
		p := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{c}, InitContainers: init}}
		p.Status = corev1.PodStatus{
			StartTime:  new(at(kubelet)),
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: at(kubelet + 3)}},
			ContainerStatuses: []corev1.ContainerStatus{
				{Name: "main", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(0)}}},
			},
			InitContainerStatuses: []corev1.ContainerStatus{
				{Name: "side", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(2)}}},
			},
		}
		return p
	}
	notReady := pod(-1, bare)
	notReady.Status.Conditions[0].Status = corev1.ConditionFalse
	gated := pod(100, bare)
	gated.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "x"}}
	ended := pod(100, bare)
	ended.Status.ContainerStatuses[0].State = corev1.ContainerState{}
	for name, c := range map[string]struct {
		pod      *corev1.Pod
		want     metav1.Time
		unbroken bool
	}{
		"as the kubelet says":             {pod(-1, bare), at(2), false},
		"not ready":                       {notReady, metav1.Time{}, false},
		"the kubelet was restarted":       {pod(100, bare), at(0), true},
		"with a container beside":         {pod(100, bare, sidecar), at(2), true},
		"a container that was started":    {pod(100, bare, corev1.Container{Name: "side"}), at(0), true},
		"a readiness probe":               {pod(100, probed), at(103), false},
		"a startup probe":                 {pod(100, started), at(103), false},
		"a hook that delays it":           {pod(100, hooked), at(103), false},
		"something else decides":          {gated, at(103), false},
		"its containers do not run":       {ended, at(103), false},
		"the kubelet knows none beside":   {pod(100, bare, corev1.Container{Name: "x", RestartPolicy: &always}), at(103), false},
		"it was started as the kubelet":   {pod(0, bare), at(3), false},
		"a probe, and no kubelet's start": {pod(-1, probed), at(2), false},
	} {
		since, unbroken := kubelet.ReadySince(c.pod)
		if !since.Equal(c.want.Time) || unbroken != c.unbroken {
			t.Errorf("%s: since %s, unbroken %t; want %s, %t", name, since, unbroken, c.want.Time, c.unbroken)
		}
	}
}
