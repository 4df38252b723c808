package node

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// fileID tells whether a file is the one that was read before, without reading it.
type fileID struct {
	dev, ino           uint64
	size, mtime, ctime int64 // bytes, nanoseconds
	mode               fs.FileMode
}

func (id fileID) sameFile(o fileID) bool { return id.dev == o.dev && id.ino == o.ino }

func (id fileID) modified() time.Time { return time.Unix(0, id.mtime) }

// old says whether the file has been left alone for the stillness by the wall clock.
func (id fileID) old(now time.Time) bool {
	return max(id.mtime, id.ctime) <= now.Add(-stillness).UnixNano()
}

func idOf(info fs.FileInfo) fileID {
	id := fileID{size: info.Size(), mtime: info.ModTime().UnixNano(), mode: info.Mode()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.dev, id.ino, id.ctime = uint64(st.Dev), st.Ino, st.Ctim.Nano() //nolint:unconvert // the width differs between architectures
	}
	return id
}

// tracker reads files again when they changed, and only once they are whole. parse turns the bytes into a value; a
// value with an error among its problems is not used.
type tracker[T any] struct {
	parse    func(path string, data []byte, id fileID) (T, diag.List)
	maxBytes int64
	// maxWait is how long a file that never comes to rest is waited for; 0 for ever.
	maxWait time.Duration
	files   map[string]*tracked[T]
}

// tracked is what is known of one file.
type tracked[T any] struct {
	id       fileID
	read     bool // id, value, good and problems are of the file as it was read
	value    T
	good     bool
	problems diag.List

	// pending is the identity since pendingSince; unsettledSince is when it last was at rest.
	pending                      fileID
	pendingSince, unsettledSince time.Time
	missingSince                 time.Time
}

// verdict is what is to be done about a file.
type verdict int

const (
	useIt  verdict = iota // the value is the file's
	keepIt                // what was in effect stays
	waitIt                // the same, and the file has to be looked at again soon
	dropIt                // the file is gone
)

// look says how it stands with a file. With waitIt, the duration is when to look again.
func (t *tracker[T]) look(path string, now time.Time) (verdict, time.Duration) {
	f := t.files[path]
	if f == nil {
		if t.files == nil {
			t.files = map[string]*tracked[T]{}
		}
		f = &tracked[T]{}
		t.files[path] = f
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return t.missing(path, f, now)
	}
	f.missingSince = time.Time{}
	info, err := os.Stat(path)
	if err != nil {
		f.fail(path, err)
		return keepIt, 0
	}
	id := idOf(info)
	if !f.read || f.id != id {
		if wait := t.settle(path, f, id, now); wait > 0 {
			return waitIt, wait
		}
		if !t.load(path, f, id) {
			return waitIt, stillness
		}
	}
	if f.good {
		return useIt, 0
	}
	return keepIt, 0
}

// forget drops what is known of all files but these.
func (t *tracker[T]) forget(except []string) {
	for path := range t.files {
		if !slices.Contains(except, path) {
			delete(t.files, path)
		}
	}
}

// missing waits out the moment in which an editor has moved the old file away and not yet written the new one.
func (t *tracker[T]) missing(path string, f *tracked[T], now time.Time) (verdict, time.Duration) {
	if f.missingSince.IsZero() {
		f.missingSince = now
	}
	if wait := f.missingSince.Add(stillness).Sub(now); wait > 0 {
		return waitIt, wait
	}
	delete(t.files, path)
	return dropIt, 0
}

// settle returns how long to wait before the file can be taken for whole; 0 when it can be read now:
//
//   - it has not been touched for the stillness;
//   - or it is a new file under this name whose inode changed after its last write, which is what a rename does;
//   - or it is a new file under this name that nobody has open for writing: the clock of a file system is too coarse to
//     see a rename that follows the last write within some milliseconds.
//
// So a file that was renamed into place is read at once, and one that is being written in place is not read half.
func (t *tracker[T]) settle(path string, f *tracked[T], id fileID, now time.Time) time.Duration {
	inPlace := f.id.sameFile(id)
	if id.old(now) || !id.mode.IsRegular() || !inPlace && (id.ctime > id.mtime || !openForWriting(path)) {
		f.unsettledSince = time.Time{}
		return 0
	}
	if f.unsettledSince.IsZero() {
		f.unsettledSince = now
	}
	if f.pending != id || f.pendingSince.IsZero() {
		f.pending, f.pendingSince = id, now
	}
	until := f.pendingSince.Add(stillness)
	if limit := f.unsettledSince.Add(t.maxWait); t.maxWait > 0 && limit.Before(until) {
		until = limit
	}
	wait := until.Sub(now)
	if wait <= 0 {
		f.unsettledSince = time.Time{}
	}
	return wait
}

// openForWriting asks the kernel for a read lease, which it gives only while nobody has the file open for writing
// (fcntl(2), F_SETLEASE), and gives it back at once. Where it cannot be asked, the answer is yes, which costs a wait.
func openForWriting(path string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return true
	}
	defer f.Close()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK); err != nil {
		return true
	}
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	return err != nil
}
