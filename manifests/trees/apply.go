package trees

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

const (
	// parentMode is the mode of every directory above a tree.
	parentMode fs.FileMode = 0o700
	// outerMode is the mode of those that the store's own directory lies in, if the store has to make them.
	outerMode fs.FileMode = 0o755
)

// Apply brings every tree of want on disk, and leaves alone what is there already and what is not in want. It gives the
// paths of those that it wrote or repaired, in the order of want. A tree that cannot be brought there holds up no
// other; the error is then of type Errors. The tree of an *Error is as it was before, or as it is to be where only the
// last sync failed.
//
// When it returns nil, everything has reached the disk.
func (s *Store) Apply(want []Tree) (changed []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(want) > MaxTrees {
		return nil, fmt.Errorf("write the files of volumes: %w: %d of them, at most %d are possible", ErrTooLarge, len(want),
			MaxTrees)
	}
	errs := s.sweepOnce()
	a := act{store: s, taken: make(map[string]struct{}, len(want)), states: map[string]state{}}
	for _, t := range want {
		path, wrote, err := a.apply(t)
		if wrote {
			changed = append(changed, path)
		}
		errs.add("write", t.identity(), path, err)
	}
	if len(errs) > 0 {
		s.swept = false
	}
	maps.DeleteFunc(s.memos, func(_ place, m memo) bool {
		_, wanted := a.taken[m.path]
		return !wanted
	})
	return changed, errs.orNil()
}

// act is one Apply.
type act struct {
	store *Store
	// taken are the paths of the trees so far.
	taken map[string]struct{}
	// states is what memos were compared with.
	states map[string]state
}

// apply brings one tree on disk; path is empty when the tree has none.
func (a act) apply(t Tree) (path string, wrote bool, err error) {
	s, where, sum := a.store, place{t.identity(), t.Secret}, t.fingerprint()
	if m, ok := s.memos[where]; ok && m.want == sum && s.holds(m, a.states) {
		return m.path, false, a.take(m.path)
	}
	delete(s.memos, where)
	l, err := s.arrange(t)
	if err != nil {
		return "", false, err
	}
	if err := a.take(l.path); err != nil {
		return l.path, false, err
	}
	// Before it is read: what changes meanwhile is seen the next time.
	states, still := s.states(l)
	wrote, err = s.put(l)
	if err == nil && !wrote && still {
		s.memos[where] = memo{path: l.path, want: sum, states: states}
	}
	return l.path, wrote, err
}

func (a act) take(path string) error {
	if _, ok := a.taken[path]; ok {
		return fmt.Errorf("%w: it is given twice", ErrInvalid)
	}
	a.taken[path] = struct{}{}
	return nil
}

// put brings one tree on disk.
func (s *Store) put(l *layout) (changed bool, err error) {
	if err := s.parents(l); err != nil {
		return false, err
	}
	if err := s.claim(l); err != nil {
		return false, err
	}
	if _, err = s.sys.lstat(l.path); errors.Is(err, fs.ErrNotExist) {
		changed, err = s.build(l)
	} else if err == nil {
		changed, err = s.lay(l.path, l)
	}
	if changed {
		s.log.Debug().Str(logfield.File, l.path).Str(logfield.DaemonSet, l.daemonSet()).Str(logfield.Revision, l.Revision).
			Msg("wrote the files of a volume")
	}
	if err != nil {
		return changed, err
	}
	return changed, s.sync(append(l.above(), l.path)...)
}

// above are the directories that the tree lies in, from the outermost, and the one that these lie in.
func (l *layout) above() []string {
	ns := filepath.Join(l.root.dir, l.Namespace)
	return []string{filepath.Dir(l.root.dir), l.root.dir, ns, filepath.Join(ns, l.DaemonSet), l.dir(l.root)}
}

// parents makes the directories above a tree, and keeps everybody else out of them.
func (s *Store) parents(l *layout) error {
	above := l.above()
	for i, dir := range above[1:] {
		info, err := s.sys.lstat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = s.mkdir(dir, i == 0)
			s.note(l.root, above[i])
		case err == nil && !info.IsDir():
			err = fmt.Errorf("%q is not a directory: %w", dir, ErrForeign)
		case err == nil && info.Mode().Perm() != parentMode:
			err = s.sys.chmod(dir, parentMode)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mkdir makes a directory above trees. What the outermost lies in is others' as well, such as the socket's.
func (s *Store) mkdir(dir string, outermost bool) error {
	if outermost {
		if err := s.sys.mkdirAll(filepath.Dir(dir), outerMode); err != nil {
			return err
		}
	}
	return s.sys.mkdir(dir, parentMode)
}

// build makes a tree that does not exist under a temporary name, so that it appears as a whole.
func (s *Store) build(l *layout) (changed bool, err error) {
	temp := filepath.Join(l.dir(l.root), atomicfile.TempName())
	if err := s.sys.mkdir(temp, parentMode); err != nil {
		return false, err
	}
	// Whatever becomes of it, nothing has to be made up for under this name.
	defer delete(s.pending, temp)
	_, err = s.lay(temp, l)
	if err == nil {
		err = s.syncNow(l.root, temp)
	}
	if err == nil {
		err = s.sys.rename(temp, l.path)
	}
	if err != nil {
		return false, errors.Join(err, s.sys.removeAll(temp))
	}
	s.note(l.root, l.dir(l.root))
	return true, nil
}

// lay brings the directory dir of a tree in order, from whatever state it is in. Up to the swap nothing changes for
// those who read the names of the old version, and after it nothing for those who read the names of the new one.
func (s *Store) lay(dir string, l *layout) (changed bool, err error) {
	old, err := s.current(dir)
	if err != nil {
		return false, err
	}
	version, err := s.version(dir, old, l)
	if err != nil {
		return false, err
	}
	if changed, err = s.prepare(dir, l); err == nil && version != old {
		err = s.swap(dir, old, version, l)
		changed = changed || err == nil
	}
	if err != nil {
		if version != old {
			err = errors.Join(err, s.sys.removeAll(filepath.Join(dir, version)))
		}
		return changed, err
	}
	adjusted, err := s.adjustDir(dir, l.rootMode, l)
	changed = changed || adjusted
	if err != nil {
		return changed, err
	}
	tidied, err := s.tidy(dir, version, l)
	if changed = changed || tidied; changed {
		s.note(l.root, dir)
	}
	return changed, err
}

// version gives the name of a version with the content of the tree: that which is there, or a new one.
func (s *Store) version(dir, old string, l *layout) (string, error) {
	if old != "" {
		if ok, err := s.same(filepath.Join(dir, old), l); ok || err != nil {
			return old, err
		}
	}
	// What is left of a crash goes first, or a full disk would never become less full.
	if _, err := s.tidy(dir, old, nil); err != nil {
		return "", err
	}
	return s.writeVersion(dir, l)
}

// swap leads everybody to the new version.
func (s *Store) swap(dir, old, version string, l *layout) error {
	link := filepath.Join(dir, newDataLink)
	if err := s.symlink(version, link, l); err != nil {
		return errors.Join(err, ignoreMissing(s.sys.remove(link)))
	}
	if old != "" {
		if err := s.syncNow(l.root, dir); err != nil {
			return errors.Join(err, s.sys.remove(link))
		}
	}
	if err := s.sys.rename(link, filepath.Join(dir, dataLink)); err != nil {
		return errors.Join(err, s.sys.remove(link))
	}
	s.note(l.root, dir)
	return nil
}

// note remembers that a directory has to be synced.
func (s *Store) note(r root, dir string) {
	if !r.memory {
		s.pending[dir] = struct{}{}
	}
}

// sync makes up for what was noted of the directories.
func (s *Store) sync(dirs ...string) error {
	for _, dir := range dirs {
		if _, ok := s.pending[dir]; !ok {
			continue
		}
		if err := ignoreMissing(s.sys.syncDir(dir)); err != nil {
			return err
		}
		delete(s.pending, dir)
	}
	return nil
}

func (s *Store) syncNow(r root, dir string) error {
	if r.memory {
		return nil
	}
	return s.sys.syncDir(dir)
}
