package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
)

// lockDir makes sure that one agent works on a state directory. The lock goes with the process, however that ends.
func lockDir(dir string) (io.Closer, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = fmt.Errorf("another agent works on the state directory %q: stop it, or give this one its own with --state-dir",
				dir)
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// removeLeftovers removes the temporary files that a crash left in the state directory, one of which could have a key
// in it. It needs the lock. Packages with directories of their own below it look after those themselves.
func removeLeftovers(dir string) error {
	dirs := []string{dir, filepath.Join(dir, "gossip")}
	revisions, err := filepath.Glob(filepath.Join(dir, "revisions", "*", "*"))
	errs := []error{err}
	for _, d := range append(dirs, revisions...) {
		if err := atomicfile.RemoveTemps(d); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
