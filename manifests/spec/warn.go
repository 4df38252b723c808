package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// warnings is about what is accepted and does not do what it does in a cluster. What packages resolve and
// render change about the pod is told by their changes.
func warnings(d *strictyaml.Document, ds *appsv1.DaemonSet) diag.List {
	var list diag.List
	warn := func(path, message, hint string) {
		list = append(list, d.Problem(diag.Warning, path, message, hint))
	}
	pod := &ds.Spec.Template.Spec
	if s := pod.SchedulerName; s != "" && s != corev1.DefaultSchedulerName {
		warn(podPrefix+"schedulerName", fmt.Sprintf("scheduler %q has no effect: a static pod is not scheduled", s), "")
	}
	if len(pod.TopologySpreadConstraints) > 0 {
		warn(podPrefix+"topologySpreadConstraints",
			"topologySpreadConstraints has no effect: every node that qualifies has the pod", "")
	}
	list = append(list, unread(d, ds)...)
	return list
}

// annotationPrefix begins the annotations that are read here.
const annotationPrefix = "daemonsetd.io/"

// unread warns of annotations that look as if they were read here and are not: a rollout that is not paused for a slip
// of the pen would come as a surprise.
func unread(d *strictyaml.Document, ds *appsv1.DaemonSet) diag.List {
	known := slices.Concat(resolve.Annotations(), strategy.Annotations())
	var list diag.List
	for _, key := range slices.Sorted(maps.Keys(ds.Annotations)) {
		if !strings.HasPrefix(key, annotationPrefix) || slices.Contains(known, key) {
			continue
		}
		hint := ""
		if near, ok := diag.Suggest(key, known); ok {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		list = append(list, d.KeyProblem(diag.Warning, "metadata.annotations["+key+"]",
			"the annotation "+key+" has no effect: nothing of this name is read", hint))
	}
	return list
}
