package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// version is one content of a spec file.
type version struct {
	digest string // SHA-256 in hex
	parsed Parsed
	// data is the bytes, for as long as they may have to be saved.
	data []byte
}

// entry is what the loader knows of one spec file.
type entry struct {
	path  string
	still stillness
	// read is the state of the file whose bytes current is; zero when they have to be read.
	read identity
	// recheck asks to read the bytes once more although the file looks unchanged.
	recheck bool
	// current is what the bytes on disk say, usable or not; nil before they are read.
	current *version
	// refused is why the bytes cannot be had; while it is set current is of no account.
	refused diag.List
	// pending is set while the file is not still.
	pending bool
	// missing is when the file was first seen to be gone; zero while it is there.
	missing time.Time
	// bad is whether the file was bad when that was last known.
	bad bool

	// good is the last version that was usable and took effect.
	good *version
	// keptDigest is the digest of a copy kept by a former process that has not been parsed in this one; it stands for
	// good until it is needed.
	keptDigest string
	// keptProblem is why that copy could not be used.
	keptProblem diag.List
	// fresh says that good was read from the spec file by this process. What a former process kept may be older than
	// what that process had in effect when it died.
	fresh bool
}

func (e *entry) hasGood() bool { return e.good != nil || e.keptDigest != "" }

// usable is what the file says now when that can take effect.
func (e *entry) usable() *version {
	if e.refused != nil || e.current == nil || e.current.parsed.Problems.HasErrors() {
		return nil
	}
	return e.current
}

// problems is what is wrong with the file as it is now.
func (e *entry) problems() diag.List {
	if e.refused != nil {
		return e.refused
	}
	if e.current != nil {
		return e.current.parsed.Problems
	}
	return nil
}

// refuse notes that the bytes of the file cannot be had, and that they are to be tried for again.
func (e *entry) refuse(p diag.Problem) {
	e.refused, e.read, e.pending = diag.List{p}, identity{}, false
}

// scan brings the entries up to what the directory holds and notes when to look again.
func (l *Loader) scan(found listing, now time.Time, again *soonest) {
	moved, gone, first := l.watch.arrivals(), l.vanished(found.names, now), !l.scanned
	for i, name := range found.names {
		e := l.entries[name]
		if e == nil {
			e = &entry{path: l.path(name)}
			l.entries[name] = e
		}
		if i >= l.limits.files {
			e.missing = time.Time{}
			e.refuse(l.overLimit(e.path))
			continue
		}
		// What need not be seen still before it is read: a file that arrived by rename, as the watch tells or because a file
		// with the same body is gone, and in the first scan a file that nobody has touched for long. Later the wall
		// clock has no say: what turns up then was being written a moment ago, whatever its times claim.
		again.add(l.look(e, now, func(id identity) bool {
			return moved[name] || gone[id.body()] != "" || first && id.old(now)
		}))
		l.renamed(e, gone)
	}
	l.expire(now, again)
	l.scanned = true
}

func (l *Loader) overLimit(path string) diag.Problem {
	return diag.Problem{
		Severity: diag.Error, File: path,
		Message: fmt.Sprintf("is beyond the limit of %d spec files, counted by name", l.limits.files),
		Hint:    "put several objects into one file, divided by ---",
	}
}

// vanished notes which files are gone and returns their names by what they last looked like.
func (l *Loader) vanished(names []string, now time.Time) map[identity]string {
	present := make(map[string]bool, len(names))
	for _, name := range names {
		present[name] = true
	}
	gone := map[identity]string{}
	for name, e := range l.entries {
		if present[name] {
			continue
		}
		if e.missing.IsZero() {
			e.missing, e.pending = now, false
		}
		if e.read != (identity{}) {
			gone[e.read.body()] = name
		}
	}
	return gone
}

// renamed forgets a vanished file at once when e is that file under another name.
func (l *Loader) renamed(e *entry, gone map[identity]string) {
	name := gone[e.read.body()]
	if old := l.entries[name]; old != nil && e.usable() != nil && old.current.digest == e.current.digest {
		l.forget(name)
	}
}

func (l *Loader) forget(name string) {
	delete(l.entries, name)
	l.kept.doom(name)
}

// expire forgets the files that have been gone for long enough. It waits for files that are being written, since they
// may be where the objects have gone to, but not for ever.
func (l *Loader) expire(now time.Time, again *soonest) {
	writing := false
	for _, e := range l.entries {
		writing = writing || e.pending
	}
	for name, e := range l.entries {
		if e.missing.IsZero() {
			continue
		}
		limit := stillFor
		if writing {
			limit = maxAbsence
		}
		wait := e.missing.Add(limit).Sub(now)
		if wait <= 0 {
			l.forget(name)
		}
		again.add(wait)
	}
}

// look reads one file if it changed and may be read, and returns how long it has yet to be still.
func (l *Loader) look(e *entry, now time.Time, atOnce func(identity) bool) time.Duration {
	target, id, err := inspect(e.path)
	if errors.Is(err, fs.ErrNotExist) { // since the listing
		e.missing, e.pending = now, false
		return stillFor
	}
	e.missing = time.Time{}
	if err != nil {
		e.refuse(e.problemOf(err))
		return 0
	}
	if id != e.read && !atOnce(id) {
		if wait := e.still.observe(id, now); wait > 0 {
			e.pending = true
			return wait
		}
	}
	if id == e.read && !e.recheck {
		e.pending = false
		return 0
	}
	return l.read(e, target, id)
}

func (l *Loader) read(e *entry, target string, id identity) time.Duration {
	data, err := readFile(target, id)
	if errors.Is(err, errChanged) {
		e.still, e.pending = stillness{}, true
		return stillFor
	}
	if err != nil {
		e.refuse(e.problemOf(err))
		return 0
	}
	e.refused, e.read, e.recheck, e.pending = nil, id, false, false
	l.understand(e, data)
	return 0
}

// problemOf makes a harmless error one that matters where it hides a file that was in effect.
func (e *entry) problemOf(err error) diag.Problem {
	p := problemOf(e.path, err)
	if r, ok := errors.AsType[*entryError](err); ok && r.harmless {
		p.Severity = diag.Info
		if e.hasGood() {
			p.Severity, p.Hint = diag.Error, "put the file back, or remove the directory to remove its objects"
		}
	}
	return p
}

// understand parses data unless the same bytes have been parsed before.
func (l *Loader) understand(e *entry, data []byte) {
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	switch {
	case e.current != nil && e.current.digest == digest:
	case e.good != nil && e.good.digest == digest:
		e.current = e.good
	default:
		v := &version{digest: digest, parsed: l.parse(e.path, data)}
		if !v.parsed.Problems.HasErrors() {
			v.data = data
		}
		e.current = v
	}
}
