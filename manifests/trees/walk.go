package trees

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// found is a tree on disk, or what is left of one.
type found struct {
	identity
	path string
	mark mark
	// exists is false for a mark without a tree.
	exists bool
}

// findings is everything below one of the directories.
type findings struct {
	trees []found
	// empty are directories of ours with nothing in them.
	empty []string
	// temps are temporary files and directories of ours.
	temps []string
	// foreign is everything else.
	foreign []string
}

// walk looks at everything below one of the directories. What cannot be read it leaves out and tells; it gives the
// rest. It needs no lock: marks are replaced by rename, and what goes away meanwhile is as if it had never been.
func (s *Store) walk(r root) (findings, error) {
	var f findings
	err := s.descend(r, identity{}, r.dir, 0, &f)
	s.tellForeign(r, f.foreign)
	return f, err
}

// The levels of directories: what may stand in each, and where its name goes.
func (i *identity) level(depth int) (name *string, check func(string) []string) {
	switch depth {
	case 0:
		return &i.Namespace, validation.IsDNS1123Label
	case 1:
		return &i.DaemonSet, validation.IsDNS1123Subdomain
	default:
		return &i.Revision, validation.IsDNS1123Label
	}
}

func (s *Store) descend(r root, i identity, dir string, depth int, f *findings) error {
	names, err := s.sys.names(dir, MaxTrees*2)
	if err != nil {
		return ignoreMissing(err)
	}
	if len(names) == 0 && depth > 0 && s.isOurs(dir) {
		f.empty = append(f.empty, dir)
	}
	if depth == 3 {
		return s.volumes(i, dir, names, f)
	}
	var errs []error
	for _, name := range names {
		below := i
		field, check := below.level(depth)
		path := filepath.Join(dir, name)
		info, err := s.sys.lstat(path)
		if err != nil || !info.IsDir() || len(check(name)) > 0 {
			f.foreign = append(f.foreign, path)
			errs = append(errs, ignoreMissing(err))
			continue
		}
		*field = name
		errs = append(errs, s.descend(r, below, path, depth+1, f))
	}
	return errors.Join(errs...)
}

// isOurs says whether a directory above trees has the mode of those that we make.
func (s *Store) isOurs(dir string) bool {
	info, err := s.sys.lstat(dir)
	return err == nil && info.Mode().Perm() == parentMode
}

// volumes sorts what is in the directory of a revision.
func (s *Store) volumes(i identity, dir string, names []string, f *findings) error {
	var errs []error
	for _, name := range names {
		path := filepath.Join(dir, name)
		volume, isMark := strings.CutSuffix(name, markSuffix)
		switch {
		case atomicfile.IsTemp(name):
			f.temps = append(f.temps, path)
		case len(validation.IsDNS1123Label(volume)) > 0, !isMark && !has(names, name+markSuffix):
			f.foreign = append(f.foreign, path)
		case isMark:
			i.Volume = volume
			errs = append(errs, s.volume(i, filepath.Join(dir, volume), f))
		}
	}
	return errors.Join(errs...)
}

// volume looks at a tree that seems to have a mark.
func (s *Store) volume(i identity, path string, f *findings) error {
	info, err := s.sys.lstat(path)
	if ignoreMissing(err) != nil {
		return err
	}
	exists := err == nil && info.IsDir()
	m, err := s.readMark(i, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, ErrForeign):
		f.foreign = append(f.foreign, path+markSuffix)
		return nil
	case err != nil:
		return err
	}
	if len(f.trees) == MaxTrees {
		return fmt.Errorf("%w: more than %d volumes", ErrTooLarge, MaxTrees)
	}
	f.trees = append(f.trees, found{identity: i, path: path, mark: m, exists: exists})
	if exists {
		return s.strangers(path, m, f)
	}
	return nil
}

// strangers looks for what is not ours in the directory of a tree.
func (s *Store) strangers(path string, m mark, f *findings) error {
	names, err := s.sys.names(path, maxEntries)
	if err != nil {
		return ignoreMissing(err)
	}
	for _, name := range names {
		ours := name == dataLink || name == newDataLink || name == newLink || has(m.Mountpoints, name) ||
			s.isLink(path, name) || s.isVersion(path, name)
		if !ours {
			f.foreign = append(f.foreign, filepath.Join(path, name))
		}
	}
	return nil
}

// tellForeign logs what is new since the last look.
func (s *Store) tellForeign(r root, now []string) {
	s.telling.Lock()
	defer s.telling.Unlock()
	fresh := map[string]struct{}{}
	for _, path := range now {
		fresh[path] = struct{}{}
		if _, ok := s.foreign[path]; !ok {
			s.log.Warn().Str(logfield.File, path).
				Msg("something among the files of volumes is not ours, and is left where it is")
		}
	}
	for path := range s.foreign {
		if !within(path, r.dir) {
			fresh[path] = struct{}{}
		}
	}
	s.foreign = fresh
}
