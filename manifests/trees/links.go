package trees

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// maxEntries is the most names that the directory of a tree may have: links, mount points, and what a crash left.
const maxEntries = 3 * MaxFiles

// target is what the link of a visible name holds.
func target(name string) string { return filepath.Join(dataLink, name) }

// prepare makes the mount points and the links that the tree needs, and says whether one was missing.
func (s *Store) prepare(dir string, l *layout) (changed bool, err error) {
	for _, m := range l.mountpoints {
		made, err := s.mountpoint(filepath.Join(dir, m), m, l)
		changed = changed || made
		if err != nil {
			return changed, err
		}
	}
	for _, name := range l.links {
		made, err := s.link(dir, name, l)
		changed = changed || made
		if err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// mountpoint makes a directory to be mounted upon. One that is there is left as it is, as it may be mounted upon now.
func (s *Store) mountpoint(path, name string, l *layout) (made bool, err error) {
	if to, err := s.sys.readlink(path); err == nil && to == target(name) {
		// A link from before the name became a mount point.
		if err := s.sys.remove(path); err != nil {
			return false, err
		}
	}
	info, err := s.sys.lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := s.sys.mkdir(path, parentMode); err != nil {
			return false, err
		}
		return s.adjustDir(path, l.dirMode, l)
	case err == nil && !info.IsDir():
		return false, fmt.Errorf("%q is to be a directory to mount upon: %w", path, ErrForeign)
	}
	return false, err
}

// link makes the link of a visible name. A file that stands in its place, as editors leave one, hides what the pod is
// to see, and is replaced.
func (s *Store) link(dir, name string, l *layout) (made bool, err error) {
	path := filepath.Join(dir, name)
	to, err := s.sys.readlink(path)
	switch {
	case err == nil && to == target(name):
		return s.own(path, l)
	case errors.Is(err, fs.ErrNotExist):
		return true, s.symlink(target(name), path, l)
	case err != nil && !errors.Is(err, syscall.EINVAL):
		return false, err
	}
	if info, err := s.sys.lstat(path); err != nil || info.IsDir() {
		return false, errors.Join(err, fmt.Errorf("%q is in the place of a link: %w", path, ErrForeign))
	}
	s.log.Info().Str(logfield.File, path).Str(logfield.DaemonSet, l.daemonSet()).
		Msg("restored a file of a volume that somebody had replaced")
	temp := filepath.Join(dir, newLink)
	if err := errors.Join(ignoreMissing(s.sys.remove(temp)), s.symlink(target(name), temp, l)); err != nil {
		return false, err
	}
	if err := s.sys.rename(temp, path); err != nil {
		return false, errors.Join(err, s.sys.remove(temp))
	}
	return true, nil
}

// symlink makes a link with the owner that everything in the tree has.
func (s *Store) symlink(target, path string, l *layout) error {
	if err := s.sys.symlink(target, path); err != nil {
		return err
	}
	_, err := s.own(path, l)
	return err
}

// tidy removes what is ours in the directory of a tree but not of its present state: versions and temporary links and,
// given the layout that is in effect, links that it does not have. It says whether one of those was there.
func (s *Store) tidy(dir, version string, l *layout) (changed bool, err error) {
	names, err := s.sys.names(dir, maxEntries)
	if err != nil {
		return false, err
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		switch {
		case name == dataLink || name == version || l != nil && has(l.links, name):
		case s.isVersion(dir, name):
			err = s.sys.removeAll(path)
		case name == newDataLink || name == newLink:
			err = ignoreMissing(s.sys.remove(path))
		case l != nil && s.isLink(dir, name):
			changed, err = true, ignoreMissing(s.sys.remove(path))
		}
		if err != nil {
			return changed, err
		}
	}
	return changed, nil
}

func has(sorted []string, name string) bool {
	_, ok := slices.BinarySearch(sorted, name)
	return ok
}

// isVersion says that a name in the directory of a tree is that of a version.
func (s *Store) isVersion(dir, name string) bool {
	if _, ok := versionTime(name); !ok {
		return false
	}
	info, err := s.sys.lstat(filepath.Join(dir, name))
	return err == nil && info.IsDir()
}

// isLink says that a name in the directory of a tree is one of the links that the writer makes.
func (s *Store) isLink(dir, name string) bool {
	to, err := s.sys.readlink(filepath.Join(dir, name))
	return err == nil && to == target(name)
}
