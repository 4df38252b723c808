package spec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// watcher waits for changes of the specs directory by inotify. It asks the kernel itself and not through fsnotify,
// because fsnotify v1.10.1 reports a file that was renamed into the directory and one that was created in it as the
// same Create (its option to ask for one kind alone, withOps, is not exported), and does not report that the
// directory's file system was unmounted. The first difference is what tells a whole file from a begun one.
//
// Events only wake; what is true is read from the directory.
type watcher struct {
	path, parent string
	wake         chan struct{}

	mu sync.Mutex
	// file is the inotify instance, nil while nobody watches.
	file *os.File
	// dirWD and parentWD are the watch descriptors, 0 where there is no watch.
	dirWD, parentWD int32
	// moved names the files that were renamed into the directory and not written since.
	moved map[string]bool
}

const (
	dirMask = unix.IN_ONLYDIR | unix.IN_CREATE | unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_MOVED_TO |
		unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
	parentMask = unix.IN_ONLYDIR | unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE
)

func (w *watcher) init(dir string) {
	w.path = filepath.Clean(dir)
	w.parent = filepath.Dir(w.path)
	w.wake = make(chan struct{}, 1)
	w.moved = map[string]bool{}
}

// Wake returns a channel that holds a value when something may have changed since it was last received from. It never
// holds more than one.
func (l *Loader) Wake() <-chan struct{} { return l.watch.wake }

// Watch waits for changes of the specs directory and announces them on Wake, until ctx is done. It announces one when
// it is ready, so that nothing that happened before is missed. The directory may be missing, removed, made anew,
// replaced or mounted over: its parent is watched too, and every Load sets the watches to what stands at the path then.
//
// A nil error means that ctx is done. After any other Load still finds every change, when it is called. What inotify
// does not see (other hosts' writes on a network file system, the target of a symbolic link) is found so in any case.
func (l *Loader) Watch(ctx context.Context) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("watch specs directory %q: open inotify (the limits are the sysctls fs.inotify.*): %w", l.cfg.Dir,
			err)
	}
	file := os.NewFile(uintptr(fd), "inotify")
	stop := context.AfterFunc(ctx, func() { _ = file.Close() })
	defer stop()
	l.watch.start(file)
	defer l.watch.stop()
	err = l.watch.run(file)
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("watch specs directory %q: %w", l.cfg.Dir, err)
}

func (w *watcher) start(file *os.File) {
	w.mu.Lock()
	w.file = file
	w.mu.Unlock()
	w.arm()
	w.notify()
}

func (w *watcher) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.file.Close()
	w.file, w.dirWD, w.parentWD = nil, 0, 0
	clear(w.moved)
}

// arm sets the watches to what stands at the path and its parent's now. To watch what is watched already costs one
// system call and changes nothing, so that it needs no memory of what was replaced.
func (w *watcher) arm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return
	}
	rc, err := w.file.SyscallConn()
	if err != nil {
		return
	}
	// Control fails when the file has been closed, and keeps it open meanwhile: the number of a closed one may be
	// another file's.
	_ = rc.Control(func(fd uintptr) {
		w.parentWD = rewatch(int(fd), w.parent, parentMask, w.parentWD)
		before := w.dirWD
		if w.dirWD = rewatch(int(fd), w.path, dirMask, w.dirWD); w.dirWD != before {
			clear(w.moved)
		}
	})
}

// rewatch returns the descriptor of the watch on path, 0 where it cannot be watched; an old watch of another directory
// ends.
func rewatch(fd int, path string, mask uint32, old int32) int32 {
	wd, err := unix.InotifyAddWatch(fd, path, mask)
	if err != nil {
		wd = 0
	}
	if old != 0 && old != int32(wd) {
		_, _ = unix.InotifyRmWatch(fd, uint32(old))
	}
	return int32(wd)
}

// arrivals returns the files that were renamed into the directory since the last call and not written since.
func (w *watcher) arrivals() map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	moved := w.moved
	w.moved = map[string]bool{}
	return moved
}

func (w *watcher) notify() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watcher) run(file *os.File) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := file.Read(buf)
		if err != nil {
			return err
		}
		events, err := decodeEvents(buf[:n])
		if err != nil {
			return err
		}
		if w.handle(events) {
			w.notify()
		}
	}
}

// handle notes arrivals and says whether any event is worth a Load.
func (w *watcher) handle(events []event) (wake bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range events {
		switch {
		case e.mask&unix.IN_Q_OVERFLOW != 0:
			wake = true
		case e.wd == w.dirWD:
			wake = w.inDir(e) || wake
		case e.wd == w.parentWD:
			wake = e.name == "" || e.name == filepath.Base(w.path) || wake
		}
	}
	return wake
}

func (w *watcher) inDir(e event) bool {
	if e.mask&(unix.IN_IGNORED|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_UNMOUNT) != 0 {
		return true
	}
	if !isSpecName(e.name) {
		// Of other names only a rename is of interest, which may swap a link that spec files lead over, and a change of
		// the directory's own mode.
		return e.name == "" || e.mask&unix.IN_MOVED_TO != 0
	}
	switch {
	case e.mask&unix.IN_MOVED_TO != 0 && len(w.moved) < MaxFiles:
		w.moved[e.name] = true
	case e.mask&(unix.IN_CREATE|unix.IN_MODIFY|unix.IN_MOVED_FROM|unix.IN_DELETE) != 0:
		delete(w.moved, e.name)
	}
	return true
}

var errShortEvent = errors.New("the kernel's event is cut short")
