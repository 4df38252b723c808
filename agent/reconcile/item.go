package reconcile

import (
	"github.com/daemonsetd/daemonsetd/agent/catalog"
	"github.com/daemonsetd/daemonsetd/agent/outage"
	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// Item is one declared DaemonSet in one round. Every step of the round fills its own fields; nothing is found by index
// or by key.
type Item struct {
	// Key is namespace/name.
	Key string
	DS  *spec.DaemonSet
	// Strategy is how the DaemonSet wants to be updated.
	Strategy strategy.Strategy

	// File is what the file asks for, and FileBlocked why that may not be written now; empty: it may.
	File        *catalog.Made
	FileBlocked string
	// Want is what shall run: File, or the earlier revision to which this host has gone back.
	Want *catalog.Made
	// Unready says why the bytes of Want, which are to take a standing manifest's place, could not be brought on disk;
	// empty: they were, or need not be.
	Unready string
	// Older is the earlier revision that stands, or stood when the kubelet gave its pod up, as it can be written again;
	// nil: it cannot, or needs no care.
	Older *catalog.Made

	// Decision is whether the pod belongs on this node, before NoExecute timers; Evicted: such a timer has run out.
	Decision placement.Decision
	Evicted  bool

	// Good are the earlier revisions to which a step of the rollout may go back, as they would run here now.
	Good []rollout.Revision

	// Present are the DaemonSet's manifests in the kubelet's directory.
	Present []plan.Present
	// Memory is what was remembered of it.
	Memory plan.Memory

	// State is where this host stands with its rollout, Turn what came of the last step, Peers the other members that it
	// was made from. State has no Key where nothing has been decided yet, as before the kubelet's directory could be
	// read.
	State rollout.State
	Turn  rollout.Decision
	Peers []rollout.Peer

	// Down says that no pod is available that should be here, and why; nil: one is, none should be, or it is not so for
	// long enough.
	Down *outage.Down

	// Blocked says why Want may not be written, Hold why an older revision may not be replaced now; empty: it may.
	Blocked, Hold string
}

// Stands says whether there is a manifest of a revision, which is that of this host.
func (it *Item) Stands(revision string) bool {
	for i := range it.Present {
		if it.Present[i].Revision == revision {
			return true
		}
	}
	return false
}

// Wanted is the item as it is planned from.
func (it *Item) Wanted() plan.Wanted {
	w := plan.Wanted{
		Key: it.Key, Namespace: it.DS.Object.Namespace, Name: it.DS.Object.Name, Source: it.DS.Source.File,
		Manifest: it.Want.Manifest, Blocked: it.Blocked, Hold: it.Hold, Surge: it.Strategy.Surge,
		Soak: it.Strategy.Soak, Decision: it.Decision, Evicted: it.Evicted,
	}
	if it.Older != nil {
		w.Older = &it.Older.Manifest
	}
	return w
}

// Members are all members of the DaemonSet as the functions of package rollout that look over a fleet want them: this
// host, with its id and its node's name, first.
func (it *Item) Members(id, name string) []rollout.Peer {
	return append([]rollout.Peer{{ID: id, Name: name, Counts: true, State: &it.State}}, it.Peers...)
}
