package trees

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// What a file system bears, and the names that the writer keeps for itself (kubernetes
// pkg/volume/util/atomic_writer.go).
const (
	maxPath     = 4096
	maxName     = 255
	dataLink    = "..data"
	newDataLink = "..data_tmp"
	newLink     = "..link_tmp"
)

// layout is a tree that has been checked, as it is to lie on disk.
type layout struct {
	identity
	root    root
	path    string
	uid     int
	gid     int
	dirMode fs.FileMode
	// rootMode is that of the tree's own directory.
	rootMode fs.FileMode
	// files are sorted by path, which is clean.
	files []File
	// entries has the sorted names in every directory of a version; that of the version itself is under ".".
	entries map[string][]string
	// dirs are the keys of entries, every directory after the one that it is in.
	dirs []string
	// links are the names that the pod sees and that are not hidden by a mount point.
	links []string
	// mountpoints are clean, and every directory comes after the one that it is in.
	mountpoints []string
	mark        mark
}

// arrange checks a tree. The error is ErrInvalid or ErrTooLarge.
func (s *Store) arrange(t Tree) (*layout, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	l := &layout{identity: t.identity(), root: s.configs, uid: s.uid, gid: s.gid}
	l.dirMode = cmp.Or(t.DirMode, DefaultDirMode)
	l.rootMode = cmp.Or(t.RootMode, l.dirMode)
	if t.Secret {
		l.root = s.secrets
	}
	if t.GID != nil {
		l.gid = int(*t.GID)
	}
	l.path = l.identity.path(l.root)
	if err := l.place(t.Files); err != nil {
		return nil, err
	}
	if err := l.nest(t.Mountpoints); err != nil {
		return nil, err
	}
	l.links = slices.DeleteFunc(slices.Clone(l.entries["."]), func(name string) bool {
		return slices.Contains(l.mountpoints, name)
	})
	l.mark = newMark(t, l.mountpoints)
	return l, nil
}

// check is for what can be seen without looking at the files together.
func (t Tree) check() error {
	if err := t.checkNames(); err != nil {
		return err
	}
	if !dirMode(t.DirMode, fs.ModeSetgid) {
		return fmt.Errorf("%w: the mode %v of the directories: want rwx for the owner, and of the other bits setgid at most",
			ErrInvalid, t.DirMode)
	}
	if !dirMode(t.RootMode, fs.ModeSetgid|fs.ModeSticky) {
		return fmt.Errorf("%w: the mode %v of the volume: want rwx for the owner, and of the other bits setgid and sticky "+
			"at most", ErrInvalid, t.RootMode)
	}
	// The highest 32-bit number stands for "as it is" in chown(2).
	if t.GID != nil && (*t.GID < 0 || *t.GID > 1<<31-1) {
		return fmt.Errorf("%w: the fsGroup %d: want a number from 0 to %d", ErrInvalid, *t.GID, 1<<31-1)
	}
	return t.checkSize()
}

// dirMode says whether a directory can have the mode; extra are the bits that it may have beside the permissions.
func dirMode(mode, extra fs.FileMode) bool {
	return mode == 0 || mode&^(fs.ModePerm|extra) == 0 && mode&0o700 == 0o700
}

func (t Tree) checkSize() error {
	if n := max(len(t.Files), len(t.Mountpoints)); n > MaxFiles {
		return fmt.Errorf("%w: %d files, at most %d are possible", ErrTooLarge, n, MaxFiles)
	}
	size, names := 0, 0
	for _, f := range t.Files {
		size += len(f.Data)
	}
	for _, name := range t.Sources {
		names += len(name) + 1
	}
	if size > MaxTreeSize {
		return fmt.Errorf("%w: %d bytes, at most %d are possible", ErrTooLarge, size, MaxTreeSize)
	}
	if names > MaxSources {
		return fmt.Errorf("%w: the names of its source files have %d bytes, at most %d are possible", ErrTooLarge, names,
			MaxSources)
	}
	return nil
}

// place sorts the files into directories.
func (l *layout) place(files []File) error {
	l.files = slices.Clone(files)
	for i, f := range l.files {
		path, err := l.clean(f.Path)
		if err != nil {
			return err
		}
		if f.Mode&^fs.ModePerm != 0 {
			return fmt.Errorf("%w: the mode %v of the file %q: want permission bits alone", ErrInvalid, f.Mode, f.Path)
		}
		l.files[i].Path = path
	}
	slices.SortFunc(l.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	set := map[string]map[string]bool{".": {}}
	for _, f := range l.files {
		if err := enter(set, f.Path); err != nil {
			return err
		}
	}
	l.entries = make(map[string][]string, len(set))
	for dir, names := range set {
		l.entries[dir] = sortedKeys(names)
	}
	delete(set, ".")
	l.dirs = append([]string{"."}, sortedKeys(set)...)
	return nil
}

// enter notes a path in the directories that it goes through. The value says whether a name is a directory.
func enter(set map[string]map[string]bool, path string) error {
	dir := "."
	for rest := path; ; {
		name, below, isDir := strings.Cut(rest, "/")
		if was, ok := set[dir][name]; ok && (!was || !isDir) {
			return fmt.Errorf("%w: the path %q is taken twice, or once as a file and once as a directory", ErrInvalid, path)
		}
		set[dir][name] = isDir
		if !isDir {
			return nil
		}
		dir, rest = filepath.Join(dir, name), below
		if set[dir] == nil {
			set[dir] = map[string]bool{}
		}
	}
}

// nest checks the mount points and adds the directories that they lie in.
func (l *layout) nest(mountpoints []string) error {
	all := map[string]struct{}{}
	for _, m := range mountpoints {
		path, err := l.clean(m)
		if err != nil {
			return err
		}
		for ; path != "."; path = filepath.Dir(path) {
			all[path] = struct{}{}
		}
	}
	l.mountpoints = sortedKeys(all)
	return nil
}

// clean gives a path as the kubelet's writer uses it, and refuses those that the writer refuses (validatePayload), and
// those with which it would fail later.
func (l *layout) clean(path string) (string, error) {
	refuse := func(want string) (string, error) {
		return "", fmt.Errorf("%w: the path %.200q: %s", ErrInvalid, path, want)
	}
	// The directories that lead to a file, and the name of a version between them.
	room := maxPath - 1 - len(l.path) - len("/") - len(versionPrefix) - maxRandom - len("/")
	switch {
	case path == "" || filepath.IsAbs(path):
		return refuse("want one that is relative to the volume")
	case len(path) > room:
		return refuse(fmt.Sprintf("want at most %d bytes", room))
	case strings.ContainsRune(path, 0) || !utf8.ValidString(path):
		return refuse("want UTF-8, with no zero byte in it")
	case strings.HasPrefix(path, ".."):
		return refuse("want it not to begin with \"..\", as such names are kept for the writer")
	}
	for name := range strings.SplitSeq(path, "/") {
		if name == ".." {
			return refuse("want no \"..\" in it")
		}
		if len(name) > maxName {
			return refuse(fmt.Sprintf("want names of at most %d bytes in it", maxName))
		}
	}
	cleaned := filepath.Clean(path)
	if cleaned == "." || strings.HasPrefix(cleaned, "..") {
		return refuse("want the name of a file, which does not begin with \"..\"")
	}
	return cleaned, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
