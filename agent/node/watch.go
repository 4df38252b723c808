package node

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// Watch pokes Wake whenever something changes next to node.yaml, in node.d or in conditions.d, until the context ends.
// It is a help, not the truth: where it cannot watch (no inotify instances left, a network file system) a change is
// found by the next Update all the same. Directories that come into being later are watched from then on.
func (m *Manager) Watch(ctx context.Context) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		m.log.Warn().Err(err).Dur(logfield.Delay, SampleInterval).
			Msg("cannot watch the node's files; they are looked at now and then")
		<-ctx.Done()
		return
	}
	defer func() { _ = w.Close() }()
	again := time.NewTicker(rewatchInterval)
	defer again.Stop()
	m.watchDirs(w)
	m.poke() // for what happened before the watch stood
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.Events:
			if !ok {
				return
			}
			m.event(w, e)
		case _, ok := <-w.Errors: // an overflow above all: anything may have happened
			if !ok {
				return
			}
			m.poke()
		case <-again.C:
			m.watchDirs(w)
		}
	}
}

func (m *Manager) event(w *fsnotify.Watcher, e fsnotify.Event) {
	if e.Op == fsnotify.Chmod && e.Name != m.cfg.NodeFile {
		return
	}
	if m.watchable(e.Name) || slices.Contains(m.watchedDirs(), filepath.Clean(e.Name)) {
		m.watchDirs(w)
		m.poke()
	}
}

// watchable leaves out the rest of the directory that node.yaml is in.
func (m *Manager) watchable(name string) bool {
	dir := filepath.Dir(name)
	return filepath.Clean(name) == filepath.Clean(m.cfg.NodeFile) ||
		m.cfg.NodeDir != "" && dir == filepath.Clean(m.cfg.NodeDir) ||
		m.cfg.RuntimeDir != "" && dir == m.conditionsDir()
}

// watchedDirs is every directory in which something may happen: those of the files, and those in which they may come
// into being.
func (m *Manager) watchedDirs() []string {
	var dirs []string
	for _, dir := range []string{m.cfg.NodeDir, m.conditionsDir()} {
		if dir != "" {
			dirs = append(dirs, filepath.Clean(dir), filepath.Dir(filepath.Clean(dir)))
		}
	}
	if m.cfg.NodeFile != "" {
		dirs = append(dirs, filepath.Dir(filepath.Clean(m.cfg.NodeFile)))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// watchDirs adds the watches that are missing. A directory that does not exist is tried again later.
func (m *Manager) watchDirs(w *fsnotify.Watcher) {
	watched := w.WatchList()
	for _, dir := range m.watchedDirs() {
		if !slices.Contains(watched, dir) && w.Add(dir) == nil {
			m.poke()
		}
	}
}
