package resolve

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// TestFaultF12ServiceAccountName: a variable of the service account's name has the one in the file, which is part of the revision:
// a pod that was written without it is replaced in its turn, not changed where it runs.
func TestFaultF12ServiceAccountName(t *testing.T) {
	for _, tc := range []struct{ name, old, want string }{
		{"agent", "", "agent"},
		{"agent", "agent", "agent"},
		{"", "older", "older"},
		{"", "", "default"},
	} {
		ds := &appsv1.DaemonSet{}
		pod := &ds.Spec.Template.Spec
		pod.ServiceAccountName, pod.DeprecatedServiceAccount = tc.name, tc.old
		from := &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.serviceAccountName"}}
		pod.InitContainers = []corev1.Container{{Name: "init", Env: []corev1.EnvVar{{Name: "I", ValueFrom: from}}}}
		pod.Containers = []corev1.Container{{Name: "main", Env: []corev1.EnvVar{{Name: "A", ValueFrom: from}}}}

		res := Resolve(Input{DaemonSet: ds, NodeName: "n1"})
		got := res.DaemonSet(func(Tree) string { return "" }).Spec.Template.Spec
		if diff := cmp.Diff([]corev1.EnvVar{{Name: "A", Value: tc.want}}, got.Containers[0].Env); diff != "" {
			t.Errorf("%+v (-want +got)\n%s", tc, diff)
		}
		if diff := cmp.Diff([]corev1.EnvVar{{Name: "I", Value: tc.want}}, got.InitContainers[0].Env); diff != "" {
			t.Errorf("%+v (-want +got)\n%s", tc, diff)
		}
		if len(res.Missing) > 0 || len(res.Digests) != 1 || len(res.NodeDigests) > 0 {
			t.Errorf("%+v: missing %v, digests %v, of the node %v", tc, res.Missing, res.Digests, res.NodeDigests)
		}
	}
}
