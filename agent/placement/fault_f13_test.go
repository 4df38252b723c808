package placement_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/placement"
)

// TestFaultF13OtherSystem: a pod of another operating system does not belong, as with the label.
func TestFaultF13OtherSystem(t *testing.T) {
	linux, unlabelled := labelled("kubernetes.io/os", "linux"), labelled()
	for _, tc := range []struct {
		name string
		os   corev1.OSName
		node *corev1.Node
		want answer
	}{
		{"windows on linux", corev1.Windows, linux, goes},
		{"linux on linux", corev1.Linux, linux, runs},
		{"none", "", linux, runs},
		{"a node that does not say", corev1.Windows, unlabelled, runs},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pod := corev1.PodSpec{}
			if tc.os != "" {
				pod.OS = &corev1.PodOS{Name: tc.os}
			}
			ds := daemonSet(pod)
			check(t, ds, tc.node, tc.want)
			first := placement.Decide(ds, tc.node).Reasons[0]
			if (first.Predicate == placement.OS) != (tc.os != "") || first.Passed != (tc.want == runs) {
				t.Errorf("first reason %+v", first)
			}
		})
	}
}
