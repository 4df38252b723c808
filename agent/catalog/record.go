package catalog

import (
	"errors"

	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// noted is what a new record in the history depends on.
type noted struct {
	target        rollout.Target
	cause, source string
}

// Record brings the history up to what a DaemonSet's target is; live are the revisions that stay in it whatever their
// number. It comes after the manifests of a round, so that none has to wait for the disk; a revision that is not
// recorded because the agent was killed in between is recorded by the next one, as the target is on disk.
func (c *Catalog) Record(ds *spec.DaemonSet, target rollout.Target, live []string) error {
	key, fleet := ds.Key(), target.Revision.Fleet
	n := noted{target, ds.Object.Annotations[history.AnnotationChangeCause], ds.Source.File}
	if target.Generation == 0 || !render.IsRevision(fleet) || c.noted[key] == n {
		return nil
	}
	before, err := c.cfg.History.Get(ds.Object.Namespace, ds.Object.Name, fleet)
	known := err == nil
	if errors.Is(err, history.ErrNotFound) {
		err = nil
	}
	next := before
	if c.File(ds).Fleet == fleet {
		next = history.Of(ds, fleet)
	} else if !known {
		return err // It is another one than the file's, and was here before there was a history.
	}
	next.Number, next.Last = target.Generation, c.facts.Now
	if !known || !next.Same(before) {
		err = c.cfg.History.Record(history.Entry{
			Namespace: ds.Object.Namespace, Name: ds.Object.Name, Revision: next, Limit: historyLimit(ds), Live: live,
		})
	}
	if err == nil {
		c.noted[key] = n
	}
	return err
}

// defaultHistoryLimit is Kubernetes' revisionHistoryLimit; defaulting sets it, so that it is only for safety.
const defaultHistoryLimit = 10

func historyLimit(ds *spec.DaemonSet) int {
	if l := ds.Object.Spec.RevisionHistoryLimit; l != nil {
		return int(*l)
	}
	return defaultHistoryLimit
}
