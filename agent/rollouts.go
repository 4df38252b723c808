package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/internal/base/signal"
)

// rolloutFile is the on-disk form of what rollouts keeps.
type rolloutFile struct {
	// Version is 1. Another one is a file of a newer agent, which is set aside.
	Version int                      `json:"version"`
	States  map[string]rollout.State `json:"daemonsets"`
	// Fleets gives, by DaemonSet and by the revision of a manifest here, the revision that hosts share, where it is another.
	Fleets map[string]map[string]string `json:"fleets,omitempty"`
	// Alone: gossip was off.
	Alone bool `json:"alone,omitempty"`
	// Took is how long the latest replacement of each DaemonSet's pod took, in nanoseconds.
	Took map[string]time.Duration `json:"took,omitempty"`
}

// rollouts is where this host stands with each DaemonSet. What others rely on is on disk before it is told or acted upon; a
// state is never dropped, as a ticket that was told is a promise.
type rollouts struct {
	path   string
	states map[string]rollout.State
	fleets map[string]map[string]string
	// took is how long the latest replacement of each DaemonSet's pod took, from its beginning until the new one was available.
	took map[string]time.Duration
	// onDisk is what the file says, saved its bytes.
	onDisk map[string]rollout.State
	saved  []byte
	// unsure is set from the start until the others have shown what they have of this host: the disk may be older than what was
	// told, or gone. Nothing is told and nothing replaced before.
	unsure bool
	// untold are the steps of which nothing was recorded yet, as they are not on disk.
	untold []step
	// alone is whether gossip was off in the last round.
	alone, aloneOnDisk bool
	// decisions are those of the last round, peers what they were made from; requested are the DaemonSets whose replacement an operator asked for here.
	decisions map[string]rollout.Decision
	peers     map[string][]rollout.Peer
	requested map[string]bool
	// changed fires when a round is over. Unlike the rest, it does not belong to the loop.
	changed signal.Signal
}

// step is what one step of a rollout came to.
type step struct {
	key      string
	state    rollout.State
	decision rollout.Decision
}

// loadRollouts reads the file. One that cannot be understood is set aside, never deleted, and reported.
func loadRollouts(dir string) (*rollouts, error) {
	r := &rollouts{
		path: filepath.Join(dir, "rollouts.json"), states: map[string]rollout.State{}, fleets: map[string]map[string]string{}, took: map[string]time.Duration{},
		decisions: map[string]rollout.Decision{}, peers: map[string][]rollout.Peer{}, requested: map[string]bool{},
		unsure: true,
	}
	data, err := files.Read(r.path, maxMemoryBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	var f rolloutFile
	if err == nil {
		f, err = decodeRollouts(data)
	}
	if err != nil {
		aside, asideErr := files.SetAside(r.path, time.Now())
		return r, errors.Join(fmt.Errorf("%q cannot be used, set aside as %q: %w", r.path, aside, err), asideErr)
	}
	r.states, r.fleets, r.took, r.saved = f.States, f.Fleets, f.Took, data
	r.onDisk = maps.Clone(f.States)
	r.alone, r.aloneOnDisk = f.Alone, f.Alone
	return r, nil
}

func decodeRollouts(data []byte) (rolloutFile, error) {
	var f rolloutFile
	if err := json.Unmarshal(data, &f); err != nil {
		return f, err
	}
	if f.Version != 1 {
		return f, fmt.Errorf("version %d: this agent reads version 1", f.Version)
	}
	if f.States == nil {
		f.States = map[string]rollout.State{}
	}
	if f.Fleets == nil {
		f.Fleets = map[string]map[string]string{}
	}
	if f.Took == nil {
		f.Took = map[string]time.Duration{}
	}
	return f, nil
}

// save writes what has changed, if that is something that others rely on. What only follows from the kubelet's answers is
// written along with the next thing that does.
func (r *rollouts) save() error {
	promises := r.alone != r.aloneOnDisk
	for key, s := range r.states {
		before := r.onDisk[key]
		promises = promises || s.Promises(&before)
	}
	if !promises && r.saved != nil {
		return nil
	}
	data, err := json.Marshal(rolloutFile{Version: 1, States: r.states, Fleets: r.fleets, Alone: r.alone, Took: r.took})
	if err != nil {
		return fmt.Errorf("encoding the state of rollouts: %w", err)
	}
	if len(r.states) == 0 && r.saved == nil || bytes.Equal(data, r.saved) {
		return nil
	}
	if err := atomicfile.WriteFile(r.path, data, 0o600); err != nil {
		return fmt.Errorf("saving the state of rollouts: %w", err)
	}
	r.saved, r.onDisk = data, maps.Clone(r.states)
	r.aloneOnDisk = r.alone
	return nil
}

// measure notes how long a replacement took that has come to its end.
func (r *rollouts) measure(key string, before rollout.State, d rollout.Decision, now time.Time) {
	if took := now.Sub(before.Began); slices.Contains(d.Events, rollout.EventFinished) && !before.Began.IsZero() && took > 0 {
		r.took[key] = took
	}
}

// fleetOf is the revision that hosts share of a manifest here. One that was written before that was kept is its own.
func (r *rollouts) fleetOf(key, local string) rollout.Revision {
	if local == "" {
		return rollout.Revision{}
	}
	if fleet, ok := r.fleets[key][local]; ok {
		return rollout.Revision{Fleet: fleet, Local: local}
	}
	return rollout.Revision{Fleet: local, Local: local}
}

// noteFleets remembers the revisions that hosts share for some of this host, and forgets those of manifests that are gone.
func (r *rollouts) noteFleets(key string, stand []string, revs ...rollout.Revision) {
	maps.DeleteFunc(r.fleets[key], func(local, _ string) bool { return !slices.Contains(stand, local) })
	for _, rev := range revs {
		if rev.Fleet == rev.Local || rev.Local == "" {
			continue
		}
		if r.fleets[key] == nil {
			r.fleets[key] = map[string]string{}
		}
		r.fleets[key][rev.Local] = rev.Fleet
	}
}
