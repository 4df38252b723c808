package reconcile

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// readiness knows since when our pods are ready, by a clock that nobody sets: what the kubelet says is a time on the
// wall, and it is taken over once, when it is first seen. A clock that is set afterwards makes no pod older or younger.
// One that an agent finds at its start is as old as the kubelet says.
type readiness struct {
	pods map[string]ready
	// at is when the list was asked for that was looked at last.
	at time.Time
}

// ready is a pod that is ready.
type ready struct {
	// uid and restarts tell its containers from others of the same name.
	uid      string
	restarts uint32
	// told is what the kubelet says, since what was made of it, with a monotonic reading.
	told, since time.Time
}

// observe takes up a list of pods that was asked for at the given moment. The same list again changes nothing.
func (r *readiness) observe(pods []corev1.Pod, at, now time.Time) {
	if at.IsZero() || at.Equal(r.at) {
		return
	}
	next := map[string]ready{}
	for i := range pods {
		pod := &pods[i]
		told, unbroken := kubelet.ReadySince(pod)
		if told.IsZero() || pod.Annotations[render.AnnotationDaemonSet] == "" {
			continue
		}
		name := pod.Namespace + "/" + pod.Name
		next[name] = r.next(r.pods[name], ready{
			uid: string(pod.UID), restarts: kubelet.EndsOf(pod).Restarts, told: told,
			since: now.Add(-max(now.Sub(told), 0)),
		}, unbroken)
	}
	r.pods, r.at = next, at
}

// next is what is known of a pod that was before, which is the zero value where the last list had none that was ready.
// Unbroken: what is told is when its containers were started, and they were ready ever since.
func (r *readiness) next(before, now ready, unbroken bool) ready {
	same := before.uid == now.uid && before.restarts == now.restarts && !before.since.IsZero()
	switch {
	case same && (unbroken || before.told.Equal(now.told)):
		return before
	case same:
		now.since = later(now.since, before.since)
	case !unbroken:
		now.since = later(now.since, r.at) // then it was not ready, or another
	}
	return now
}

// since is since when a pod is ready, by the name that the kubelet has for it; zero: it is not.
func (r *readiness) since(full string) time.Time { return r.pods[full].since }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
