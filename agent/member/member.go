package member

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// Config is what a Member is made of. Everything but Transport and Verify is required.
type Config struct {
	// Name is this node's name, Cluster that of the fleet.
	Name, Cluster string
	// StateDir is the agent's state directory; the member keeps its key and what it knows in its directory gossip.
	StateDir string
	// MembersFile is the list of who may be a member; empty: there is none.
	MembersFile string
	// Gossip is how it is to gossip; SetGossip changes it.
	Gossip config.Gossip
	// AgentVersion and StartedAt are told along with the node.
	AgentVersion string
	StartedAt    time.Time

	Log zerolog.Logger
	// Board is told what keeps this host from being a member, or a good one.
	Board *health.Board
	// Metrics has the metrics of gossip while there is a node.
	Metrics prometheus.Registerer
	// Nodes is where the nodes of the fleet are listed.
	Nodes Nodes

	// Transport is what a simulation has in place of sockets, Verify in place of verifying a signature; nil: there are
	// sockets, and it is verified.
	Transport func() memberlist.NodeAwareTransport
	Verify    func(r record.Record, cluster string) error
}

// Nodes is a list of nodes that others read: the agent's registry.
type Nodes interface {
	// SetNodes lists these nodes and no others.
	SetNodes(nodes []*corev1.Node)
	// PatchNodes lists those that changed beside the others, and takes those out that are gone.
	PatchNodes(changed []*corev1.Node, gone []string)
}

// Member is this host in its fleet. Make it with New, then call Run once. Which methods belong to one goroutine they
// say; all others may be called from any.
type Member struct {
	cfg Config
	// node is nil while gossip is off.
	node atomic.Pointer[gossip.Node]
	// opened has a node that is to be run, wake gets a value when there is something to look at.
	opened chan *gossip.Node
	wake   chan struct{}
	// lastRound is how many nanoseconds a round last took in which nothing was done.
	lastRound atomic.Int64

	status   status
	inputs   inputs
	sections *sections
	looker   looker
	list     *nodeList
}

// New becomes a member, where that is wanted. What keeps it from being one (an unreadable key, a port that is taken)
// is on the board and tried again by Refresh.
func New(cfg Config) *Member {
	m := &Member{cfg: cfg, opened: make(chan *gossip.Node, 1), wake: make(chan struct{}, 1)}
	m.sections = newSections(cfg.Board)
	m.status.gossip = cfg.Gossip
	m.list = newNodeList(cfg.Name, cfg.Nodes, m.Look)
	m.open(false)
	return m
}

// dir is where the member keeps its key and what it knows.
func (m *Member) dir() string { return filepath.Join(m.cfg.StateDir, "gossip") }

// Wake gets a value when the fleet, or whether there is one, is another than it was.
func (m *Member) Wake() <-chan struct{} { return m.wake }

// log is the file of what is known of the other members: where there is one, this host was a member before.
func (m *Member) log() string { return filepath.Join(m.dir(), "members.log") }

// Poke wakes who listens to Wake.
func (m *Member) Poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// RoundTook tells how long a round took that followed a look at the fleet: it counts as a part of the look.
func (m *Member) RoundTook(d time.Duration) { m.lastRound.Store(int64(d)) }

// On says whether this host gossips now.
func (m *Member) On() bool { return m.node.Load() != nil }

// Look gives the fleet as it is now, or as it was seen last where somebody else is just looking; nil while gossip is
// off. It does not wait for anybody.
func (m *Member) Look() *fleet.View {
	node := m.node.Load()
	if node == nil {
		return nil
	}
	return m.looker.glance(node)
}

// View gives the fleet as it is now; nil while gossip is off. It waits for others who look.
func (m *Member) View() *fleet.View {
	node := m.node.Load()
	if node == nil {
		return nil
	}
	return m.looker.look(node)
}

// Changed is closed when there is something new in the fleet; nil while gossip is off.
func (m *Member) Changed() <-chan struct{} {
	if !m.On() {
		return nil
	}
	return m.looker.changed.Next()
}

// TakeReturned gives what others had of a section of this host that was newer than its own, once: what a disk that
// was lost or set back has forgotten. Until it is taken the section is not told.
func (m *Member) TakeReturned(section string) ([]byte, bool) {
	node := m.node.Load()
	if node == nil {
		return nil, false
	}
	return node.TakeReturned(section)
}

// ErrOff is an act of a member while gossip is off.
var ErrOff = errors.New("gossip is off")

// Forget drops a member, here alone; see gossip.Node.Forget.
func (m *Member) Forget(id record.ID) error {
	return m.act(func(node *gossip.Node) error { return node.Forget(id) })
}

// ForgetAll drops many members, here alone; see gossip.Node.ForgetAll.
func (m *Member) ForgetAll(ids []record.ID) error {
	return m.act(func(node *gossip.Node) error { return node.ForgetAll(ids) })
}

// NeverSeen are the members that have been known here since before a moment and were never seen; see
// gossip.View.NeverSeen.
func (m *Member) NeverSeen(before time.Time) []record.ID {
	node := m.node.Load()
	if node == nil {
		return nil
	}
	return node.View().NeverSeen(before)
}

// Trust says that a name belongs to this member's key from now on; see gossip.Node.Trust.
func (m *Member) Trust(id record.ID) error {
	return m.act(func(node *gossip.Node) error { return node.Trust(id) })
}

// act changes who is known; what was changed is seen when it returns, also with an error.
func (m *Member) act(do func(*gossip.Node) error) error {
	node := m.node.Load()
	if node == nil {
		return ErrOff
	}
	err := do(node)
	m.show()
	return err
}

// Leave says for good that this host goes; see gossip.Node.Leave.
func (m *Member) Leave(ctx context.Context) error {
	node := m.node.Load()
	if node == nil {
		return ErrOff
	}
	return node.Leave(ctx)
}
