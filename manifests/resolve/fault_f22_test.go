package resolve

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// TestFaultF22Environment: values that cannot fit into a manifest are not copied for every reference to them.
func TestFaultF22Environment(t *testing.T) {
	ds := &appsv1.DaemonSet{}
	key := &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "c"}, Key: "a"}}
	var env []corev1.EnvVar
	for i := range 2000 {
		env = append(env, corev1.EnvVar{Name: fmt.Sprint("E", i), ValueFrom: key})
	}
	ds.Spec.Template.Spec.Containers = []corev1.Container{{Name: "main", Env: env}}
	res := Resolve(Input{DaemonSet: ds, NodeName: "n1", ConfigMap: func(string) (*corev1.ConfigMap, bool) {
		return &corev1.ConfigMap{Data: map[string]string{"a": strings.Repeat("x", 900_000)}}, true
	}})
	if len(res.Missing) != 1 || res.Missing[0].Path != "spec.template.spec.containers[0].env[2].valueFrom.configMapKeyRef" {
		t.Errorf("missing %v", res.Missing)
	}
}

// TestFaultF22ManyVolumes: many volumes of one large object are refused before they are laid, at the volume that is too much.
func TestFaultF22ManyVolumes(t *testing.T) {
	large := map[string]string{"a": strings.Repeat("x", 900_000)}
	many := map[string]string{}
	for i := range 10_000 {
		many[fmt.Sprint("k", i)] = ""
	}
	for _, tc := range []struct {
		name    string
		data    map[string]string
		volumes int
		want    string // the path of the problem, "" for none
	}{
		{"bytes within the limit", large, 149, ""},
		{"bytes", large, 2000, "spec.template.spec.volumes[149]"},
		{"files within the limit", many, 2, ""},
		{"files", many, 3, "spec.template.spec.volumes[2]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ds := &appsv1.DaemonSet{}
			pod := &ds.Spec.Template.Spec
			pod.Containers = []corev1.Container{{Name: "main"}}
			for i := range tc.volumes {
				name := fmt.Sprint("v", i)
				pod.Volumes = append(pod.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
					ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "c"}, DefaultMode: new(int32(0o644))},
				}})
				pod.Containers[0].VolumeMounts = append(pod.Containers[0].VolumeMounts, corev1.VolumeMount{Name: name, MountPath: "/" + name})
			}
			res := Resolve(Input{DaemonSet: ds, NodeName: "n1", ConfigMap: func(string) (*corev1.ConfigMap, bool) {
				return &corev1.ConfigMap{Data: tc.data}, true
			}})
			switch {
			case tc.want == "" && len(res.Missing) > 0, tc.want != "" && (len(res.Missing) != 1 || res.Missing[0].Path != tc.want):
				t.Errorf("missing %v, want one at %q", res.Missing, tc.want)
			}
		})
	}
}
