package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/catalog"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
	"github.com/daemonsetd/daemonsetd/manifests/manifestdir"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// acting is the back-off of acts that fail: a full disk is not written to a thousand times a second.
type acting struct {
	failures int
	until    time.Time
}

const (
	actRetryFirst = time.Second
	actRetryMax   = resync
)

// round reads everything, plans, acts and publishes, and says when the next one is due.
func (a *Agent) round(ctx context.Context) time.Duration {
	begin := time.Now()
	a.refreshFiles(ctx)
	s, again := a.read(begin)
	a.layConfigs(s)
	a.roll(s)
	a.layTargets(s)
	out := plan.Make(s.Input())
	acted := a.act(ctx, s, out)
	if acted {
		// What was done is looked at before it is told.
		s, again = a.read(time.Now())
		a.roll(s)
		if out = plan.Make(s.Input()); len(out.Acts) > 0 {
			again = time.Millisecond
		}
	}
	a.dropConfigs(s, out)
	a.recordRevisions(s)
	a.catalog.Forget()
	a.publish(s, out)
	err := errors.Join(a.loader.Persist(), a.nodes.Persist())
	a.board.When(err != nil, health.LastGoodNotSaved, errorText(err), a.cfg.StateDir)
	if out.Hurry {
		a.kubelet.poller.Hurry()
	}
	now := time.Now()
	a.metrics.Reconciles.Inc()
	a.metrics.ReconcileSeconds.Observe(now.Sub(begin).Seconds())
	if !acted {
		a.member.RoundTook(now.Sub(begin))
	}
	a.settle(s)
	waits := []time.Duration{again}
	for _, at := range []time.Time{out.Again, a.acting.until, a.evictionDue(now), a.turns.Due()} {
		if at.After(now) {
			waits = append(waits, max(at.Sub(now), time.Millisecond))
		}
	}
	return a.nextRound(now, waits...)
}

// refreshFiles takes over a changed kubelet configuration, key file or list of members.
func (a *Agent) refreshFiles(ctx context.Context) {
	a.kubelet.refresh(ctx, false)
	if changed, _ := a.member.Refresh(false); len(changed) > 0 {
		a.log.Info().Strs(logfield.Detail, changed).Msg("taken over from files")
	}
}

// read reads everything that a plan depends on.
func (a *Agent) read(now time.Time) (*reconcile.Snapshot, time.Duration) {
	s := &reconcile.Snapshot{Host: a.cfg.NodeName, Now: now, Kubelet: a.kubeletState(), Memories: a.memories.now}
	var again time.Duration
	s.Specs, again = a.loader.Load()
	_, next := a.nodes.Update(now, a.nodeInputs(s.Kubelet))
	if next > 0 && (again == 0 || next < again) {
		again = next
	}
	s.Node = a.nodes.Node()
	s.Listing, s.ScanErr = a.store.Scan()
	s.Answers = a.kubeletInput(s.Kubelet, s.Specs, now)
	for _, e := range s.Listing.Ours {
		s.Present = append(s.Present, plan.Present{
			FileName: e.FileName, Key: e.Key(), Revision: e.Revision, PodName: e.PodName,
			Source: e.Source, GracePeriodSeconds: e.GracePeriodSeconds, Intact: e.Intact,
			Renamed: e.PodName != render.PodName(e.DaemonSet, e.Revision),
		})
	}
	a.catalog.Begin(catalog.Facts{Now: now, Specs: s.Specs, Node: s.Node})
	s.Items = a.items(s, a.catalog.Maker, s.Specs.DaemonSets)
	return s, again
}

// items decides every declared DaemonSet for this node.
func (a *Agent) items(s *reconcile.Snapshot, from *catalog.Maker, sets []*spec.DaemonSet) []*reconcile.Item {
	present := map[string][]plan.Present{}
	for _, p := range s.Present {
		present[p.Key] = append(present[p.Key], p)
	}
	items := make([]*reconcile.Item, 0, len(sets))
	for _, ds := range sets {
		it := &reconcile.Item{Key: ds.Key(), DS: ds, File: from.File(ds), Present: present[ds.Key()], Memory: s.Memories[ds.Key()]}
		it.Strategy, _ = strategy.Parse(ds.Object)
		it.FileBlocked = cmp.Or(it.File.Blocked, conflict(s.Listing.Foreign, it.File.Manifest))
		a.aim(s, from, it)
		it.Memory.Eviction = placement.NextEviction(it.Memory.Eviction, it.Want.Compiled, s.Node, s.Now)
		it.Evicted = it.Memory.Eviction.Evicted(s.Now)
		items = append(items, it)
	}
	return items
}

// aim decides which revision shall run, from where the rollout stands, and whether it belongs on this node.
func (a *Agent) aim(s *reconcile.Snapshot, from *catalog.Maker, it *reconcile.Item) {
	st := a.turns.Turn(it.Key).State
	usable := it.FileBlocked == "" && !s.Specs.Undecided(it.DS.Source.File)
	c := from.Choose(it.DS, usable, catalog.Goal{Target: st.Target.Revision, Rejected: st.Rejected})
	it.Want, it.Blocked = c.Made, c.Blocked
	switch {
	case !c.Back:
		it.Blocked = it.FileBlocked
	case c.Blocked == "":
		it.Blocked = conflict(s.Listing.Foreign, c.Made.Manifest)
	}
	it.Decision = c.Made.Compiled.Decide(s.Node)
}

// conflict says which foreign file is in the way of a manifest: one of the same name, or one that declares the same pod.
func conflict(foreign []manifestdir.ForeignPod, m render.Manifest) string {
	for _, f := range foreign {
		if f.FileName == m.FileName {
			return fmt.Sprintf("the file %s belongs to somebody else (it %s); move it away", f.FileName, f.Reason)
		}
		if f.Namespace == m.Namespace && f.Name == m.PodName {
			return fmt.Sprintf("the file %s, which is not ours, declares the pod %s/%s; remove it from there", f.FileName, f.Namespace, f.Name)
		}
	}
	return ""
}

// evictionDue is when the next NoExecute timer runs out.
func (a *Agent) evictionDue(now time.Time) time.Time {
	var due time.Time
	for _, m := range a.memories.now {
		if at := m.Eviction.At; at.After(now) && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	return due
}

// kubeletInput turns the latest answers of the kubelet into what plan looks at.
func (a *Agent) kubeletInput(k *kubelet.Snapshot, specs *spec.Snapshot, now time.Time) plan.Kubelet {
	in := plan.Kubelet{
		AssumeReady: k.AssumeReady, Healthy: k.Healthy, Missed: k.HealthErr != nil, PodsAt: k.PodsAt, RunningAt: k.RunningAt,
		RunningUnknown: k.RunningErr != nil || k.PodsErr != nil, PodsUnknown: k.PodsErr != nil,
		Pods: make(map[string]plan.Pod, len(k.Pods)), Running: make(map[string]bool, len(k.Running)),
	}
	in.Gone = func(full string, removed time.Time) bool {
		namespace, name := splitKey(full)
		gone, _ := k.Gone(namespace, name, removed)
		return gone || a.stopped.stopped(k, full, removed)
	}
	a.stopped.cgroups.Root = a.kubelet.settings().CgroupRoot
	a.stopped.observe(k.Pods, now)
	minReady := minReadySeconds(specs)
	for i := range k.Pods {
		pod := &k.Pods[i]
		in.Pods[pod.Namespace+"/"+pod.Name] = planPod(pod, minReady[pod.Namespace+"/"+ownerName(pod)], now)
	}
	for i := range k.Running {
		in.Running[k.Running[i].Namespace+"/"+k.Running[i].Name] = true
	}
	return in
}

// ownerName is the DaemonSet that a pod of ours says it belongs to.
func ownerName(pod *corev1.Pod) string {
	_, name := splitKey(pod.Annotations[render.AnnotationDaemonSet])
	return name
}

func minReadySeconds(specs *spec.Snapshot) map[string]int32 {
	m := map[string]int32{}
	for _, ds := range specs.DaemonSets {
		if s := ds.Object.Spec.MinReadySeconds; s > 0 {
			m[ds.Key()] = s
		}
	}
	return m
}

func planPod(pod *corev1.Pod, minReady int32, now time.Time) plan.Pod {
	p := plan.Pod{Failed: kubelet.Failed(pod), Ready: kubelet.PodReady(pod), Available: kubelet.PodAvailable(pod, minReady, now), Message: kubelet.PodMessage(pod)}
	if p.Ready && !p.Available {
		p.AvailableAt = now.Add(time.Second)
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady {
				p.AvailableAt = c.LastTransitionTime.Add(time.Duration(minReady) * time.Second)
			}
		}
		p.Message = fmt.Sprintf("ready, available after minReadySeconds (%d)", minReady)
	}
	return p
}

// act does what the plan says and reports whether anything was changed. What must be remembered is on disk first; where
// that fails, no pod is taken down for being replaced.
func (a *Agent) act(ctx context.Context, s *reconcile.Snapshot, out plan.Output) bool {
	saveErr := a.memories.set(out.Memories)
	a.board.When(saveErr != nil, health.StateNotSaved, errorText(saveErr), a.cfg.StateDir)
	if a.scanFailed(s) {
		return false
	}
	if len(out.Acts) == 0 {
		// What failed before is not wanted any more.
		a.backOff(nil)
		return false
	}
	if s.Now.Before(a.acting.until) && a.acting.failures > 0 {
		return false
	}
	a.lookBeforeReplacing(ctx, s, out.Acts)
	var failed error
	changed := false
	for _, act := range out.Acts {
		if saveErr != nil && act.Kind == plan.Remove && (act.Reason == plan.ReasonReplacing || act.Reason == plan.ReasonFailed || act.Reason == plan.ReasonRestored) {
			continue
		}
		err := a.do(act)
		failed = errors.Join(failed, err)
		changed = changed || err == nil
	}
	a.backOff(failed)
	return changed
}

// lookBeforeReplacing asks for the pods once more when one is to be replaced that the last answer does not show running yet:
// only a pod that was seen running is seen to stop at once, see stopwatch.
func (a *Agent) lookBeforeReplacing(ctx context.Context, s *reconcile.Snapshot, acts []plan.Act) {
	for _, act := range acts {
		namespace, _ := splitKey(act.Key)
		if _, watched := a.stopped.pods[namespace+"/"+act.PodName+"-"+a.cfg.NodeName]; act.Reason != plan.ReasonReplacing || watched {
			continue
		}
		if pods, ok := a.kubelet.pods(ctx); ok {
			a.stopped.observe(pods, s.Now)
		}
		return
	}
}

func (a *Agent) scanFailed(s *reconcile.Snapshot) bool {
	if s.ScanErr == nil {
		a.board.Clear(health.ManifestsDirectory)
		return false
	}
	if errors.Is(s.ScanErr, manifestdir.ErrMissing) {
		if err := a.store.Ensure(); err == nil {
			a.acting.until = time.Now().Add(50 * time.Millisecond)
		}
	}
	a.board.Report(health.ManifestsDirectory, s.ScanErr.Error())
	return true
}

func (a *Agent) backOff(err error) {
	if err == nil {
		a.acting = acting{}
		a.board.Clear(health.ManifestNotChanged)
		return
	}
	a.board.Report(health.ManifestNotChanged, err.Error())
	a.acting.until = time.Now().Add(min(actRetryFirst<<min(a.acting.failures, 10), actRetryMax))
	a.acting.failures++
}

// do changes the kubelet's directory and tells of it.
func (a *Agent) do(act plan.Act) error {
	var err error
	if act.Kind == plan.Remove {
		err = a.store.Remove(act.FileName)
	} else {
		err = a.store.Write(*act.Manifest)
	}
	if err != nil {
		a.metrics.ManifestErrors.WithLabelValues(string(act.Kind)).Inc()
		a.events.OfDaemonSet(act.Key, corev1.EventTypeWarning, "FailedManifest", err.Error())
		return err
	}
	a.metrics.ManifestOps.WithLabelValues(string(act.Kind)).Inc()
	a.log.Info().Str(logfield.Action, string(act.Kind)).Str(logfield.DaemonSet, act.Key).Str(logfield.Revision, act.Revision).Str(logfield.File, act.FileName).
		Str(logfield.Reason, act.Reason).Str(logfield.Detail, act.Message).Msg("manifest changed")
	a.tell(act)
	return nil
}
