package files

import (
	"io/fs"
	"syscall"
	"time"
)

// ID tells one state of a file from another without reading it. Two different contents with one ID need a writer that
// sets the clock back, or two writes within one tick of the file system's clock (see Racy); content that did not change
// may well have two, which costs one read. IDs are compared with ==; the zero ID is no file's.
type ID struct {
	Dev, Ino uint64
	Size     int64 // bytes
	// Mtime and Ctime are nanoseconds since 1970 by the file system's clock: of the last write, and of the last change of
	// anything, the name included.
	Mtime, Ctime int64
	Mode         fs.FileMode
}

// IDOf is the ID of the file that info describes.
func IDOf(info fs.FileInfo) ID {
	id := ID{Size: info.Size(), Mtime: info.ModTime().UnixNano(), Mode: info.Mode()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		//nolint:unconvert // the widths differ between architectures
		id.Dev, id.Ino, id.Ctime = uint64(st.Dev), st.Ino, st.Ctim.Nano()
	}
	return id
}

// SameFile says whether both are states of one file, perhaps under two names. File systems give the number of a file
// that was removed to the next one that is made: what is another file may look like the same, but for one of another
// kind.
func (id ID) SameFile(o ID) bool {
	return id.Dev == o.Dev && id.Ino == o.Ino && id.Mode.Type() == o.Mode.Type()
}

// Body is the ID without the one time that a rename changes: a file that vanished under one name and stands under
// another has the same body.
func (id ID) Body() ID {
	id.Ctime = 0
	return id
}

// Modified is when the file was last written.
func (id ID) Modified() time.Time { return time.Unix(0, id.Mtime) }

// LeftAlone says whether nobody has touched the file for d, by the wall clock. Times in the future are not long ago.
func (id ID) LeftAlone(now time.Time, d time.Duration) bool {
	return max(id.Mtime, id.Ctime) <= now.Add(-d).UnixNano()
}

// RacyWindow is how long a file must have been still before its ID is trusted to stand for its bytes. File systems
// stamp changes with a clock that ticks every few milliseconds, so that two changes within a tick look like one.
const RacyWindow = 100 * time.Millisecond

// Racy says whether the file has changed so short a time ago, or is said to change so soon, that another change may
// look like none. A time far ahead is another clock's, which this one says nothing about.
func (id ID) Racy(now time.Time) bool {
	since := now.UnixNano() - id.Ctime
	return -int64(RacyWindow) < since && since < int64(RacyWindow)
}

// Owner gives the user and group that a file belongs to; ok is false where the system does not tell.
func Owner(info fs.FileInfo) (uid, gid int, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(st.Uid), int(st.Gid), true
}
