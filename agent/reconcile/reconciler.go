package reconcile

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/catalog"
	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/metrics"
	"github.com/daemonsetd/daemonsetd/agent/node"
	"github.com/daemonsetd/daemonsetd/agent/outage"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout/driver"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/manifests/manifestdir"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// Resync is how often everything is read whether anything woke the loop or not; it is the truth, watches are a
// convenience.
const Resync = 15 * time.Second

// Kubelet is the kubelet of this host; see kubelet.Host.
type Kubelet interface {
	// Refresh takes over a changed configuration of the kubelet, and says whether its settings did change.
	Refresh(ctx context.Context, force bool) bool
	Settings() kubelet.Settings
	// Problems are the findings in its configuration.
	Problems() diag.List
	// Latest is the latest of its answers, and Hurry has it asked more often for a time.
	Latest() *kubelet.Snapshot
	Hurry()
	// Ask asks for its pods now, briefly; false: it does not answer.
	Ask(ctx context.Context) ([]corev1.Pod, bool)
}

// Fleet is this host as a member of the fleet; see member.Member.
type Fleet interface {
	// On says that there is gossip now, Alone that none is wanted.
	On() bool
	Alone() bool
	// Self is this host's id, and Created that it was made in this run.
	Self() string
	Created() bool
	// Look gives the fleet as it is now.
	Look() *fleet.View
	// TakeReturned gives what others have of this host's section that is newer than its own, once.
	TakeReturned(section string) ([]byte, bool)
	// Put has a section published soon; err says why it could not be made.
	Put(section string, body []byte, err error)
	// Refresh takes over changed files, and says what it took.
	Refresh(force bool) (changed []string, problems diag.List)
	// RoundTook tells how long a round took in which nothing was done.
	RoundTook(d time.Duration)
}

// Config is what a Reconciler is made of. All of it is needed but Over and ConfigProblems.
type Config struct {
	// Host is the node's name, as the kubelet has it.
	Host string
	// StateDir and SpecsDir are named in what people are told to do.
	StateDir, SpecsDir string
	// KubeletsDir says that the directory of manifests is the one of the kubelet's configuration, InsecureKubelet that
	// whoever answers on its port is believed.
	KubeletsDir, InsecureKubelet bool

	Loader *spec.Loader
	Nodes  *node.Manager
	Store  *manifestdir.Store
	// Move makes the Store of another directory, and has the loop woken by that one; nil: the directory stays.
	Move    func(dir string) (*manifestdir.Store, error)
	Kubelet Kubelet
	Fleet   Fleet
	Catalog *catalog.Catalog
	Turns   *driver.Turns

	Board   *health.Board
	Events  *health.Events
	Metrics *metrics.Metrics
	Log     zerolog.Logger

	// ConfigProblems are the findings in the agent's configuration; nil: there are none.
	ConfigProblems func() diag.List
	// Over is called with every round that is over, after it was published, and with the one before it, which is nil at
	// first.
	Over func(old, now *Snapshot)
}

// Reconciler makes rounds: it reads everything, has the pure packages decide, does what came out, and publishes what
// it saw. Make one with New. But for Latest it belongs to the goroutine of the agent's loop.
type Reconciler struct {
	cfg      Config
	latest   atomic.Pointer[Snapshot]
	memories *memories
	declared *declared
	// acting is the back-off of every DaemonSet whose manifest could not be changed, ensured when a directory that was
	// just made is looked at.
	acting   map[string]acting
	ensured  time.Time
	stopped  stopwatch
	unlisted unlisted
	// directory is what is remembered of the kubelet's directory, former are those that were left for another.
	directory Directory
	former    map[string]*manifestdir.Store
	// told is since when pods are ready.
	told transitions
	// outages remembers since when DaemonSets are down, lookAgain is when that is to be looked at again at the latest.
	outages   outage.Tracker
	lookAgain time.Time
	ready     readiness
	// fleetProblems are what is wrong now with the key file and the list of members.
	fleetProblems diag.List
	// phases are those of the last round.
	phases map[string]plan.Phase
}

// New makes a Reconciler, and reads what the last run remembered. The Reconciler is usable also with an error, which
// says what was lost.
func New(c Config) (*Reconciler, error) {
	m, err := loadMemories(c.StateDir)
	d, lost := loadDeclared(c.StateDir)
	directory, unknown := LoadDirectory(c.StateDir)
	return &Reconciler{
		cfg: c, memories: m, declared: d, stopped: stopwatch{pods: map[string]watched{}}, phases: map[string]plan.Phase{},
		directory: directory,
		acting:    map[string]acting{},
	}, errors.Join(err, lost, unknown)
}

// Latest is the last round; nil: there was none yet. Any goroutine may call it, and it never waits.
func (r *Reconciler) Latest() *Snapshot { return r.latest.Load() }

// Look reads what a plan depends on, between two rounds, and publishes nothing.
func (r *Reconciler) Look() *Snapshot {
	s, _ := r.read(time.Now())
	r.takeTurns(s, nil)
	return s
}

// With is what a Look found, as if other objects were declared: s itself is not changed. What makes their manifests
// comes with it.
func (r *Reconciler) With(s *Snapshot, objects spec.Objects) (*Snapshot, *catalog.Maker) {
	next, maker := *s, r.cfg.Catalog.With(objects)
	next.Items = r.items(&next, maker, objects.DaemonSets)
	return &next, maker
}

// TryAgain has acts that failed tried in the next round, whatever their back-off.
func (r *Reconciler) TryAgain() { clear(r.acting) }
