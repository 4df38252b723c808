// Package driver drives the rollouts of one host: it asks package rollout for the next step of each DaemonSet, from
// what this host sees of it and from what the other members tell, and puts what others rely on on disk.
//
//	Hear (fleet) ─► Step (what is seen here): Next ─► save ─┬─► Turn, Happened, Tell
//	                                                        └─► an error: those stay as they were
//
// What leaves a Turns has always been saved: Turn, Happened and Tell give what the last Step came to whose states
// could be put on disk, and there is no way to a decision around that. A state is never dropped, as a ticket that was
// told is a promise.
//
// A Turns belongs to the goroutine of the agent's loop. What it gives out is never changed afterwards, and may be read
// from any goroutine. It reads no clock; every moment is passed in.
package driver

import (
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// Section is the section in which a host tells where it stands with each DaemonSet.
const Section = "rollout"

// maxWaiting is of how many steps the events wait for a disk that takes nothing; those of later ones are not recorded.
const maxWaiting = 1000

// Turn is where one DaemonSet's rollout stands on this host, and what is to be done now.
type Turn struct {
	// Decided is false before the first step of this run that could be saved. Then State is what the disk had, and there
	// are no Decision and no Peers.
	Decided bool
	State   rollout.State
	// Decision speaks of the pod as it was seen in the last step.
	Decision rollout.Decision
	// Peers are the other members of the DaemonSet, as the decision was made.
	Peers []rollout.Peer
}

// Happened is what one step did.
type Happened struct {
	Key    string
	State  rollout.State
	Events []rollout.Event
}

// Fleet is what a step has of the other members.
type Fleet struct {
	// View is the fleet; nil while gossip is off.
	View *fleet.View
	// Self is this host's id.
	Self string
	// Alone says that no gossip is wanted. Where it is wanted and cannot be had there may be others, of whom nothing is
	// known.
	Alone bool
	// Returned is what this host told before, its section, where others have shown it something newer than its disk had;
	// nil: nothing.
	Returned []byte
	// New says that this host got its identity in this run, so that it has told nothing yet.
	New bool
}

// Turns is where this host stands with each DaemonSet. Make one with Load.
type Turns struct {
	path string
	log  zerolog.Logger

	// states are as the last step left them, on disk or not; fleets gives, by DaemonSet and by the revision of a manifest
	// here, the revision that hosts share, where it is another.
	states map[string]rollout.State
	fleets map[string]map[string]string
	// took is how long the latest replacement of each DaemonSet's pod took, from its beginning until the new one was
	// available.
	took map[string]time.Duration
	// trials are what the restarts of the pods of new revisions are counted from, by DaemonSet.
	trials map[string]trial
	// alone is whether gossip was off in the last step.
	alone bool

	// onDisk is what the file says, saved its bytes.
	onDisk      map[string]rollout.State
	saved       []byte
	aloneOnDisk bool
	// trialsOnDisk are the trials in it.
	trialsOnDisk map[string]trial

	// unsure is set from the start until the others have shown what they have of this host: the disk may be older than
	// what was told, or gone. Nothing is told and nothing replaced before.
	unsure bool
	// requested are the DaemonSets whose replacement an operator asked for here.
	requested map[string]bool
	// released and renewed are those whose hold an operator ended here, or for which one began a new epoch.
	released, renewed map[string]bool

	// heard is what Hear was given, others who it spoke of, and cache what the members told, decoded.
	heard  Fleet
	others Peers
	cache  map[record.ID]peerSection

	// roll is what the others have heard, asks what this host asks them with what was saved last, knows what it had heard
	// of them when that was made.
	roll        roll
	asks, knows uint64

	// made is what the last step came to, waiting what happened and is not on disk; turns and happened are what has been
	// saved.
	made     map[string]Turn
	waiting  []Happened
	turns    map[string]Turn
	happened []Happened
}

// Hear takes up what is known of the other members; Step follows. Where gossip was off and is on, everything that was
// placed waits as if it had been placed now: those who are met have not heard of this host.
func (t *Turns) Hear(f Fleet, now time.Time) {
	t.heard = f
	t.recover(now)
	if t.alone && !f.Alone {
		for key, st := range t.states {
			if st.Phase != rollout.PhaseNotPlaced {
				st.HeldUntil = now.Add(rollout.HoldDown)
				t.states[key] = st
			}
		}
	}
	t.alone = f.Alone
	t.others = t.PeersOf(f.View, now)
	t.roll = rollOf(f.View, t.cache)
}

// GoesBackTo are the revisions of a DaemonSet, by the names that hosts share, to which the next step may go back: at
// most two, and none where it cannot come to that.
func (t *Turns) GoesBackTo(key string, autoRollback bool) []string {
	st := t.states[key]
	fails := st.Phase.Taken() || t.others.rejects(key)
	if st.Rejected.Generation == 0 && !(autoRollback && fails) {
		return nil
	}
	return slices.DeleteFunc([]string{st.Good, st.GoodBefore}, func(fleet string) bool { return fleet == "" })
}

// Step advances the rollout of every declared DaemonSet by one step, and saves what others rely on. Where that fails,
// Turn, Happened and Tell are as before it; the next Step goes on from where this one was.
func (t *Turns) Step(seen []Seen, now time.Time) error {
	declared := make(map[string]bool, len(seen))
	for i := range seen {
		declared[seen[i].Key] = true
		t.step(&seen[i], now)
	}
	for key, st := range t.states {
		if !declared[key] {
			st.Phase, st.Running, st.Shown = rollout.PhaseNotPlaced, rollout.Revision{}, rollout.Shown{}
			t.states[key] = st
			delete(t.made, key)
		}
	}
	if err := t.save(); err != nil {
		return err
	}
	t.turns = maps.Clone(t.made)
	t.noteAsked()
	for _, h := range t.waiting {
		if slices.Contains(h.Events, rollout.EventStarted) {
			delete(t.requested, h.Key)
		}
	}
	t.happened, t.waiting = append(t.happened, t.waiting...), nil
	return nil
}

func (t *Turns) step(seen *Seen, now time.Time) {
	key := seen.Key
	before := t.states[key]
	before.Key = key
	others := t.others.of(key, t.made[key].Peers)
	next, d := rollout.Next(rollout.Input{
		State: before, Seen: t.observe(seen, now), Peers: others, Strategy: seen.Strategy,
	})
	delete(t.released, key)
	delete(t.renewed, key)
	t.states[key] = next
	t.made[key] = Turn{Decided: true, State: next, Decision: d, Peers: others}
	if next.Phase == rollout.PhaseNotPlaced || !seen.Strategy.OnDelete || next.Running == next.Target.Revision {
		delete(t.requested, key) // nothing is left of what was asked for
	}
	t.measure(key, &before, d, now)
	if len(d.Events) > 0 && len(t.waiting) < maxWaiting {
		t.waiting = append(t.waiting, Happened{key, next, d.Events})
	}
}

// measure notes how long a replacement took that has come to its end.
func (t *Turns) measure(key string, before *rollout.State, d rollout.Decision, now time.Time) {
	took := now.Sub(before.Began)
	if slices.Contains(d.Events, rollout.EventFinished) && !before.Began.IsZero() && took > 0 {
		t.took[key] = took
	}
}

// Turn is where a DaemonSet's rollout stands, as it was saved.
func (t *Turns) Turn(key string) Turn {
	if turn, ok := t.turns[key]; ok {
		return turn
	}
	return Turn{State: t.onDisk[key]}
}

// Happened gives what has happened, and was saved, since it was last asked for.
func (t *Turns) Happened() []Happened {
	h := t.happened
	t.happened = nil
	return h
}

// Tell is this host's section for the others, and of how many DaemonSets it has no room to tell. It is nil while it is
// not certain what they have been told before, which would be newer. States of what is not declared and has no pod are
// kept, and not told: this host is no member of such a DaemonSet.
func (t *Turns) Tell() (body []byte, omitted int, err error) {
	if t.unsure {
		return nil, 0, nil
	}
	body, section, err := rollout.Encode(t.told(), t.knows)
	return body, section.Omitted, err
}

// told are the states that are told.
func (t *Turns) told() []rollout.State {
	states := make([]rollout.State, 0, len(t.turns))
	for _, key := range slices.Sorted(maps.Keys(t.turns)) {
		states = append(states, t.turns[key].State)
	}
	return states
}

// noteAsked notes what is asked and what was heard, with what has just been saved: all of it was decided with the
// questions known, and nothing that was decided before is missing.
func (t *Turns) noteAsked() {
	t.asks, t.knows = rollout.Asks(t.told()), 0
	if t.roll.listed {
		t.knows = t.roll.heard ^ rollout.Heard(t.heard.Self, t.asks)
	}
}

// Due is when a rollout is to be looked at again at the latest; zero: when something changes.
func (t *Turns) Due() time.Time {
	var due time.Time
	for _, turn := range t.made {
		if at := turn.Decision.Again; !at.IsZero() && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	return due
}

// Others are the other members, as they were heard of last.
func (t *Turns) Others() Peers { return t.others }

// Request asks for the replacement of a DaemonSet's pod on this host, where its strategy is OnDelete. It is forgotten
// when the replacement has begun, or when there is nothing to replace.
func (t *Turns) Request(key string) { t.requested[key] = true }

// Release ends the time after a DaemonSet came to this host, in which it holds; the next step does.
func (t *Turns) Release(key string) { t.released[key] = true }

// Reset begins a new epoch of a DaemonSet's generations on this host; the next step does.
func (t *Turns) Reset(key string) { t.renewed[key] = true }

// Took is how long the latest replacement of a DaemonSet's pod took here, from its beginning until the new one was
// available; zero: it is not known.
func (t *Turns) Took(key string) time.Duration { return t.took[key] }

// recover takes back what this host has told the others and its own disk does not know, as after the disk was lost or
// restored: its tickets may not fall. Nothing is told after a start before that is certain: it would be newer than
// what was told before, and take its place.
func (t *Turns) recover(now time.Time) {
	if t.heard.Returned != nil {
		t.restore(t.heard.Returned, now)
	}
	if t.heard.New {
		t.unsure = false // a new member has told nothing
	}
	view := t.heard.View
	if !t.unsure || view == nil {
		return
	}
	// What was told lies beside the records of the others, too, where the file alone was lost.
	for _, m := range view.Members {
		if told, ok := m.Sections[Section]; ok && m.Self {
			t.restore(told.Body, now)
		}
	}
	t.unsure = !sure(view, now)
}

func (t *Turns) restore(body []byte, now time.Time) {
	section, err := rollout.Decode(t.heard.Self, body)
	if err != nil {
		t.log.Error().Err(err).Msg("what this host told of its rollouts cannot be read")
		return
	}
	for _, told := range section.States {
		st, known := t.states[told.Key]
		if !known || told.Ticket.Above(st.Ticket) || told.Target.Generation > st.Target.Generation {
			t.states[told.Key] = rollout.Restore(&told, now)
		}
	}
}

// newTurns is that of a host that has told nothing and has nothing on disk.
func newTurns(c Config) *Turns {
	return &Turns{
		path: filepath.Join(c.Dir, "rollouts.json"), log: c.Logger, unsure: true,
		states: map[string]rollout.State{}, fleets: map[string]map[string]string{}, took: map[string]time.Duration{},
		requested: map[string]bool{}, released: map[string]bool{}, renewed: map[string]bool{}, made: map[string]Turn{},
		trials: map[string]trial{},
	}
}
