package agent

import (
	"errors"

	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
)

// recordRevisions brings the history up to what the DaemonSets' targets are. It comes after the manifests of a round, so that
// none has to wait for the disk; a revision that is not recorded because the agent was killed in between is recorded by the
// next one, as the target is on disk.
func (a *Agent) recordRevisions(s *reconcile.Snapshot) {
	var errs []error
	for _, it := range s.Items {
		st := a.turns.Turn(it.Key).State
		errs = append(errs, a.catalog.Record(it.DS, st.Target, a.live(it, &st)))
	}
	err := errors.Join(errs...)
	a.board.When(err != nil, health.RevisionNotRecorded, errorText(err), a.cfg.StateDir)
}

// live are the revisions that are never removed from the history: those that are wanted, that run, or to which the host may
// go back.
func (a *Agent) live(it *reconcile.Item, st *rollout.State) []string {
	live := []string{st.Target.Revision.Fleet, st.Running.Fleet, st.Good, st.GoodBefore, st.Rejected.Revision.Fleet}
	for i := range it.Present {
		live = append(live, a.turns.Revision(it.Key, it.Present[i].Revision).Fleet)
	}
	return live
}
