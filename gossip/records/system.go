package records

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// system is every call that is made on the disk, one method a call, so that a test can stop it at each of them.
type system interface {
	mkdirAll(dir string) error
	// open opens a file that is there, for reading and appending, or for reading alone.
	open(path string, write bool) (logFile, error)
	// create makes an empty file of mode 0600, in place of one that is there.
	create(path string) (logFile, error)
	link(from, to string) error
	rename(from, to string) error
	remove(path string) error
	syncDir(dir string) error
}

// logFile reads from its beginning and writes to its end.
type logFile interface {
	io.ReadWriteCloser
	Sync() error
	Truncate(size int64) error
}

// linux is the real thing.
type linux struct{}

const (
	dirMode  = 0o700
	fileMode = 0o600
)

func (linux) mkdirAll(dir string) error { return os.MkdirAll(dir, dirMode) }

func (linux) open(path string, write bool) (logFile, error) {
	if !write {
		return os.Open(path)
	}
	return os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
}

func (linux) create(path string) (logFile, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_TRUNC, fileMode)
}

func (linux) link(from, to string) error   { return os.Link(from, to) }
func (linux) rename(from, to string) error { return os.Rename(from, to) }
func (linux) remove(path string) error     { return os.Remove(path) }

// syncDir makes a rename durable. A file system that cannot sync a directory is no error: nothing more can be done.
func (linux) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
