// Package agent ties the parts together: one level-triggered loop reads everything, decides, and changes the kubelet's
// directory until it is as declared.
//
// Watches only wake the loop; what it does follows from what it reads, and it reads everything every 15 seconds whether
// woken or not.
//
// Whatever decides about pods and changes files belongs to the goroutine of Run. Three other kinds of goroutine meet
// it: those of the watches and of the kubelet's poller, which only wake it and leave their newest answer; those of
// gossip, whose member and health board have locks of their own; and those of the API, which read the Snapshot that a
// round publishes, never changed once it is out, and hand the loop work through a channel.
//
// Stopping the agent stops no pod.
package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/backend"
	"github.com/daemonsetd/daemonsetd/agent/catalog"
	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/member"
	"github.com/daemonsetd/daemonsetd/agent/metrics"
	"github.com/daemonsetd/daemonsetd/agent/node"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/registry"
	"github.com/daemonsetd/daemonsetd/agent/rollout/driver"
	"github.com/daemonsetd/daemonsetd/agent/systemd"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/dirlock"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
	"github.com/daemonsetd/daemonsetd/internal/base/signal"
	"github.com/daemonsetd/daemonsetd/manifests/assemble"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/manifestdir"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

const (
	// stopTimeout bounds each step of the teardown.
	stopTimeout = 5 * time.Second
	// socketGroup may read the API when it exists (the package makes it).
	socketGroup = "daemonsetd"
)

// Options is what an Agent is made of. Config and Logger are required.
type Options struct {
	// Config is complete and valid.
	Config config.Config
	// ConfigFile is where it was read from; empty when there is no file. ConfigProblems are the warnings on it.
	ConfigFile     string
	ConfigProblems diag.List
	// Reread reads the configuration again for a reload; nil: it never changes.
	Reread func() (config.Config, diag.List, error)
	// SetLevel changes the level of Logger while running; nil: a change of log.level needs a restart.
	SetLevel func(level string) error
	Logger   zerolog.Logger
	Version  api.VersionInfo
	Notifier systemd.Notifier
	// Watchdog is how often the service manager wants to hear of the loop; zero: never.
	Watchdog time.Duration
	// Simulation replaces the machine; nil: there is a real one.
	Simulation *Simulation
	// StartedAt is when the process started; zero: now.
	StartedAt time.Time
}

// Agent is one agent. Make one with New, then call Run once.
type Agent struct {
	opts     Options
	cfg      config.Config
	log      zerolog.Logger
	metrics  *metrics.Metrics
	registry *registry.Registry
	events   *health.Events
	board    *health.Board
	loader   *spec.Loader
	nodes    *node.Manager
	store    *manifestdir.Store
	trees    *trees.Store
	history  *history.Store
	kubelet  *kubelet.Host
	catalog  *catalog.Catalog
	turns    *driver.Turns
	member   *member.Member
	server   *api.Server
	listener net.Listener
	tcp      *http.Server
	tcpLis   net.Listener

	requests chan request
	// ended is closed when the loop has ended.
	ended chan struct{}
	// changed fires when a round is over.
	changed signal.Signal
	rounds  *reconcile.Reconciler
	stops   []stop
	// locks are those on the agent's own directories.
	locks []*dirlock.Lock
	// ledger knows which files of the agent's own state there have to be.
	ledger *files.Ledger

	// The rest belongs to the loop.
	ready bool
	line  string
	first time.Time
	// watchStore has the operating system tell of changes in a directory of manifests, in place of the one before; nil:
	// nothing is watched.
	watchStore func(store *manifestdir.Store)
}

// stop is one step of the teardown.
type stop struct {
	name string
	do   func(context.Context) error
}

// New opens everything that a run needs. Where it fails, what was opened is closed again.
func New(opts Options) (_ *Agent, err error) {
	if err := opts.Config.Validate(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if opts.StartedAt.IsZero() {
		opts.StartedAt = time.Now()
	}
	a := &Agent{
		opts: opts, cfg: opts.Config, log: opts.Logger, requests: make(chan request), ended: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.teardown())
		}
	}()
	for _, step := range []func() error{a.openDirs, a.openInputs, a.openStore, a.openMember, a.openRounds, a.openAPI} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// onStop registers a step of the teardown; steps run in the reverse order.
func (a *Agent) onStop(name string, do func(context.Context) error) {
	a.stops = append(a.stops, stop{name, do})
}

func (a *Agent) openDirs() error {
	if err := os.MkdirAll(a.cfg.StateDir, 0o700); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	for _, dir := range []string{a.cfg.RuntimeDir, filepath.Dir(a.cfg.Socket)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("runtime directory: %w", err)
		}
	}
	if err := a.lockDirs(); err != nil {
		return err
	}
	if err := removeLeftovers(a.cfg.StateDir); err != nil {
		a.log.Warn().Err(err).Msg("what a crash left in the state directory could not be removed")
	}
	a.ledger = files.OpenLedger(a.cfg.StateDir, time.Now())
	var problem error
	if a.turns, problem = driver.Load(driver.Config{Dir: a.cfg.StateDir, Now: time.Now(), Logger: a.log}); problem != nil {
		a.log.Error().Err(problem).Msg("the state of rollouts was lost")
		a.loseFiles(problem)
	}
	a.history = history.New(history.Config{
		Dir: filepath.Join(a.cfg.StateDir, revisions), Logger: a.log,
		Lost: func(e *files.LostError) { a.loseFiles(e) },
	})
	return nil
}

func (a *Agent) openInputs() error {
	var err error
	if a.loader, err = spec.NewLoader(spec.LoaderConfig{
		Dir: a.cfg.SpecsDir, StateDir: a.cfg.StateDir,
		Logger: a.log,
	}); err != nil {
		return fmt.Errorf("specs directory: %w", err)
	}
	layout := assemble.Layout{StateDir: a.cfg.StateDir, RuntimeDir: a.cfg.RuntimeDir}
	label, err := trees.ContainerLabel("/")
	if err != nil {
		a.log.Warn().AnErr(logfield.Error, err).Msg("the files of volumes get no SELinux label")
	}
	if a.trees, err = trees.New(trees.Config{
		Dir: layout.Dir(), SecretDir: layout.SecretDir(),
		Label: label, Logger: a.log,
	}); err != nil {
		return err
	}
	a.catalog = catalog.New(catalog.Config{
		Node: a.cfg.NodeName, SpecsDir: a.cfg.SpecsDir, Trees: a.trees,
		History: a.history,
	})
	a.kubelet = kubelet.NewHost(a.hostConfig())
	if a.nodes, err = node.New(a.nodeConfig()); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	a.loseKept(a.nodes.Lost())
	a.metrics = metrics.New(a.opts.Version.Version)
	if !a.opts.ConfigProblems.HasErrors() { // a start reads the configuration as a reload does
		a.metrics.ReloadSuccessful.Set(1)
		a.metrics.ReloadTimestamp.Set(float64(a.opts.StartedAt.Unix()))
	}
	a.registry = registry.New(registry.Config{Host: a.cfg.NodeName})
	a.events = health.NewEvents(a.registry, a.metrics.Events, a.cfg.NodeName)
	a.board = health.NewBoard(a.log, a.events)
	return nil
}

// openMember makes the member of the fleet that this agent is, where the configuration wants one.
func (a *Agent) openMember() error {
	cfg := member.Config{
		Name: a.cfg.NodeName, Cluster: a.cfg.Cluster, StateDir: a.cfg.StateDir, MembersFile: a.cfg.MembersFile,
		Gossip:       a.cfg.Gossip,
		AgentVersion: a.opts.Version.Version, StartedAt: a.opts.StartedAt,
		Log: a.log, Board: a.board, Metrics: a.metrics.Registry(), Nodes: a.registry,
	}
	if sim := a.opts.Simulation; sim != nil {
		cfg.Transport, cfg.Verify = sim.Gossip, sim.Verify
	}
	a.member = member.New(cfg)
	a.onStop("gossip", func(context.Context) error { return a.member.Close() })
	return nil
}

func (a *Agent) openStore() error {
	dir := a.cfg.ManifestsDir
	if dir == "" {
		last, err := reconcile.LoadDirectory(a.cfg.StateDir)
		a.loseFiles(err)
		dir = last.Begin(a.kubelet.Settings().StaticPodPath)
	}
	var err error
	if a.store, err = a.newStore(dir); err != nil {
		return err
	}
	a.onStop("manifests directory lock", func(context.Context) error { return a.store.Unlock() })
	return nil
}

func (a *Agent) newStore(dir string) (*manifestdir.Store, error) {
	if err := checkManifestsDir(dir, a.cfg); err != nil {
		return nil, err
	}
	cfg := manifestdir.Config{Dir: dir, Logger: a.log}
	if sim := a.opts.Simulation; sim != nil {
		cfg.Refuse = sim.Refuse
	}
	store, err := manifestdir.New(cfg)
	if err != nil {
		return nil, err
	}
	// A directory that cannot be made now (a disk that is not mounted yet) is reported by every round until it can.
	if err := store.Ensure(); err != nil {
		a.log.Warn().Err(err).Msg("the manifests directory cannot be used yet")
	}
	if err := a.lockManifests(store); err != nil {
		return nil, err
	}
	if err := store.Recover(); err != nil {
		a.log.Warn().Err(err).Msg("what was prepared in the manifests directory cannot be taken over")
	}
	return store, nil
}

// move goes over to another directory of manifests. It belongs to the loop.
func (a *Agent) move(dir string) (*manifestdir.Store, error) {
	store, err := a.newStore(dir)
	if err != nil {
		return nil, err
	}
	a.log.Warn().Str(logfield.From, a.store.Dir()).Str(logfield.To, dir).
		Msg("the kubelet reads another directory than was written")
	a.store.Release(func(string) bool { return false })
	if err := a.store.Unlock(); err != nil {
		a.log.Warn().Err(err).Str(logfield.Dir, a.store.Dir()).Msg("the former manifests directory stays locked")
	}
	a.store = store
	if a.watchStore != nil {
		a.watchStore(store)
	}
	return store, nil
}

// openRounds makes what does the work.
func (a *Agent) openRounds() error {
	var problem error
	a.rounds, problem = reconcile.New(reconcile.Config{
		Host: a.cfg.NodeName, StateDir: a.cfg.StateDir, SpecsDir: a.cfg.SpecsDir,
		KubeletsDir: a.cfg.ManifestsDir == "", InsecureKubelet: a.cfg.Kubelet.InsecureSkipVerify,
		Loader: a.loader, Nodes: a.nodes, Store: a.store, Move: a.move, Kubelet: a.kubelet, Fleet: a.member,
		Catalog: a.catalog, Turns: a.turns,
		Board: a.board, Events: a.events, Metrics: a.metrics, Log: a.log,
		ConfigProblems: func() diag.List { return a.opts.ConfigProblems }, Over: a.publish,
	})
	if problem != nil {
		a.log.Error().Err(problem).Msg("the state of pods was lost")
		a.loseFiles(problem)
	}
	state := func() metrics.State { return backend.MetricsOf(a.rounds.Latest()) }
	return a.metrics.Registry().Register(metrics.NewStateCollector(state))
}

func (a *Agent) openAPI() error {
	if sim := a.opts.Simulation; sim != nil {
		if a.listener = sim.API; a.listener == nil {
			return nil
		}
		return a.openServer(ownUser)
	}
	group := ""
	if _, err := user.LookupGroup(socketGroup); err == nil && os.Geteuid() == 0 {
		group = socketGroup
	}
	var err error
	if a.listener, err = api.Inherited(); err != nil {
		return fmt.Errorf("socket from the service manager: %w", err)
	}
	if a.listener == nil {
		if a.listener, err = api.Listen(api.ListenConfig{Path: a.cfg.Socket, Group: group}); err != nil {
			return err
		}
	}
	if err := a.openServer(nil); err != nil {
		return err
	}
	return a.openTCP()
}

// openServer makes what serves the listener; peerOf is as in api.Config.
func (a *Agent) openServer(peerOf func(net.Conn) (api.Peer, error)) error {
	a.server = api.New(api.Config{Backend: a.backend(), Log: a.log, PeerOf: peerOf})
	a.onStop("API listener", func(context.Context) error { return ignoreClosed(a.listener.Close()) })
	return a.metrics.Registry().Register(a.server)
}

func (a *Agent) openTCP() error {
	if a.cfg.MetricsAddress == "" {
		return nil
	}
	lis, err := net.Listen("tcp", a.cfg.MetricsAddress)
	if err != nil {
		return fmt.Errorf("metrics address: %w", err)
	}
	a.tcpLis = a.server.LimitTCP(lis)
	a.tcp = &http.Server{
		Handler: api.MetricsHandler(a.backend()), ReadHeaderTimeout: stopTimeout,
		ReadTimeout: stopTimeout, WriteTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	a.onStop("metrics listener", func(context.Context) error { return ignoreClosed(a.tcpLis.Close()) })
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// MetricsAddr is where metrics are served on TCP, nil when they are not.
func (a *Agent) MetricsAddr() net.Addr {
	if a.tcpLis == nil {
		return nil
	}
	return a.tcpLis.Addr()
}

// Run works until the context ends, then closes everything that New opened. Manifests stay, and with them the pods.
func (a *Agent) Run(ctx context.Context) error {
	a.log.Info().Str(logfield.Version, a.opts.Version.Version).Str(logfield.Node, a.cfg.NodeName).
		Str(logfield.Dir, a.store.Dir()).Str(logfield.Socket, a.cfg.Socket).
		Str(logfield.Config, a.opts.ConfigFile).Msg("starting")
	group, ctx := errgroup.WithContext(ctx)
	if a.server != nil {
		a.serve(ctx, group)
	}
	if a.opts.Simulation == nil {
		a.watch(ctx, group)
	}
	group.Go(func() error { return a.member.Run(ctx) })
	group.Go(func() error { return a.loop(ctx) })
	err := errors.Join(group.Wait(), a.teardown())
	if err != nil {
		a.log.Error().Err(err).Msg("stopped by an error; pods keep running")
		return err
	}
	a.log.Info().Msg("stopped; pods keep running")
	return nil
}

// serve answers requests until the context ends.
func (a *Agent) serve(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error { return a.server.Serve(a.listener) })
	if a.tcp != nil {
		group.Go(func() error { return ignoreServerClosed(a.tcp.Serve(a.tcpLis)) })
	}
	group.Go(func() error {
		<-ctx.Done()
		a.opts.Notifier.Stopping()
		return a.stopServing()
	})
}

// watch has the operating system tell of changed files.
func (a *Agent) watch(ctx context.Context, group *errgroup.Group) {
	// A watch that cannot be had (no inotify instances left) only makes the agent slower: every round reads everything.
	group.Go(func() error { a.watched("specs", a.loader.Watch(ctx)); return nil })
	group.Go(func() error { a.nodes.Watch(ctx); return nil })
	stop := func() {}
	a.watchStore = func(store *manifestdir.Store) {
		stop()
		ctx, cancel := context.WithCancel(ctx)
		stop = cancel
		group.Go(func() error { store.Watch(ctx); return nil })
	}
	a.watchStore(a.store)
}

// stopServing ends the API and the metrics, letting the requests in hand end first.
func (a *Agent) stopServing() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := a.server.Shutdown(ctx)
	if a.tcp != nil {
		err = errors.Join(err, a.tcp.Shutdown(ctx))
	}
	return err
}

func ignoreServerClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// teardown closes what New opened, the last first. It is safe to call twice.
func (a *Agent) teardown() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	for len(a.stops) > 0 {
		s := a.stops[len(a.stops)-1]
		a.stops = a.stops[:len(a.stops)-1]
		if err := s.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("closing the %s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}

func (a *Agent) watched(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		a.log.Warn().Err(err).Str(logfield.Dir, what).Msg("cannot watch; looking every 15 seconds instead")
	}
}
