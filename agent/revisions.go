package agent

import (
	"errors"
	"maps"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// revisions is the history of this host's DaemonSets and what was read of it.
type revisions struct {
	store *history.Store
	// noted is what was last recorded of each DaemonSet.
	noted map[string]noted
	// earlier are the revisions that something is, or may be, made of again.
	earlier map[earlierKey]*earlier
}

// noted is what a new record in the history depends on.
type noted struct {
	target        rollout.Target
	cause, source string
}

type earlierKey struct{ key, fleet string }

// earlier is a revision of the history as it would be here now.
type earlier struct {
	*rendered
	// current is the DaemonSet as its file has it, restored what it would be with the revision's template; nil: err says why.
	current, restored *spec.DaemonSet
	err               error
	// files are those of its volumes for pods of other revisions of this node.
	files map[string][]trees.Tree
	// made is when it was read, used when it was last asked for.
	made, used time.Time
}

func openRevisions(c history.Config) *revisions {
	return &revisions{store: history.New(c), noted: map[string]noted{}, earlier: map[earlierKey]*earlier{}}
}

// earlierOf gives a revision of the history as it would be here now: with the ConfigMaps, the Secrets and the node of the day.
func (a *Agent) earlierOf(s *reconcile.Snapshot, ds *spec.DaemonSet, fleet string) *earlier {
	id := earlierKey{ds.Key(), fleet}
	e := a.revisions.earlier[id]
	if e == nil || e.current != ds || e.stale(s) || e.err != nil && s.Now.Sub(e.made) >= resync {
		e = a.readEarlier(s, ds, fleet)
		a.revisions.earlier[id] = e
	}
	e.used = s.Now
	return e
}

func (a *Agent) readEarlier(s *reconcile.Snapshot, ds *spec.DaemonSet, fleet string) *earlier {
	e := &earlier{rendered: &rendered{specs: s.Specs, node: s.Node, refers: true}, current: ds, made: s.Now, files: map[string][]trees.Tree{}}
	namespace, name := splitKey(ds.Key())
	kept, err := a.revisions.store.Get(namespace, name, fleet)
	if err == nil {
		e.restored, err = history.Restore(ds, kept)
	}
	if e.err = err; err != nil {
		return e
	}
	e.rendered = a.render(e.restored, s, a.assembler(s.Specs.Objects, s.Node))
	if e.Blocked == "" && e.Fleet != fleet {
		e.Blocked = "a ConfigMap or a Secret in its environment has changed since"
	}
	return e
}

// filesFor are the files of the volumes of a pod that was made from the revision's template, whatever the values were that are
// in its environment. As in Kubernetes, files follow the objects that they come from also where the pod is an older one.
func (a *Agent) filesFor(s *reconcile.Snapshot, e *earlier, local string) []trees.Tree {
	if e.err != nil {
		return nil
	}
	if e.Blocked == "" && local == e.Manifest.Revision {
		return e.Trees
	}
	files, ok := e.files[local]
	if !ok {
		files = a.assembler(s.Specs.Objects, s.Node).Files(e.restored, local)
		e.files[local] = files
	}
	return files
}

// forgetEarlier drops what nobody has asked for lately.
func (a *Agent) forgetEarlier(now time.Time) {
	maps.DeleteFunc(a.revisions.earlier, func(_ earlierKey, e *earlier) bool { return now.Sub(e.used) > 4*resync })
}

// recordRevisions brings the history up to what the DaemonSets' targets are. It comes after the manifests of a round, so that
// none has to wait for the disk; a revision that is not recorded because the agent was killed in between is recorded by the
// next one, as the target is on disk.
func (a *Agent) recordRevisions(s *reconcile.Snapshot) {
	var errs []error
	for _, it := range s.Items {
		st, ok := a.rollouts.states[it.Key]
		if ok && st.Target.Generation != 0 && render.IsRevision(st.Target.Revision.Fleet) {
			errs = append(errs, a.recordRevision(s, it, &st))
		}
	}
	err := errors.Join(errs...)
	a.board.When(err != nil, health.RevisionNotRecorded, errorText(err), a.cfg.StateDir)
}

func (a *Agent) recordRevision(s *reconcile.Snapshot, it *reconcile.Item, st *rollout.State) error {
	ds := it.DS
	n := noted{st.Target, ds.Object.Annotations[history.AnnotationChangeCause], ds.Source.File}
	if a.revisions.noted[st.Key] == n {
		return nil
	}
	namespace, name := splitKey(st.Key)
	before, err := a.revisions.store.Get(namespace, name, st.Target.Revision.Fleet)
	known := err == nil
	if errors.Is(err, history.ErrNotFound) {
		err = nil
	}
	next := before
	if it.File.Fleet == st.Target.Revision.Fleet {
		next = history.Of(ds, it.File.Fleet)
	} else if !known {
		return err // It is another one than the file's, and was here before there was a history.
	}
	next.Number, next.Last = st.Target.Generation, s.Now
	if !known || !next.Same(before) {
		err = a.revisions.store.Record(history.Entry{
			Namespace: namespace, Name: name, Revision: next, Limit: historyLimit(ds), Live: a.live(it, st),
		})
	}
	if err == nil {
		a.revisions.noted[st.Key] = n
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

// live are the revisions that are never removed from the history: those that are wanted, that run, or to which the host may
// go back.
func (a *Agent) live(it *reconcile.Item, st *rollout.State) []string {
	live := []string{st.Target.Revision.Fleet, st.Running.Fleet, st.Good, st.GoodBefore, st.Rejected.Revision.Fleet}
	for i := range it.Present {
		live = append(live, a.rollouts.fleetOf(st.Key, it.Present[i].Revision).Fleet)
	}
	return live
}
