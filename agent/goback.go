package agent

import (
	"fmt"

	"github.com/daemonsetd/daemonsetd/agent/catalog"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// lastGood gives the revision in which one of the history would run here now; zero: it cannot, as its template is gone or a
// ConfigMap that it needs is another one now.
func (a *Agent) lastGood(s *reconcile.Snapshot, it *reconcile.Item) func(fleet string) rollout.Revision {
	return func(fleet string) rollout.Revision {
		e := a.earlierOf(s, it.DS, fleet)
		if e.reason() != "" {
			return rollout.Revision{}
		}
		return rollout.Revision{Fleet: e.Fleet, Local: e.Manifest.Revision}
	}
}

// backTo is the revision to which this host has gone back from what a DaemonSet's file says, for as long as that says the
// same; nil: the host follows the file.
func (a *Agent) backTo(s *reconcile.Snapshot, it *reconcile.Item) *earlier {
	st, ok := a.rollouts.states[it.Key]
	if !ok || st.Rejected.Generation == 0 || it.File.Blocked == "" && it.File.Fleet != st.Rejected.Revision.Fleet {
		return nil
	}
	e := a.earlierOf(s, it.DS, st.Target.Revision.Fleet)
	if e.err != nil {
		return nil
	}
	return e
}

// olderTrees are the files of the pods of other revisions that stand or come back, where their templates are known: they are lost in a
// reboot where they are in memory, and the pods wait for them.
func (a *Agent) olderTrees(s *reconcile.Snapshot, it *reconcile.Item, target string) []trees.Tree {
	var out []trees.Tree
	add := func(local string) {
		if local != "" && local != target {
			e := a.earlierOf(s, it.DS, a.rollouts.fleetOf(it.Key, local).Fleet)
			out = append(out, a.filesFor(s, e, local)...)
		}
	}
	for i := range it.Present {
		add(it.Present[i].Revision)
	}
	add(it.Memory.Again)
	return out
}

// older is the earlier revision that stands, or that comes back after the kubelet gave its pod up, where it has to be written again and
// can be; nil: nothing of it has.
func (a *Agent) older(s *reconcile.Snapshot, it *reconcile.Item) *catalog.Made {
	local := it.Memory.Again
	if len(it.Present) > 0 {
		p := &it.Present[0]
		if local = p.Revision; p.Intact && !s.Answers.Pods[it.DS.Object.Namespace+"/"+p.PodName+"-"+s.Host].Failed {
			return nil
		}
	}
	if local == "" || local == it.Want.Manifest.Revision {
		return nil
	}
	e := a.earlierOf(s, it.DS, a.rollouts.fleetOf(it.Key, local).Fleet)
	if e.reason() != "" || e.Manifest.Revision != local || conflict(s.Listing.Foreign, e.Manifest) != "" {
		return nil
	}
	if len(e.Trees) > 0 && !a.laid[treeOwner{it.Key, local}] {
		return nil // a pod never starts without the files of its volumes
	}
	return &e.Made
}

// goBack has an earlier revision wanted in place of the file's: its manifest, and its place on this node, as its template has
// the tolerations and the affinity.
func (a *Agent) goBack(s *reconcile.Snapshot, it *reconcile.Item, target rollout.Revision) {
	e := a.earlierOf(s, it.DS, target.Fleet)
	reason := e.reason()
	if reason == "" && e.Manifest.Revision != target.Local {
		reason = "it would be another one, as this node is another now"
	}
	if reason != "" {
		// Where it runs already, it stays.
		it.Want = &catalog.Made{Manifest: named(it.DS, target.Local)}
		it.Blocked = fmt.Sprintf("revision %s, to which this host has gone back, cannot be made again: %s", target.Local, reason)
		return
	}
	it.Want, it.Decision, it.Blocked = &e.Made, e.Compiled.Decide(s.Node), conflict(s.Listing.Foreign, e.Manifest)
}

// reason is why the revision cannot be run here now; empty: it can.
func (e *earlier) reason() string {
	if e.err != nil {
		return e.err.Error()
	}
	return e.Blocked
}

// named is a manifest of which nothing is known but its name.
func named(ds *spec.DaemonSet, revision string) render.Manifest {
	namespace, name := ds.Object.Namespace, ds.Object.Name
	return render.Manifest{
		Namespace: namespace, DaemonSet: name, Revision: revision, PodName: render.PodName(name, revision),
		FileName: render.FileName(namespace, name, revision), Source: ds.Source.File,
	}
}
