package spec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// limits bound what a Loader takes; tests make them small.
type limits struct {
	// entries is how many names the specs directory may hold, of whatever kind. Beyond it the directory is not listed:
	// which files are the first by name could only be told by holding all names.
	entries int
	// files and objects are MaxFiles and MaxObjects.
	files, objects int
}

func defaultLimits() limits {
	return limits{entries: 10 * MaxFiles, files: MaxFiles, objects: MaxObjects}
}

// dirID tells one directory from another that stands at the same path.
type dirID struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	// Birth is when the directory was created, in nanoseconds since 1970; 0 where the file system does not tell.
	Birth int64 `json:"birth,omitempty"`
}

// sameAfterRestart compares what a former process wrote down with what stands there now. Device numbers are no help:
// they may change with every boot. A directory keeps its inode and its time of birth for as long as it exists, and one
// that is made anew (a tmpfs at boot) gets a new birth even where it gets the old inode. Where the file system does not
// tell births, only the same device and inode will do: to take one directory for two keeps pods that a reload can still
// remove, to take two for one stops pods because a mount failed.
func (d dirID) sameAfterRestart(now dirID) bool {
	if d.Inode != now.Inode || d.Birth != now.Birth {
		return false
	}
	return d.Birth != 0 || d.Device == now.Device
}

// listing is what a directory held at one moment.
type listing struct {
	id dirID
	// mount is the kernel's number of the mount; a remounted image may have new content under old identities.
	mount uint64
	// names are the spec files' base names, others those of the other entries, both sorted.
	names, others []string
}

// list reads the specs directory. Its errors are sentences for Snapshot.DirProblem.
func list(dir string, maxEntries int) (listing, error) {
	l, err := readDir(dir, maxEntries)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("specs directory %q does not exist; what was in effect stays: create it, or mount it", dir)
	case errors.Is(err, syscall.ENOTDIR):
		err = fmt.Errorf("%q is not a directory; what was in effect stays: put a directory in its place", dir)
	case err != nil:
		err = fmt.Errorf("specs directory %q cannot be read, what was in effect stays: %w", dir, files.Cause(err))
	}
	return l, err
}

// readDir lists the names of spec files in a directory. It does not block on a named pipe in the directory's place.
func readDir(dir string, maxEntries int) (listing, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return listing{}, err
	}
	defer f.Close()
	l, err := identify(f)
	if err != nil {
		return listing{}, err
	}
	l.names, l.others, err = specNames(f, maxEntries)
	return l, err
}

func identify(f *os.File) (listing, error) {
	rc, err := f.SyscallConn()
	if err != nil {
		return listing{}, err
	}
	var st unix.Statx_t
	const want = unix.STATX_INO | unix.STATX_BTIME | unix.STATX_MNT_ID
	var serr error
	err = rc.Control(func(fd uintptr) { serr = unix.Statx(int(fd), "", unix.AT_EMPTY_PATH, want, &st) })
	if err = errors.Join(err, serr); err != nil {
		return listing{}, err
	}
	l := listing{id: dirID{Device: unix.Mkdev(st.Dev_major, st.Dev_minor), Inode: st.Ino}}
	if st.Mask&unix.STATX_BTIME != 0 {
		l.id.Birth = st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
	}
	if st.Mask&unix.STATX_MNT_ID != 0 {
		l.mount = st.Mnt_id
	}
	return l, nil
}

func specNames(f *os.File, maxEntries int) (names, others []string, err error) {
	seen := 0
	for {
		batch, err := f.Readdirnames(1024)
		if seen += len(batch); seen > maxEntries {
			return nil, nil, fmt.Errorf("it holds more than %d entries", maxEntries)
		}
		for _, name := range batch {
			if isSpecName(name) {
				names = append(names, name)
			} else {
				others = append(others, name)
			}
		}
		if errors.Is(err, io.EOF) {
			slices.Sort(names)
			slices.Sort(others)
			return names, others, nil
		}
		if err != nil {
			return nil, nil, err
		}
	}
}
