package member

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
)

// keepNodes is how long the nodes of the other members stay listed after somebody has listed or watched nodes.
// Decoded, ten thousand of them are some 20 MiB, and on most hosts nobody ever asks; as they came, the agent has
// them in any case.
const keepNodes = 5 * time.Minute

// nodeList lists this host's node as it is, and the others' as they told of them, while somebody reads them.
type nodeList struct {
	name  string
	nodes Nodes
	look  func() *fleet.View
	// own is this host's node; nil: it is not known yet, and nothing is listed.
	own atomic.Pointer[corev1.Node]

	// showing is held while nodes are listed, so that what is older is not put in the place of what is newer. A round
	// does not wait for it: again has who holds it list once more.
	showing sync.Mutex
	again   atomic.Bool
	// shown is the fleet as it was listed last, nil while it is not; it goes with showing.
	shown *fleet.View

	mu sync.Mutex
	// readers is how many list or watch nodes at this moment, readAt when the last one of them had finished, unlist what
	// happens some time after that.
	readers int
	readAt  time.Time
	unlist  *time.Timer
}

func newNodeList(name string, nodes Nodes, look func() *fleet.View) *nodeList {
	return &nodeList{name: name, nodes: nodes, look: look}
}

// ShowOwn lists this host's node; the round calls it when the node is another one.
func (m *Member) ShowOwn(node *corev1.Node) {
	m.list.own.Store(node)
	m.list.refresh()
}

// ReadsNodes is called before nodes are listed or watched: it returns when the nodes of all members are listed. What
// it returns is called when that is over.
func (m *Member) ReadsNodes() (done func()) { return m.list.reads() }

func (l *nodeList) reads() (done func()) {
	l.mu.Lock()
	l.readers++
	l.mu.Unlock()
	// Also where somebody reads already: it may not be done yet.
	l.showing.Lock()
	l.show()
	l.showing.Unlock()
	l.finish()
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.readers--
		l.readAt = time.Now()
		if l.readers > 0 {
			return
		}
		if l.unlist != nil {
			l.unlist.Stop()
		}
		l.unlist = time.AfterFunc(keepNodes, l.refresh)
	}
}

// listed says whether the nodes of the other members are to be listed.
func (l *nodeList) listed(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.readers > 0 || !l.readAt.IsZero() && now.Sub(l.readAt) < keepNodes
}

// refresh lists what has changed, or leaves that to who is listing just now.
func (l *nodeList) refresh() {
	l.again.Store(true)
	l.finish()
}

// finish lists what was asked for while somebody else was listing.
func (l *nodeList) finish() {
	for l.again.Load() && l.showing.TryLock() {
		l.show()
		l.showing.Unlock()
	}
}

// show lists what has changed since the last time; showing is held.
func (l *nodeList) show() {
	l.again.Store(false)
	own := l.own.Load()
	if own == nil {
		return
	}
	now := l.look()
	if now == nil || !l.listed(time.Now()) {
		l.shown = nil
		l.nodes.SetNodes([]*corev1.Node{own})
		return
	}
	nodes := []*corev1.Node{own}
	changed, gone := now.Changes(l.shown)
	for _, m := range changed {
		if m.Name != l.name {
			nodes = append(nodes, m.Node())
		}
	}
	gone = slices.DeleteFunc(gone, func(name string) bool { return name == l.name })
	l.shown = now
	l.nodes.PatchNodes(nodes, gone)
}
