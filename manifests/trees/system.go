package trees

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// system is every call that the store makes on the disk, so that a test can stop it at each of them. Where one stands
// for several system calls (removeAll, writeFile), a test stops it half-way too.
type system interface {
	inMemory(path string) (bool, error)
	lstat(path string) (fs.FileInfo, error)
	readlink(path string) (string, error)
	// names lists a directory, sorted; with more than limit entries it fails.
	names(dir string, limit int) ([]string, error)
	// read gives a regular file's bytes, at most limit of them. It never blocks, and follows no link.
	read(path string, limit int64) ([]byte, error)

	mkdir(path string, mode fs.FileMode) error
	mkdirAll(path string, mode fs.FileMode) error
	mkdirTemp(dir, pattern string) (string, error)
	// create makes a file of mode 0600 that did not exist.
	create(path string) (file, error)
	symlink(target, path string) error
	rename(from, to string) error
	remove(path string) error
	removeAll(path string) error
	chown(path string, uid, gid int) error
	chmod(path string, mode fs.FileMode) error
	// label is the SELinux label of what stands at path, a link's own.
	label(path string) (string, error)
	setLabel(path, label string) error
	syncDir(dir string) error
	// writeFile replaces a file of mode 0600 in one step.
	writeFile(path string, data []byte) error
}

// file is a file open for writing.
type file interface {
	Write(b []byte) (int, error)
	Stat() (fs.FileInfo, error)
	Chown(uid, gid int) error
	Chmod(mode fs.FileMode) error
	Sync() error
	Close() error
}

// linux is the real thing.
type linux struct{}

func (linux) inMemory(path string) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return false, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	return st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC, nil
}

func (linux) lstat(path string) (fs.FileInfo, error) { return os.Lstat(path) }
func (linux) readlink(path string) (string, error)   { return os.Readlink(path) }

func (linux) names(dir string, limit int) ([]string, error) {
	names, err := files.Names(dir, limit)
	if _, ok := errors.AsType[*files.TooManyError](err); ok {
		return nil, fmt.Errorf("%w: the directory %q has more than %d entries", ErrTooLarge, dir, limit)
	}
	return names, err
}

func (linux) read(path string, limit int64) ([]byte, error) {
	data, _, err := files.ReadWith(path, files.ReadOptions{Limit: limit, Head: true, NoFollow: true})
	return data, err
}

func (linux) mkdir(path string, mode fs.FileMode) error     { return os.Mkdir(path, mode) }
func (linux) mkdirAll(path string, mode fs.FileMode) error  { return os.MkdirAll(path, mode) }
func (linux) mkdirTemp(dir, pattern string) (string, error) { return os.MkdirTemp(dir, pattern) }
func (linux) symlink(target, path string) error             { return os.Symlink(target, path) }
func (linux) rename(from, to string) error                  { return os.Rename(from, to) }
func (linux) remove(path string) error                      { return os.Remove(path) }
func (linux) removeAll(path string) error                   { return os.RemoveAll(path) }
func (linux) chown(path string, uid, gid int) error         { return os.Lchown(path, uid, gid) }
func (linux) chmod(path string, mode fs.FileMode) error     { return os.Chmod(path, mode) }
func (linux) syncDir(dir string) error                      { return atomicfile.SyncDir(dir) }
func (linux) writeFile(path string, data []byte) error {
	return atomicfile.WriteFile(path, data, 0o600)
}

func (linux) create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		// No file in an interface that is not nil.
		return nil, err
	}
	return f, nil
}
