package kubelet

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	kubeletconfigv1beta1 "k8s.io/kubelet/config/v1beta1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// RunningPodsStaleness is how old the answer to RunningPods may be: the kubelet gives it from a copy that it renews
// when it is older than this (pkg/kubelet/kubelet.go:runtimeCacheRefreshPeriod), and in its housekeeping every 2 s. The
// copy only ever moves forward.
const RunningPodsStaleness = 3 * time.Second

// Snapshot is what is known of the kubelet at one moment. It is immutable, all that its pointers lead to included.
//
// Every time that ends in At is when the question was sent that got the answer, so that the answer shows the kubelet at
// that time or later. When a question fails, the last answer stays, with its time, and the error says why there is no
// newer one. A zero time means that there never was an answer.
type Snapshot struct {
	// AssumeReady is set when nothing is asked: Healthy is then true by decree, and everything else is empty.
	AssumeReady bool
	// Healthy is whether the kubelet says that it is well; false until it first did.
	Healthy bool
	// Since is when Healthy last changed, or when it was first found out.
	Since time.Time
	// HealthAt is when the health was last asked for, answered or not. Zero: not yet.
	HealthAt time.Time
	// HealthErr is why the last question got no good answer; a healthy kubelet may miss one or two.
	HealthErr *Error

	// Pods are the pods that the kubelet is to run.
	Pods    []corev1.Pod
	PodsAt  time.Time
	PodsErr *Error
	// Running are the pods with live containers, by name and UID alone; see RunningPodsStaleness.
	Running    []corev1.Pod
	RunningAt  time.Time
	RunningErr *Error
	// Summary is the resource usage.
	Summary    *statsv1alpha1.Summary
	SummaryAt  time.Time
	SummaryErr *Error
	// Config is the configuration that the kubelet runs with. It is asked for when the kubelet comes up.
	Config    *kubeletconfigv1beta1.KubeletConfiguration
	ConfigAt  time.Time
	ConfigErr *Error
	// Version is the kubelet's version, empty until it is known.
	Version string

	// seen remembers the pods that were listed as running.
	seen map[types.NamespacedName]sighting
}

// sighting is what the lists of running pods said of one pod.
type sighting struct {
	// listed is when the last list was asked for that had the pod; ended, when the first was that had it no more. Ended
	// is zero while the pod is listed.
	listed, ended time.Time
}

// Limits on what is remembered of pods that ran.
const (
	maxSeen    = 2_000
	forgetSeen = 10 * time.Minute
)

// Pod returns the pod of that manifest name on the node, nil when the kubelet has none.
func (s *Snapshot) Pod(namespace, name, nodeName string) *corev1.Pod {
	return FindPod(s.Pods, namespace, name, nodeName)
}

// Gone reports whether the pod, named as the kubelet names it, is known to have stopped after its manifest was removed
// at the given time. Where it is not known, because says what is missing: the pod may run as long as it is.
//
// A list of running pods without the pod proves nothing by itself, since it may be older than the pod. It does when the
// list before had the pod, because the kubelet's copy only moves forward, or when it was asked for RunningPodsStaleness
// after the removal. A pod that ended before the removal proves nothing either: it may have been started again.
func (s *Snapshot) Gone(namespace, podName string, removed time.Time) (gone bool, because string) {
	name := types.NamespacedName{Namespace: namespace, Name: podName}
	switch {
	case s.PodsErr != nil:
		return false, "the kubelet's pods cannot be asked for: " + string(s.PodsErr.State)
	case s.RunningErr != nil:
		return false, "the kubelet's running pods cannot be asked for: " + string(s.RunningErr.State)
	case !s.PodsAt.After(removed) || !s.RunningAt.After(removed):
		return false, "the kubelet has not been asked since the manifest was removed"
	case has(s.Pods, namespace, podName):
		return false, "the kubelet has not noticed yet that the manifest was removed"
	case has(s.Running, namespace, podName):
		return false, "its containers are stopping"
	case s.seen[name].ended.After(removed) || s.RunningAt.Sub(removed) >= RunningPodsStaleness:
		return true, ""
	default:
		return false, fmt.Sprintf("the kubelet's list of running pods may be up to %v old", RunningPodsStaleness)
	}
}

func has(pods []corev1.Pod, namespace, name string) bool {
	for i := range pods {
		if pods[i].Namespace == namespace && pods[i].Name == name {
			return true
		}
	}
	return false
}

// sight returns the sightings as of a new list of running pods that was asked for at now.
func sight(seen map[types.NamespacedName]sighting, running []corev1.Pod,
	now time.Time,
) map[types.NamespacedName]sighting {
	next := make(map[types.NamespacedName]sighting, len(running))
	for i := range running[:min(len(running), maxSeen)] {
		next[types.NamespacedName{Namespace: running[i].Namespace, Name: running[i].Name}] = sighting{listed: now}
	}
	for name, v := range seen {
		if _, listed := next[name]; listed || len(next) >= maxSeen || now.Sub(v.listed) > forgetSeen {
			continue
		}
		if v.ended.IsZero() {
			v.ended = now
		}
		next[name] = v
	}
	return next
}
