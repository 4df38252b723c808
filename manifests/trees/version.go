package trees

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// The names of versions are the kubelet's: the time in UTC and a random number.
const (
	versionFormat = "..2006_01_02_15_04_05."
	versionPrefix = versionFormat
	// maxRandom is more than what os.MkdirTemp adds.
	maxRandom = 20
)

var errOwner = errors.New("cannot set the owner")

// versionTime is when a version was made, by its name; it is false for other names.
func versionTime(name string) (time.Time, bool) {
	stamp, random := name[:min(len(name), len(versionPrefix))], name[min(len(name), len(versionPrefix)):]
	t, err := time.Parse(versionFormat, stamp)
	ok := err == nil && random != "" && len(random) <= maxRandom && strings.Trim(random, "0123456789") == ""
	return t, ok
}

// current is the name of the version that ..data of the tree in dir names; empty when there is none.
func (s *Store) current(dir string) (string, error) {
	name, err := s.sys.readlink(filepath.Join(dir, dataLink))
	// EINVAL: something else than a link.
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EINVAL) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if _, ok := versionTime(name); !ok {
		return "", nil
	}
	info, err := s.sys.lstat(filepath.Join(dir, name))
	if err != nil || !info.IsDir() {
		return "", ignoreMissing(err)
	}
	return name, nil
}

// writeVersion makes a version of the tree in dir and gives its name. Nobody is led to it yet.
func (s *Store) writeVersion(dir string, l *layout) (string, error) {
	path, err := s.sys.mkdirTemp(dir, time.Now().UTC().Format(versionFormat))
	if err != nil {
		return "", err
	}
	if err := s.fill(path, l); err != nil {
		return "", errors.Join(err, s.sys.removeAll(path))
	}
	return filepath.Base(path), nil
}

func (s *Store) fill(version string, l *layout) error {
	for _, dir := range l.dirs[1:] {
		if err := s.sys.mkdir(filepath.Join(version, dir), 0o700); err != nil {
			return err
		}
	}
	for _, f := range l.files {
		if err := s.writeFile(filepath.Join(version, f.Path), f, l); err != nil {
			return err
		}
	}
	// From the innermost outwards, since the modes may take away what the agent needs to go on.
	for _, dir := range slices.Backward(l.dirs) {
		path := filepath.Join(version, dir)
		if _, err := s.adjustDir(path, l.dirMode, l); err != nil {
			return err
		}
		if err := s.syncNow(l.root, path); err != nil {
			return err
		}
	}
	return nil
}

// writeFile makes a file that only its owner can read until it has the owner and the mode that it is to have.
func (s *Store) writeFile(path string, want File, l *layout) error {
	f, err := s.sys.create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(want.Data)
	if err == nil {
		_, err = s.relabel(path)
	}
	if err == nil {
		err = dress(f, path, want.Mode, l)
	}
	if err == nil && !l.root.memory {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// dress sets the owner before the mode, as a change of owner takes bits of the mode away.
func dress(f file, path string, mode fs.FileMode, l *layout) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !l.owns(info) {
		if err := f.Chown(l.uid, l.gid); err != nil {
			return l.notOwned(path, err)
		}
	}
	return f.Chmod(mode)
}

// adjustDir gives a directory the owner and the mode that it is to have, and says whether it had others.
func (s *Store) adjustDir(path string, mode fs.FileMode, l *layout) (bool, error) {
	info, err := s.sys.lstat(path)
	if err != nil {
		return false, err
	}
	if !info.IsDir() {
		return false, fmt.Errorf("%q is not a directory: %w", path, ErrForeign)
	}
	relabelled, err := s.relabel(path)
	if err != nil || l.owns(info) && info.Mode() == fs.ModeDir|mode {
		return relabelled, err
	}
	if !l.owns(info) {
		if err := s.sys.chown(path, l.uid, l.gid); err != nil {
			return false, l.notOwned(path, err)
		}
	}
	return true, s.sys.chmod(path, mode)
}

// own gives a link the owner and the label that it is to have, and says whether it had others. Nothing is read or
// refused by the owner of a link, but it is there to be seen.
func (s *Store) own(path string, l *layout) (bool, error) {
	info, err := s.sys.lstat(path)
	if err != nil {
		return false, err
	}
	relabelled, err := s.relabel(path)
	if err != nil || l.owns(info) {
		return relabelled, err
	}
	if err := s.sys.chown(path, l.uid, l.gid); err != nil {
		return false, l.notOwned(path, err)
	}
	return true, nil
}

func (l *layout) owns(info fs.FileInfo) bool {
	uid, gid, ok := files.Owner(info)
	return ok && uid == l.uid && gid == l.gid
}

func (l *layout) notOwned(path string, err error) error {
	return fmt.Errorf("%w %d and the group %d of %q: %w", errOwner, l.uid, l.gid, path, err)
}

// same says whether a version is what the tree is to be: the same names, owners, modes and bytes.
func (s *Store) same(version string, l *layout) (bool, error) {
	for _, dir := range l.dirs {
		if ok, err := s.sameDir(filepath.Join(version, dir), l, l.entries[dir]); !ok {
			return false, err
		}
	}
	for _, f := range l.files {
		if ok, err := s.sameFile(filepath.Join(version, f.Path), f, l); !ok {
			return false, err
		}
	}
	return true, nil
}

func (s *Store) sameDir(path string, l *layout, entries []string) (bool, error) {
	info, err := s.sys.lstat(path)
	if err != nil {
		return false, ignoreMissing(err)
	}
	if !l.owns(info) || info.Mode() != fs.ModeDir|l.dirMode {
		return false, nil
	}
	if ok, err := s.labelled(path); !ok {
		return false, ignoreMissing(err)
	}
	names, err := s.sys.names(path, len(entries))
	if errors.Is(err, ErrTooLarge) {
		return false, nil
	}
	return err == nil && slices.Equal(names, entries), ignoreMissing(err)
}

func (s *Store) sameFile(path string, f File, l *layout) (bool, error) {
	info, err := s.sys.lstat(path)
	if err != nil {
		return false, ignoreMissing(err)
	}
	if !l.owns(info) || info.Mode() != f.Mode || info.Size() != int64(len(f.Data)) {
		return false, nil
	}
	if ok, err := s.labelled(path); !ok {
		return false, ignoreMissing(err)
	}
	data, err := s.sys.read(path, int64(len(f.Data))+1)
	if errors.Is(err, fs.ErrPermission) {
		// Without being root, a file of mode 0 can be written but not read.
		return false, nil
	}
	return err == nil && bytes.Equal(data, f.Data), ignoreMissing(err)
}
