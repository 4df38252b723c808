package driver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// maxBytes bounds the file; an entry is a few hundred bytes and there are as many as DaemonSets.
const maxBytes = 16 << 20

// Config is what a Turns is made of.
type Config struct {
	// Dir is the state directory, in which the file rollouts.json is kept.
	Dir string
	// Now is the present, for the name of a file that is set aside.
	Now time.Time
	// Logger receives what of the others' answers cannot be understood.
	Logger zerolog.Logger
}

// fileJSON is the form of the file.
type fileJSON struct {
	// Version is 1. Another one is a file of a newer agent, which is set aside.
	Version int                      `json:"version"`
	States  map[string]rollout.State `json:"daemonsets"`
	// Fleets gives, by DaemonSet and by the revision of a manifest here, the revision that hosts share, where it is
	// another.
	Fleets map[string]map[string]string `json:"fleets,omitempty"`
	// Alone: gossip was off.
	Alone bool `json:"alone,omitempty"`
	// Took is how long the latest replacement of each DaemonSet's pod took, in nanoseconds.
	Took map[string]time.Duration `json:"took,omitempty"`
	// Trials are what the restarts of the pods of new revisions are counted from, by DaemonSet.
	Trials map[string]trial `json:"trials,omitempty"`
}

// Load reads what an earlier run has saved. A file that cannot be understood is set aside, never deleted, and is the
// error; the Turns is usable all the same: nothing is told, nor replaced, until the others have shown what they have
// of this host.
func Load(c Config) (*Turns, error) {
	t := newTurns(c)
	var f fileJSON
	data, err := files.Load(t.path, maxBytes, c.Now, func(data []byte) (err error) {
		f, err = decode(data)
		return err
	})
	if data == nil {
		return t, err
	}
	t.states, t.fleets, t.took, t.saved = f.States, f.Fleets, f.Took, data
	t.onDisk = maps.Clone(f.States)
	t.alone, t.aloneOnDisk = f.Alone, f.Alone
	t.trials, t.trialsOnDisk = f.Trials, maps.Clone(f.Trials)
	return t, nil
}

func decode(data []byte) (fileJSON, error) {
	var f fileJSON
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
	if f.Trials == nil {
		f.Trials = map[string]trial{}
	}
	return f, nil
}

// save writes what has changed, if that is something that others rely on. What only follows from the kubelet's answers
// is written along with the next thing that does.
func (t *Turns) save() error {
	promises := t.alone != t.aloneOnDisk || !maps.EqualFunc(t.trials, t.trialsOnDisk, trial.same)
	for key, s := range t.states {
		before := t.onDisk[key]
		promises = promises || s.Promises(&before)
	}
	if !promises && t.saved != nil {
		return nil
	}
	data, err := json.Marshal(fileJSON{
		Version: 1, States: t.states, Fleets: t.fleets, Alone: t.alone, Took: t.took, Trials: t.trials,
	})
	if err != nil {
		return fmt.Errorf("encoding the state of rollouts: %w", err)
	}
	if len(t.states) == 0 && t.saved == nil || bytes.Equal(data, t.saved) {
		return nil
	}
	if err := atomicfile.WriteFile(t.path, data, 0o600); err != nil {
		return fmt.Errorf("saving the state of rollouts: %w", err)
	}
	t.saved, t.onDisk = data, maps.Clone(t.states)
	t.aloneOnDisk, t.trialsOnDisk = t.alone, maps.Clone(t.trials)
	return nil
}
