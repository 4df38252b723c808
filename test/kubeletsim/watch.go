package kubeletsim

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watch follows the directory with fsnotify (pkg/kubelet/config/file_linux.go). While it is missing, there are no pods.
// The first watcher is made by the caller, nil where it could not be.
func (k *Kubelet) watch(ctx context.Context, w *fsnotify.Watcher) {
	for ctx.Err() == nil {
		if w != nil {
			k.follow(ctx, w)
			_ = w.Close()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		if _, err := os.Stat(k.opts.Dir); os.IsNotExist(err) {
			k.mu.Lock()
			k.merge(nil)
			k.mu.Unlock()
		}
		w = k.openWatch()
	}
}

// openWatch watches the directory; nil where it cannot.
func (k *Kubelet) openWatch() *fsnotify.Watcher {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil
	}
	if err := w.Add(k.opts.Dir); err != nil {
		_ = w.Close()
		return nil
	}
	return w
}

// follow passes events on until the watch fails. As in the real kubelet, a watch whose directory was replaced is not
// noticed to be dead.
func (k *Kubelet) follow(ctx context.Context, w *fsnotify.Watcher) {
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-w.Errors:
			k.mu.Lock()
			k.noteFile(KindWatchError, k.opts.Dir, fmt.Sprint(err))
			k.mu.Unlock()
			return
		case e := <-w.Events:
			switch {
			case e.Has(fsnotify.Create), e.Has(fsnotify.Write), e.Has(fsnotify.Chmod):
				k.Notify(e.Name, Written)
			case e.Has(fsnotify.Remove), e.Has(fsnotify.Rename):
				k.Notify(e.Name, Removed)
			}
		}
	}
}

// fileID tells one version of a file from another.
type fileID struct {
	inode uint64
	size  int64
	mtime time.Time
}

// Scan compares the directory with what it was at the last Scan and reports the differences as inotify would have. It
// misses what was undone in between.
func (k *Kubelet) Scan() {
	k.mu.Lock()
	before := k.scan
	now := readIDs(k.opts.Dir)
	k.scan = now
	k.mu.Unlock()
	for name := range before {
		if _, still := now[name]; !still {
			k.Notify(name, Removed)
		}
	}
	for name, id := range now {
		if before[name] != id {
			k.Notify(name, Written)
		}
	}
}

// scanQuietly takes the directory as it is for seen.
func (k *Kubelet) scanQuietly() { k.scan = readIDs(k.opts.Dir) }

func readIDs(dir string) map[string]fileID {
	out := map[string]fileID{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return out
	}
	for _, e := range entries {
		info, err := os.Lstat(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		id := fileID{size: info.Size(), mtime: info.ModTime()}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			id.inode = st.Ino
		}
		out[e.Name()] = id
	}
	return out
}
