package placement_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func requests(memory string) corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceMemory: resource.MustParse(memory),
		corev1.ResourceCPU:    resource.MustParse("0.5"),
	}}}}}
}

func onNode(name string, pod corev1.PodSpec) corev1.PodSpec {
	pod.NodeName = name
	return pod
}

// TestNodeShouldRunDaemonPod has the cases of the test of the same name in pkg/controller/daemon, under their names.
// What is left out there is left out here too: pods that are already on the node have no say, so there are none.
func TestNodeShouldRunDaemonPod(t *testing.T) {
	hostPort := corev1.PodSpec{Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{HostPort: 666}}}}}
	cases := []struct {
		name          string
		pod           corev1.PodSpec
		unschedulable bool
		want          answer
	}{
		{name: "ShouldRunDaemonPod", pod: requests("50M"), want: runs},
		{name: "InsufficientResourceError", pod: requests("200M"), want: runs},
		{name: "ErrPodNotMatchHostName", pod: onNode("other-node", requests("50M")), want: goes},
		{name: "ErrPodNotFitsHostPorts", pod: hostPort, want: runs},
		{name: "InsufficientResourceError beside another pod", pod: requests("100M"), want: runs},
		{name: "ShouldRunDaemonPod beside another pod", pod: requests("50M"), want: runs},
		{name: "ErrNodeSelectorNotMatch", pod: corev1.PodSpec{NodeSelector: map[string]string{"name": "simple-daemon", "type": "test"}}, want: goes},
		{name: "ShouldRunDaemonPod with nodeSelector", pod: corev1.PodSpec{NodeSelector: map[string]string{"name": "simple-daemon", "type": "production"}}, want: runs},
		{name: "ErrPodAffinityNotMatch", pod: corev1.PodSpec{Affinity: required(term(want("type", "In", "test")))}, want: goes},
		{name: "ShouldRunDaemonPod with affinity", pod: corev1.PodSpec{Affinity: required(term(want("type", "In", "production")))}, want: runs},
		{name: "ShouldRunDaemonPodOnUnschedulableNode", pod: requests("50M"), unschedulable: true, want: runs},
	}
	strategies := []appsv1.DaemonSetUpdateStrategyType{appsv1.OnDeleteDaemonSetStrategyType, appsv1.RollingUpdateDaemonSetStrategyType}
	for _, c := range cases {
		for _, strategy := range strategies {
			t.Run(c.name+"/"+string(strategy), func(t *testing.T) {
				node := labelled("name", "simple-daemon", "type", "production")
				node.Name = "test-node"
				node.Spec.Unschedulable = c.unschedulable
				node.Status.Allocatable = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("100M")}
				ds := daemonSet(c.pod)
				ds.Spec.UpdateStrategy.Type = strategy
				check(t, ds, node, c.want)
			})
		}
	}
}
