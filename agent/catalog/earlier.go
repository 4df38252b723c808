package catalog

import (
	"time"

	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// Earlier is a revision of the history as it would be here now: with the ConfigMaps, the Secrets and the node of the
// day.
type Earlier struct {
	// Made is what it comes to; empty where Err is set.
	Made
	// Err is why its template cannot be had.
	Err error

	basis
	// current is the DaemonSet as its file has it, restored what it would be with the revision's template.
	current, restored *spec.DaemonSet
	// files are those of its volumes for pods of other revisions of this node.
	files map[string][]trees.Tree
	// read is when it was read, used when it was last asked for.
	read, used time.Time
}

type earlierKey struct{ daemonSet, fleet string }

// Reason is why the revision cannot be run here now; empty: it can.
func (e *Earlier) Reason() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return e.Blocked
}

// Earlier gives the revision of a DaemonSet's history that hosts know by the name fleet. It is read from disk when it
// is first asked for, and made again when something that it depends on may have changed.
func (m *Maker) Earlier(ds *spec.DaemonSet, fleet string) *Earlier {
	key := earlierKey{ds.Key(), fleet}
	e := m.earlier[key]
	if e == nil || e.current != ds || e.stale(m.facts) || e.Err != nil && m.facts.Now.Sub(e.read) >= askAgain {
		e = m.readEarlier(ds, fleet)
		m.earlier[key] = e
	}
	e.used = m.facts.Now
	return e
}

func (m *Maker) readEarlier(ds *spec.DaemonSet, fleet string) *Earlier {
	e := &Earlier{
		current: ds, read: m.facts.Now, files: map[string][]trees.Tree{},
		basis: basis{refers: true, specs: m.facts.Specs, node: m.facts.Node},
	}
	kept, err := m.cfg.History.Get(ds.Object.Namespace, ds.Object.Name, fleet)
	if err == nil {
		e.restored, err = history.Restore(ds, kept)
	}
	if e.Err = err; err != nil {
		return e
	}
	made := m.make(e.restored)
	e.Made, e.basis = made.Made, made.basis
	if e.Blocked == "" && e.Fleet != fleet {
		e.Blocked = "a ConfigMap or a Secret in its environment has changed since"
	}
	return e
}

// LastGood gives the revision in which one of the history would run here now; zero: it cannot, as its template is gone
// or a ConfigMap that it needs is another one now.
func (m *Maker) LastGood(ds *spec.DaemonSet, fleet string) rollout.Revision {
	e := m.Earlier(ds, fleet)
	if e.Reason() != "" {
		return rollout.Revision{}
	}
	return rollout.Revision{Fleet: e.Fleet, Local: e.Manifest.Revision}
}

// EarlierFiles are the files of the volumes of a pod that was made here, under the revision local, from a template of
// the history, whatever the values were that are in its environment. As in Kubernetes, files follow the objects that
// they come from also where the pod is an older one. There are none where the template is not known.
func (m *Maker) EarlierFiles(ds *spec.DaemonSet, r rollout.Revision) []trees.Tree {
	e := m.Earlier(ds, r.Fleet)
	if e.Err != nil {
		return nil
	}
	if e.Blocked == "" && r.Local == e.Manifest.Revision {
		return e.Trees
	}
	files, ok := e.files[r.Local]
	if !ok {
		files = m.assembler().Files(e.restored, r.Local)
		e.files[r.Local] = files
	}
	return files
}
