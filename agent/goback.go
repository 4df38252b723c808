package agent

import (
	"fmt"

	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// lastGood gives the revision in which one of the history would run here now; zero: it cannot, as its template is gone or a
// ConfigMap that it needs is another one now.
func (a *Agent) lastGood(s *state, ds *spec.DaemonSet) func(fleet string) rollout.Revision {
	return func(fleet string) rollout.Revision {
		e := a.earlierOf(s, ds, fleet)
		if e.err != nil || e.blocked != "" {
			return rollout.Revision{}
		}
		return rollout.Revision{Fleet: e.fleet, Local: e.manifest.Revision}
	}
}

// backTo is the revision to which this host has gone back from what a DaemonSet's file says, for as long as that says the
// same; nil: the host follows the file.
func (a *Agent) backTo(s *state, ds *spec.DaemonSet, r *rendered) *earlier {
	st, ok := a.rollouts.states[ds.Key()]
	if !ok || st.Rejected.Generation == 0 || r.blocked == "" && r.fleet != st.Rejected.Revision.Fleet {
		return nil
	}
	e := a.earlierOf(s, ds, st.Target.Revision.Fleet)
	if e.err != nil {
		return nil
	}
	return e
}

// olderTrees are the files of the pods of other revisions that stand or come back, where their templates are known: they are lost in a
// reboot where they are in memory, and the pods wait for them.
func (a *Agent) olderTrees(s *state, ds *spec.DaemonSet, target string) []trees.Tree {
	var out []trees.Tree
	add := func(local string) {
		if local != "" && local != target {
			e := a.earlierOf(s, ds, a.rollouts.fleetOf(ds.Key(), local).Fleet)
			out = append(out, a.filesFor(s, e, local)...)
		}
	}
	for i := range s.input.Present {
		if p := &s.input.Present[i]; p.Key == ds.Key() {
			add(p.Revision)
		}
	}
	add(s.input.Memories[ds.Key()].Again)
	return out
}

// older is the earlier revision that stands, or that comes back after the kubelet gave its pod up, where it has to be written again and
// can be; nil: nothing of it has.
func (a *Agent) older(s *state, ds *spec.DaemonSet, w *plan.Wanted) *render.Manifest {
	local := s.input.Memories[w.Key].Again
	for i := range s.input.Present {
		p := &s.input.Present[i]
		if p.Key != w.Key {
			continue
		}
		if local = p.Revision; p.Intact && !s.input.Kubelet.Pods[w.Namespace+"/"+p.PodName+"-"+s.input.Node].Failed {
			return nil
		}
		break
	}
	if local == "" || local == w.Manifest.Revision {
		return nil
	}
	e := a.earlierOf(s, ds, a.rollouts.fleetOf(w.Key, local).Fleet)
	if e.reason() != "" || e.manifest.Revision != local || conflict(s.listing.Foreign, e.manifest) != "" {
		return nil
	}
	if len(e.trees) > 0 && !s.laid[treeOwner{w.Key, local}] {
		return nil // a pod never starts without the files of its volumes
	}
	return &e.manifest
}

// goBack has an earlier revision wanted in place of the file's: its manifest, and its place on this node, as its template has
// the tolerations and the affinity.
func (a *Agent) goBack(s *state, ds *spec.DaemonSet, w *plan.Wanted, target rollout.Revision) {
	e := a.earlierOf(s, ds, target.Fleet)
	reason := e.reason()
	if reason == "" && e.manifest.Revision != target.Local {
		reason = "it would be another one, as this node is another now"
	}
	if reason != "" {
		// Where it runs already, it stays.
		w.Manifest = named(w, target.Local)
		w.Blocked = fmt.Sprintf("revision %s, to which this host has gone back, cannot be made again: %s", target.Local, reason)
		return
	}
	w.Manifest, w.Decision, w.Blocked = e.manifest, e.compiled.Decide(s.node), conflict(s.listing.Foreign, e.manifest)
}

// reason is why the revision cannot be run here now; empty: it can.
func (e *earlier) reason() string {
	if e.err != nil {
		return e.err.Error()
	}
	return e.blocked
}

// named is a manifest of which nothing is known but its name.
func named(w *plan.Wanted, revision string) render.Manifest {
	return render.Manifest{
		Namespace: w.Namespace, DaemonSet: w.Name, Revision: revision, PodName: render.PodName(w.Name, revision),
		FileName: render.FileName(w.Namespace, w.Name, revision), Source: w.Source,
	}
}
