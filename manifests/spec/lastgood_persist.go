package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
)

// Persist brings the last good versions on disk up to what the last Load found. With nothing to do it makes no system
// call. What failed is tried again by the next call; one failure does not keep the rest from being written.
//
// It is apart from Load so that no manifest has to wait for its fsyncs: call it after the manifests of a Load have been
// written and removed. Losing power in between loses the newest version of a spec file, not a pod. After the restart
// the file itself is read, and where it has become bad or is gone in that very moment, Snapshot.Undecided tells so and
// the manifests that came from it are left alone; nothing is stopped on the strength of an older copy. A copy that
// should have been removed speaks for a file that is gone, and counts as undecided until the file counts as removed.
func (l *Loader) Persist() error {
	l.persisting.Lock()
	defer l.persisting.Unlock()
	l.mu.Lock()
	todo := l.unsaved()
	l.mu.Unlock()
	return errors.Join(l.removeCopies(todo.remove), l.writeCopies(todo.write), l.writeDir(todo.dir))
}

type unsaved struct {
	remove []string
	write  []unsavedCopy
	dir    *dirRecord
}

type unsavedCopy struct {
	name, digest string
	version      *version
	data         []byte
}

func (l *Loader) unsaved() unsaved {
	var u unsaved
	for name := range l.kept.doomed {
		u.remove = append(u.remove, name)
	}
	for name, e := range l.entries {
		v := e.good
		if v != nil && v.data != nil && l.kept.saved[name] != v.digest {
			u.write = append(u.write, unsavedCopy{name, v.digest, v, v.data})
		}
	}
	if now := l.record(); !l.listed.IsZero() && (!l.kept.hasDir || !l.kept.savedDir.equal(now)) {
		u.dir = &now
	}
	return u
}

func (l *Loader) record() dirRecord {
	d := dirRecord{dirID: l.dir}
	for name, e := range l.entries {
		if len(e.without) == 0 {
			continue
		}
		if d.Without == nil {
			d.Without = map[string][]string{}
		}
		for key := range e.without {
			d.Without[name] = append(d.Without[name], key.record())
		}
		slices.Sort(d.Without[name])
	}
	return d
}

func (l *Loader) removeCopies(names []string) error {
	if len(names) == 0 {
		return nil
	}
	var errs []error
	var removed []string
	for _, name := range names {
		if err := os.Remove(filepath.Join(l.kept.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove the last good version of a removed spec file: %w", err))
			continue
		}
		removed = append(removed, name)
	}
	if err := atomicfile.SyncDir(l.kept.dir); err != nil {
		return errors.Join(append(errs, err)...)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range removed {
		delete(l.kept.doomed, name)
		delete(l.kept.saved, name)
	}
	return errors.Join(errs...)
}

func (l *Loader) writeCopies(copies []unsavedCopy) error {
	var errs []error
	for _, c := range copies {
		path := filepath.Join(l.kept.dir, c.name)
		if err := atomicfile.WriteFile(path, encodeKept(c.digest, c.data), 0o600); err != nil {
			errs = append(errs, fmt.Errorf("keep the last good version of a spec file: %w", err))
			continue
		}
		l.mu.Lock()
		l.kept.saved[c.name] = c.digest
		c.version.data = nil
		l.mu.Unlock()
	}
	return errors.Join(errs...)
}

func (l *Loader) writeDir(id *dirRecord) error {
	if id == nil {
		return nil
	}
	data, err := json.Marshal(id)
	if err != nil {
		return fmt.Errorf("keep which specs directory was read: %w", err)
	}
	if err := atomicfile.WriteFile(filepath.Join(l.kept.dir, dirFile), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("keep which specs directory was read: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept.savedDir, l.kept.hasDir = *id, true
	return nil
}
