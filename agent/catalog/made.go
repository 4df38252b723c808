package catalog

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/manifests/assemble"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// Made is what one revision of a DaemonSet comes to on this node. It is never changed once it was made.
type Made struct {
	// Compiled decides whether the DaemonSet belongs on a node.
	Compiled *placement.Compiled
	// Manifest is the pod; where Blocked is set, perhaps no more than its revision.
	Manifest render.Manifest
	// Fleet is the revision that hosts with the same files share.
	Fleet string
	// Trees are the files of its volumes.
	Trees []trees.Tree
	// Blocked says why the manifest may not be written; empty: it may.
	Blocked string
}

// made is what a file asks for, with what it depends on: the loader gives the same pointer as long as the DaemonSet is
// the same, and one that refers to other objects, or to facts about the node, is made again when those may have
// changed.
type made struct {
	Made
	basis
}

// basis is what something was made from; refers is set where that matters.
type basis struct {
	refers bool
	specs  *spec.Snapshot
	node   *corev1.Node
}

func (b basis) stale(now Facts) bool { return b.refers && (b.specs != now.Specs || b.node != now.Node) }

// File is what the file of a DaemonSet asks for.
func (m *Maker) File(ds *spec.DaemonSet) *Made {
	known := m.made[ds]
	if known == nil || known.stale(m.facts) {
		known = m.make(ds)
		m.made[ds] = known
	}
	return &known.Made
}

// make makes the manifest of a DaemonSet and the files of its volumes.
func (m *Maker) make(ds *spec.DaemonSet) *made {
	a, err := m.assembler().Assemble(ds)
	if err == nil && len(a.Missing) == 0 {
		a = m.sameAsStanding(ds, a)
	}
	out := &made{
		Made:  Made{Compiled: placement.Compile(ds.Object), Manifest: a.Manifest, Fleet: a.Fleet, Trees: a.Trees},
		basis: basis{refers: a.Refers, specs: m.facts.Specs, node: m.facts.Node},
	}
	out.Manifest.Revision = a.Revision
	switch {
	case len(a.Missing) > 0:
		out.Blocked = fmt.Sprintf("%s; declare it in a file of %s (the DaemonSet is declared in %s)",
			a.Missing[0], m.cfg.SpecsDir, ds.Source.File)
	case err != nil:
		out.Blocked = err.Error()
	}
	return out
}

// sameAsStanding gives what is assembled the revision of the pod that stands, where the pod would be the same but for
// its revision: a default was written out, or a quantity in other words. The name that hosts share stays the file's;
// that of the pod, its manifest and its volumes is this host's own affair.
func (m *Maker) sameAsStanding(ds *spec.DaemonSet, a assemble.Assembly) assemble.Assembly {
	// Such a DaemonSet is replaced for the content of its volumes, of which its manifest has nothing.
	if m.facts.Standing == nil || ds.Object.Annotations[resolve.AnnotationRestart] == "true" {
		return a
	}
	standing := m.facts.Standing(ds.Key())
	if slices.ContainsFunc(standing, func(s Standing) bool { return s.Revision == a.Revision }) {
		return a
	}
	for _, s := range standing {
		like, err := m.assembler().Like(ds, s.Header)
		if err != nil {
			continue
		}
		before := m.same[ds.Key()] // what stood before somebody edited it
		if s.Intact {
			if before, err = s.Read(); err != nil {
				continue
			}
		}
		if render.SamePod(before, like.Manifest.Data) {
			m.same[ds.Key()], like.Manifest.Data = before, before
			return like
		}
	}
	return a
}
