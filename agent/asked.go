package agent

import (
	"context"
	"path/filepath"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/backend"
	"github.com/daemonsetd/daemonsetd/agent/catalog"
	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/node"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// backend is the agent as the API sees it.
func (a *Agent) backend() *backend.Backend {
	return backend.New(backend.Config{
		Host: a.cfg.NodeName, Cluster: a.cfg.Cluster, MembersFile: a.cfg.MembersFile, Paths: api.Paths{
			Config: a.opts.ConfigFile, Specs: a.cfg.SpecsDir, NodeFile: a.cfg.NodeFile, NodeDir: a.cfg.NodeDir(),
			Manifests: a.store.Dir(), State: a.cfg.StateDir, Runtime: a.cfg.RuntimeDir, Socket: a.cfg.Socket,
			Conditions: filepath.Join(a.cfg.RuntimeDir, "conditions.d"),
		},
		Version: a.opts.Version, StartedAt: a.opts.StartedAt, Log: a.log, Registry: a.registry, Metrics: a.metrics.Handler(),
		Latest: a.rounds.Latest, RoundOver: &a.changed,
		Do: func(ctx context.Context, do func(backend.Round)) error {
			return a.ask(ctx, func(context.Context) { do(asked{a}) })
		},
		Reload: a.Reload, Settle: a.settled, Logs: a.kubelet.Logs, Fleet: a.member, History: a.history, Trees: a.trees,
	})
}

// asked is the loop as the API's backend asks it, between two rounds.
type asked struct{ a *Agent }

var _ backend.Round = asked{}

// Look implements backend.Round.
func (r asked) Look() *reconcile.Snapshot { return r.a.rounds.Look() }

// With implements backend.Round.
func (r asked) With(s *reconcile.Snapshot, objects spec.Objects) (*reconcile.Snapshot, backend.Maker) {
	return r.a.rounds.With(s, objects)
}

// File implements backend.Round.
func (r asked) File(ds *spec.DaemonSet) *catalog.Made { return r.a.catalog.File(ds) }

// Fleet implements backend.Round.
func (r asked) Fleet() (*fleet.View, func(key string) []rollout.Peer) {
	view := r.a.member.Look()
	peers := r.a.turns.PeersOf(view, time.Now())
	return view, func(key string) []rollout.Peer {
		own := r.a.turns.Turn(key).State
		self := rollout.Peer{ID: r.a.member.Self(), Name: r.a.cfg.NodeName, Counts: true, State: &own}
		return append([]rollout.Peer{self}, peers.Of(key)...)
	}
}

// Took implements backend.Round.
func (r asked) Took(key string) time.Duration { return r.a.turns.Took(key) }

// Manifest implements backend.Round.
func (r asked) Manifest(name string) ([]byte, error) { return r.a.store.Read(name) }

// Patch implements backend.Round.
func (r asked) Patch(p node.Patch) (node.Result, error) { return r.a.nodes.SetRuntime(p) }

// Replace implements backend.Round.
func (r asked) Replace(key string) { r.a.turns.Request(key) }

// Release implements backend.Round.
func (r asked) Release(key string) { r.a.turns.Release(key) }

// Reset implements backend.Round.
func (r asked) Reset(key string) { r.a.turns.Reset(key) }
