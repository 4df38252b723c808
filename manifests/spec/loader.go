package spec

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// LoaderConfig says where a Loader reads and keeps files.
type LoaderConfig struct {
	// Dir is the specs directory. It need not exist.
	Dir string
	// StateDir is the agent's state directory; the last good versions are kept in its subdirectory last-good.
	StateDir string
	// Logger is told of transitions: a file that goes bad, or is good again. Never of contents.
	Logger zerolog.Logger
}

// Loader reads a directory of spec files and says what is in effect. Its rules, in short:
//
//   - What is in effect from a file stays in effect when the file goes bad, for whatever reason, and when the directory
//     is missing, unreadable or looks like a mount point that lost its mount. It goes when the file is removed.
//   - A file that was renamed into the directory is read at once, one that is written in place when it has been still
//     for 250 ms. A file counts as removed when it has been gone for as long: editors and git take the old file away
//     before they write the new one.
//   - Of an object that several files declare, and not alike, the declaration that is in effect holds, and of new ones
//     that in the file first by name. The other file is bad as a whole: nothing new of it is taken, and its last good
//     version stays in effect. Files that declare an object alike have it together: one of them that declares it
//     otherwise is bad, until all do so. What is in effect follows from the files and their last good versions alone,
//     not from the order of arrival within one Load nor from restarts.
//   - MaxFiles files are read: those of which something is in effect, then the others by name. A file that would bring
//     the objects of all files to more than MaxObjects is bad.
//
// Load, Confirm and Persist may be called from several goroutines; Watch from one at a time.
type Loader struct {
	cfg    LoaderConfig
	parse  func(file string, data []byte) Parsed
	limits limits
	watch  watcher

	mu      sync.Mutex
	entries map[string]*entry // by base name
	// dir is the directory that was last listed and believed; known is unset as long as there was none, not even in
	// a former process. listed is when this process first did so, surveyed whether it did again a while later; scanned
	// says that it looked into a directory at all.
	dir       dirID
	known     bool
	others    passedOver
	listed    time.Time
	surveyed  bool
	scanned   bool
	mount     uint64
	confirmed bool
	snap      *Snapshot

	// persisting keeps two Persists apart without keeping Load waiting for a disk; it is taken before mu.
	persisting sync.Mutex
	kept       keptFiles
}

// NewLoader opens the last good versions in cfg.StateDir, creating their directory where it is missing. It reads no
// spec file yet.
func NewLoader(cfg LoaderConfig) (*Loader, error) {
	if cfg.Dir == "" || cfg.StateDir == "" {
		return nil, errors.New("spec loader: wanted a specs directory and a state directory, got an empty path")
	}
	l := &Loader{
		cfg: cfg, parse: Parse, limits: defaultLimits(), entries: map[string]*entry{},
		snap: &Snapshot{unlisted: true},
	}
	l.watch.init(cfg.Dir)
	l.kept = keptFiles{dir: filepath.Join(cfg.StateDir, "last-good")}
	if err := l.kept.open(); err != nil {
		return nil, fmt.Errorf("open the last good versions of spec files: %w", err)
	}
	for name, digest := range l.kept.saved {
		e := &entry{path: l.path(name), keptDigest: digest}
		if digest == "" {
			e.keptProblem = keptProblem(e.path, filepath.Join(l.kept.dir, name), errKeptFormat)
		}
		l.entries[name] = e
	}
	last, known := l.kept.lastDir(cfg.Logger)
	l.dir, l.known = last.dirID, known
	for name, records := range last.Without {
		e := l.entries[name]
		for _, record := range records {
			if e == nil {
				break
			}
			if e.without == nil {
				e.without = map[objectKey]bool{}
			}
			e.without[objectKeyOf(record)] = true
		}
	}
	return l, nil
}

// Load looks at the directory, reads what changed since the last call, and returns everything in effect. Where nothing
// changed it returns the Snapshot of the last call, and objects that did not change are the same pointers in every
// Snapshot, so that callers may key what they compute from them by pointer.
//
// again, when above 0, is how long from now Load should be called again: a file is being written, or has just vanished,
// and no further event may tell. Load never fails; what it could not read stands in the Snapshot.
func (l *Loader) Load() (snap *Snapshot, again time.Duration) { return l.load(time.Now()) }

// load is Load at a moment that tests choose.
func (l *Loader) load(now time.Time) (*Snapshot, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watch.arm() // before the listing, so that no change falls between the two
	found, err := list(l.cfg.Dir, l.limits.entries)
	if err == nil {
		err = l.believe(found, now)
	}
	var again soonest
	var others diag.List
	if err == nil {
		others = l.others.look(l.cfg.Dir, found.others)
		l.scan(found, now, &again)
		l.survey(now, &again)
	} else {
		l.hold()
	}
	l.confirmed = false
	return l.publish(err, others), time.Duration(again)
}

// Confirm tells the next Load that the operator stands by the directory as it is: when it is empty, its objects shall
// go even where it looks like a mount point that lost its mount. It also makes the next Load read every file again, for
// file systems on which a changed file may look unchanged. A missing or unreadable directory still changes nothing.
func (l *Loader) Confirm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.confirmed = true
	l.recheck()
}

// believe decides whether a listing shows the operator's will. An empty directory that is another one than the last
// does not: a mount that was dropped leaves its mount point, and a host whose disk did not come up shall not stop its
// pods. Once it holds a file, or the operator says so by a reload, it is taken for what it is.
func (l *Loader) believe(found listing, now time.Time) error {
	same := l.known && l.dir == found.id
	if l.listed.IsZero() {
		same = l.known && l.dir.sameAfterRestart(found.id)
	}
	if len(found.names) == 0 && !same && !l.confirmed {
		if len(l.entries) > 0 {
			return fmt.Errorf("specs directory %q is empty and is not the directory that was read before, perhaps a mount is "+
				"missing; what was in effect stays: mount it, or run \"dsctl reload\" to remove its objects", l.cfg.Dir)
		}
		if l.listed.IsZero() {
			// A new host, or one that lost its state and its mount together: there is nothing to keep in effect, but
			// nothing to remove manifests for either.
			return nil
		}
	}
	if !same || l.mount != found.mount {
		l.recheck()
	}
	if l.listed.IsZero() {
		l.listed = now
	}
	l.dir, l.mount, l.known = found.id, found.mount, true
	return nil
}

// survey notes, after the directory was scanned, whether a file that is not known may exist all the same: nothing has
// been believed yet, or for the first time a moment ago, when an editor may have had a file away of which the former
// process left no copy.
func (l *Loader) survey(now time.Time, again *soonest) {
	if l.surveyed || l.listed.IsZero() {
		return
	}
	wait := l.listed.Add(stillFor).Sub(now)
	again.add(wait)
	l.surveyed = wait <= 0
}

func (l *Loader) recheck() {
	for _, e := range l.entries {
		e.whole.Recheck()
	}
}

// hold keeps everything as it is while the directory cannot be believed. Absences seen before do not count on.
func (l *Loader) hold() {
	for _, e := range l.entries {
		e.whole.Hold()
	}
}

func (l *Loader) path(name string) string { return filepath.Join(l.cfg.Dir, name) }
