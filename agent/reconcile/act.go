package reconcile

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
	"github.com/daemonsetd/daemonsetd/manifests/manifestdir"
)

// act does what the plan says and reports whether anything was changed. What must be remembered is on disk first; where
// that fails, no pod is taken down for being replaced. Of a DaemonSet of which one act fails nothing more is done, and
// no other one waits for it.
func (r *Reconciler) act(ctx context.Context, s *Snapshot, out plan.Output) bool {
	before := s.Memories
	saveErr := r.memories.set(out.Memories)
	r.cfg.Board.When(saveErr != nil, health.StateNotSaved, errorText(saveErr), r.cfg.StateDir)
	if r.scanFailed(s) {
		return false
	}
	r.tellPulls(before, out.Memories, out.Acts, s.Now)
	due := slices.DeleteFunc(slices.Clone(out.Acts), func(a plan.Act) bool { return !r.due(a.Key, s.Now) })
	unsure := !r.lookBeforeReplacing(ctx, s, due)
	failed := map[string]error{}
	changed := false
	for _, act := range due {
		switch {
		case failed[act.Key] != nil:
		case saveErr != nil && takesDown(act):
			s.left[act.Key] = saveErr.Error()
		case unsure && takesDown(act):
			s.left[act.Key] = "the kubelet that answers is not the one of this node; what runs stays"
		default:
			err := r.do(act)
			failed[act.Key] = err
			changed = changed || err == nil
		}
	}
	for key, err := range failed {
		r.backOff(key, err)
	}
	r.forgetFailures(s, out)
	r.tellFailed(s, out)
	return changed
}

// takesDown says whether an act takes a pod down that is to come back, in this form or another.
func takesDown(act plan.Act) bool {
	return act.Kind == plan.Remove &&
		(act.Reason == plan.ReasonReplacing || act.Reason == plan.ReasonFailed || act.Reason == plan.ReasonRestored)
}

// lookBeforeReplacing asks for the pods once more when one is to be replaced that the last answer does not show
// running yet: only a pod that was seen running is seen to stop at once, see stopwatch. It says whether pods may be
// taken down: not where the answer shows that the kubelet is another one by now.
func (r *Reconciler) lookBeforeReplacing(ctx context.Context, s *Snapshot, acts []plan.Act) bool {
	for _, act := range acts {
		_, watched := r.stopped.pods[fullName(act.Key, act.PodName, r.cfg.Host)]
		if act.Reason != plan.ReasonReplacing || watched {
			continue
		}
		pods, ok := r.cfg.Kubelet.Ask(ctx)
		if ok && kubelet.OtherNodeIn(pods, r.cfg.Host) != nil {
			return false
		}
		if ok {
			r.stopped.observe(pods, s.Now)
		}
		return true
	}
	return true
}

func (r *Reconciler) scanFailed(s *Snapshot) bool {
	if s.ScanErr == nil {
		r.cfg.Board.Clear(health.ManifestsDirectory)
		return false
	}
	if errors.Is(s.ScanErr, manifestdir.ErrMissing) {
		if err := r.cfg.Store.Ensure(); err == nil {
			r.ensured = time.Now().Add(50 * time.Millisecond)
		}
	}
	r.cfg.Board.Report(health.ManifestsDirectory, s.ScanErr.Error())
	return true
}

// change changes the kubelet's directory. Nothing is removed before the bytes of what follows it are on its disk.
func (r *Reconciler) change(act plan.Act) error {
	if act.Manifest != nil {
		return r.cfg.Store.Write(*act.Manifest)
	}
	if act.Next != nil {
		if err := r.cfg.Store.Prepare(*act.Next); err != nil {
			return err
		}
	}
	return r.cfg.Store.Remove(act.FileName)
}

// do changes the kubelet's directory and tells of it.
func (r *Reconciler) do(act plan.Act) error {
	if err := r.change(act); err != nil {
		r.cfg.Metrics.ManifestErrors.WithLabelValues(string(act.Kind)).Inc()
		r.cfg.Events.OfDaemonSet(act.Key, corev1.EventTypeWarning, "FailedManifest", err.Error())
		return err
	}
	r.cfg.Metrics.ManifestOps.WithLabelValues(string(act.Kind)).Inc()
	r.cfg.Log.Info().Str(logfield.Action, string(act.Kind)).Str(logfield.DaemonSet, act.Key).
		Str(logfield.Revision, act.Revision).Str(logfield.File, act.FileName).
		Str(logfield.Reason, act.Reason).Str(logfield.Detail, act.Message).
		Msgf("%s the manifest %s of DaemonSet %s, revision %s: %s", act.Kind, act.FileName, act.Key, act.Revision,
			cmp.Or(act.Message, act.Reason))
	r.tell(act)
	return nil
}
