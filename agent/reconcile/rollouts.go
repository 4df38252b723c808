package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/agent/rollout/driver"
)

// roll advances every DaemonSet's rollout by one step and says what may be replaced now. What others rely on is on disk
// before it returns; where that fails nothing may be replaced.
func (r *Reconciler) roll(s *Snapshot) {
	r.watchOutages(s)
	if s.ScanErr != nil {
		r.takeTurns(s, s.ScanErr) // nothing is known of what stands
		return
	}
	r.cfg.Turns.Hear(r.heard(), s.Now)
	seen := make([]driver.Seen, 0, len(s.Items))
	for _, it := range s.Items {
		it.Good = nil
		for _, fleet := range r.cfg.Turns.GoesBackTo(it.Key, it.Strategy.AutoRollback) {
			if good := r.cfg.Catalog.LastGood(it.DS, fleet); !good.IsZero() {
				it.Good = append(it.Good, good)
			}
		}
		seen = append(seen, see(s, it))
	}
	err := r.cfg.Turns.Step(seen, s.Now)
	r.cfg.Board.When(err != nil, health.RolloutNotSaved, errorText(err), r.cfg.StateDir)
	r.takeTurns(s, err)
	for _, h := range r.cfg.Turns.Happened() {
		r.tellRollout(h)
	}
	if err == nil {
		r.publishRollouts()
	}
}

// heard is what is known of the other members.
func (r *Reconciler) heard() driver.Fleet {
	f := driver.Fleet{Self: r.cfg.Fleet.Self(), Alone: r.cfg.Fleet.Alone()}
	if r.cfg.Fleet.On() {
		f.View, f.New = r.cfg.Fleet.Look(), r.cfg.Fleet.Created()
		f.Returned, _ = r.cfg.Fleet.TakeReturned(driver.Section)
	}
	return f
}

// takeTurns puts the last decisions that were saved into what is planned from; err is why there are none of this round.
func (r *Reconciler) takeTurns(s *Snapshot, err error) {
	for _, it := range s.Items {
		turn := r.cfg.Turns.Turn(it.Key)
		if turn.Decided {
			it.State, it.Turn, it.Peers = turn.State, turn.Decision, turn.Peers
		}
		switch {
		case err != nil:
			it.Hold = "the manifests directory or the state of the rollout cannot be used: " + err.Error()
		case !turn.Decided:
			it.Hold = "it has not been decided yet"
		case !turn.Decision.Replace:
			it.Hold = cmp.Or(turn.Decision.Blockers.String(), "it is not this host's turn")
		}
		r.aim(s, r.cfg.Catalog.Maker, it)
		if it.Hold != "" || it.Blocked != "" {
			it.Older = r.older(s, it)
		}
	}
}

// see is what this host sees of one DaemonSet.
func see(s *Snapshot, it *Item) driver.Seen {
	k := s.Kubelet
	seen := driver.Seen{
		Key: it.Key, Strategy: it.Strategy, ShouldRun: it.Decision.ShouldRun,
		ShouldContinueRunning: it.Decision.ShouldContinueRunning,
		Evicted:               it.Evicted, Canary: it.Strategy.Canary != nil &&
			it.Strategy.Canary.Matches(labels.Set(s.Node.Labels)),
		// A pod that only stays, as where the node is tainted or not ready, would have no successor.
		Answers: it.Decision.ShouldRun && (k.AssumeReady || k.Usable() && k.HealthErr == nil && k.Pods.Err() == nil),
		File:    it.File.Manifest.Revision, Good: it.Good, Again: it.Memory.Again,
		Pulling: pulling(s, it),
	}
	if it.FileBlocked == "" && !s.Specs.Undecided(it.DS.Source.File) {
		seen.Wanted = rollout.Revision{Fleet: it.File.Fleet, Local: it.File.Manifest.Revision}
	}
	if it.Down != nil {
		seen.Down = it.Down.Text
	}
	for i := range it.Present {
		p := &it.Present[i]
		stand := driver.Stand{Revision: p.Revision}
		stand.Pod, stand.Shown = podOf(s, it, p)
		stand.ReadySince = s.Answer(it.Key, p.PodName).ReadySince
		// What is not known for certain is of the pod before, or of its manifest before.
		pod := s.Kubelet.Pod(it.DS.Object.Namespace, p.PodName, s.Host)
		if pod != nil && stand.Pod != rollout.PodUnknown && s.Answers.PodsAt.After(it.Memory.WrittenAt) {
			ends := driver.Ends(kubelet.EndsOf(pod))
			stand.Ends = &ends
		}
		seen.Stand = append(seen.Stand, stand)
	}
	return seen
}

// silence is for how long a kubelet that does not answer leaves what it said last in effect. Kubernetes gives a node
// as long (node-monitor-grace-period).
const silence = 50 * time.Second

// podOf is what the kubelet says of a manifest's pod.
func podOf(s *Snapshot, it *Item, p *plan.Present) (rollout.Pod, rollout.Shown) {
	namespace := it.DS.Object.Namespace
	k := s.Answers
	full := fullName(it.Key, p.PodName, s.Host)
	pod, listed := k.Pods[full]
	shown := shownOf(s.Kubelet.Pod(namespace, p.PodName, s.Host), pod)
	switch {
	case k.AssumeReady:
		return rollout.PodUp, shown
	case k.PodsAt.IsZero() || s.Now.Sub(k.PodsAt) > silence || k.OtherNode != "":
		return rollout.PodUnknown, shown
	case !listed && !k.Absent[full]:
		return rollout.PodUnknown, shown // it may run under another name, or be taken up in a moment
	case !listed || !pod.Available:
		return rollout.PodDown, shown
	case !k.PodsAt.After(it.Memory.WrittenAt) || slices.ContainsFunc(it.Memory.Leaving, func(l plan.Leaving) bool {
		return l.PodName == p.PodName && !k.PodsAt.After(l.RemovedAt)
	}):
		return rollout.PodUnknown, shown // it was up before the manifest was written again, or removed and put back
	}
	return rollout.PodUp, shown
}

// shownOf is what others show of a pod and find it by.
func shownOf(pod *corev1.Pod, p plan.Pod) rollout.Shown {
	if pod == nil {
		return rollout.Shown{}
	}
	shown := rollout.Shown{Pod: true, Ready: kubelet.PodReady(pod), Available: p.Available}
	for _, ip := range pod.Status.PodIPs {
		shown.Addresses = append(shown.Addresses, ip.IP)
	}
	if len(shown.Addresses) == 0 && pod.Status.PodIP != "" {
		shown.Addresses = []string{pod.Status.PodIP}
	}
	// Those of init containers too: a pod whose first one loops has no others.
	shown.Restarts = kubelet.EndsOf(pod).Restarts
	if pod.Status.StartTime != nil {
		shown.Since = pod.Status.StartTime.Time
	}
	return shown
}

// publishRollouts tells the others.
func (r *Reconciler) publishRollouts() {
	if !r.cfg.Fleet.On() {
		return
	}
	body, omitted, err := r.cfg.Turns.Tell()
	if body == nil && err == nil {
		return
	}
	r.cfg.Fleet.Put(driver.Section, body, err)
	r.cfg.Board.When(omitted > 0, health.TooManyDaemonSets, fmt.Sprintf(
		"other hosts cannot be told of %s, and wait for this host where they replace those", count(omitted, "DaemonSet")))
}

// tellRollout records what a step did.
func (r *Reconciler) tellRollout(h driver.Happened) {
	st := h.State
	for _, e := range h.Events {
		kind, text := corev1.EventTypeNormal, ""
		switch e {
		case rollout.EventStarted:
			text = fmt.Sprintf("replacing revision %s by %s, generation %s", st.Running.Local, st.Target.Revision.Local,
				rollout.GenerationText(st.Target.Generation))
		case rollout.EventFinished:
			text = fmt.Sprintf("revision %s is available", st.Target.Revision.Local)
		case rollout.EventFailed:
			kind, text = corev1.EventTypeWarning,
				fmt.Sprintf("revision %s did not become available within its progress deadline", st.Target.Revision.Local)
			if st.Why != "" {
				text = fmt.Sprintf("revision %s failed: %s", st.Target.Revision.Local, st.Why)
			}
		case rollout.EventRolledBack:
			kind, text = corev1.EventTypeWarning, fmt.Sprintf("going back from revision %s to %s, which was available before",
				st.Rejected.Revision.Local, st.Target.Revision.Local)
		case rollout.EventReleased:
			kind, text = corev1.EventTypeWarning, "an operator has ended the hold of this host (dsctl rollout release)"
		case rollout.EventReset:
			kind, text = corev1.EventTypeWarning, fmt.Sprintf(
				"an operator has begun a new epoch of the rollout on this host (dsctl rollout reset): generation %s",
				rollout.GenerationText(st.Target.Generation))
		case rollout.EventLapsed:
			text = fmt.Sprintf("revision %s is available again before it was replaced, and waits for this host's turn",
				st.Running.Local)
		case rollout.EventYielded:
			text = "others wait that this host's turn holds up; they go first"
		default:
			continue
		}
		r.cfg.Events.OfDaemonSet(h.Key, kind, "Rollout"+e.String(), text)
	}
}
