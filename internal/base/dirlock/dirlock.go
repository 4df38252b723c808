// Package dirlock keeps two processes from working on one directory, or one file. The lock is that of flock(2) on what
// is protected itself, so that it holds whatever path leads there (a link, a bind mount), leaves nothing behind, and
// goes with the process, however that ends.
package dirlock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// HeldError says that another process holds the lock.
type HeldError struct {
	// Path is what is locked.
	Path string
	// Holder says which process holds it, as far as that can be told: "process 42 (daemonsetd --config x)".
	Holder string
}

// Error implements error.
func (e *HeldError) Error() string { return fmt.Sprintf("%q is in use by %s", e.Path, e.Holder) }

// ErrUnsupported says that the file system cannot lock: some network file systems do not let a directory be locked.
var ErrUnsupported = errors.New("the file system cannot lock it")

// Lock is a lock that is held. Close gives it up.
type Lock struct {
	f    *os.File
	info fs.FileInfo
}

// Take takes the lock on a file or a directory that exists. It does not wait: where another has it the error is a
// *HeldError. Two locks of one process exclude each other too.
func Take(path string) (*Lock, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	l, err := take(f, path)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

func take(f *os.File, path string) (*Lock, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := flock(f, unix.LOCK_EX); err != nil {
		return nil, explain(err, path, info)
	}
	return &Lock{f: f, info: info}, nil
}

func explain(err error, path string, info fs.FileInfo) error {
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return &HeldError{Path: path, Holder: holder(info)}
	case errors.Is(err, unix.EBADF), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOLCK),
		errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("lock %q: %w: %w", path, ErrUnsupported, err)
	}
	return fmt.Errorf("lock %q: %w", path, err)
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Of says whether the lock is on what info describes: a directory that was replaced, or mounted over, is another one.
func (l *Lock) Of(info fs.FileInfo) bool { return os.SameFile(l.info, info) }

// Close gives the lock up.
func (l *Lock) Close() error { return l.f.Close() }

// Above says with a *HeldError that somebody, other than by own, holds a directory above path together with the file of
// that name in it. Others lock directories too, for reasons of their own; both are the lock of one of us. What cannot
// be looked at is passed over.
func Above(path, name string, own ...*Lock) error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if err := probe(dir, own); err != nil && probe(filepath.Join(dir, name), own) != nil {
			return err
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// probe looks whether a file or a directory is locked by another, and lets go of it at once.
func probe(path string, own []*Lock) error {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || slices.ContainsFunc(own, func(l *Lock) bool { return l.Of(info) }) {
		return nil
	}
	if err := flock(f, unix.LOCK_SH); errors.Is(err, unix.EWOULDBLOCK) {
		return explain(err, path, info)
	}
	return nil
}
