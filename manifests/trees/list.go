package trees

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// Listed is a tree as it is on disk.
type Listed struct {
	Namespace, DaemonSet, Revision, Volume string
	// Secret says that there is a Secret among the sources.
	Secret bool
	// Path is the tree's directory.
	Path string
	// Sources are the spec files that the content came from, sorted.
	Sources []string
	// Version is when the content was written, to the second, in UTC.
	Version time.Time
	// Files are in the order of a walk: by name in every directory.
	Files []ListedFile
}

// ListedFile is a file of a tree, without its content.
type ListedFile struct {
	// Path is relative to the volume.
	Path string
	// Mode has the permission bits, and UID and GID the owner.
	Mode     fs.FileMode
	UID, GID int
	// Size is in bytes.
	Size int64
	// SHA256 is the digest of the content, in hexadecimal.
	SHA256 string
}

// List gives every tree on disk, sorted by namespace, DaemonSet, revision and volume. What cannot be read is left out, and the
// error, of type Errors, tells of it.
func (s *Store) List() ([]Listed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Listed
	var errs Errors
	for _, r := range s.roots() {
		f, err := s.walk(r)
		errs.add("read", identity{}, r.dir, err)
		for _, t := range f.trees {
			if !t.exists {
				continue
			}
			l, err := s.describe(t)
			if err != nil {
				errs.add("read", t.identity, t.path, err)
				continue
			}
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b Listed) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.DaemonSet, b.DaemonSet),
			strings.Compare(a.Revision, b.Revision), strings.Compare(a.Volume, b.Volume), strings.Compare(a.Path, b.Path))
	})
	return all, errs.orNil()
}

// describe reads a tree. A version that goes away meanwhile is none of ours, as the lock is held: that is an error.
func (s *Store) describe(t found) (Listed, error) {
	l := Listed{
		Namespace: t.Namespace, DaemonSet: t.DaemonSet, Revision: t.Revision, Volume: t.Volume,
		Secret: t.mark.Secret, Path: t.path, Sources: t.mark.Sources,
	}
	version, err := s.current(t.path)
	if err != nil {
		return l, err
	}
	if version == "" {
		return l, fmt.Errorf("%q leads to no version", filepath.Join(t.path, dataLink))
	}
	l.Version, _ = versionTime(version)
	left := int64(MaxTreeSize)
	err = s.describeDir(filepath.Join(t.path, version), "", &l.Files, &left)
	return l, err
}

// describeDir reads the files of a directory; left is how many bytes all that follow may have. The depth is bounded by the
// length of paths.
func (s *Store) describeDir(dir, below string, list *[]ListedFile, left *int64) error {
	names, err := s.sys.names(dir, MaxFiles)
	if err != nil {
		return err
	}
	for _, name := range names {
		path, rel := filepath.Join(dir, name), filepath.Join(below, name)
		info, err := s.sys.lstat(path)
		if err == nil && info.IsDir() {
			err = s.describeDir(path, rel, list, left)
		} else if err == nil {
			err = s.describeFile(path, rel, info, list, left)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) describeFile(path, rel string, info fs.FileInfo, list *[]ListedFile, left *int64) error {
	if len(*list) == MaxFiles {
		return fmt.Errorf("%w: more than %d files", ErrTooLarge, MaxFiles)
	}
	data, err := s.sys.read(path, *left+1)
	if err != nil {
		return err
	}
	if *left -= int64(len(data)); *left < 0 {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxTreeSize)
	}
	sum := sha256.Sum256(data)
	f := ListedFile{Path: rel, Mode: info.Mode(), Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
	f.UID, f.GID, _ = files.Owner(info)
	*list = append(*list, f)
	return nil
}
