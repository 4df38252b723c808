package manifestdir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// tempPattern is what os.CreateTemp makes temporary names from; isTemp knows them again.
const (
	tempPrefix  = ".daemonsetd-"
	tempSuffix  = ".tmp"
	tempPattern = tempPrefix + "*" + tempSuffix
)

// system is every call that the store makes on the disk, one method a call, so that a test can stop it at each of them.
type system interface {
	// names lists the directory, sorted; with more than limit entries it fails.
	names(dir string, limit int) ([]string, error)
	lstat(path string) (fs.FileInfo, error)
	stat(path string) (fs.FileInfo, error)
	// read gives a regular file's bytes, at most limit of them, and its state after reading. It never blocks.
	read(path string, limit int64) ([]byte, fs.FileInfo, error)
	mkdirAll(path string, mode fs.FileMode) error
	createTemp(dir string) (tempFile, error)
	rename(from, to string) error
	remove(path string) error
	syncDir(dir string) error
}

// tempFile is a file open for writing.
type tempFile interface {
	Name() string
	Write(b []byte) (int, error)
	Sync() error
	Close() error
}

// linux is the real thing.
type linux struct{}

var errTooMany = errors.New("the directory has too many entries")

func (linux) names(dir string, limit int) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(limit + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(names) > limit {
		return nil, errTooMany
	}
	return names, nil
}

func (linux) lstat(path string) (fs.FileInfo, error) { return os.Lstat(path) }
func (linux) stat(path string) (fs.FileInfo, error)  { return os.Stat(path) }

// read opens without blocking: between a look at the directory and the opening, a file can be replaced by a FIFO.
func (linux) read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, info, errNotRegular
	}
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil, nil, err
	}
	info, err = f.Stat()
	return data, info, err
}

var errNotRegular = errors.New("it is not a regular file")

func (linux) mkdirAll(path string, mode fs.FileMode) error { return os.MkdirAll(path, mode) }

// createTemp makes a file of mode 0600 that did not exist.
func (linux) createTemp(dir string) (tempFile, error) { return os.CreateTemp(dir, tempPattern) }

func (linux) rename(from, to string) error { return os.Rename(from, to) }
func (linux) remove(path string) error     { return os.Remove(path) }

func (linux) syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// isTemp tells our temporary names, and only those, from others.
func isTemp(name string) bool {
	ok, err := filepath.Match(tempPrefix+"[0-9]*"+tempSuffix, name)
	if err != nil || !ok {
		return false
	}
	for _, c := range name[len(tempPrefix) : len(name)-len(tempSuffix)] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// readLimit is one byte more than a manifest may have, so that one which is too large is seen to be so.
const readLimit = render.MaxSize + 1
