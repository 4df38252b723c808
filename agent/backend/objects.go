package backend

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// Pods are the kubelet's pods as they may be shown, as it listed them last. Those of a kubelet of another node are not
// this host's.
func Pods(v *reconcile.Snapshot) []*corev1.Pod {
	if v.Kubelet.Stranger != nil {
		return nil
	}
	sets, pods := daemonSetsByKey(v.Specs.DaemonSets), v.Kubelet.Pods.Last()
	list := make([]*corev1.Pod, 0, len(pods))
	for i := range pods {
		pod := &pods[i]
		if pod.Annotations[render.AnnotationPull] != "" {
			continue // it runs nothing, and is over in a moment
		}
		list = append(list, hidePod(pod, sets[pod.Annotations[render.AnnotationDaemonSet]]))
	}
	return list
}

func daemonSetsByKey(sets []*spec.DaemonSet) map[string]*spec.DaemonSet {
	byKey := make(map[string]*spec.DaemonSet, len(sets))
	for _, ds := range sets {
		byKey[ds.Key()] = ds
	}
	return byKey
}

// DaemonSets are the declared DaemonSets with the status that the fleet gives them, or this one node while gossip is
// off (updateDaemonSetStatus in pkg/controller/daemon/daemon_controller.go).
func DaemonSets(v *reconcile.Snapshot) []*appsv1.DaemonSet {
	sets := make([]*appsv1.DaemonSet, 0, len(v.Items))
	for _, it := range v.Items {
		o := *it.DS.Object
		o.Status = daemonSetStatus(v, it)
		o.CreationTimestamp = metav1.NewTime(v.Declared[it.Key])
		o.Generation, o.Status.ObservedGeneration = generations(v, it)
		sets = append(sets, &o)
	}
	return sets
}

// generations are metadata.generation and status.observedGeneration. As everywhere here a generation is the number of a
// rollout: the latest one that any member has, and the one that this host goes by. While this host has not taken it up
// kubectl rollout status waits, as it does for a controller. The first one is 1, as in Kubernetes. Numbers count within
// an epoch: a host that has not taken up the latest one has observed nothing of it.
func generations(v *reconcile.Snapshot, it *reconcile.Item) (latest, observed int64) {
	all, own := v.Generations[it.Key], it.State.Target.Generation
	latest = max(1, int64(rollout.Number(all))) //nolint:gosec // it has 53 bits
	switch {
	case own == 0 || own >= all:
		return latest, latest
	case rollout.Epoch(own) < rollout.Epoch(all):
		return latest, 0
	}
	return latest, max(1, int64(rollout.Number(own))) //nolint:gosec // it has 53 bits
}

func daemonSetStatus(v *reconcile.Snapshot, it *reconcile.Item) appsv1.DaemonSetStatus {
	if c, ok := v.Counts[it.Key]; ok {
		return fleetStatus(c)
	}
	st := appsv1.DaemonSetStatus{}
	exists, current := false, false
	var pod plan.Pod
	for _, p := range it.Present {
		exists = true
		current = p.Revision == it.Want.Manifest.Revision
		pod = v.Answer(it.Key, p.PodName)
	}
	if !it.Decision.ShouldRun || it.Evicted {
		st.NumberMisscheduled = one(exists)
		return st
	}
	st.DesiredNumberScheduled = 1
	st.CurrentNumberScheduled = one(exists)
	st.UpdatedNumberScheduled = one(exists && current)
	st.NumberReady = one(exists && pod.Ready)
	st.NumberAvailable = one(exists && pod.Available)
	st.NumberUnavailable = 1 - st.NumberAvailable
	return st
}

func one(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
