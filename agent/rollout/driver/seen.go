package driver

import (
	"maps"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// Seen is one declared DaemonSet as this host sees it in one round. Revisions without a fleet name are those of this
// host.
type Seen struct {
	// Key is namespace/name.
	Key      string
	Strategy strategy.Strategy
	// ShouldRun and ShouldContinueRunning are what the DaemonSet controller would decide, before NoExecute timers;
	// Evicted: such a timer has run out.
	ShouldRun, ShouldContinueRunning, Evicted bool
	// Canary: the node's labels are those of a canary.
	Canary bool
	// Answers: a pod would be started here now, and the kubelet answers.
	Answers bool
	// File is the revision that the file asks for; Wanted is the same where it is known for certain and can be run,
	// otherwise zero.
	File   string
	Wanted rollout.Revision
	// Good are the revisions of GoesBackTo as they would run here now; those are missing that cannot be run.
	Good []rollout.Revision
	// Stand are the pods whose manifests stand, in the order of the directory.
	Stand []Stand
	// Down says why no pod is available that should be here; empty: one is, or it is not so for long enough.
	Down string
	// Again is the revision that comes back after the kubelet gave its pod up; empty: none does.
	Again string
	// Pulling are the images of a revision that are being pulled before the old pod stops; nil: none are.
	Pulling *Pulling
}

// Pulling is a revision whose images are being pulled while the old pod runs.
type Pulling struct {
	// Revision is this host's.
	Revision string
	Since    time.Time
	// Why is one sentence on what is waited for.
	Why string
}

// Stand is a pod whose manifest stands.
type Stand struct {
	// Revision is its manifest's.
	Revision string
	// Pod is what the kubelet says of it, Shown what others show of it and find it by.
	Pod   rollout.Pod
	Shown rollout.Shown
	// ReadySince is since when it is ready, never in the future; zero: it is not, or it is not known.
	ReadySince time.Time
	// Ends is how its containers have ended so far; nil: it is not known.
	Ends *Ends
}

// Ends is how the containers of a pod end, as package rollout takes it (Observation).
type Ends struct {
	Restarts uint32
	Looping  bool
	Why      string
}

// observe is what this host sees of one DaemonSet, as package rollout has it.
func (t *Turns) observe(seen *Seen, now time.Time) rollout.Observation {
	state := t.states[seen.Key]
	stand := make([]string, 0, len(seen.Stand)+1)
	running := -1
	for i := range seen.Stand {
		stand = append(stand, seen.Stand[i].Revision)
		if running < 0 || seen.serves(i, running) {
			running = i
		}
	}
	if seen.Again != "" {
		stand = append(stand, seen.Again)
	}
	t.noteFleets(seen.Key, stand, seen.Wanted, state.Target.Revision)
	o := rollout.Observation{
		Now: now, ID: t.heard.Self, Canary: seen.Canary, Answers: seen.Answers, Wanted: seen.Wanted,
		Requested: t.requested[seen.Key], Released: t.released[seen.Key], Reset: t.renewed[seen.Key],
		Placed: !seen.Evicted && (seen.ShouldRun || seen.ShouldContinueRunning && (running >= 0 || state.Phase.Taken())),
		Listed: t.roll.listed, Known: t.known(&state),
		Alone: t.heard.Alone, Settled: t.heard.Alone || settled(t.heard.View, now) && !t.unsure,
		LastGood: func(fleet string) rollout.Revision {
			i := slices.IndexFunc(seen.Good, func(r rollout.Revision) bool { return r.Fleet == fleet })
			if i < 0 {
				return rollout.Revision{}
			}
			return seen.Good[i]
		},
	}
	if p := seen.Pulling; p != nil && p.Revision == state.Target.Revision.Local {
		o.Pulling, o.Why = p.Since, p.Why
	}
	for i, p := range seen.Stand {
		if p.Ends != nil && p.Revision == state.Target.Revision.Local {
			o.Restarts, o.Looping, o.Why = t.restartsOf(seen.Key, &state, *p.Ends), p.Ends.Looping, p.Ends.Why
		}
		if i != running && (o.Beside.IsZero() || p.Revision == state.Target.Revision.Local) {
			o.Beside = t.Revision(seen.Key, p.Revision)
		}
	}
	if running >= 0 {
		p := &seen.Stand[running]
		o.Running, o.Pod, o.Shown, o.ReadySince = t.Revision(seen.Key, p.Revision), p.Pod, p.Shown, p.ReadySince
	}
	o.Shown.Down = seen.Down
	return o
}

// serves says whether the pod whose manifest is at i is rather the one that serves than the one at j, which comes
// before it: the older one during a surge, and of several older ones the one that is available. One of which nothing is
// known may be.
func (s *Seen) serves(i, j int) bool {
	a, b := &s.Stand[i], &s.Stand[j]
	if older := a.Revision != s.File; older != (b.Revision != s.File) {
		return older
	}
	return a.Pod != b.Pod && (a.Pod == rollout.PodUp || b.Pod == rollout.PodDown)
}

// trial is what a new pod's restarts are counted from.
type trial struct {
	Local string    `json:"local"`
	Since time.Time `json:"since"`
	// Restarts is how many there were when it was first seen, as of a pod of the same revision that stood here before.
	Restarts uint32 `json:"restarts"`
}

// same says whether it is the same one, also of one that was on disk.
func (t trial) same(o trial) bool {
	return t.Local == o.Local && t.Since.Equal(o.Since) && t.Restarts == o.Restarts
}

// restartsOf is how often the containers of the target's pod were restarted since this host saw it first on trial, also
// before the agent started.
func (t *Turns) restartsOf(key string, state *rollout.State, ends Ends) uint32 {
	if state.Tried.IsZero() {
		delete(t.trials, key)
		return 0
	}
	tr, known := t.trials[key]
	if !known || tr.Local != state.Target.Revision.Local || !tr.Since.Equal(state.Tried) || ends.Restarts < tr.Restarts {
		tr = trial{Local: state.Target.Revision.Local, Since: state.Tried, Restarts: ends.Restarts}
		t.trials[key] = tr
	}
	return ends.Restarts - tr.Restarts
}

// Revision is a manifest's revision with the name that hosts share for it. One that was written before that was kept
// is its own.
func (t *Turns) Revision(key, local string) rollout.Revision {
	if local == "" {
		return rollout.Revision{}
	}
	if fleet, ok := t.fleets[key][local]; ok {
		return rollout.Revision{Fleet: fleet, Local: local}
	}
	return rollout.Revision{Fleet: local, Local: local}
}

// noteFleets remembers the names that hosts share for some revisions of this one, and forgets those of manifests that
// are gone.
func (t *Turns) noteFleets(key string, stand []string, revs ...rollout.Revision) {
	maps.DeleteFunc(t.fleets[key], func(local, _ string) bool { return !slices.Contains(stand, local) })
	for _, rev := range revs {
		if rev.Fleet == rev.Local || rev.Local == "" {
			continue
		}
		if t.fleets[key] == nil {
			t.fleets[key] = map[string]string{}
		}
		t.fleets[key][rev.Local] = rev.Fleet
	}
}

// settled says whether this host has heard enough: since its start, and that somebody of those it knows answers now.
func settled(view *fleet.View, now time.Time) bool {
	if view == nil {
		return false
	}
	if slices.ContainsFunc(view.Members, func(m fleet.Member) bool { return m.Self && m.State == gossip.StateLeft }) {
		return false // nobody counts this host any more
	}
	return sure(view, now)
}

// sure says whether all that this host told before has been heard of: by an exchange in this run with at least one
// that may have it, where anybody may.
func sure(view *fleet.View, now time.Time) bool { return view.Settled && !lonely(view, now) }

// lonely says that others are known and none of them answers: whatever they have of this host, nothing of it was heard
// in this run. Where there are some that count, one of those has to answer: somebody made up says nothing of what this
// host told. In a fleet in which nobody counts yet, as before its first day is over, anybody's answer does.
func lonely(view *fleet.View, now time.Time) bool {
	var known, alive, countKnown, countAlive int
	for _, m := range view.Members {
		if m.Self || m.Standing == records.Excluded || m.State == gossip.StateLeft {
			continue
		}
		known++
		answers := m.State == gossip.StateAlive
		if answers {
			alive++
		}
		if !counts(m, now) {
			continue
		}
		countKnown++
		if answers {
			countAlive++
		}
	}
	if countKnown > 0 {
		return countAlive == 0
	}
	return known > 0 && alive == 0
}
