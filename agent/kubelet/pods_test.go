package kubelet

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
	"pgregory.net/rapid"
)

// TestPodAvailableAsUpstream holds the helpers against the functions that the DaemonSet controller uses.
func TestPodAvailableAsUpstream(t *testing.T) {
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		pod := &corev1.Pod{}
		conditions := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) corev1.PodCondition {
			c := corev1.PodCondition{
				Type:   rapid.SampledFrom([]corev1.PodConditionType{corev1.PodReady, corev1.ContainersReady, corev1.PodScheduled}).Draw(t, "type"),
				Status: rapid.SampledFrom([]corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown, ""}).Draw(t, "status"),
			}
			if rapid.Bool().Draw(t, "dated") {
				c.LastTransitionTime = metav1.NewTime(base.Add(-time.Duration(rapid.IntRange(-5, 40).Draw(t, "age")) * time.Second))
			}
			return c
		}), 0, 3).Draw(t, "conditions")
		pod.Status.Conditions = conditions
		minReady := rapid.Int32Range(0, 30).Draw(t, "minReadySeconds")
		if got, want := PodReady(pod), podutil.IsPodReady(pod); got != want {
			t.Fatalf("PodReady = %t, upstream says %t", got, want)
		}
		if got, want := PodAvailable(pod, minReady, base), podutil.IsPodAvailable(pod, minReady, metav1.NewTime(base)); got != want {
			t.Fatalf("PodAvailable = %t, upstream says %t", got, want)
		}
	})
}

func TestFindPod(t *testing.T) {
	pods := []corev1.Pod{
		{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "a-node-1"}},
		{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a-1-node-1"}},
		{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a-node-1"}},
	}
	if got := FindPod(pods, "default", "a", "Node-1"); got != &pods[2] {
		t.Errorf("FindPod = %v, want the pod default/a-node-1", got)
	}
	if got := FindPod(pods, "default", "a-node-1", "node-1"); got != nil {
		t.Errorf("FindPod took the kubelet's name for the manifest's and found %s/%s", got.Namespace, got.Name)
	}
}
