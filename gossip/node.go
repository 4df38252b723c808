package gossip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/daemonsetd/daemonsetd/gossip/broadcast"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/screen"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// Node is one member. Make it with New, then call Run once. All other methods may be called from any goroutine, before,
// during and after Run.
type Node struct {
	cfg    Config
	timing Timing
	log    zerolog.Logger
	signer record.Signer
	sealer wire.Sealer
	count  *frameCount
	table  *records.Table
	queue  *broadcast.Queue
	swim   *swim
	inbox  *inbox
	outbox *outbox
	counts *counts
	sync   *syncer
	fetch  *fetcher
	blames *blames
	// strangers are those of whom the screen has dropped something.
	strangers *strangers
	screen    *screen.Transport

	// publishing is held while a record of this member is made, so that stamps are given in order.
	publishing sync.Mutex
	// own are the bodies that this run has published, by section. What an earlier run wrote is written anew, so that every
	// start is a new generation.
	own map[string][]byte
	// back are the bodies that others had of this member and that were not taken yet, by section.
	back   map[string][]byte
	change chan struct{}
	// pushed gets a value when there is something to push.
	pushed   chan struct{}
	joinSoon chan record.ID
	// accused are members that memberlist takes for dead, though they have answered this host.
	accused chan record.ID
	started time.Time

	// joinFailure is nil when the last attempt to join somebody succeeded.
	joinFailure atomic.Pointer[joinFailure]
	// lonely is set when the hosts to join were looked up and were this one alone.
	lonely atomic.Bool
	// ring holds the keys; nil: nothing is encrypted.
	ring *memberlist.Keyring
	// list is memberlist once Run has begun.
	list atomic.Pointer[memberlist.Memberlist]
	// begun is set with list; memberlist's callbacks, which may not touch that, ask it.
	begun atomic.Bool
	view  viewCache
}

// New opens the table. Nothing is sent before Run.
func New(cfg Config) (*Node, error) {
	if cfg.Timing == (Timing{}) {
		cfg.Timing = Default()
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	c := newCounts()
	n := &Node{
		cfg: cfg, timing: cfg.Timing, log: cfg.Logger, counts: c, inbox: newInbox(c),
		signer: record.NewSigner(cfg.Cluster, cfg.Identity.Private),
		sealer: wire.NewSealer(cfg.Cluster, cfg.Identity.Private),
		change: make(chan struct{}, 1), pushed: make(chan struct{}, 1), joinSoon: make(chan record.ID, 16),
		accused: make(chan record.ID, maxVouched), started: time.Now(),
		swim: newSwim(cfg.Limits), blames: newBlames(), own: map[string][]byte{}, back: map[string][]byte{},
		strangers: newStrangers(),
	}
	n.outbox = newOutbox(c, n.send)
	if len(cfg.Keys) > 0 {
		ring, err := memberlist.NewKeyring(cfg.Keys, cfg.Keys[0])
		if err != nil {
			return nil, fmt.Errorf("gossip keys: %w", err)
		}
		n.ring = ring
	}
	table, err := records.Open(records.Config{
		Cluster: cfg.Cluster, Self: cfg.Identity.ID, Dir: cfg.Dir, Limits: cfg.Limits, Verify: cfg.Verify, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	n.table, n.count = table, &frameCount{table: table}
	if err := n.table.SetRoster(cfg.Roster); err != nil {
		return nil, errors.Join(fmt.Errorf("gossip: %w", err), table.Close())
	}
	n.sync, n.fetch = newSyncer(n), newFetcher(n)
	n.queue = broadcast.New(broadcast.Config{
		Self: cfg.Identity.ID, Members: func() int { return int(n.swim.alive.Load()) }, MaxMessage: n.room(),
	})
	if t, ok := cfg.Transport.(interface {
		SetKnown(known func(netip.Addr) bool)
	}); ok {
		t.SetKnown(n.swim.known)
	}
	n.screen = n.newScreen()
	return n, nil
}

// newScreen begins to receive.
func (n *Node) newScreen() *screen.Transport {
	c := screen.Config{
		Transport: n.cfg.Transport, Label: n.cfg.Cluster, Dropped: n.dropped,
		Limits: screen.Limits{Message: maxStream, User: wire.MaxFrame, Nodes: 2 * n.swim.limit},
	}
	if n.ring != nil {
		c.Keys = n.ring.GetKeys
	}
	return screen.New(c)
}

// Run is a member until ctx ends: it joins, answers, and keeps everything the same. It then goes without a word, as a
// host does that is restarted: the others see it as failed after a while, unless it is back before. The error is one of
// the start; once it runs, nothing ends it.
func (n *Node) Run(ctx context.Context) error {
	list, err := memberlist.Create(n.memberlistConfig())
	if err != nil {
		return errors.Join(fmt.Errorf("gossip: %w", err), n.close())
	}
	n.list.Store(list)
	n.begun.Store(true)
	if err := n.profile(list, false); err != nil {
		n.log.Error().Err(err).Msg("this member's own record could not be written")
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { n.takePushes(ctx); return nil })
	g.Go(func() error { n.takeSealed(ctx); return nil })
	g.Go(func() error { n.sync.run(ctx); return nil })
	g.Go(func() error { n.fetch.run(ctx); return nil })
	g.Go(func() error { n.joinForever(ctx); return nil })
	g.Go(func() error { n.steady(ctx); return nil })
	g.Go(func() error { n.vouch(ctx); return nil })
	// Shutdown breaks the streams that are being written to, for which close would wait.
	err = errors.Join(g.Wait(), list.Shutdown())
	n.outbox.close()
	return errors.Join(err, n.close())
}

// close gives up the transport and the table; memberlist shuts the transport down too, where it was made.
func (n *Node) close() error {
	var err error
	if n.list.Load() == nil {
		err = n.screen.Shutdown()
	}
	return errors.Join(err, n.table.Close())
}

// Close gives up a Node whose Run was never called.
func (n *Node) Close() error { return n.close() }

// profile publishes what this package itself says of this member.
func (n *Node) profile(list *memberlist.Memberlist, left bool) error {
	body, err := records.EncodeProfile(records.Profile{Name: n.cfg.Name, Address: addrOf(list.LocalNode()), Left: left})
	if err != nil {
		return err
	}
	return n.publish(records.SectionMember, body)
}

// Publish makes a body this member's newest record of a section and sends it to the others. The same body again changes
// nothing. It is on disk when Publish returns.
//
// The error is record.ErrTooLarge for a body of more than record.MaxBody bytes, others mean a wrong section, or a disk
// that does not take it, in which case the record is sent all the same.
func (n *Node) Publish(section string, body []byte) error {
	if section == records.SectionMember {
		return fmt.Errorf("section %q is gossip's own", section)
	}
	return n.publish(section, body)
}

func (n *Node) publish(section string, body []byte) error {
	n.publishing.Lock()
	defer n.publishing.Unlock()
	if _, ok := n.back[section]; ok {
		return fmt.Errorf("section %q: %w", section, ErrReturned)
	}
	if old, ok := n.own[section]; ok && bytes.Equal(old, body) {
		return nil
	}
	return n.write(section, body)
}

// write signs, keeps and sends; publishing is held.
func (n *Node) write(section string, body []byte) error {
	r, err := n.signer.Sign(section, n.table.NextStamp(section), body)
	if err != nil {
		return err
	}
	err = n.table.Put(r)
	if err != nil && !errors.Is(err, records.ErrNotSaved) {
		return err
	}
	n.own[section] = r.Body
	n.spread(r)
	n.changed()
	return err
}

// returned deals with a record of this member that is newer than its own: its disk is older than what it has said
// before. What it said is kept for TakeReturned and said again, and everything else too, under stamps above it.
func (n *Node) returned(r record.Record) {
	n.publishing.Lock()
	defer n.publishing.Unlock()
	if r.Section != records.SectionMember {
		n.back[r.Section] = r.Body
		n.own[r.Section] = r.Body
	}
	n.republish()
	n.changed()
}

// ErrReturned is an attempt to publish a section of which others have shown something newer of this member's own: what
// is published now may not know of it. TakeReturned gives it.
var ErrReturned = errors.New("others have a newer record of this host's own")

// TakeReturned gives what others had of a section of this member that was newer than its own, once: what a disk that
// was lost or restored has forgotten. Until it is taken the section cannot be published.
func (n *Node) TakeReturned(section string) ([]byte, bool) {
	n.publishing.Lock()
	defer n.publishing.Unlock()
	body, ok := n.back[section]
	delete(n.back, section)
	return body, ok
}

// republish writes all sections of this member anew; publishing is held.
func (n *Node) republish() {
	for section, body := range n.own {
		if err := n.write(section, body); err != nil {
			n.log.Error().Err(err).Str(logfield.Section, section).Msg("this member's own record could not be written")
		}
	}
}

// spread pushes a record, or the hint that there is one where it is too large for a packet.
func (n *Node) spread(r record.Record) {
	frame := wire.PushFrame(r.Encoded)
	if len(frame) > n.room() {
		frame = wire.HintFrame(n.cfg.Identity.ID, headOf(r))
	}
	n.queue.Push(r.Owner, r.Section, r.Stamp, frame)
	select {
	case n.pushed <- struct{}{}:
	default:
	}
}

func headOf(r record.Record) records.Head {
	return records.Head{ID: r.Owner, Section: r.Section, Stamp: r.Stamp}
}

// Leave says for good that this member goes and waits until it was said to some others, or until ctx ends. Its pods are
// nobody's concern any more. Call it before the end of Run. A later start takes it back.
func (n *Node) Leave(ctx context.Context) error {
	list := n.list.Load()
	if list == nil {
		return errors.New("gossip does not run")
	}
	if err := n.profile(list, true); err != nil {
		return err
	}
	for n.queue.Len() > 0 && n.swim.alive.Load() > 1 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(n.timing.Gossip):
		}
	}
	return nil
}

// Forget drops a member, its records and its name's pin, and never takes a record of it again that is as old as those.
// A member that still runs comes back with its next start. It is done for this host alone: others would have to believe
// it.
func (n *Node) Forget(id record.ID) error {
	if id == n.cfg.Identity.ID {
		return errors.New("this host does not forget itself")
	}
	err := n.table.Forget(id)
	n.swim.forget(id)
	n.queue.Remove(id)
	n.changed()
	return err
}

// ForgetAll is Forget for many, with one write to the disk; this host itself is passed over.
func (n *Node) ForgetAll(ids []record.ID) error {
	err := n.table.ForgetAll(ids)
	for _, id := range ids {
		if id != n.cfg.Identity.ID {
			n.swim.forget(id)
			n.queue.Remove(id)
		}
	}
	n.changed()
	return err
}

// Trust says that a name belongs to this member's key from now on. The one to which it belonged before is forgotten.
func (n *Node) Trust(id record.ID) error {
	err := n.table.Trust(id)
	n.changed()
	return err
}

// SetRoster replaces the list of who counts; nil: everybody does. Where it is refused nothing has changed.
func (n *Node) SetRoster(r *records.Roster) error {
	err := n.table.SetRoster(r)
	n.changed()
	return err
}

// ErrNeedsRestart says that a change takes effect only with a restart.
var ErrNeedsRestart = errors.New("encryption cannot be switched on or off while running: restart the agent")

// SetKeys changes the keys while running: those that are new are added, the first one is used, those that are not
// listed are removed.
func (n *Node) SetKeys(keys [][]byte) error {
	if (len(keys) > 0) != (len(n.cfg.Keys) > 0) {
		return ErrNeedsRestart
	}
	if len(keys) == 0 {
		return nil
	}
	ring := n.ring
	for _, key := range keys {
		if err := ring.AddKey(key); err != nil {
			return fmt.Errorf("gossip keys: %w", err)
		}
	}
	if err := ring.UseKey(keys[0]); err != nil {
		return fmt.Errorf("gossip keys: %w", err)
	}
	for _, old := range ring.GetKeys() {
		if !slices.ContainsFunc(keys, func(key []byte) bool { return bytes.Equal(key, old) }) {
			if err := ring.RemoveKey(old); err != nil {
				return fmt.Errorf("gossip keys: %w", err)
			}
		}
	}
	return nil
}

// Problem says why what this member knows is not kept on disk at this moment; nil: it is.
func (n *Node) Problem() error { return n.table.Problem() }

// SetAside is the file in which what was kept of the members was put as it was found, since it was damaged or of
// another cluster; empty where it was well.
func (n *Node) SetAside() string { return n.table.Stats().SetAside }

// Changed gets a value when View has something new; several changes may be one value.
func (n *Node) Changed() <-chan struct{} { return n.change }

// changed marks the view as old and wakes who waits for it.
func (n *Node) changed() {
	n.view.old.Store(true)
	select {
	case n.change <- struct{}{}:
	default:
	}
}
