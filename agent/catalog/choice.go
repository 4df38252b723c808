package catalog

import (
	"fmt"

	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// Goal is what the rollout has decided of a DaemonSet, as far as it bears on the choice.
type Goal struct {
	// Target is the revision to run; zero: it is not known yet.
	Target rollout.Revision
	// Rejected is the target from which this host went back by itself; without a generation: none.
	Rejected rollout.Target
}

// Choice is which revision of a DaemonSet shall run on this host.
type Choice struct {
	// Made is what shall run.
	Made *Made
	// Back says that it is an earlier revision in the place of what the file asks for.
	Back bool
	// Blocked says why the earlier revision cannot be made again, of which nothing is known but its name then: where it
	// runs already, it stays.
	Blocked string
}

// Choose is which revision of a DaemonSet shall run: what the file asks for, or the one to which the host has gone
// back, for as long as the file says the same. Usable says that it is known what the file asks for, and that it could
// be run.
func (m *Maker) Choose(ds *spec.DaemonSet, usable bool, g Goal) Choice {
	file := m.File(ds)
	if !g.back(file, usable) {
		return Choice{Made: file}
	}
	return choose(ds, file, g, m.Earlier(ds, g.Target.Fleet))
}

// back says whether the host runs another revision than its file asks for.
func (g Goal) back(file *Made, usable bool) bool {
	changed := usable && file.Fleet != g.Rejected.Revision.Fleet
	return g.Rejected.Generation != 0 && !changed && !g.Target.IsZero() && g.Target.Local != file.Manifest.Revision
}

// choose is the choice of a host that has gone back to an earlier revision.
func choose(ds *spec.DaemonSet, file *Made, g Goal, e *Earlier) Choice {
	reason := e.Reason()
	if reason == "" && e.Manifest.Revision != g.Target.Local {
		reason = "it would be another one, as this node is another now"
	}
	if reason == "" {
		return Choice{Made: &e.Made, Back: true}
	}
	named := &Made{Compiled: file.Compiled, Manifest: named(ds, g.Target.Local), Fleet: g.Target.Fleet}
	if e.Err == nil {
		named.Compiled = e.Compiled
	}
	reason = fmt.Sprintf("revision %s, to which this host has gone back, cannot be made again: %s", g.Target.Local, reason)
	return Choice{Made: named, Back: true, Blocked: reason}
}

// named is a manifest of which nothing is known but its name.
func named(ds *spec.DaemonSet, revision string) render.Manifest {
	namespace, name := ds.Object.Namespace, ds.Object.Name
	return render.Manifest{
		Namespace: namespace, DaemonSet: name, Revision: revision, PodName: render.PodName(name, revision),
		FileName: render.FileName(namespace, name, revision), Source: ds.Source.File,
	}
}
