package records

import (
	"io"
	"os"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// system is every call that is made on the disk, one method a call, so that a test can stop it at each of them.
type system interface {
	mkdirAll(dir string) error
	// open opens a file that is there, for reading and appending, or for reading alone.
	open(path string, write bool) (logFile, error)
	// create makes an empty file of mode 0600, in place of one that is there.
	create(path string) (logFile, error)
	// setAside keeps a file under another name too, which it gives; empty: it could not.
	setAside(path string) (string, error)
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
	flags := os.O_RDONLY
	if write {
		flags = os.O_RDWR | os.O_APPEND
	}
	f, err := files.Open(path, flags)
	if err != nil {
		// No file in an interface that is not nil.
		return nil, err
	}
	return f, nil
}

func (linux) setAside(path string) (string, error) { return files.LinkAside(path, time.Now()) }

func (linux) create(path string) (logFile, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_TRUNC, fileMode)
}

func (linux) rename(from, to string) error { return os.Rename(from, to) }
func (linux) remove(path string) error     { return os.Remove(path) }
func (linux) syncDir(dir string) error     { return atomicfile.SyncDir(dir) }
