package reconcile

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// forgetWatched is how long the cgroup of a pod is remembered after the kubelet has last listed it; a pod that takes
// longer to stop is waited for by the kubelet's own list.
const forgetWatched = 10 * time.Minute

// stopwatch knows the cgroups of our pods, to see the end of one as soon as it comes. Only a pod whose containers were
// all running, and whose cgroup was found with processes in it, is watched: of any other an empty cgroup proves
// nothing.
type stopwatch struct {
	cgroups kubelet.Cgroups
	pods    map[string]watched
}

type watched struct {
	uid    string
	cgroup kubelet.Cgroup
	last   time.Time
}

// observe takes up the pods that run.
func (w *stopwatch) observe(pods []corev1.Pod, now time.Time) {
	for i := range pods {
		pod := &pods[i]
		if pod.Annotations[render.AnnotationDaemonSet] == "" {
			continue
		}
		if name := pod.Namespace + "/" + pod.Name; w.pods[name].uid != string(pod.UID) {
			delete(w.pods, name) // another pod of that name, whose end the old cgroup does not show
		}
		if runs(pod) {
			w.take(pod, now)
		}
	}
	for name, p := range w.pods {
		if now.Sub(p.last) > forgetWatched {
			delete(w.pods, name)
		}
	}
}

// runs says whether every container of the pod has been started, and none has ended. The kubelet tells for up to a
// second that a pod is ready whose containers it still shows as waiting.
func runs(pod *corev1.Pod) bool {
	if kubelet.PodReady(pod) {
		return true
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Running == nil {
			return false
		}
	}
	return len(pod.Status.ContainerStatuses) == len(pod.Spec.Containers)
}

func (w *stopwatch) take(pod *corev1.Pod, now time.Time) {
	name := pod.Namespace + "/" + pod.Name
	p, known := w.pods[name]
	if !known || p.uid != string(pod.UID) {
		cgroup, found := w.cgroups.Find(string(pod.UID))
		if !found {
			return
		}
		if populated, err := cgroup.Populated(); err != nil || !populated {
			return
		}
		p = watched{uid: string(pod.UID), cgroup: cgroup}
	}
	p.last = now
	w.pods[name] = p
}

// stopped says that a pod has ended for certain: the kubelet has let go of it since its manifest was removed, so that
// it starts nothing of it any more, and no process is left in its cgroup.
func (w *stopwatch) stopped(k *kubelet.Snapshot, full string, removed time.Time) bool {
	p, known := w.pods[full]
	pods, told := k.Pods.Now()
	if !known || !told || !k.Pods.At().After(removed) {
		return false
	}
	for i := range pods {
		if pods[i].Namespace+"/"+pods[i].Name == full {
			return false
		}
	}
	populated, err := p.cgroup.Populated()
	return err == nil && !populated
}
