// Package atomicfile replaces files so that a crash at any moment leaves either the old bytes or the new ones, never a
// mixture and never nothing: a temporary file in the same directory, fsync, rename, fsync of the directory.
//
// The temporary file's name starts with a dot, so that the kubelet, which takes every other name in its directory for a
// manifest (kubernetes pkg/kubelet/config/file.go), never sees it, and it stands next to its target, because under
// systemd's ReadWritePaths the directory is a mount of its own across which no rename goes.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	tempPrefix = ".daemonsetd-"
	tempSuffix = ".tmp"

	// base32 and randomLen are those of rand.Text; maxDigits is what os.CreateTemp adds.
	base32    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	randomLen = 26
	maxDigits = 10
)

// WriteFile puts data into the file at path with exactly the permission bits of mode, whatever the umask is. The
// directory must exist. A symbolic link at path is replaced, not followed.
//
// When it returns nil, the data has reached the disk. When it returns an error the file holds the old bytes, except
// where only the last step, the fsync of the directory, failed: then it holds the new ones, which a power loss might
// still undo. The temporary file is removed in every case. The error wraps the cause and names path.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	return system().writeFile(path, data, mode)
}

// Create is WriteFile for a file that must not be there yet: one that is stays as it is, and the error is fs.ErrExist.
// Of several that create it at once one wins. Only on file systems that know no links (vfat, some of FUSE), of two at
// once the last one does.
func Create(path string, data []byte, mode fs.FileMode) error {
	return system().create(path, data, mode)
}

// RemoveTemps removes the temporary files that a crash during WriteFile left in dir. It touches nothing else. Call it
// before the first WriteFile into dir: it cannot tell a leftover from a write that is going on.
func RemoveTemps(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look for leftover temporary files: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if !IsTemp(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove leftover temporary file: %w", err))
		}
	}
	return errors.Join(errs...)
}

// IsTemp says whether a base name is one that TempName makes, or that former versions made, which had other prefixes
// for keys and the digits of os.CreateTemp. It is strict, as what it knows is removed: others have hidden temporary
// files too.
func IsTemp(name string) bool {
	var random string
	ok := false
	for _, prefix := range []string{tempPrefix, ".identity-", ".gossip-key-"} {
		if !ok {
			random, ok = strings.CutPrefix(name, prefix)
		}
	}
	random, suffix := strings.CutSuffix(random, tempSuffix)
	if !ok || !suffix || random == "" {
		return false
	}
	return strings.Trim(random, "0123456789") == "" && len(random) <= maxDigits ||
		strings.Trim(random, base32) == "" && len(random) == randomLen
}

// SyncDir makes what was created, renamed or removed in dir durable. A file system that cannot sync a directory (some
// of FUSE) is not an error: there is nothing more that could be done.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// CreateTemp makes an empty file of mode 0600 in dir under a name of TempName, open for writing, for those who stop
// between the steps of WriteFile.
func CreateTemp(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, TempName()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// TempName makes a base name that did not exist and that IsTemp knows, for those who build more than a file and rename
// it into place.
func TempName() string { return tempPrefix + rand.Text() + tempSuffix }

// steps are the system calls that can fail after the temporary file exists; tests make them fail.
type steps struct {
	write   func(f *os.File, data []byte) error
	chmod   func(f *os.File, mode fs.FileMode) error
	sync    func(f *os.File) error
	link    func(from, to string) error
	rename  func(from, to string) error
	syncDir func(dir string) error
}

func system() steps {
	return steps{
		write:   func(f *os.File, data []byte) error { _, err := f.Write(data); return err },
		chmod:   (*os.File).Chmod,
		sync:    (*os.File).Sync,
		link:    os.Link,
		rename:  os.Rename,
		syncDir: SyncDir,
	}
}

func (s steps) create(path string, data []byte, mode fs.FileMode) error {
	rename := s.rename
	// A link does not replace what is there, as a rename would.
	s.rename = func(temp, path string) error {
		err := s.link(temp, path)
		switch {
		case err == nil:
			// What is wanted is in place: a leftover harms nobody and is removed at the next start.
			_ = os.Remove(temp)
			return nil
		case errors.Is(err, fs.ErrExist):
			return err
		}
		if _, err := os.Lstat(path); err == nil {
			return &os.LinkError{Op: "rename", Old: temp, New: path, Err: fs.ErrExist}
		}
		return rename(temp, path)
	}
	return s.writeFile(path, data, mode)
}

func (s steps) writeFile(path string, data []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	temp := filepath.Join(dir, TempName())
	if err := s.fill(temp, data, mode); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	if err := s.rename(temp, path); err != nil {
		return fmt.Errorf("write %q: %w", path, errors.Join(err, os.Remove(temp)))
	}
	if err := s.syncDir(dir); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}

// fill makes the temporary file. It is created readable for its owner alone, so that no secret can be read between
// its creation and the chmod.
func (s steps) fill(temp string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = s.write(f, data)
	if err == nil {
		err = s.chmod(f, mode.Perm())
	}
	if err == nil {
		err = s.sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}
