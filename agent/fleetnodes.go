package agent

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// keepNodes is how long the nodes of the other members stay listed after somebody has listed or watched nodes. Decoded, ten
// thousand of them are some 20 MiB, and on most hosts nobody ever asks; as they came, the agent has them in any case.
const keepNodes = 5 * time.Minute

// readsNodes is told before a resource is listed or watched; what it returns is called when that is over.
func (a *Agent) readsNodes(res registry.Resource) (done func()) {
	if res != registry.Nodes {
		return func() {}
	}
	f := a.fleet
	f.mu.Lock()
	f.readers++
	f.mu.Unlock()
	a.showNodes() // also where somebody reads already: it may not be done yet
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.readers--
		f.readAt = time.Now()
		if f.readers > 0 {
			return
		}
		if f.unlist != nil {
			f.unlist.Stop()
		}
		f.unlist = time.AfterFunc(keepNodes, a.showNodes)
	}
}

// listed says whether the nodes of the other members are to be listed; mu is held.
func (f *fleetPart) listed(now time.Time) bool {
	return f.readers > 0 || !f.readAt.IsZero() && now.Sub(f.readAt) < keepNodes
}

// showNodes lists this host's node as it is, and the others' as they were told, while somebody reads them: what has changed
// since the last time.
func (a *Agent) showNodes() {
	f, v := a.fleet, a.view.Load()
	if v == nil {
		return
	}
	// One at a time, so that what is older is not put in the place of what is newer.
	f.showing.Lock()
	defer f.showing.Unlock()
	f.mu.Lock()
	listed := f.listed(time.Now())
	f.mu.Unlock()
	now := f.look()
	if !listed || now == nil {
		f.shown = nil
		a.registry.SetNodes([]*corev1.Node{v.Node})
		return
	}
	nodes := []*corev1.Node{v.Node}
	changed, gone := now.Changes(f.shown)
	for _, m := range changed {
		if m.Name != a.cfg.NodeName {
			nodes = append(nodes, m.Node())
		}
	}
	gone = slices.DeleteFunc(gone, func(name string) bool { return name == a.cfg.NodeName })
	f.shown = now
	a.registry.PatchNodes(nodes, gone)
}
