package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
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
	l.verifyCopies()
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
	if now := l.record(u.write); !l.listed.IsZero() && (!l.kept.hasDir || !l.kept.savedDir.equal(now)) {
		u.dir = &now
	}
	return u
}

// record is what is to be on disk of the directory when these copies were written and the doomed ones are removed.
func (l *Loader) record(writes []unsavedCopy) dirRecord {
	d := dirRecord{dirID: l.dir}
	for name := range l.kept.saved {
		if !l.kept.doomed[name] {
			d.Copies = append(d.Copies, name)
		}
	}
	for _, w := range writes {
		d.Copies = append(d.Copies, w.name)
	}
	slices.Sort(d.Copies)
	d.Copies = slices.Compact(d.Copies)
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

// verifyCopies looks once whether the copies of a former process are whole, when the directory has been read: each that
// is damaged or gone is lost, and is written again where its spec file is well.
func (l *Loader) verifyCopies() {
	l.mu.Lock()
	saved, there := l.copiesToVerify()
	l.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(saved)) {
		path := filepath.Join(l.kept.dir, name)
		copied, err := readKept(path, int64(keptHeaderLen)+MaxFileBytes+1)
		if err == nil {
			var digest string
			if digest, _, err = decodeKept(copied); err == nil && digest != saved[name] {
				err = errors.New("it was changed by another program")
			}
		}
		gone := errors.Is(err, fs.ErrNotExist)
		if err == nil || gone && !there[name] {
			continue
		}
		lost := LostCopy{File: path, What: "is missing", Todo: "repair " + l.path(name) +
			"; pods that were started from it are left alone until then"}
		if !gone {
			lost.What = fmt.Sprintf("cannot be used: %v", files.Cause(err))
		}
		l.mu.Lock()
		if e := l.entries[name]; e != nil && e.good != nil && e.fresh {
			lost.Todo = "nothing has to be done: it is written again, as its spec file is valid; see that the disk is well"
		}
		if l.kept.saved[name] == saved[name] {
			l.kept.saved[name] = ""
		}
		l.kept.lost = append(l.kept.lost, lost)
		l.mu.Unlock()
	}
}

// copiesToVerify gives the digests of the copies that a former process has left, none where it wrote of one that is not
// there any more, and of which of them the spec file is there; nothing where it is too early or was done.
func (l *Loader) copiesToVerify() (saved map[string]string, there map[string]bool) {
	if l.kept.verified || l.listed.IsZero() {
		return nil, nil
	}
	l.kept.verified = true
	saved, there = maps.Clone(l.kept.saved), map[string]bool{}
	for _, name := range l.kept.expected {
		if _, ok := saved[name]; !ok {
			saved[name] = ""
		}
	}
	for name, e := range l.entries {
		there[name] = !e.missing()
	}
	return saved, there
}

// TakeLost gives what was found to be lost of what a former process kept, once.
func (l *Loader) TakeLost() []LostCopy {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost := l.kept.lost
	l.kept.lost = nil
	return lost
}
