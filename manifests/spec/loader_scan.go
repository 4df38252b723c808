package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// version is one content of a spec file.
type version struct {
	digest string // SHA-256 in hex
	parsed Parsed
	// data is the bytes, for as long as they may have to be saved.
	data []byte
	// byKey is the objects of parsed, once they were looked for.
	byKey map[objectKey]keyed
}

// entry is what the loader knows of one spec file.
type entry struct {
	path string
	// whole says when the bytes may be taken.
	whole files.Whole
	// current is what the bytes on disk say, usable or not; nil before they are read.
	current *version
	// refused is why the bytes cannot be had; while it is set current is of no account.
	refused diag.List
	// bad is whether the file was bad when that was last known.
	bad bool

	// good is the last version that was usable and took effect.
	good *version
	// keptDigest is the digest of a copy kept by a former process that has not been parsed in this one; it stands for
	// good until it is needed.
	keptDigest string
	// keptProblem is why that copy could not be used.
	keptProblem diag.List
	// without are the objects that good declares and that other files kept out of effect.
	without map[objectKey]bool
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
	e.whole.Refuse()
	e.refused = diag.List{p}
}

// pending says that the file is not still.
func (e *entry) pending() bool { return e.whole.Settling() }

// missing says that the file is gone, though perhaps not for good.
func (e *entry) missing() bool { return !e.whole.MissingSince().IsZero() }

// scan brings the entries up to what the directory holds and notes when to look again.
func (l *Loader) scan(found listing, now time.Time, again *soonest) {
	moved, gone, first := l.watch.arrivals(), l.vanished(found.names, now), !l.scanned
	room := l.limits.files // for files of which nothing is in effect yet
	for _, name := range found.names {
		if e := l.entries[name]; e != nil && e.hasGood() {
			room--
		}
	}
	for i, name := range found.names {
		e := l.entries[name]
		if e == nil {
			e = &entry{path: l.path(name)}
			l.entries[name] = e
		}
		standing := e.hasGood()
		if !standing {
			room--
		}
		if room < 0 && (!standing || i >= l.limits.files) {
			e.refuse(l.overLimit(e.path))
			continue
		}
		// What need not be seen still before it is read: a file that arrived by rename, as the watch tells or because a file
		// with the same body is gone, and in the first scan a file that nobody has touched for long. Later the wall
		// clock has no say: what turns up then was being written a moment ago, whatever its times claim.
		again.add(l.look(e, now, func(id files.ID) bool {
			return moved[name] || gone[id.Body()] != "" || first && id.LeftAlone(now, stillFor)
		}))
		l.renamed(e, gone)
	}
	l.expire(now, again)
	l.scanned = true
}

func (l *Loader) overLimit(path string) diag.Problem {
	return diag.Problem{
		Severity: diag.Error, File: path,
		Message: fmt.Sprintf("is beyond the limit of %d spec files; those that are in effect come first, the others by name",
			l.limits.files),
		Hint: "put several objects into one file, divided by ---",
	}
}

// vanished notes which files are gone and returns their names by what they last looked like.
func (l *Loader) vanished(names []string, now time.Time) map[files.ID]string {
	present := make(map[string]bool, len(names))
	for _, name := range names {
		present[name] = true
	}
	gone := map[files.ID]string{}
	for name, e := range l.entries {
		if present[name] {
			continue
		}
		e.whole.Miss(now)
		if read := e.whole.Taken(); read != (files.ID{}) {
			gone[read.Body()] = name
		}
	}
	return gone
}

// renamed forgets a vanished file at once when e is that file under another name.
func (l *Loader) renamed(e *entry, gone map[files.ID]string) {
	name := gone[e.whole.Taken().Body()]
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
		writing = writing || e.pending()
	}
	for name, e := range l.entries {
		if !e.missing() {
			continue
		}
		limit := stillFor
		if writing {
			limit = maxAbsence
		}
		wait := e.whole.MissingSince().Add(limit).Sub(now)
		if wait <= 0 {
			l.forget(name)
		}
		again.add(wait)
	}
}

// look reads one file if it changed and may be read, and returns after how long to look at it again.
func (l *Loader) look(e *entry, now time.Time, atOnce func(files.ID) bool) time.Duration {
	switch look := e.whole.Look(e.path, now, rules(), atOnce); look.State {
	case files.Fresh:
		e.refused = nil
		l.understand(e, look.Data)
		return 0
	case files.Refused:
		e.refused = diag.List{e.problemOf(look.Err)}
		return 0
	case files.Gone: // since the listing; expire decides
		return stillFor
	default:
		return look.Wait
	}
}

// problemOf makes a harmless error one that matters where it hides a file that was in effect.
func (e *entry) problemOf(err error) diag.Problem {
	p, harmless := problemOf(e.path, err)
	if harmless {
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
