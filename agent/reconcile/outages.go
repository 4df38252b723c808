package reconcile

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/outage"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// watchOutages finds out which DaemonSets should run here and are not available.
func (r *Reconciler) watchOutages(s *Snapshot) {
	if s.ScanErr != nil {
		return // nothing is known of what stands, and ManifestsDirectory says so
	}
	seen := make([]outage.Seen, 0, len(s.Items))
	for _, it := range s.Items {
		seen = append(seen, seenOutage(s, it))
	}
	s.Down, r.lookAgain = r.outages.Look(seen, s.Now)
	for _, it := range s.Items {
		if i := slices.IndexFunc(s.Down, func(d outage.Down) bool { return d.Key == it.Key }); i >= 0 {
			it.Down = &s.Down[i]
		}
	}
}

// seenOutage is one DaemonSet as this round sees it.
func seenOutage(s *Snapshot, it *Item) outage.Seen {
	d := it.Decision
	seen := outage.Seen{
		Key: it.Key, Blocked: it.FileBlocked, Deadline: it.Strategy.Deadline, Leaving: len(it.Memory.Leaving) > 0,
		Should: !it.Evicted && (d.ShouldRun || d.ShouldContinueRunning && len(it.Present) > 0),
		Known:  s.Answers.AssumeReady || !s.Answers.PodsAt.IsZero() && s.Now.Sub(s.Answers.PodsAt) <= silence,
	}
	for i := range it.Present {
		p := &it.Present[i]
		switch up, _ := podOf(s, it, p); up {
		case rollout.PodUp:
			seen.Available = true
		case rollout.PodUnknown:
			seen.Known = false
		}
		if pod := s.Kubelet.Pod(it.DS.Object.Namespace, p.PodName, s.Host); pod != nil &&
			(seen.Pod == nil || p.Revision == it.Want.Manifest.Revision) {
			seen.Pod = pod
		}
	}
	return seen
}

// checkDaemonSets keeps the items of DaemonSets that somebody has to look at.
func (r *Reconciler) checkDaemonSets(s *Snapshot, statuses []plan.Status) {
	var down, blocked []health.Problem
	for i := range s.Down {
		d := &s.Down[i]
		down = append(down, health.Problem{
			Object: d.Key, Reason: d.Reason, Text: d.Sentence(), Remedy: d.Kind.Remedy(d.Key),
		})
	}
	for _, st := range statuses {
		it := s.Item(st.Key)
		if st.Phase != plan.PhaseBlocked || it == nil || it.Down != nil || !it.Decision.ShouldRun {
			continue
		}
		blocked = append(blocked, health.Problem{
			Object: st.Key, Reason: outage.ReasonBlocked,
			Text:   "DaemonSet " + st.Key + " runs as it did before, its file is not in effect: " + st.Message,
			Remedy: outage.KindBlocked.Remedy(st.Key),
		})
	}
	r.cfg.Board.Objects(health.DaemonSetDown, down)
	r.cfg.Board.Objects(health.DaemonSetBlocked, blocked)
}

// tellContainers records what a kubelet with an API server would have told of the containers of our pods since the last
// round, with its reasons.
func (r *Reconciler) tellContainers(old, now *Snapshot) {
	if old == nil || old.Kubelet == now.Kubelet {
		return
	}
	ours := func(pod *corev1.Pod) bool { return pod.Annotations[render.AnnotationDaemonSet] != "" }
	outage.Events(old.Kubelet.Pods.Last(), now.Kubelet.Pods.Last(), ours, func(e outage.Event) {
		r.cfg.Events.OfContainer(e.Pod, e.Container, e.Type, e.Reason, e.Message)
	})
}
