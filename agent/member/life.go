package member

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/transport"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// open tries to become a member; Refresh calls it, and New.
func (m *Member) open(force bool) {
	settings := m.status.settings()
	m.inputs.tried = time.Now()
	mode, err := settings.Mode()
	var node *gossip.Node
	switch {
	case err != nil:
	case mode.On:
		node, err = m.newNode(settings, mode, force)
	default:
		err = m.stray(mode)
	}
	m.status.set(func(s *status) { s.now.Mode, s.now.Off = mode, err })
	m.reportOff(err)
	if node == nil {
		return
	}
	if err := m.cfg.Metrics.Register(node); err != nil {
		m.cfg.Log.Error().Err(err).Msg("the metrics of gossip cannot be shown")
	}
	m.sections.anew()
	m.node.Store(node)
	m.opened <- node
}

// stray is why a host that was a member may not be taken for one that is alone, which would replace its pods without
// asking anybody: more likely its key file was lost.
func (m *Member) stray(mode config.GossipMode) error {
	log := m.log()
	if _, err := os.Stat(log); err != nil {
		return ignoreMissing(err)
	}
	return fmt.Errorf("%s, but it was a member of a fleet before: bring the key file back; "+
		"or, if it is to be alone from now on, remove %q", mode.Why, log)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// reportOff tells why gossip is wanted and not there; nil: it is there, or not wanted.
func (m *Member) reportOff(err error) {
	m.cfg.Board.When(err != nil, health.Gossip, fmt.Sprintf("gossip is off: %v; everything on this host works, "+
		"but it is not seen by the others, and no available pod is replaced", err))
}

// newNode makes the gossip node.
func (m *Member) newNode(settings config.Gossip, mode config.GossipMode, force bool) (*gossip.Node, error) {
	var r files.Reading[*records.Roster]
	if m.cfg.MembersFile != "" {
		r = look(m.rosterFile(), force)
		if !r.Known && !removed(r) {
			return nil, fmt.Errorf("the list of members cannot be used, and what it said before is not known: %s",
				cmp.Or(r.Problems.FirstError(), fmt.Sprintf("%q is being written", m.cfg.MembersFile)))
		}
	}
	cfg, err := m.nodeConfig(settings, mode, force)
	if err != nil {
		return nil, err
	}
	cfg.Roster = inEffect(r)
	node, err := gossip.New(cfg)
	if err != nil {
		return nil, errors.Join(err, cfg.Transport.Shutdown())
	}
	m.tookRoster(removed(r))
	m.inputs.rosterBad = r.Problems.HasErrors()
	m.reportRoster(r.Problems)
	return node, nil
}

// nodeConfig is what the gossip node is made of.
func (m *Member) nodeConfig(settings config.Gossip, mode config.GossipMode, force bool) (gossip.Config, error) {
	cfg := gossip.Config{Cluster: m.cfg.Cluster, Name: m.cfg.Name, Dir: m.dir(), Logger: m.cfg.Log}
	seeds, err := settings.Seeds()
	if err != nil {
		return cfg, err
	}
	for _, s := range seeds {
		cfg.Join = append(cfg.Join, s.String())
	}
	var prints []string
	if mode.Keyed {
		if cfg.Keys, prints, err = m.readKeys(settings.KeyFile, force); err != nil {
			return cfg, err
		}
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return cfg, err
	}
	_, before := os.Lstat(m.log())
	if cfg.Identity, err = identity.Load(cfg.Dir); err != nil {
		return cfg, err
	}
	m.inputs.newKey = m.inputs.newKey || cfg.Identity.Created && before == nil
	if cfg.Advertise, err = settings.AdvertiseAddress(); err != nil {
		return cfg, err
	}
	bind, err := m.listen(settings, &cfg)
	if err != nil {
		return cfg, err
	}
	m.status.set(func(s *status) { s.id, s.now.Bind, s.now.Keys = cfg.Identity, bind, prints })
	return cfg, nil
}

// listen opens the sockets, or takes what a simulation has in their place.
func (m *Member) listen(settings config.Gossip, cfg *gossip.Config) (netip.AddrPort, error) {
	bind, err := settings.BindAddress()
	if err != nil {
		return bind, err
	}
	if m.cfg.Transport != nil {
		cfg.Transport, cfg.Verify = m.cfg.Transport(), m.cfg.Verify
		return bind, nil
	}
	t, err := transport.New(transport.Config{Bind: bind, Logger: m.cfg.Log})
	if err != nil {
		return bind, err
	}
	cfg.Transport = t
	if cfg.Advertise.IsValid() && cfg.Advertise.Port() == 0 {
		cfg.Advertise = netip.AddrPortFrom(cfg.Advertise.Addr(), t.Addr().Port())
	}
	return t.Addr(), nil
}

// Run is a member until ctx ends; it begins when there is a node. One that could not start is given up, and Refresh
// tries again.
func (m *Member) Run(ctx context.Context) error {
	for {
		var node *gossip.Node
		select {
		case <-ctx.Done():
			return nil
		case node = <-m.opened:
		}
		err := m.runNode(ctx, node)
		if ctx.Err() != nil {
			if err != nil {
				// Nothing that an operator could act on: the host keeps all that it needs in the files it has closed.
				m.cfg.Log.Debug().Err(err).Msg("gossip ended with an error")
			}
			return nil
		}
		m.cfg.Metrics.Unregister(node)
		m.status.set(func(s *status) { s.now.Off = err })
		m.node.Store(nil)
		m.Poke()
	}
}

// runNode runs one node and what looks after it.
func (m *Member) runNode(ctx context.Context, node *gossip.Node) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { m.watch(ctx, node) })
	wg.Go(func() { m.sections.publish(ctx, node) })
	bound := m.Status().Bind.Addr()
	if m.cfg.Transport == nil && m.status.settings().Advertise == "" && bound.IsUnspecified() {
		wg.Go(func() {
			cancel(moved(ctx, node.Address, func() (netip.Addr, error) { return transport.OwnAddress(bound.Is6()) }))
		})
	}
	err := node.Run(ctx)
	if moved := context.Cause(ctx); err == nil && moved != nil {
		err = moved
	}
	cancel(nil)
	return err
}

// lookAtAddress is how often it is looked whether the host has another address.
const lookAtAddress = 15 * time.Second

// moved waits until the host's address has been another one than what the others are told, and the same, at two
// looks, as after a DHCP lease or when an interface came up late: the member is begun anew with it. Nil: ctx has
// ended. That there is none is no move.
func moved(ctx context.Context, told func() netip.AddrPort, look func() (netip.Addr, error)) error {
	var before netip.Addr
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookAtAddress):
		}
		now, err := look()
		was := told()
		switch {
		case err != nil || !was.IsValid() || now == was.Addr():
			before = netip.Addr{}
		case now == before:
			return fmt.Errorf("this host's address is %s now, and the others were told %s", now, was.Addr())
		default:
			before = now
		}
	}
}

// Close gives up a node that never ran. Call it when Run has ended, or is not called.
func (m *Member) Close() error {
	select {
	case node := <-m.opened:
		return node.Close()
	default:
		return nil
	}
}
