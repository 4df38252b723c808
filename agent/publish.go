package agent

import (
	"maps"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/backend"
	"github.com/daemonsetd/daemonsetd/agent/member"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
)

// publish tells those who are not asked: the others, who watches, and who waits for the end of a round.
func (a *Agent) publish(old, now *reconcile.Snapshot) {
	a.changed.Fire()
	a.member.Tell(member.Facts{Node: now.Node, Specs: now.Specs, Kubelet: backend.KubeletState(now)})
	a.publishObjects(old, now)
	a.watchState()
}

// publishObjects brings the registry up to date, looking only at what can have changed.
func (a *Agent) publishObjects(old, v *reconcile.Snapshot) {
	if old == nil || old.Node != v.Node {
		a.member.ShowOwn(v.Node)
	}
	podsChanged := old == nil || old.Specs != v.Specs || old.Kubelet.Stranger != v.Kubelet.Stranger ||
		!samePods(old.Kubelet.Pods.Last(), v.Kubelet.Pods.Last())
	if podsChanged {
		a.registry.SetPods(backend.Pods(v))
	}
	if podsChanged || !reflect.DeepEqual(old.Statuses, v.Statuses) || !maps.Equal(old.Counts, v.Counts) ||
		!maps.Equal(old.Generations, v.Generations) {
		a.registry.SetDaemonSets(backend.DaemonSets(v))
	}
}

// samePods tells whether two lists are the same memory; the client gives the same list as long as the answer is the
// same.
func samePods(a, b []corev1.Pod) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func one(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// settle tells the service manager: READY after the first round, and the status line when it changes.
func (a *Agent) settle() {
	line := a.currentLine()
	switch {
	case !a.ready:
		a.ready = true
		a.opts.Notifier.Ready(line)
	case line != a.line:
		a.opts.Notifier.Status(line)
	}
	a.line = line
	if a.first.IsZero() && len(a.rounds.Latest().Listing.Ours) > 0 {
		a.first = time.Now()
		a.metrics.FirstManifestSeconds.Set(a.first.Sub(a.opts.StartedAt).Seconds())
	}
}
