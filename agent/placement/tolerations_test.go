package placement_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/placement"
)

func automatic(key string, effect corev1.TaintEffect) corev1.Toleration {
	return corev1.Toleration{Key: "node.kubernetes.io/" + key, Operator: corev1.TolerationOpExists, Effect: effect}
}

func TestTolerations(t *testing.T) {
	own := corev1.Toleration{Key: "gpu", Operator: corev1.TolerationOpExists}
	limited := automatic("not-ready", noExecute)
	limited.TolerationSeconds = new(int64(30))
	equal := corev1.Toleration{Key: "node.kubernetes.io/not-ready", Operator: corev1.TolerationOpEqual, Effect: noExecute, TolerationSeconds: new(int64(30))}
	added := []corev1.Toleration{
		automatic("not-ready", noExecute), automatic("unreachable", noExecute), automatic("disk-pressure", noSchedule),
		automatic("memory-pressure", noSchedule), automatic("pid-pressure", noSchedule), automatic("unschedulable", noSchedule),
	}
	withOwn := func(own ...corev1.Toleration) []corev1.Toleration { return append(own, added...) }
	cases := []struct {
		name string
		pod  corev1.PodSpec
		want []corev1.Toleration
	}{
		{"none of its own", corev1.PodSpec{}, added},
		{"hostNetwork", corev1.PodSpec{HostNetwork: true}, append(withOwn(), automatic("network-unavailable", noSchedule))},
		{"own ones come first", corev1.PodSpec{Tolerations: []corev1.Toleration{own}}, withOwn(own)},
		{
			"the same one loses its limit and keeps its place",
			corev1.PodSpec{Tolerations: []corev1.Toleration{limited, own}},
			append([]corev1.Toleration{added[0], own}, added[1:]...),
		},
		{
			"each of the same is replaced",
			corev1.PodSpec{Tolerations: []corev1.Toleration{limited, own, limited}},
			append([]corev1.Toleration{added[0], own, added[0]}, added[1:]...),
		},
		{"Equal is not the same", corev1.PodSpec{Tolerations: []corev1.Toleration{equal}}, withOwn(equal)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ds := daemonSet(c.pod)
			before := ds.DeepCopy()
			if diff := cmp.Diff(c.want, placement.Tolerations(ds)); diff != "" {
				t.Errorf("Tolerations (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, ds); diff != "" {
				t.Errorf("the DaemonSet was changed:\n%s", diff)
			}
		})
	}
}
