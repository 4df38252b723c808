package trees

import (
	"errors"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// Keep removes the trees of revisions that nobody uses, and what a crash left. The caller says which are used: those
// that are wanted, have a manifest, or have a pod that still runs. What is not ours stays where it is, and the
// directory of a tree stays with it when there is something in it that is not ours; see Foreign. The error is of type
// Errors.
func (s *Store) Keep(used func(namespace, daemonset, revision string) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := s.sweepOnce()
	for _, r := range s.roots() {
		f, err := s.walk(r)
		errs.add("read", identity{}, r.dir, err)
		for _, t := range f.trees {
			if !used(t.Namespace, t.DaemonSet, t.Revision) {
				errs.add("remove", t.identity, t.path, s.removeTree(r, t))
			}
		}
		for _, dir := range f.empty {
			errs.add("remove", identity{}, dir, s.climb(r, dir))
		}
	}
	for _, dir := range sortedKeys(s.pending) {
		errs.add("remove", identity{}, dir, s.sync(dir))
	}
	if len(errs) > 0 {
		s.swept = false
	}
	return errs.orNil()
}

// removeTree removes ..data first, with which the tree is gone for whoever reads it, then everything else that is ours,
// and the mark last.
func (s *Store) removeTree(r root, t found) error {
	dir := filepath.Dir(t.path)
	if t.exists {
		gone, err := s.removeDir(t)
		if !gone || err != nil {
			return err
		}
		s.note(r, dir)
		delete(s.pending, t.path)
		s.log.Debug().Str(logfield.File, t.path).Str(logfield.DaemonSet, t.daemonSet()).Str(logfield.Revision, t.Revision).
			Msg("removed the files of a volume")
	}
	// A tree that a power cut brought back without its mark would be nobody's.
	if err := s.sync(dir); err != nil {
		return err
	}
	if err := ignoreMissing(s.sys.remove(t.path + markSuffix)); err != nil {
		return err
	}
	s.note(r, dir)
	return s.climb(r, dir)
}

// removeDir leaves the directory where it is when something in it is not ours.
func (s *Store) removeDir(t found) (gone bool, err error) {
	if err := s.strip(t); err != nil {
		return false, err
	}
	err = s.sys.remove(t.path)
	if notEmpty(err) {
		return false, nil
	}
	return true, ignoreMissing(err)
}

func (s *Store) strip(t found) error {
	link := filepath.Join(t.path, dataLink)
	if _, err := s.sys.readlink(link); err == nil {
		if err := s.sys.remove(link); err != nil {
			return err
		}
	}
	// With no version and no link in effect, all of them go.
	if _, err := s.tidy(t.path, "", &layout{}); err != nil {
		return err
	}
	// Never more than the empty directory, as somebody's file system may be mounted upon it.
	for _, m := range slices.Backward(t.mark.Mountpoints) {
		path := filepath.Join(t.path, m)
		if info, err := s.sys.lstat(path); err != nil || !info.IsDir() {
			continue
		}
		if err := ignoreMissing(s.sys.remove(path)); err != nil && !notEmpty(err) {
			return err
		}
	}
	return s.stripEmpty(t.path)
}

// stripEmpty removes the empty directories in the directory of a tree. The kubelet makes one for a subPath that is not
// in the volume (SafeMakeDir in pkg/volume/util/subpath). Those of others that are in use, mounted upon for one, stay.
func (s *Store) stripEmpty(dir string) error {
	names, err := s.sys.names(dir, maxEntries)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if info, err := s.sys.lstat(path); err != nil || !info.IsDir() {
			continue
		}
		if err := ignoreMissing(s.sys.remove(path)); err != nil && !notEmpty(err) && !errors.Is(err, syscall.EBUSY) {
			return err
		}
	}
	return nil
}

// climb removes a directory above trees, and those that it lies in, as long as nothing is in them.
func (s *Store) climb(r root, dir string) error {
	for ; dir != r.dir; dir = filepath.Dir(dir) {
		err := s.sys.remove(dir)
		if notEmpty(err) {
			break
		}
		if ignoreMissing(err) != nil {
			return err
		}
		delete(s.pending, dir)
		s.note(r, filepath.Dir(dir))
	}
	return nil
}

func notEmpty(err error) bool {
	return errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST)
}

// sweepOnce removes the temporary files and directories that a crash or a failure left, once after each of these.
func (s *Store) sweepOnce() (errs Errors) {
	if s.swept {
		return nil
	}
	for _, r := range s.roots() {
		f, err := s.walk(r)
		errs.add("read", identity{}, r.dir, err)
		for _, path := range f.temps {
			if err := s.sys.removeAll(path); err != nil {
				errs.add("remove", identity{}, path, err)
				continue
			}
			s.log.Info().Str(logfield.File, path).Msg("removed a temporary file left by a crash")
		}
	}
	s.swept = len(errs) == 0
	return errs
}
