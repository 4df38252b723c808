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
// HealthAt, and the time of every Answer, is when the question was sent, so that the answer shows the kubelet at that
// time or later.
type Snapshot struct {
	// AssumeReady is set when nothing is asked: Healthy is then true by decree, and everything else is empty.
	AssumeReady bool
	// Healthy is whether the kubelet says that it is well; false until it first did. Whether anything may be built on its
	// answers says Usable.
	Healthy bool
	// Since is when Healthy last changed, or when it was first found out.
	Since time.Time
	// HealthAt is when the health was last asked for, answered or not. Zero: not yet.
	HealthAt time.Time
	// HealthErr is why the last question got no good answer; a healthy kubelet may miss one or two.
	HealthErr *Error

	// Node is the name of the kubelet's node, as its newest answer says that names it; empty: none has since it came up.
	// What is not in the lists under a name that was made with this host's is known not to be there only where Node is
	// this host's.
	Node string
	// Stranger is set where Node is not the name that this host has; nil: it is, or it is not known.
	Stranger *Error

	// Pods are the pods that the kubelet is to run.
	Pods Answer[[]corev1.Pod]
	// Running are the pods with live containers, by name and UID alone; see RunningPodsStaleness.
	Running Answer[[]corev1.Pod]
	// Summary is the resource usage.
	Summary Answer[*statsv1alpha1.Summary]
	// Config is the configuration that the kubelet runs with. It is asked for when the kubelet comes up.
	Config Answer[*kubeletconfigv1beta1.KubeletConfiguration]
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

// Usable says whether the kubelet is well and the one of this host: only then anything is started or replaced by what
// it answers.
func (s *Snapshot) Usable() bool { return s.Healthy && s.Stranger == nil }

// Pod returns the pod of that manifest name on the node as it was last listed, for those who show it. Nil where it was
// not listed, which is no proof that there is none.
func (s *Snapshot) Pod(namespace, name, nodeName string) *corev1.Pod {
	return FindPod(s.Pods.Last(), namespace, name, nodeName)
}

// Gone reports whether the pod, named as the kubelet names it, is known to have stopped after its manifest was removed
// at the given time. Where it is not known, because says what is missing: the pod may run as long as it is.
//
// A list of running pods without the pod proves nothing by itself, since it may be older than the pod. It does when the
// list before had the pod, because the kubelet's copy only moves forward, or when it was asked for RunningPodsStaleness
// after the removal. A pod that ended before the removal proves nothing either: it may have been started again. And the
// name proves nothing where it was only computed: the kubelet has to have listed the pod under it, or to have said that
// its node has the name that is in it.
func (s *Snapshot) Gone(namespace, podName string, removed time.Time) (gone bool, because string) {
	name := types.NamespacedName{Namespace: namespace, Name: podName}
	pods, told := s.Pods.Now()
	running, runningTold := s.Running.Now()
	switch {
	case s.Stranger != nil:
		return false, "the kubelet's node has another name: " + s.Node
	case !told && s.Pods.Err() != nil:
		return false, "the kubelet's pods cannot be asked for: " + string(s.Pods.Err().State)
	case !runningTold && s.Running.Err() != nil:
		return false, "the kubelet's running pods cannot be asked for: " + string(s.Running.Err().State)
	case !s.Pods.At().After(removed) || !s.Running.At().After(removed):
		return false, "the kubelet has not been asked since the manifest was removed"
	case has(pods, namespace, podName):
		return false, "the kubelet has not noticed yet that the manifest was removed"
	case has(running, namespace, podName):
		return false, "its containers are stopping"
	case s.seen[name].ended.After(removed):
		return true, ""
	case s.Node == "" && s.seen[name].listed.IsZero():
		return false, "the kubelet has not said yet what its node is called"
	case s.Running.At().Sub(removed) >= RunningPodsStaleness:
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
