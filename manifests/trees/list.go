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

// List gives every tree on disk, sorted by namespace, DaemonSet, revision and volume. What cannot be read is left out,
// and the error, of type Errors, tells of it; what is being made or removed is left out too. List reads and hashes
// everything, and takes no lock: nobody who brings files on disk waits for it, and each tree is given as it was at one
// moment.
func (s *Store) List() ([]Listed, error) {
	var all []Listed
	var errs Errors
	for _, r := range s.roots() {
		f, err := s.walk(r)
		errs.add("read", identity{}, r.dir, err)
		for _, t := range f.trees {
			if !t.exists {
				continue
			}
			l, there, err := s.describe(t)
			errs.add("read", t.identity, t.path, err)
			if there {
				all = append(all, l)
			}
		}
	}
	slices.SortFunc(all, func(a, b Listed) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.DaemonSet, b.DaemonSet),
			strings.Compare(a.Revision, b.Revision), strings.Compare(a.Volume, b.Volume), strings.Compare(a.Path, b.Path))
	})
	return all, errs.orNil()
}

// lookAgain is how often a tree is looked at whose content changes all the time.
const lookAgain = 5

// describe reads a tree; it is not there where it is being made or removed. A version that goes away while it is read
// has been replaced by a newer one: then the tree is looked at again.
func (s *Store) describe(t found) (l Listed, there bool, err error) {
	for range lookAgain {
		version, versionErr := s.current(t.path)
		if version == "" {
			return Listed{}, false, cmp.Or(versionErr, s.unled(t.path))
		}
		l = Listed{
			Namespace: t.Namespace, DaemonSet: t.DaemonSet, Revision: t.Revision, Volume: t.Volume,
			Secret: t.mark.Secret, Path: t.path, Sources: t.mark.Sources,
		}
		l.Version, _ = versionTime(version)
		left := int64(MaxTreeSize)
		if err = s.describeDir(filepath.Join(t.path, version), "", &l.Files, &left); err == nil {
			return l, true, nil
		}
		if now, _ := s.current(t.path); now == version {
			break
		}
	}
	return Listed{}, false, err
}

// unled is the error of a tree that leads to no version, unless that is because it is being made or removed.
func (s *Store) unled(path string) error {
	if !s.mu.TryLock() {
		return nil
	}
	s.mu.Unlock() // Nobody was at it; what has begun since shows in a moment.
	_, err := s.sys.lstat(path)
	if version, _ := s.current(path); err != nil || version != "" {
		return ignoreMissing(err)
	}
	return fmt.Errorf("%q leads to no version", filepath.Join(path, dataLink))
}

// describeDir reads the files of a directory; left is how many bytes all that follow may have. The depth is bounded by
// the length of paths.
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
