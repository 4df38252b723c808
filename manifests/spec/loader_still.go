package spec

import (
	"syscall"
	"time"
)

// stillFor is how long a file that is written in place must stay unchanged before it is read, and how long a file must
// be gone before it counts as removed. Tools that write in place (cp, shell redirection, git) pause for less than this
// between two writes, and editors that move the old file away before they write the new one for less between the two.
const stillFor = 250 * time.Millisecond

// maxAbsence is how long a removal waits at most for other files to be still.
const maxAbsence = 8 * stillFor

// identity tells one state of a file from another without reading it. Two different contents with one identity need a
// writer that sets the clock back; content that did not change may well have two identities, which costs one read.
type identity struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64 // nanoseconds since 1970, by the file system's clock
}

func identityOf(st *syscall.Stat_t) identity {
	return identity{
		dev:   uint64(st.Dev), //nolint:unconvert // the width differs between architectures
		ino:   st.Ino,
		size:  st.Size,
		mtime: st.Mtim.Nano(),
		ctime: st.Ctim.Nano(),
	}
}

// body is the identity without the one time that a rename changes: a file that vanished under one name and stands under
// another has the same body.
func (id identity) body() identity {
	id.ctime = 0
	return id
}

// old says whether nobody has touched the file for stillFor, by the wall clock. Times in the future are not old.
func (id identity) old(now time.Time) bool {
	limit := now.Add(-stillFor).UnixNano()
	return id.mtime < limit && id.ctime < limit
}

// stillness watches one file settle. It is told what the file looks like at some moments, which need not be the moments
// of its changes, and believes only its own observations: file systems on other machines have other clocks.
type stillness struct {
	id    identity
	since time.Time
}

// observe notes that the file looked like id at now and returns how long it has yet to look so; 0 or less means that it
// is still.
func (s *stillness) observe(id identity, now time.Time) time.Duration {
	if s.since.IsZero() || s.id != id {
		s.id, s.since = id, now
	}
	return s.since.Add(stillFor).Sub(now)
}

// soonest is the shortest of the waits added to it, 0 when there was none.
type soonest time.Duration

func (s *soonest) add(wait time.Duration) {
	if wait > 0 && (*s == 0 || wait < time.Duration(*s)) {
		*s = soonest(wait)
	}
}
