package files

import (
	"errors"
	"io/fs"
	"time"
)

// StillFor is how long a file that is written in place must stay unchanged before it is read, and how long a file must
// be gone before it counts as removed. Tools that write in place (cp, shell redirection, git) pause for less than this
// between two writes, and editors that move the old file away before they write the new one for less between the two.
const StillFor = 250 * time.Millisecond

// Rules are how files of one kind are followed.
type Rules struct {
	// Limit is how many bytes a file may have.
	Limit int64
	// MaxLinks is how many symbolic links are followed, one after the other, from the path to a regular file; where they
	// do not lead to one, a *LinkError tells the step. 0: links are followed as the system does.
	MaxLinks int
	// MaxWait is how long a file that never comes to rest is waited for; 0: for ever.
	MaxWait time.Duration
	// ByInode takes a file that is another one than before at once when it was renamed into place, which its times tell,
	// or when nobody has it open for writing; and the first one that is seen also when it has been left alone for
	// StillFor. Leave it false where a watch tells of renames, and tell Look.
	ByInode bool
	// Check is asked about the open file before it is read; its error refuses the file.
	Check func(fs.FileInfo) error
}

// State is what a look at a file came to.
type State int

// The states.
const (
	// Same: there is nothing new about the file since its bytes were taken.
	Same State = iota
	// Fresh: Look.Data are the file's bytes, which may be those of before.
	Fresh
	// Settling: the file is being written, or changed while it was read. Look again after Look.Wait.
	Settling
	// Away: the file is gone, perhaps for a moment only. Look again after Look.Wait.
	Away
	// Gone: the file has been gone for StillFor.
	Gone
	// Refused: the bytes cannot be had, Look.Err says why; every look tries again.
	Refused
)

func (s State) String() string {
	return [...]string{"same", "fresh", "settling", "away", "gone", "refused"}[s]
}

// Look is what a look at a file came to.
type Look struct {
	State State
	// Data is set with Fresh, ID with Same and Fresh, Err with Refused, Wait with Settling and Away.
	Data []byte
	ID   ID
	Err  error
	Wait time.Duration
}

// Whole follows one file that somebody else writes, and takes its bytes once they are whole. It believes only its own
// looks, which need not come at the moments of changes: the clocks of file systems on other machines are others, and
// this host's may be set. The zero value has seen nothing.
type Whole struct {
	// taken is the file whose bytes were taken; zero where they have to be read.
	taken ID
	// last is the file that was last taken or refused, in some state; zero where it was gone since.
	last ID
	// recheck asks for the bytes once more although the file looks unchanged; racy does so for the time in which a change
	// may not be seen.
	recheck, racy bool
	seen          bool
	// pending is how the file looks since pendingSince; unsettledSince is when it was last at rest.
	pending                      ID
	pendingSince, unsettledSince time.Time
	settling                     bool
	missing                      time.Time
}

// Taken is the file whose bytes were taken last; zero where there is none.
func (w *Whole) Taken() ID { return w.taken }

// Settling says whether the file was being written at the last look.
func (w *Whole) Settling() bool { return w.settling }

// MissingSince is when the file was first seen to be gone; zero while it is there.
func (w *Whole) MissingSince() time.Time { return w.missing }

// Recheck makes the next look read the bytes although the file looks unchanged, for file systems on which a changed
// file may look so.
func (w *Whole) Recheck() { w.recheck = true }

// Believe makes a file look as if its bytes had been taken, for one that only seems to be the one that was read.
func (w *Whole) Believe(id ID) { w.taken, w.last = id, id }

// Miss notes that the file is gone, for those who list a directory.
func (w *Whole) Miss(now time.Time) {
	if w.missing.IsZero() {
		w.missing, w.settling, w.last = now, false, ID{}
	}
}

// Hold forgets what was seen of an absence or of writing: nothing can be said of the file at this moment.
func (w *Whole) Hold() { w.missing, w.settling = time.Time{}, false }

// Refuse notes that the bytes cannot be had, and are to be tried for again.
func (w *Whole) Refuse() { w.taken, w.settling, w.missing = ID{}, false, time.Time{} }

// Look looks at the file and takes its bytes if they are others than before and may be taken. arrived, which may be
// nil, says of a file that is not known to be still that it is whole all the same, as it was seen to be renamed into
// place.
func (w *Whole) Look(path string, now time.Time, r Rules, arrived func(ID) bool) Look {
	target, id, gone, err := r.inspect(path)
	if gone {
		w.Miss(now)
		if wait := w.missing.Add(StillFor).Sub(now); wait > 0 {
			return Look{State: Away, Wait: wait}
		}
		return Look{State: Gone}
	}
	w.missing = time.Time{}
	if err != nil {
		return w.refused(id, err)
	}
	if id != w.taken && !w.atOnce(target, id, now, r) && (arrived == nil || !arrived(id)) {
		if wait := w.observe(id, now, r.MaxWait); wait > 0 {
			w.settling, w.seen = true, true
			return Look{State: Settling, Wait: wait}
		}
	}
	w.unsettledSince = time.Time{}
	if id == w.taken && !w.recheck && !w.racy {
		w.settling = false
		return Look{State: Same, ID: id}
	}
	return w.take(target, id, now, r)
}

// Force takes the bytes as they are, for an operator who says that they are whole.
func (w *Whole) Force(path string, now time.Time, r Rules) Look {
	w.recheck = true
	return w.Look(path, now, r, func(ID) bool { return true })
}

func (w *Whole) take(target string, id ID, now time.Time, r Rules) Look {
	w.seen = true
	data, _, err := ReadWith(target, ReadOptions{Limit: r.Limit, NoFollow: r.MaxLinks > 0, Check: r.Check, ID: id})
	if errors.Is(err, ErrChanged) {
		w.pendingSince, w.settling = time.Time{}, true
		return Look{State: Settling, Wait: StillFor}
	}
	if err != nil {
		return w.refused(id, err)
	}
	w.last = id
	w.taken, w.recheck, w.racy, w.settling = id, false, id.Racy(now), false
	return Look{State: Fresh, Data: data, ID: id}
}

func (w *Whole) refused(id ID, err error) Look {
	w.Refuse()
	w.seen, w.last = true, id
	return Look{State: Refused, Err: err}
}

// observe notes that the file looked like id at now and returns how long it has yet to look so; 0 or less means that it
// is still.
func (w *Whole) observe(id ID, now time.Time, maxWait time.Duration) time.Duration {
	if w.unsettledSince.IsZero() {
		w.unsettledSince = now
	}
	if w.pendingSince.IsZero() || w.pending != id {
		w.pending, w.pendingSince = id, now
	}
	until := w.pendingSince.Add(StillFor)
	if limit := w.unsettledSince.Add(maxWait); maxWait > 0 && limit.Before(until) {
		until = limit
	}
	return until.Sub(now)
}

// atOnce says whether the file needs not be seen still:
//
//   - it is the first that is seen here, and has been left alone for StillFor: what is there at a start is old;
//   - it is another file than before whose inode changed after its last write, which is what a rename does;
//   - it is another file than before that nobody has open for writing: the clock of a file system is too coarse to see
//     a rename that follows the last write within some milliseconds.
//
// What is written in place is seen still first, whatever its times claim: a clock that is set forward makes everything
// look old.
func (w *Whole) atOnce(target string, id ID, now time.Time, r Rules) bool {
	if !r.ByInode || id.SameFile(w.last) {
		return false
	}
	return !w.seen && id.LeftAlone(now, StillFor) || id.Ctime > id.Mtime || !openForWriting(target)
}
