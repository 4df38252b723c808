package reconcile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// maxMemoryBytes bounds the memory file; an entry is a few hundred bytes and there are as many as DaemonSets.
const maxMemoryBytes = 16 << 20

// memoryFile is the on-disk form of what plan must remember.
type memoryFile struct {
	// Version is 1. Another one is a file of a newer agent, which is set aside.
	Version    int                    `json:"version"`
	DaemonSets map[string]plan.Memory `json:"daemonsets"`
}

// memories is what plan remembers from one round to the next, on disk before it is acted upon.
type memories struct {
	path  string
	now   map[string]plan.Memory
	saved []byte
}

// loadMemories reads the file. One that cannot be understood is set aside under another name, never deleted, and
// reported: without it a pod whose manifest had just been removed is known only from the kubelet.
func loadMemories(dir string) (*memories, error) {
	m := &memories{path: filepath.Join(dir, "pods.json"), now: map[string]plan.Memory{}}
	data, err := files.Load(m.path, maxMemoryBytes, time.Now(), func(data []byte) error {
		f, err := decodeMemories(data)
		if err == nil {
			m.now = f.DaemonSets
		}
		return err
	})
	m.saved = data
	return m, err
}

func decodeMemories(data []byte) (memoryFile, error) {
	var f memoryFile
	if err := json.Unmarshal(data, &f); err != nil {
		return f, err
	}
	if f.Version != 1 {
		return f, fmt.Errorf("version %d: this agent reads version 1", f.Version)
	}
	if f.DaemonSets == nil {
		f.DaemonSets = map[string]plan.Memory{}
	}
	return f, nil
}

// set takes over a plan's memories and writes them to disk if they differ from what is there. On an error nothing that
// depends on them may be done.
func (m *memories) set(next map[string]plan.Memory) error {
	f := memoryFile{Version: 1, DaemonSets: make(map[string]plan.Memory, len(next))}
	for key, mem := range next {
		if len(mem.Leaving) > 0 || mem.Retry != (plan.Retry{}) || mem.Again != "" || !mem.Eviction.ScheduledAt.IsZero() ||
			mem.Pulled != (plan.Pulled{}) {
			f.DaemonSets[key] = mem
		}
	}
	m.now = next
	if len(f.DaemonSets) == 0 && m.saved == nil {
		return nil
	}
	data, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encoding the state of pods: %w", err)
	}
	if bytes.Equal(data, m.saved) {
		return nil
	}
	if err := atomicfile.WriteFile(m.path, data, 0o600); err != nil {
		return fmt.Errorf("saving the state of pods: %w", err)
	}
	m.saved = data
	return nil
}
