package reconcile

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// maxDeclaredBytes bounds the file; an entry is some hundred bytes and there are as many as DaemonSets.
const maxDeclaredBytes = 16 << 20

// declaredFile is the on-disk form of since when DaemonSets are declared.
type declaredFile struct {
	// Version is 1. Another one is a file of a newer agent, which is set aside.
	Version    int                      `json:"version"`
	DaemonSets map[string]declaredSince `json:"daemonsets"`
}

// declaredSince is one DaemonSet's entry.
type declaredSince struct {
	// Created is when this host first saw it declared, in whole seconds as Kubernetes has it.
	Created time.Time `json:"created"`
	// File is where it was declared last: while it is not known what that says, the entry stays.
	File string `json:"file"`
}

// declared keeps since when each DaemonSet is declared, which is its age, also across restarts.
type declared struct {
	path string
	now  map[string]declaredSince
	// dirty says that now is not on disk.
	dirty bool
}

// loadDeclared reads the file. One that cannot be understood is set aside under another name, never deleted, and
// reported: ages begin anew then.
func loadDeclared(dir string) (*declared, error) {
	d := &declared{path: filepath.Join(dir, "declared.json"), now: map[string]declaredSince{}}
	_, err := files.Load(d.path, maxDeclaredBytes, time.Now(), func(data []byte) error {
		f, err := decodeDeclared(data)
		if err == nil {
			d.now = f.DaemonSets
		}
		return err
	})
	return d, err
}

func decodeDeclared(data []byte) (declaredFile, error) {
	var f declaredFile
	if err := json.Unmarshal(data, &f); err != nil {
		return f, err
	}
	if f.Version != 1 {
		return f, fmt.Errorf("version %d: this agent reads version 1", f.Version)
	}
	if f.DaemonSets == nil {
		f.DaemonSets = map[string]declaredSince{}
	}
	return f, nil
}

// see notes what is declared at a moment, and gives since when. What is declared no more is forgotten, unless it is not
// known what its file says.
func (d *declared) see(specs *spec.Snapshot, now time.Time) map[string]time.Time {
	since := make(map[string]time.Time, len(specs.DaemonSets))
	for _, ds := range specs.DaemonSets {
		key := ds.Key()
		e, known := d.now[key]
		if !known {
			e.Created = now.Truncate(time.Second)
		}
		if !known || e.File != ds.Source.File {
			e.File = ds.Source.File
			d.now[key], d.dirty = e, true
		}
		since[key] = e.Created
	}
	for key, e := range d.now {
		if _, there := since[key]; !there && !specs.Undecided(e.File) {
			delete(d.now, key)
			d.dirty = true
		}
	}
	return since
}

// save puts it on disk if it has changed.
func (d *declared) save() error {
	if !d.dirty {
		return nil
	}
	data, err := json.Marshal(declaredFile{Version: 1, DaemonSets: d.now})
	if err != nil {
		return fmt.Errorf("encoding since when DaemonSets are declared: %w", err)
	}
	if err := atomicfile.WriteFile(d.path, data, 0o600); err != nil {
		return fmt.Errorf("saving since when DaemonSets are declared: %w", err)
	}
	d.dirty = false
	return nil
}
