package backend

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/catalog"
	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/member"
	"github.com/daemonsetd/daemonsetd/agent/node"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/registry"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/internal/base/signal"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// Config is what a Backend is made of. All of it is needed but Paths.Config.
type Config struct {
	// Host is this node's name, Cluster the fleet's.
	Host, Cluster string
	// Paths are where everything is; MembersFile is the list of who may be a member.
	Paths       api.Paths
	MembersFile string
	Version     api.VersionInfo
	StartedAt   time.Time
	Log         zerolog.Logger

	Registry *registry.Registry
	Metrics  http.Handler
	// Latest is the last round; nil: there was none yet.
	Latest func() *reconcile.Snapshot
	// RoundOver is fired when a round is over.
	RoundOver *signal.Signal
	// Do has the goroutine of the rounds do something between two rounds, and returns when the round after it is over.
	// The error is ErrStopping, or why ctx has ended; then it may still be done.
	Do func(ctx context.Context, do func(Round)) error
	// Reload reads everything again.
	Reload func(ctx context.Context) (*api.ReloadResult, error)
	// Settle waits until no spec or node file is being written, for api.SettleLimit at most, and gives the paths of those
	// that still are.
	Settle func(ctx context.Context) (pending []string, err error)
	// Logs reads the log of a container from the kubelet.
	Logs func(ctx context.Context, req kubelet.LogRequest) (io.ReadCloser, error)
	// Fleet is this host as a member of the fleet.
	Fleet Fleet
	// History has the earlier revisions, Trees the files of volumes.
	History History
	Trees   Trees
}

// Fleet is what is asked of the member; see agent/member.
type Fleet interface {
	View() *fleet.View
	Status() member.Status
	Self() string
	Changed() <-chan struct{}
	ReadsNodes() (done func())
	Forget(id record.ID) error
	ForgetAll(ids []record.ID) error
	NeverSeen(before time.Time) []record.ID
	Trust(id record.ID) error
	Leave(ctx context.Context) error
}

// History is what is asked of the history of DaemonSets; see manifests/history.
type History interface {
	List(namespace, daemonSet string) ([]history.Revision, error)
	Get(namespace, daemonSet, fleet string) (history.Revision, error)
}

// Trees is what is asked of the files of volumes; see manifests/trees.
type Trees interface {
	List() ([]trees.Listed, error)
	SecretDir() (dir string, inMemory bool)
}

// Round is what the goroutine of the rounds knows and does for the API. It belongs to that goroutine: it is of use
// while Do runs, and no longer.
type Round interface {
	// Look reads what a plan depends on, without taking anything over.
	Look() *reconcile.Snapshot
	// With gives what a Look found as if other objects were declared, and what makes it.
	With(s *reconcile.Snapshot, objects spec.Objects) (*reconcile.Snapshot, Maker)
	// File is what a declared DaemonSet's file makes of it.
	File(ds *spec.DaemonSet) *catalog.Made
	// Fleet is the fleet now, nil while gossip is off, and what gives the members of a DaemonSet, declared here or not,
	// this host first.
	Fleet() (view *fleet.View, members func(key string) []rollout.Peer)
	// Took is how long the latest replacement of a DaemonSet's pod took; 0: it is not known.
	Took(key string) time.Duration
	// Manifest reads a file of the kubelet's directory.
	Manifest(name string) ([]byte, error)
	// Patch changes the node at run time.
	Patch(p node.Patch) (node.Result, error)
	// Replace asks for the replacement of a pod whose update strategy is OnDelete.
	Replace(key string)
	// Release ends the time after a DaemonSet came to this host, and Reset begins a new epoch of its generations.
	Release(key string)
	Reset(key string)
}

// Maker is what makes manifests of objects; see agent/catalog.
type Maker interface {
	File(ds *spec.DaemonSet) *catalog.Made
}

// ErrStopping is what Config.Do returns when no round will follow.
var ErrStopping = errors.New("the agent is stopping")

// Backend is the agent as the API sees it. It has no state of its own: any goroutine may call it.
type Backend struct {
	cfg Config
	// key is for digests of what readers may not guess.
	key [32]byte
}

var _ api.Backend = (*Backend)(nil)

// New makes a Backend.
func New(cfg Config) *Backend {
	b := &Backend{cfg: cfg}
	_, _ = rand.Read(b.key[:]) // it never fails (crypto/rand)
	return b
}

// Registry implements api.Backend.
func (b *Backend) Registry() *registry.Registry { return b.cfg.Registry }

// Reads implements api.Backend.
func (b *Backend) Reads(res registry.Resource) func() {
	if res != registry.Nodes {
		return func() {}
	}
	return b.cfg.Fleet.ReadsNodes()
}

// Metrics implements api.Backend.
func (b *Backend) Metrics() http.Handler { return b.cfg.Metrics }

// Version implements api.Backend.
func (b *Backend) Version() api.VersionInfo { return b.cfg.Version }

// latest is the view of the last round; before the first one it is an error that says so.
func (b *Backend) latest() (*reconcile.Snapshot, error) {
	if v := b.cfg.Latest(); v != nil {
		return v, nil
	}
	return nil, api.Errorf(api.CodeUnavailable, "the agent is starting and has not looked at everything yet").
		WithRemedy("try again in a moment")
}

// unavailable turns the end of the loop into what the client is told.
func unavailable(err error) error {
	if errors.Is(err, ErrStopping) {
		return api.Errorf(api.CodeUnavailable, "the agent is stopping").WithRemedy("try again when it has been started")
	}
	return err
}

func (b *Backend) notFound(v *reconcile.Snapshot, key string) error {
	for _, f := range v.Specs.Files {
		if f.Bad {
			return api.Errorf(api.CodeNotFound, "no DaemonSet %s is declared, and %s cannot be used", key, f.File).
				WithRemedy("dsctl validate " + f.File)
		}
	}
	return api.Errorf(api.CodeNotFound, "no DaemonSet %s is declared in %s", key, b.cfg.Paths.Specs).
		WithRemedy("dsctl status lists those that are")
}

// Reload implements api.Backend.
func (b *Backend) Reload(ctx context.Context) (*api.ReloadResult, error) {
	res, err := b.cfg.Reload(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	return res, nil
}

// Settle implements api.Backend.
func (b *Backend) Settle(ctx context.Context) (*api.Settled, error) {
	// A loop that does not come round must not keep whoever asks from what is known.
	limited, cancel := context.WithTimeout(ctx, api.SettleLimit+time.Second)
	defer cancel()
	pending, err := b.cfg.Settle(limited)
	switch {
	case err != nil && limited.Err() != nil && ctx.Err() == nil:
		return nil, api.Errorf(api.CodeUnavailable, "the agent has not looked at its files for %s: it is busy",
			api.SettleLimit+time.Second).WithRemedy("see its log; a slow disk is the usual reason")
	case err != nil:
		return nil, unavailable(err)
	}
	return &api.Settled{Pending: pending}, nil
}
