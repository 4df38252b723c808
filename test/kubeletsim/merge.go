package kubeletsim

import (
	"cmp"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
)

// Annotations that the kubelet sets on pods (pkg/kubelet/types/pod_update.go).
const (
	// annotationSource says where the kubelet has the pod from: file, http or api.
	annotationSource = "kubernetes.io/config.source"
	// annotationHash is the UID that the kubelet gave to a static pod.
	annotationHash = "kubernetes.io/config.hash"
	// annotationSeen is when the kubelet first saw the pod.
	annotationSeen = "kubernetes.io/config.seen"
)

// merge compares the pods of the directory with those that the kubelet has, by UID, and acts on the difference: what is
// gone first, then what is new (pkg/kubelet/config/config.go:Merge). The caller holds k.mu.
func (k *Kubelet) merge(pods []*corev1.Pod) {
	next := make(map[types.UID]*corev1.Pod, len(pods))
	var added, updated []*corev1.Pod
	for _, pod := range pods {
		old, known := k.pods[pod.UID]
		switch {
		case !known:
			pod = pod.DeepCopy()
			pod.Annotations[annotationSeen] = time.Now().Format(time.RFC3339Nano)
			added = append(added, pod)
		case sameContent(old, pod):
			pod = old
		default:
			pod = pod.DeepCopy()
			pod.Annotations[annotationSeen] = old.Annotations[annotationSeen]
			updated = append(updated, pod)
		}
		next[pod.UID] = pod
	}
	before := k.pods
	k.pods = next
	for _, pod := range byName(maps.Values(before)) {
		if _, kept := next[pod.UID]; !kept {
			k.note(KindRemoved, pod, "")
			k.kill(pod.UID, 0)
		}
	}
	for _, pod := range added {
		k.note(KindAdded, pod, "")
		k.admit(pod)
	}
	for _, pod := range updated {
		k.note(KindUpdated, pod, "")
		if w := k.workers[pod.UID]; w != nil {
			w.pod = pod
		}
	}
}

// sameContent reports whether a pod of the same UID is the same in all that the kubelet looks at.
func sameContent(a, b *corev1.Pod) bool {
	strip := func(m map[string]string) map[string]string {
		m = maps.Clone(m)
		delete(m, annotationSeen)
		return m
	}
	return equality.Semantic.DeepEqual(a.Spec, b.Spec) && maps.Equal(a.Labels, b.Labels) &&
		maps.Equal(strip(a.Annotations), strip(b.Annotations))
}

// byName sorts pods by namespace, name and UID, so that a run is the same each time.
func byName(pods func(yield func(*corev1.Pod) bool)) []*corev1.Pod {
	return slices.SortedFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(fullName(a), fullName(b)), cmp.Compare(a.UID, b.UID))
	})
}
