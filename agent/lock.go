package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/dirlock"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
	"github.com/daemonsetd/daemonsetd/manifests/manifestdir"
)

// lockFile is in the state directory, and all that agents of former versions lock.
const lockFile = "lock"

// lockDir makes sure that one agent works on a directory; what says which, and flag how another is set. The locks go
// with the process, however that ends. Where the file system cannot lock there is no lock, which is told.
func (a *Agent) lockDir(dir, what, flag string) error {
	if err := dirlock.Above(dir, lockFile, a.locks...); err != nil {
		return fmt.Errorf("the %s %q lies within a directory of another agent: %w: set %s to another", what, dir, err, flag)
	}
	return a.lockPath(dir, dir, what, flag)
}

func (a *Agent) lockPath(path, dir, what, flag string) error {
	lock, err := dirlock.Take(path)
	if held, ok := errors.AsType[*dirlock.HeldError](err); ok {
		return fmt.Errorf("another agent works on the %s %q: it is %s: stop it, or give this one its own with %s", what, dir,
			held.Holder, flag)
	}
	if errors.Is(err, dirlock.ErrUnsupported) {
		a.log.Warn().Err(err).Str(logfield.Dir, dir).Msg("nothing keeps a second agent from working on this directory")
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	a.locks = append(a.locks, lock)
	a.onStop(what+" lock", func(context.Context) error { return lock.Close() })
	return nil
}

// lockDirs locks the state directory, and the runtime directory, in which the files of Secrets lie.
func (a *Agent) lockDirs() error {
	if err := a.lockDir(a.cfg.StateDir, "state directory", "--state-dir"); err != nil {
		return err
	}
	former := filepath.Join(a.cfg.StateDir, lockFile)
	f, err := os.OpenFile(former, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if err := a.lockPath(former, a.cfg.StateDir, "state directory", "--state-dir"); err != nil {
		return err
	}
	if a.cfg.RuntimeDir == a.cfg.StateDir {
		return nil
	}
	return a.lockDir(a.cfg.RuntimeDir, "runtime directory", "--runtime-dir")
}

// lockManifests locks the kubelet's directory. One that is not there yet is locked by the first round that finds it.
func (a *Agent) lockManifests(store *manifestdir.Store) error {
	if err := dirlock.Above(store.Dir(), lockFile, a.locks...); err != nil {
		return fmt.Errorf("the manifests directory %q lies within a directory of an agent: %w: set --manifests-dir to the "+
			"kubelet's staticPodPath", store.Dir(), err)
	}
	err := store.Lock()
	if held, ok := errors.AsType[*dirlock.HeldError](err); ok {
		return fmt.Errorf("another agent works on the manifests directory %q: it is %s: stop it, or give this one its own "+
			"with --manifests-dir", store.Dir(), held.Holder)
	}
	if err != nil {
		a.log.Warn().Err(err).Str(logfield.Dir, store.Dir()).Msg("the manifests directory cannot be locked yet")
	}
	return nil
}

// checkManifestsDir refuses a directory of manifests that is one of the agent's own: the kubelet would take what lies
// there for pods, or the agent its manifests for spec files.
func checkManifestsDir(dir string, cfg config.Config) error {
	whole := resolved(dir)
	for what, other := range map[string]string{
		"specs": cfg.SpecsDir, "state": cfg.StateDir, "runtime": cfg.RuntimeDir,
	} {
		if other != "" && whole == resolved(other) {
			return fmt.Errorf("manifests directory %q: it is the %s directory too, and the kubelet would take every file there "+
				"for a pod: set one of them to another directory", dir, what)
		}
	}
	if specs := resolved(cfg.SpecsDir); strings.HasPrefix(whole, strings.TrimSuffix(specs, "/")+"/") {
		return fmt.Errorf("manifests directory %q: it lies in the specs directory %q, which is for files of operators: set "+
			"one of them to another directory", dir, cfg.SpecsDir)
	}
	return nil
}

// resolved is a path without links, as far as it exists.
func resolved(path string) string {
	path = filepath.Clean(path)
	if whole, err := filepath.EvalSymlinks(path); err == nil {
		return whole
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(resolved(parent), filepath.Base(path))
	}
	return path
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
