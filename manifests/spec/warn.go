package spec

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/manifests/diag"
	"github.com/daemonsetd/daemonsetd/manifests/strictyaml"
)

// warnings is about what is accepted and does not do what it does in a cluster. What packages resolve and
// render change about the pod is told by their changes.
func warnings(d *strictyaml.Document, ds *appsv1.DaemonSet) diag.List {
	var list diag.List
	warn := func(path, message, hint string) {
		list = append(list, d.Problem(diag.Warning, path, message, hint))
	}
	pod := &ds.Spec.Template.Spec
	if surges(ds) {
		warn("spec.updateStrategy.rollingUpdate.maxSurge",
			"maxSurge has no effect in this version: a new pod replaces the old one instead of starting beside it", "")
	}
	if s := pod.SchedulerName; s != "" && s != corev1.DefaultSchedulerName {
		warn(podPrefix+"schedulerName", fmt.Sprintf("scheduler %q has no effect: a static pod is not scheduled", s), "")
	}
	if len(pod.TopologySpreadConstraints) > 0 {
		warn(podPrefix+"topologySpreadConstraints", "topologySpreadConstraints has no effect: every node that qualifies has the pod", "")
	}
	for _, ref := range fieldRefs(pod) {
		if ref.field == "spec.serviceAccountName" {
			warn(ref.path, "the service account is empty here: a static pod has none", "")
		}
	}
	return list
}

func surges(ds *appsv1.DaemonSet) bool {
	r := ds.Spec.UpdateStrategy.RollingUpdate
	if r == nil || r.MaxSurge == nil {
		return false
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(r.MaxSurge, 100, true)
	return err == nil && n > 0
}

// fieldRef is an environment variable that takes a field of the pod.
type fieldRef struct{ path, field string }

func fieldRefs(pod *corev1.PodSpec) []fieldRef {
	var out []fieldRef
	for _, g := range containerGroups(pod) {
		for i, c := range g.containers {
			for j, e := range c.Env {
				if e.ValueFrom == nil || e.ValueFrom.FieldRef == nil {
					continue
				}
				path := fmt.Sprintf("%s%s[%d].env[%d].valueFrom.fieldRef.fieldPath", podPrefix, g.field, i, j)
				out = append(out, fieldRef{path, e.ValueFrom.FieldRef.FieldPath})
			}
		}
	}
	return out
}
