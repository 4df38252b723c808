package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// Round reads everything, plans, acts and publishes, and says when the next one is due at the latest.
func (r *Reconciler) Round(ctx context.Context) time.Duration {
	begin := time.Now()
	r.refreshFiles(ctx)
	r.follow()
	s, again := r.read(begin)
	out := r.decide(s)
	acted := r.act(ctx, s, out)
	if acted {
		// What was done is looked at before it is told.
		s, again = r.read(time.Now())
		if out = r.decide(s); r.undone(out) {
			again = time.Millisecond
		}
	}
	r.tellFailed(s, out)
	r.release(s, out)
	r.dropConfigs(s, out)
	r.recordRevisions(s)
	r.cfg.Catalog.Forget()
	r.publish(s, out)
	err := errors.Join(r.cfg.Loader.Persist(), r.cfg.Nodes.Persist(), r.declared.save())
	r.cfg.Board.When(err != nil, health.LastGoodNotSaved, errorText(err), r.cfg.StateDir)
	if out.Hurry {
		r.cfg.Kubelet.Hurry()
	}
	now := time.Now()
	r.cfg.Metrics.Reconciles.Inc()
	r.cfg.Metrics.ReconcileSeconds.Observe(now.Sub(begin).Seconds())
	if !acted {
		r.cfg.Fleet.RoundTook(now.Sub(begin))
	}
	next := Resync
	if again > 0 {
		next = min(next, again)
	}
	for _, at := range []time.Time{
		out.Again, r.ensured, r.tryAgainAt(now), r.evictionDue(now), r.cfg.Turns.Due(), r.lookAgain,
	} {
		if at.After(now) {
			next = min(next, at.Sub(now))
		}
	}
	return max(next, time.Millisecond)
}

// decide brings on disk what has to be there before a pod is taken down, and makes the plan.
func (r *Reconciler) decide(s *Snapshot) plan.Output {
	r.layConfigs(s)
	r.prepare(s)
	r.roll(s)
	r.layTargets(s)
	r.prepare(s) // what the rollout has decided otherwise
	return plan.Make(s.Input())
}

// refreshFiles takes over a changed kubelet configuration, key file or list of members.
func (r *Reconciler) refreshFiles(ctx context.Context) {
	r.cfg.Kubelet.Refresh(ctx, false)
	changed, problems := r.cfg.Fleet.Refresh(false)
	r.fleetProblems = problems
	if len(changed) > 0 {
		r.cfg.Log.Info().Strs(logfield.Detail, changed).Msg("taken over from files")
	}
}

// evictionDue is when the next NoExecute timer runs out.
func (r *Reconciler) evictionDue(now time.Time) time.Time {
	var due time.Time
	for _, m := range r.memories.now {
		if at := m.Eviction.At; at.After(now) && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	return due
}
