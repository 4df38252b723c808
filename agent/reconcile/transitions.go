package reconcile

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
)

// transitions remember when the times were first seen that the kubelet gives for its pods' becoming ready. Those are of
// a clock that is set now and then: a time in the future counts from when it was first seen, and whoever sets the clock
// afterwards makes no pod wait, nor available.
type transitions struct{ pods map[types.UID]transition }

type transition struct {
	// told is the kubelet's time, seen when it was seen first, and head how long ago it was then.
	told, seen time.Time
	head       time.Duration
}

// observe takes up a list of pods.
func (t *transitions) observe(pods []corev1.Pod, now time.Time) {
	next := make(map[types.UID]transition, len(pods))
	for i := range pods {
		told := kubelet.ReadyTold(&pods[i])
		if told.IsZero() {
			continue
		}
		known, ok := t.pods[pods[i].UID]
		if !ok || !known.told.Equal(told) {
			// Its monotonic reading says how long ago that was, whatever becomes of the clock.
			known = transition{told: told, seen: now, head: max(now.Sub(told), 0)}
		}
		next[pods[i].UID] = known
	}
	t.pods = next
}

// kubeletsNow is the present by the clock by which the kubelet said since when the pod is ready.
func (t *transitions) kubeletsNow(pod *corev1.Pod, now time.Time) time.Time {
	known, ok := t.pods[pod.UID]
	if !ok {
		return now
	}
	return known.told.Add(known.head + max(now.Sub(known.seen), 0))
}
