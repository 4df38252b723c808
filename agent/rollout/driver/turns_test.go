package driver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

var lately = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const key = "a/b"

var (
	oldRevision = rollout.Revision{Fleet: "bbbbbbbbbb", Local: "bbbbbbbbbb"}
	newRevision = rollout.Revision{Fleet: "cccccccccc", Local: "cccccccccc"}
)

// rolled is a state of a/b with a ticket of the given generation.
func rolled(generation uint64, phase rollout.Phase) rollout.State {
	rev := rollout.Revision{Fleet: "aaaaaaaaaa", Local: "bbbbbbbbbb"}
	return rollout.State{
		Key: key, Target: rollout.Target{Generation: generation, Revision: rev}, Running: rev, Phase: phase,
		Ticket: rollout.Ticket{Generation: generation, Class: 1},
	}
}

// encoded is what a host tells of such states.
func encoded(t *testing.T, states ...rollout.State) []byte {
	t.Helper()
	body, _, err := rollout.Encode(states, 0)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func mustLoad(t *testing.T, dir string) *Turns {
	t.Helper()
	turns, err := Load(Config{Dir: dir, Now: lately, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	return turns
}

// host is a Turns in a directory of its own, alone, and what is seen of a/b on it.
type host struct {
	*Turns
	t     *testing.T
	now   time.Time
	fleet Fleet
	seen  Seen
}

// newHost is a host on which the old revision was placed long ago and is available.
func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{Turns: mustLoad(t, t.TempDir()), t: t, now: lately, fleet: Fleet{Self: "node-1", Alone: true, New: true}}
	h.seen = Seen{
		Key: key, Strategy: strategy.Strategy{Budget: intstr.FromInt32(1), Deadline: time.Minute}, ShouldRun: true, ShouldContinueRunning: true,
		Answers: true, File: oldRevision.Local, Wanted: oldRevision,
	}
	h.stands(oldRevision, rollout.PodUp)
	h.step()
	h.now = h.now.Add(rollout.HoldDown)
	h.step()
	if st := h.Turn(key).State; st.Phase != rollout.PhaseAvailable {
		t.Fatalf("to begin with: %+v", st)
	}
	h.Happened()
	return h
}

// asks has the file ask for another revision.
func (h *host) asks(r rollout.Revision) { h.seen.File, h.seen.Wanted = r.Local, r }

func (h *host) stands(r rollout.Revision, pod rollout.Pod) {
	h.seen.Stand = []Stand{{Revision: r.Local, Pod: pod, Shown: rollout.Shown{Pod: true}}}
}

// try is one step, which may fail.
func (h *host) try() error {
	h.now = h.now.Add(time.Second)
	h.Hear(h.fleet, h.now)
	return h.Step([]Seen{h.seen}, h.now)
}

func (h *host) step() Turn {
	h.t.Helper()
	if err := h.try(); err != nil {
		h.t.Fatal(err)
	}
	return h.Turn(key)
}

// breaks has the disk take nothing from now on; mend ends that.
func (h *host) breaks() (mend func()) {
	path := h.path
	h.path = filepath.Join(h.t.TempDir(), "missing", "rollouts.json")
	return func() { h.path = path }
}

// events are the names of what has happened.
func events(all []Happened) []string {
	var out []string
	for _, h := range all {
		for _, e := range h.Events {
			out = append(out, e.String())
		}
	}
	return out
}

// What others rely on is on disk before anybody can have the decision that follows from it.
func TestNoDecisionBeforeItIsOnDisk(t *testing.T) {
	h := newHost(t)
	mend := h.breaks()
	h.asks(newRevision)
	before := h.Turn(key)
	for range 3 {
		if err := h.try(); err == nil {
			t.Fatal("it cannot have been saved")
		}
		if got := h.Turn(key); got.Decision.Replace || got.State.Target != before.State.Target {
			t.Errorf("what is not on disk can be had: %+v", got)
		}
		if got := h.Happened(); len(got) != 0 {
			t.Errorf("what is not on disk is told to people: %v", events(got))
		}
		body, _, err := h.Tell()
		if err != nil {
			t.Fatal(err)
		}
		section, err := rollout.Decode("node-1", body)
		if err != nil || len(section.States) != 1 || section.States[0].Target != before.State.Target {
			t.Errorf("what is not on disk is told to others: %+v, %v", section, err)
		}
	}
	mend()
	got := h.step()
	if !got.Decision.Replace || got.State.Target.Revision != newRevision {
		t.Errorf("once it is on disk: %+v", got)
	}
	if diff := cmp.Diff([]string{"Target", "Started"}, events(h.Happened())); diff != "" {
		t.Errorf("what has happened while nothing could be saved: %s", diff)
	}
	if again := h.Happened(); again != nil {
		t.Errorf("told twice: %v", events(again))
	}
	onDisk := mustLoad(t, filepath.Dir(h.path)).Turn(key)
	if onDisk.Decided || onDisk.State.Target.Revision != newRevision || !onDisk.State.Phase.Taken() {
		t.Errorf("on disk: %+v", onDisk)
	}
}

// Of a disk that takes nothing for long, the events do not fill the memory.
func TestWaitingEventsAreBounded(t *testing.T) {
	h := newHost(t)
	h.breaks()
	for i := range maxWaiting + 5 {
		r := newRevision
		if i%2 == 1 {
			r = oldRevision
		}
		h.asks(r)
		if err := h.try(); err == nil {
			t.Fatal("it cannot have been saved")
		}
	}
	if len(h.waiting) > maxWaiting {
		t.Errorf("%d steps wait", len(h.waiting))
	}
}

// After a start, what was on disk is known, and nothing is decided before a step.
func TestAfterAStart(t *testing.T) {
	h := newHost(t)
	again := mustLoad(t, filepath.Dir(h.path))
	got := again.Turn(key)
	if got.Decided || got.Decision.Replace || got.State.Key != key || got.State.Target != h.Turn(key).State.Target {
		t.Errorf("%+v", got)
	}
	if got := again.Turn("a/unknown"); got.Decided || got.State.Key != "" {
		t.Errorf("of what is unknown: %+v", got)
	}
}

func TestReplaceAndFinish(t *testing.T) {
	h := newHost(t)
	h.asks(newRevision)
	if got := h.step(); !got.Decision.Replace || got.State.Phase != rollout.PhaseUpdating {
		t.Fatalf("%+v", got)
	}
	h.seen.Stand = nil
	if got := h.step(); !got.Decision.Replace {
		t.Errorf("while nothing stands: %+v", got)
	}
	h.stands(newRevision, rollout.PodDown)
	if got := h.step(); got.State.Running != newRevision || h.Due().IsZero() {
		t.Errorf("while it starts: %+v, due %s", got, h.Due())
	}
	h.stands(newRevision, rollout.PodUp)
	if got := h.step(); got.State.Phase != rollout.PhaseAvailable || got.Decision.Replace {
		t.Errorf("when it is available: %+v", got)
	}
	if diff := cmp.Diff([]string{"Target", "Started", "Finished"}, events(h.Happened())); diff != "" {
		t.Error(diff)
	}
	if h.Took(key) != 3*time.Second || !h.Due().IsZero() {
		t.Errorf("it took %s, and is due at %s", h.Took(key), h.Due())
	}
}

// What an operator has asked for is forgotten when it has begun, and when there is nothing to replace.
func TestRequest(t *testing.T) {
	h := newHost(t)
	h.seen.Strategy.OnDelete = true
	h.Request(key)
	h.step()
	h.asks(newRevision)
	if got := h.step(); got.Decision.Replace {
		t.Error("what was asked for before there was anything to replace was done later")
	}
	h.Request(key)
	mend := h.breaks()
	if err := h.try(); err == nil {
		t.Fatal("it cannot have been saved")
	}
	if !h.requested[key] {
		t.Error("what was asked for is forgotten before it is on disk that it has begun")
	}
	mend()
	if got := h.step(); !got.Decision.Replace || h.requested[key] {
		t.Errorf("%+v, requested %t", got, h.requested[key])
	}
}

// What is not declared any more is told to nobody, and its state is kept: a ticket that was told is a promise.
func TestNotDeclared(t *testing.T) {
	h := newHost(t)
	ticket := h.Turn(key).State.Ticket
	h.Hear(h.fleet, h.now)
	if err := h.Step(nil, h.now); err != nil {
		t.Fatal(err)
	}
	got := h.Turn(key)
	if got.Decided || got.State.Phase != rollout.PhaseNotPlaced || !got.State.Running.IsZero() || got.State.Ticket != ticket {
		t.Errorf("%+v", got)
	}
	body, _, err := h.Tell()
	if err != nil {
		t.Fatal(err)
	}
	if section, err := rollout.Decode("node-1", body); err != nil || len(section.States) != 0 {
		t.Errorf("told of it: %+v, %v", section, err)
	}
}

// When gossip is switched on, those who are met have not heard of this host: what is placed waits as if it had been
// placed now.
func TestMeetingAFleetHolds(t *testing.T) {
	turns := newTurns(Config{})
	turns.states[key], turns.states["a/c"] = rolled(1, rollout.PhaseAvailable), rolled(1, rollout.PhaseNotPlaced)
	turns.Hear(Fleet{Alone: true}, lately)
	if got := turns.states[key].HeldUntil; !turns.alone || !got.IsZero() {
		t.Fatalf("alone %t, held until %s", turns.alone, got)
	}
	turns.Hear(Fleet{}, lately)
	if got := turns.states[key].HeldUntil; !got.Equal(lately.Add(rollout.HoldDown)) {
		t.Errorf("what is placed is held until %s", got)
	}
	if got := turns.states["a/c"].HeldUntil; !got.IsZero() {
		t.Errorf("what is not placed is held until %s", got)
	}
	turns.Hear(Fleet{}, lately.Add(time.Minute))
	if got := turns.states[key].HeldUntil; !got.Equal(lately.Add(rollout.HoldDown)) {
		t.Errorf("it is held once more, until %s", got)
	}
}

// What others have of this host, and its disk has forgotten, counts where it is newer, and only there.
func TestToldStatesComeBack(t *testing.T) {
	body := encoded(t, rolled(5, rollout.PhaseUpdating))
	section, err := rollout.Decode("node-1", body) // which knows the host's place in the order
	if err != nil {
		t.Fatal(err)
	}
	own := func(ticket, target uint64) rollout.State {
		s := section.States[0]
		s.Ticket.Generation, s.Target.Generation, s.Phase = ticket, target, rollout.PhaseAvailable
		return s
	}
	for name, c := range map[string]struct {
		own  []rollout.State
		want uint64
		sick bool
	}{
		"all is lost":      {nil, 5, true},
		"an older ticket":  {[]rollout.State{own(4, 5)}, 5, true},
		"a newer one":      {[]rollout.State{own(6, 6)}, 6, false},
		"just the same":    {[]rollout.State{own(5, 5)}, 5, false},
		"an older target":  {[]rollout.State{own(5, 4)}, 5, true},
		"not what is told": {[]rollout.State{{Key: "a/c"}}, 5, true},
	} {
		turns := newTurns(Config{})
		for _, s := range c.own {
			turns.states[s.Key] = s
		}
		turns.Hear(Fleet{Self: "node-1", Returned: body}, lately)
		s := turns.states[key]
		if s.Ticket.Generation != c.want || s.Sick != c.sick || c.sick && !s.HeldUntil.Equal(lately.Add(rollout.HoldDown)) {
			t.Errorf("%s: ticket %+v, sick %t, held until %s", name, s.Ticket, s.Sick, s.HeldUntil)
		}
	}
	turns := newTurns(Config{})
	turns.Hear(Fleet{Self: "node-1", Returned: []byte("no section")}, lately)
	if len(turns.states) != 0 {
		t.Errorf("states of nothing: %v", turns.states)
	}
}

// What was told lies beside the records of the others, too, and nothing is told before that has been heard.
func TestUnsure(t *testing.T) {
	self := &gossip.Member{Name: "node-1", Self: true, State: gossip.StateAlive}
	self.Sections = map[string]records.Section{Section: {Body: encoded(t, rolled(5, rollout.PhaseAvailable))}}
	view := &fleet.View{Members: []fleet.Member{{Member: self}}}
	turns := newTurns(Config{})
	turns.Hear(Fleet{Self: "node-1", View: view}, lately)
	if got := turns.states[key].Ticket.Generation; got != 5 {
		t.Errorf("ticket of generation %d, and 5 was told", got)
	}
	if body, _, err := turns.Tell(); body != nil || err != nil {
		t.Errorf("told %q, %v, before it is settled", body, err)
	}
	view.Settled = true
	turns.Hear(Fleet{Self: "node-1", View: view}, lately)
	if body, _, err := turns.Tell(); body == nil || err != nil {
		t.Errorf("told %q, %v, when it is", body, err)
	}
	turns = newTurns(Config{})
	turns.Hear(Fleet{New: true}, lately)
	if body, _, err := turns.Tell(); body == nil || err != nil {
		t.Errorf("a new member told %q, %v", body, err)
	}
}

// The revisions to go back to are asked for where it can come to that, as they have to be read from disk.
func TestGoesBackTo(t *testing.T) {
	with := func(change func(*rollout.State)) rollout.State {
		s := rolled(2, rollout.PhaseAvailable)
		s.Good, s.GoodBefore = "good", "before"
		change(&s)
		return s
	}
	rejected := rollout.Target{Generation: 1, Revision: newRevision}
	peer := with(func(s *rollout.State) { s.Rejected = rejected })
	for name, c := range map[string]struct {
		state rollout.State
		peer  *rollout.State
		auto  bool
		want  []string
	}{
		"all is well":                      {with(func(*rollout.State) {}), nil, true, nil},
		"a replacement is going on":        {with(func(s *rollout.State) { s.Phase = rollout.PhaseUpdating }), nil, true, []string{"good", "before"}},
		"and nobody wants it to go back":   {with(func(s *rollout.State) { s.Phase = rollout.PhaseUpdating }), nil, false, nil},
		"it has gone back":                 {with(func(s *rollout.State) { s.Rejected = rejected }), nil, false, []string{"good", "before"}},
		"another has gone back":            {with(func(*rollout.State) {}), &peer, true, []string{"good", "before"}},
		"there was never anything good":    {rolled(2, rollout.PhaseFailed), nil, true, nil},
		"there was one that was good only": {with(func(s *rollout.State) { s.Phase, s.GoodBefore = rollout.PhaseFailed, "" }), nil, true, []string{"good"}},
	} {
		turns := newTurns(Config{})
		turns.states[key] = c.state
		if c.peer != nil {
			turns.others = Peers{{section: peerSection{states: map[string]*rollout.State{key: c.peer}}}}
		}
		if diff := cmp.Diff(c.want, turns.GoesBackTo(key, c.auto), cmp.Transformer("nil", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// The way back: what has failed is left for what was good, as it would run here now.
func TestGoesBack(t *testing.T) {
	for name, good := range map[string]rollout.Revision{"as it was": oldRevision, "under another name on this host": {Fleet: oldRevision.Fleet, Local: "dddddddddd"}, "it cannot be run": {}} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.seen.Strategy.AutoRollback = true
			h.asks(newRevision)
			h.step()
			h.stands(newRevision, rollout.PodDown)
			h.step()
			h.now = h.now.Add(h.seen.Strategy.Deadline)
			if got := h.GoesBackTo(key, true); len(got) == 0 || got[0] != oldRevision.Fleet {
				t.Fatalf("it goes back to %v", got)
			}
			if !good.IsZero() {
				h.seen.Good = []rollout.Revision{good}
			}
			got := h.step().State
			if got.Target.Revision != good && !good.IsZero() || good.IsZero() && got.Target.Revision != newRevision {
				t.Errorf("target %+v, rejected %+v", got.Target, got.Rejected)
			}
		})
	}
}

// A file that cannot be understood is kept, and nothing is told until it is known what was.
func TestBadFileIsSetAside(t *testing.T) {
	for name, data := range map[string]string{"no JSON": `{"version":1`, "of a newer agent": `{"version":2,"daemonsets":{}}`} {
		dir := t.TempDir()
		path := filepath.Join(dir, "rollouts.json")
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		turns, err := Load(Config{Dir: dir, Now: lately, Logger: zerolog.Nop()})
		if err == nil || !strings.Contains(err.Error(), "set aside") || turns.Turn(key).State.Key != "" {
			t.Errorf("%s: %+v, error %v", name, turns.Turn(key), err)
		}
		aside, _ := filepath.Glob(path + ".bad-*")
		if len(aside) != 1 {
			t.Fatalf("%s: set aside as %q", name, aside)
		}
		if kept, err := os.ReadFile(aside[0]); err != nil || string(kept) != data {
			t.Errorf("%s: kept %q, %v", name, kept, err)
		}
		if body, _, err := turns.Tell(); body != nil || err != nil {
			t.Errorf("%s: told %q, %v", name, body, err)
		}
	}
}

func TestOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	turns := mustLoad(t, dir)
	if err := turns.save(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(turns.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was written of nothing: %v", err)
	}
	turns.states[key], turns.took[key], turns.alone = rolled(3, rollout.PhaseUpdating), 5*time.Second, true
	turns.noteFleets(key, nil, turns.states[key].Running)
	if err := turns.save(); err != nil {
		t.Fatal(err)
	}
	again := mustLoad(t, dir)
	if !again.alone || again.Took(key) != 5*time.Second {
		t.Errorf("alone %t, took %v", again.alone, again.Took(key))
	}
	if diff := cmp.Diff(turns.states, again.states); diff != "" {
		t.Error(diff)
	}
	if got := again.Revision(key, "bbbbbbbbbb"); got.Fleet != "aaaaaaaaaa" {
		t.Errorf("the revision that hosts share is %+v", got)
	}
}

// What others rely on is written, for each kind of it; what only follows from the kubelet's answers is not.
func TestOnlyPromisesAreWritten(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *Turns, s *rollout.State)
		want   bool
	}{
		"ticket":            {func(_ *Turns, s *rollout.State) { s.Ticket.Class++ }, true},
		"target":            {func(_ *Turns, s *rollout.State) { s.Target.Generation++ }, true},
		"replacement":       {func(_ *Turns, s *rollout.State) { s.Phase = rollout.PhaseUpdating }, true},
		"turn":              {func(_ *Turns, s *rollout.State) { s.Turn = true }, true},
		"nothing placed":    {func(_ *Turns, s *rollout.State) { s.Phase = rollout.PhaseNotPlaced }, true},
		"rejected":          {func(_ *Turns, s *rollout.State) { s.Rejected = s.Target }, true},
		"held":              {func(_ *Turns, s *rollout.State) { s.HeldUntil = lately }, true},
		"alone":             {func(r *Turns, _ *rollout.State) { r.alone = true }, true},
		"the pod fails":     {func(_ *Turns, s *rollout.State) { s.Phase = rollout.PhaseUnavailable }, false},
		"the pod's restart": {func(_ *Turns, s *rollout.State) { s.Shown.Restarts++ }, false},
	} {
		turns := mustLoad(t, t.TempDir())
		turns.states[key] = rolled(1, rollout.PhaseAvailable)
		if err := turns.save(); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(turns.path)
		if err != nil {
			t.Fatal(err)
		}
		s := turns.states[key]
		c.change(turns, &s)
		turns.states[key] = s
		if err := turns.save(); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(turns.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(after) != string(before); got != c.want {
			t.Errorf("%s: written: %t, want %t", name, got, c.want)
		}
	}
}

// What could not be saved is not on disk, so that it is tried again.
func TestNotSavedIsNotOnDisk(t *testing.T) {
	turns := mustLoad(t, t.TempDir())
	turns.path = filepath.Join(t.TempDir(), "missing", "rollouts.json")
	turns.states[key] = rolled(1, rollout.PhaseUpdating)
	if err := turns.save(); err == nil {
		t.Error("it cannot have been saved")
	}
	if _, ok := turns.onDisk[key]; ok {
		t.Error("what could not be saved counts as on disk")
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"daemonsets":{"a/b":{"key":"a/b","phase":2}}}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decode(data)
		if err == nil && (got.Version != 1 || got.States == nil || got.Fleets == nil || got.Took == nil) {
			t.Errorf("accepted %+v", got)
		}
	})
}
