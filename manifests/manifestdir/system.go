package manifestdir

import (
	"io/fs"
	"os"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// system is every call that the store makes on the disk, one method a call, so that a test can stop it at each of them.
type system interface {
	// names lists the directory, sorted; with more than limit entries it is a *files.TooManyError.
	names(dir string, limit int) ([]string, error)
	lstat(path string) (fs.FileInfo, error)
	stat(path string) (fs.FileInfo, error)
	// read gives a regular file's bytes, at most limit of them, and its identity after reading. It never blocks.
	read(path string, limit int64) ([]byte, files.ID, error)
	mkdirAll(path string, mode fs.FileMode) error
	// createTemp makes a file of mode 0600 that did not exist, under a name that atomicfile.IsTemp knows.
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

func (linux) names(dir string, limit int) ([]string, error) { return files.Names(dir, limit) }

func (linux) lstat(path string) (fs.FileInfo, error) { return os.Lstat(path) }
func (linux) stat(path string) (fs.FileInfo, error)  { return os.Stat(path) }

func (linux) read(path string, limit int64) ([]byte, files.ID, error) {
	return files.ReadWith(path, files.ReadOptions{Limit: limit, Head: true})
}

func (linux) mkdirAll(path string, mode fs.FileMode) error { return os.MkdirAll(path, mode) }

func (linux) createTemp(dir string) (tempFile, error) {
	f, err := atomicfile.CreateTemp(dir)
	if err != nil {
		// No file in an interface that is not nil.
		return nil, err
	}
	return f, nil
}

func (linux) rename(from, to string) error { return os.Rename(from, to) }
func (linux) remove(path string) error     { return os.Remove(path) }
func (linux) syncDir(dir string) error     { return atomicfile.SyncDir(dir) }

// refusing is a disk that may take no change.
type refusing struct {
	system
	refuse func() error
}

func (r refusing) createTemp(dir string) (tempFile, error) {
	if err := r.refuses(); err != nil {
		return nil, err
	}
	return r.system.createTemp(dir)
}

func (r refusing) remove(path string) error {
	if err := r.refuses(); err != nil {
		return err
	}
	return r.system.remove(path)
}

func (r refusing) refuses() error {
	if r.refuse == nil {
		return nil
	}
	return r.refuse()
}

// readLimit is one byte more than a manifest may have, so that one which is too large is seen to be so.
const readLimit = render.MaxSize + 1
