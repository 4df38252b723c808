package files

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
)

// MaxAside is how many damaged versions of one file are kept: the oldest, which mostly has something in it, and the
// newest ones.
const MaxAside = 4

// asideInfix stands between a file's name and the time at which it was set aside.
const asideInfix = ".bad-"

// Load reads a file of the agent's own state, of at most limit bytes, and has decode take its bytes, which it returns.
// A file that does not exist is no error, and decode is not asked. One that cannot be read, or that decode refuses, is
// set aside, never deleted, and that is the error, a LostError: what was in it is lost until somebody looks.
func Load(path string, limit int64, now time.Time, decode func(data []byte) error) ([]byte, error) {
	data, err := Read(path, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = decode(data)
	}
	if err != nil {
		aside, asideErr := SetAside(path, now)
		return nil, &LostError{Path: path, Aside: aside, Err: errors.Join(err, asideErr)}
	}
	return data, nil
}

// SetAside gives a damaged file another name, path.bad-TIME with the time in seconds since 1970, so that a new one can
// be begun and the old one be looked at. It replaces nothing; where more than MaxAside versions were set aside, the
// ones between the oldest and the newest go. The name that was given is returned, also with an error that came after
// it.
func SetAside(path string, now time.Time) (string, error) {
	return setAside(path, now, func(aside string) error { return renameNew(path, aside) })
}

// CopyAside is SetAside for a file that has to stay under its own name until it is written anew; data are its bytes.
func CopyAside(path string, data []byte, now time.Time) (string, error) {
	return setAside(path, now, func(aside string) error { return atomicfile.Create(aside, data, 0o600) })
}

// LinkAside is CopyAside for a file that may be large: it gets a second name. On a file system that knows no links it
// has only the new one afterwards.
func LinkAside(path string, now time.Time) (string, error) {
	return setAside(path, now, func(aside string) error {
		err := os.Link(path, aside)
		if err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return renameNew(path, aside)
	})
}

func setAside(path string, now time.Time, place func(aside string) error) (string, error) {
	at := now.Unix()
	before, err := versions(path)
	if n := len(before); err == nil && n > 0 {
		// A clock that was set back makes nothing older than what is there.
		at = max(at, before[n-1].at+1)
	}
	aside := path + asideInfix + strconv.FormatInt(at, 10)
	if err == nil {
		err = place(aside)
	}
	if err != nil {
		return "", fmt.Errorf("set %q aside: %w", path, err)
	}
	if err := errors.Join(atomicfile.SyncDir(filepath.Dir(path)), prune(before)); err != nil {
		return aside, fmt.Errorf("set %q aside: %w", path, err)
	}
	return aside, nil
}

// renameNew renames a file to a name that is not taken.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		if err != nil {
			err = &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
		}
		return err
	}
	// A file system without it, such as NFS. Only the holder of the directory's lock sets aside in it.
	_, err = os.Lstat(to)
	switch {
	case err == nil:
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: fs.ErrExist}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return os.Rename(from, to)
}

// version is a file that was set aside.
type version struct {
	path string
	at   int64
}

// versions gives what was set aside of the file at path, the oldest first.
func versions(path string) ([]version, error) {
	dir := filepath.Dir(path)
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var out []version
	for _, name := range names {
		stamp, ok := strings.CutPrefix(name, filepath.Base(path)+asideInfix)
		if t, err := strconv.ParseInt(stamp, 10, 64); ok && err == nil && strconv.FormatInt(t, 10) == stamp {
			out = append(out, version{filepath.Join(dir, name), t})
		}
	}
	slices.SortFunc(out, func(a, b version) int { return cmp.Compare(a.at, b.at) })
	return out, nil
}

// prune makes room for one more version: of those that were there before it, the oldest stays and the newest do.
func prune(before []version) error {
	if len(before) < MaxAside {
		return nil
	}
	var errs []error
	for _, v := range before[1 : len(before)-(MaxAside-2)] {
		if err := os.Remove(v.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
