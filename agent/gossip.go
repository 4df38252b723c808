package agent

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/pace"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/roster"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/gossip/keyring"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/transport"
	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// fleetPart is the agent as a member of the fleet: what it tells, and what it sees.
type fleetPart struct {
	a *Agent
	// node is nil while gossip is off.
	node atomic.Pointer[gossip.Node]
	// lastRound is how many nanoseconds a round last took in which nothing was done.
	lastRound atomic.Int64
	// opened gets a value when node is set, wake when the loop should look at the fleet, tell when there is something to tell.
	opened, wake, tell chan struct{}

	// showing is held while nodes are listed; shown is the fleet as it was listed last, nil while it is not.
	showing sync.Mutex
	shown   *fleet.View

	mu      sync.Mutex
	tracker fleet.Tracker
	changed chan struct{}
	// told are the bodies that wait to be published, by section, last the newest that were to be.
	told, last map[string][]byte
	// mode says whether gossip is wanted, off why it is not there though it is wanted.
	mode config.GossipMode
	off  error
	// at is where and as whom this host is a member.
	bind netip.AddrPort
	id   identity.Identity
	// keys are the fingerprints of the keys in use, rosterFile is the roster that is in effect, if any.
	keys       []string
	rosterFile string
	// readers is how many list or watch nodes at this moment, readAt when the last one of them had finished, unlist what happens some time
	// after that.
	readers int
	readAt  time.Time
	unlist  *time.Timer

	// The rest belongs to the loop, and to New before it.
	seen nodeSeen
	// untold are the sections that could not be made, with the reasons.
	untold           map[string]error
	tried            time.Time
	rosterID, keysID fileIdentity
	// rosterBad and keysBad: the file could not be used when it was last read, though perhaps only for a moment.
	rosterBad, keysBad bool
}

// nodeSeen is what the sections were last made from.
type nodeSeen struct {
	node    *corev1.Node
	specs   *spec.Snapshot
	kubelet string
}

// openGossip makes the member that this agent is, where the configuration wants one. What keeps it from being one (an
// unreadable key, a port that is taken) is told, and the agent does everything else.
func (a *Agent) openGossip() error {
	f := a.fleet
	f.a, f.told, f.last, f.changed = a, map[string][]byte{}, map[string][]byte{}, make(chan struct{})
	f.untold = map[string]error{}
	f.opened, f.wake, f.tell = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	a.onStop("gossip", func(context.Context) error { return f.close() })
	f.open()
	return nil
}

// open tries to become a member; the loop calls it, and New.
func (f *fleetPart) open() {
	f.tried = time.Now()
	f.keysID = identify(f.a.cfg.Gossip.KeyFile)
	mode, err := f.a.cfg.GossipMode()
	var node *gossip.Node
	switch {
	case err != nil:
	case mode.On:
		node, err = f.member(mode)
	default:
		err = f.stray(mode)
	}
	f.mu.Lock()
	f.mode, f.off = mode, err
	f.mu.Unlock()
	f.reportOff(err)
	if node != nil {
		if f.id.Created {
			f.a.rollouts.unsure = false // a new member has told nothing
		}
		if err := f.a.metrics.Registry().Register(node); err != nil {
			f.a.log.Error().Err(err).Msg("the metrics of gossip cannot be shown")
		}
		f.mu.Lock()
		f.last = map[string][]byte{} // a new run tells everything anew
		f.mu.Unlock()
		f.node.Store(node)
		f.opened <- struct{}{}
	}
}

// stray is why a host that was a member may not be taken for one that is alone, which would replace its pods without asking anybody: more
// likely its key file was lost.
func (f *fleetPart) stray(mode config.GossipMode) error {
	log := filepath.Join(f.dir(), "members.log")
	if _, err := os.Stat(log); err != nil {
		return ignoreMissing(err)
	}
	return fmt.Errorf("%s, but it was a member of a fleet before: bring the key file back; or, if it is to be alone from now on, remove %q", mode.Why, log)
}

// reportOff tells why gossip is wanted and not there; nil: it is there, or not wanted.
func (f *fleetPart) reportOff(err error) {
	f.a.board.When(err != nil, health.Gossip,
		fmt.Sprintf("gossip is off: %v; everything on this host works, but it is not seen by the others, and no available pod is replaced", err))
}

// member makes the gossip node.
func (f *fleetPart) member(mode config.GossipMode) (*gossip.Node, error) {
	r := f.readRoster()
	if !r.usable {
		return nil, fmt.Errorf("the list of members cannot be used, and what it said before is not known: %s", firstError(r.problems))
	}
	cfg, err := f.config(mode)
	if err != nil {
		return nil, err
	}
	cfg.Roster = r.roster
	node, err := gossip.New(cfg)
	if err != nil {
		return nil, errors.Join(err, cfg.Transport.Shutdown())
	}
	f.tookRoster(r)
	f.reportRoster(r.problems)
	return node, nil
}

// dir is where the member keeps its key and what it knows.
func (f *fleetPart) dir() string { return filepath.Join(f.a.cfg.StateDir, "gossip") }

// config is what the gossip node is made of.
func (f *fleetPart) config(mode config.GossipMode) (gossip.Config, error) {
	c := f.a.cfg
	cfg := gossip.Config{Cluster: c.Cluster, Name: c.NodeName, Dir: f.dir(), Logger: f.a.log}
	seeds, err := c.Gossip.Seeds()
	if err != nil {
		return cfg, err
	}
	for _, s := range seeds {
		cfg.Join = append(cfg.Join, s.String())
	}
	var prints []string
	if mode.Keyed {
		if cfg.Keys, prints, err = f.readKeys(); err != nil {
			return cfg, err
		}
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return cfg, err
	}
	if cfg.Identity, err = identity.Load(cfg.Dir); err != nil {
		return cfg, err
	}
	if cfg.Advertise, err = c.Gossip.AdvertiseAddress(); err != nil {
		return cfg, err
	}
	bind, err := f.listen(&cfg)
	if err != nil {
		return cfg, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.id, f.bind, f.keys = cfg.Identity, bind, prints
	return cfg, nil
}

// listen opens the sockets, or takes what a simulation has in their place.
func (f *fleetPart) listen(cfg *gossip.Config) (netip.AddrPort, error) {
	bind, err := f.a.cfg.Gossip.BindAddress()
	if err != nil {
		return bind, err
	}
	if sim := f.a.opts.Simulation; sim != nil {
		cfg.Transport, cfg.Verify = sim.Gossip(), sim.Verify
		return bind, nil
	}
	t, err := transport.New(transport.Config{Bind: bind, Logger: f.a.log})
	if err != nil {
		return bind, err
	}
	cfg.Transport = t
	if cfg.Advertise.IsValid() && cfg.Advertise.Port() == 0 {
		cfg.Advertise = netip.AddrPortFrom(cfg.Advertise.Addr(), t.Addr().Port())
	}
	return t.Addr(), nil
}

// readKeys reads the key file; prints are the keys' fingerprints.
func (f *fleetPart) readKeys() (keys [][]byte, prints []string, err error) {
	f.keysID = identify(f.a.cfg.Gossip.KeyFile)
	ring, err := keyring.Read(f.a.cfg.Gossip.KeyFile)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range ring.Keys() {
		keys, prints = append(keys, k[:]), append(prints, k.Fingerprint())
	}
	return keys, prints, nil
}

// use has a new list of keys in use; prints are their fingerprints, for people.
func (f *fleetPart) use(node *gossip.Node, keys [][]byte, prints []string) error {
	if err := node.SetKeys(keys); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys = prints
	return nil
}

// lastRoster is the name in the state directory of the roster that was last good.
const lastRoster = "members.yaml"

// rosterRead is what the file that says who counts says, or said when it was last good.
type rosterRead struct {
	// roster is nil where everybody counts.
	roster *records.Roster
	// file is what is to be edited; empty: there is none.
	file string
	// old: the file has an error, and this is what it said before.
	old      bool
	problems diag.List
	// usable is false where the file has an error and it is not known what it said before.
	usable bool
}

func (f *fleetPart) keptRoster() string { return filepath.Join(f.dir(), lastRoster) }

// readRoster reads the file that says who counts. One with an error leaves in effect what it said before, also across a
// restart.
func (f *fleetPart) readRoster() rosterRead {
	path := f.a.cfg.MembersFile
	f.rosterID = identify(path)
	if path == "" {
		return rosterRead{usable: true}
	}
	r, problems, err := roster.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && path == config.Default().MembersFile:
		// Only the default one may be missing: a slip in its name must not make everybody count.
		return rosterRead{usable: true}
	case err != nil:
		problems = append(problems, diag.Problem{File: path, Severity: diag.Error, Message: err.Error()})
	}
	if !problems.HasErrors() {
		return rosterRead{roster: r, file: path, problems: problems, usable: true}
	}
	last, lastProblems, err := roster.Read(f.keptRoster())
	if err != nil || lastProblems.HasErrors() {
		return rosterRead{problems: problems}
	}
	return rosterRead{roster: last, file: path, old: true, problems: problems, usable: true}
}

// tookRoster notes which list is in effect now, and keeps a copy for a start with a file that has an error.
func (f *fleetPart) tookRoster(r rosterRead) {
	var err error
	switch {
	case r.old:
	case r.file == "":
		err = ignoreMissing(os.Remove(f.keptRoster()))
	default:
		err = keep(f.keptRoster(), r.file)
	}
	if err != nil {
		f.a.log.Error().Err(err).Msg("the list of members could not be copied; after a restart with a bad file it would be lost")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rosterFile = r.file
}

// reportRoster tells what is wrong with the file, if anything.
func (f *fleetPart) reportRoster(problems diag.List) {
	problem := firstError(problems)
	f.a.board.When(problem != "", health.MembersFile, "the list of members cannot be used; what it said before stays in effect: "+problem)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// keep copies a file that is good into the state directory.
func keep(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(to, data, 0o600)
}

// run is the member until ctx ends; it begins when there is one. One that could not start is given up, and the loop tries
// again.
func (f *fleetPart) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.opened:
		}
		node := f.node.Load()
		err := f.runMember(ctx, node)
		if ctx.Err() != nil {
			if err != nil {
				f.a.log.Error().Err(err).Msg("gossip ended with an error")
			}
			return nil
		}
		f.a.metrics.Registry().Unregister(node)
		f.mu.Lock()
		f.off = err
		f.mu.Unlock()
		f.node.Store(nil)
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// runMember runs one member and what looks after it.
func (f *fleetPart) runMember(ctx context.Context, node *gossip.Node) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { f.watch(ctx, node) })
	wg.Go(func() { f.publish(ctx, node) })
	if f.a.opts.Simulation == nil && f.a.cfg.Gossip.Advertise == "" && f.bound().IsUnspecified() {
		wg.Go(func() {
			cancel(moved(ctx, node.Address, func() (netip.Addr, error) { return transport.OwnAddress(f.bound().Is6()) }))
		})
	}
	err := node.Run(ctx)
	if moved := context.Cause(ctx); err == nil && moved != nil {
		err = moved
	}
	cancel(nil)
	return err
}

// bound is the address that is bound.
func (f *fleetPart) bound() netip.Addr {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bind.Addr()
}

// lookAtAddress is how often it is looked whether the host has another address.
const lookAtAddress = 15 * time.Second

// moved waits until the host's address has been another one than what the others are told, and the same, at two looks, as after a DHCP
// lease or when an interface came up late: the member is begun anew with it. Nil: ctx has ended. That there is none is no move.
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

// close gives up a node that never ran.
func (f *fleetPart) close() error {
	select {
	case <-f.opened:
		return f.node.Load().Close()
	default:
		return nil
	}
}

// watch looks at the fleet when something in it has changed. The round that follows counts as part of a look.
func (f *fleetPart) watch(ctx context.Context, node *gossip.Node) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-node.Changed():
		}
		begin := time.Now()
		f.look()
		f.show()
		cost := time.Since(begin)
		select {
		case f.wake <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pace.Look(cost + time.Duration(f.lastRound.Load()))):
		}
	}
}

// alone says that no gossip is wanted. Where it is wanted and cannot be had there may be others, of whom nothing is known.
func (f *fleetPart) alone() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.mode.On && f.off == nil
}

// self is this host's id as text; its node's name where it is no member.
func (f *fleetPart) self() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.id.ID.IsZero() {
		return f.a.cfg.NodeName
	}
	return f.id.ID.String()
}

// look gives the fleet as it is now; nil while gossip is off.
func (f *fleetPart) look() *fleet.View {
	node := f.node.Load()
	if node == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tracker.Update(node.View(), time.Now())
}

// show puts the fleet's nodes where they are listed and watched, and wakes who waits for a change.
func (f *fleetPart) show() {
	f.a.showNodes()
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
}

// note makes the sections of what the round has read; the loop calls it. What did not change is not made again.
func (f *fleetPart) note(v *reconcile.Snapshot) {
	if f.node.Load() == nil {
		return
	}
	seen := nodeSeen{node: v.Node, specs: v.Specs, kubelet: kubeletStatus(v).State}
	if seen == f.seen && f.toldOf(fleet.SectionNode) && f.toldOf(fleet.SectionSpecs) {
		return
	}
	f.seen = seen
	files := specFiles(seen.specs)
	body, left, err := fleet.FromNode(seen.node, fleet.Extras{
		AgentVersion: f.a.opts.Version.Version, Kubelet: seen.kubelet, Specs: fleet.DigestOfFiles(files), Started: f.a.opts.StartedAt,
	})
	f.put(fleet.SectionNode, body, err)
	f.a.board.When(!left.IsZero(), health.NodeTooLarge,
		"the node has more than other hosts can be told; left out: "+left.Counts().String())
	body, missing, err := fleet.EncodeSpecs(files, seen.specs.DirProblem != "")
	f.put(fleet.SectionSpecs, body, err)
	f.a.board.When(len(missing) > 0, health.TooManySpecFiles,
		fmt.Sprintf("other hosts cannot be told of %s", count(len(missing), "spec file")))
}

// toldOf says whether a section was given out to be told, and could be as far as is known.
func (f *fleetPart) toldOf(section string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.last[section]
	return ok
}

// specFiles are the spec files as other hosts are told of them.
func specFiles(s *spec.Snapshot) []fleet.SpecFile {
	files := make([]fleet.SpecFile, 0, len(s.Files))
	for _, f := range s.Files {
		file := fleet.SpecFile{Name: filepath.Base(f.File), Bad: f.Bad}
		if raw, err := hex.DecodeString(f.Digest); err == nil {
			copy(file.Digest[:], raw)
		}
		files = append(files, file)
	}
	return files
}

// untold says what could not be made ready for other hosts, by section.
func untold(errs map[string]error) string {
	var out []string
	for _, section := range slices.Sorted(maps.Keys(errs)) {
		out = append(out, fmt.Sprintf("other hosts cannot be told of the %s: %v", section, errs[section]))
	}
	return strings.Join(out, "; ")
}

// put has a section published soon.
func (f *fleetPart) put(section string, body []byte, err error) {
	if f.untold[section] = err; err == nil {
		delete(f.untold, section)
	}
	f.a.board.When(len(f.untold) > 0, health.NotTold, untold(f.untold))
	if err != nil {
		return
	}
	f.mu.Lock()
	last, ok := f.last[section]
	same := ok && bytes.Equal(last, body)
	if !same {
		f.told[section], f.last[section] = body, body
	}
	f.mu.Unlock()
	if same {
		return
	}
	select {
	case f.tell <- struct{}{}:
	default:
	}
}

// publish tells the others, off the loop: a record is on disk before it is told. A few changes are told each at once, as others
// may wait for them; of many that follow each other the newest is.
func (f *fleetPart) publish(ctx context.Context, node *gossip.Node) {
	bucket := pace.Publications()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.tell:
		}
		f.mu.Lock()
		told := f.told
		f.told = map[string][]byte{}
		f.mu.Unlock()
		for section, body := range told {
			err := node.Publish(section, body)
			if errors.Is(err, gossip.ErrReturned) && section != sectionRollout {
				node.TakeReturned(section) // what this host is now is the truth
				err = node.Publish(section, body)
			}
			if err == nil {
				continue
			}
			if !errors.Is(err, gossip.ErrReturned) { // the loop takes the rollout's up and publishes again
				f.a.log.Error().Err(err).Str(logfield.Section, section).Msg("a record of this host could not be written")
			}
			f.mu.Lock()
			delete(f.last, section) // so that the next round has it tried again
			f.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(bucket.Take(time.Now())):
		}
	}
}

// refresh takes over a key file or roster that is another than before; the loop calls it in every round. What is wrong with one
// leaves in effect what it said before. Gossip that is off is tried again when the key file has changed, or when force is set.
func (f *fleetPart) refresh(force bool) (changed []string, problems diag.List) {
	node := f.node.Load()
	if node == nil {
		f.mu.Lock()
		off := f.off
		f.mu.Unlock()
		f.reportOff(off)
		again := off != nil && time.Since(f.tried) >= resync
		if !force && !again && identify(f.a.cfg.Gossip.KeyFile) == f.keysID {
			return nil, nil
		}
		f.open()
		if f.node.Load() != nil {
			changed = append(changed, "gossip is on")
		}
		return changed, nil
	}
	problem := node.JoinProblem()
	f.a.board.When(problem != nil, health.NobodyJoined, fmt.Sprintf("no other host answers: %v", problem))
	if path := f.a.cfg.Gossip.KeyFile; identify(path) != f.keysID || force && f.keysBad {
		keys, prints, err := f.readKeys()
		if err == nil {
			err = f.use(node, keys, prints)
		}
		f.keysBad = err != nil
		f.a.board.When(err != nil, health.GossipKeys,
			fmt.Sprintf("the gossip keys cannot be changed; the ones before stay in use: %v", err), path)
		if err != nil {
			problems = append(problems, diag.Problem{File: path, Severity: diag.Error, Message: err.Error()})
		} else {
			changed = append(changed, "the gossip keys")
		}
	}
	if identify(f.a.cfg.MembersFile) != f.rosterID || force && f.rosterBad {
		r := f.readRoster()
		if r.usable {
			if err := node.SetRoster(r.roster); err != nil {
				r.problems = append(r.problems, diag.Problem{File: f.a.cfg.MembersFile, Severity: diag.Error, Message: err.Error()})
			} else {
				f.tookRoster(r)
			}
		}
		if !r.problems.HasErrors() {
			changed = append(changed, "the list of members")
		}
		f.rosterBad = r.problems.HasErrors()
		f.reportRoster(r.problems)
		problems = append(problems, r.problems...)
	}
	return changed, problems
}
