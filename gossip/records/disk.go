package records

import (
	"crypto/rand"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Names in the directory.
const (
	logName  = "members.log"
	tempName = ".members.log.tmp"
)

const (
	// flushDelay is how long what came from others may wait for the disk. Many things change at once.
	flushDelay = 2 * time.Second
	// maxRetry bounds the time between attempts on a disk that fails.
	maxRetry = time.Minute
	// slack is how much longer than needed the file may be however small it is.
	slack = 1 << 20
)

// errClosed says that nothing is written any more.
var errClosed = errors.New("the table is closed")

// disk is the file of a table. Its lock is held during all writing; the table's own lock is never held then.
type disk struct {
	table *Table
	sys   system
	// dir is empty where nothing is to be kept.
	dir string

	bytes    atomic.Int64
	failures atomic.Uint64
	problem  atomic.Pointer[error]
	aside    atomic.Pointer[string]
	due      chan struct{}
	stop     chan struct{}
	ending   sync.Once
	running  sync.WaitGroup

	mu     sync.Mutex
	file   logFile
	marker marker
	// size is the end of the last whole frame.
	size int64
	// stale: the file lacks something that is in memory and not on the list of what is dirty: it has to be written anew.
	stale bool
	// broken: nothing can be appended. Where a sync failed nobody knows what is on the disk.
	broken bool
	// unread: there is a file that could not be read so far. It must not be replaced: what is in it would be lost.
	unread bool
	closed bool
}

func newDisk(t *Table, dir string, sys system) *disk {
	return &disk{table: t, dir: dir, sys: sys, broken: true, due: make(chan struct{}, 1), stop: make(chan struct{})}
}

func (d *disk) path(name string) string { return filepath.Join(d.dir, name) }

// start begins to write what becomes dirty.
func (d *disk) start() {
	if d.dir == "" {
		return
	}
	d.running.Go(d.run)
	if d.trouble() != nil || d.overlong() {
		d.wake()
	}
}

// run flushes some time after something has changed, and tries again, ever more rarely, while that fails.
func (d *disk) run() {
	for wait(d.due, d.stop) {
		for delay := flushDelay; ; delay = min(2*delay, maxRetry) {
			if !wait(time.After(delay), d.stop) {
				return
			}
			if d.lockedFlush() == nil {
				break
			}
		}
	}
}

func (d *disk) lockedFlush() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flush()
}

// wake says that there is something to write.
func (d *disk) wake() {
	select {
	case d.due <- struct{}{}:
	default:
	}
}

// commit appends frames and waits until they are on the disk.
func (d *disk) commit(frames ...frame) error {
	if d.dir == "" {
		return nil
	}
	defer d.wake()
	if err := d.ready(); err != nil {
		return err
	}
	var b []byte
	for _, f := range frames {
		b = f.append(b, d.marker)
	}
	if err := d.write(b); err != nil {
		return err
	}
	return d.sync()
}

// ready makes sure that frames can be appended.
func (d *disk) ready() error {
	if d.closed {
		return errClosed
	}
	if d.unread {
		d.load()
	}
	if d.unread {
		return d.trouble()
	}
	if d.broken {
		return d.rewrite()
	}
	return nil
}

// write appends whole frames, or nothing.
func (d *disk) write(b []byte) error {
	if _, err := d.file.Write(b); err != nil {
		d.stale = true
		if d.file.Truncate(d.size) != nil {
			d.broken = true
		}
		return d.failed("write", logName, err)
	}
	d.setSize(d.size + int64(len(b)))
	return nil
}

// sync waits for the disk. After a failed one nothing is known of what was written before: the kernel may have dropped
// it and reports the error only once.
func (d *disk) sync() error {
	if err := d.file.Sync(); err != nil {
		d.stale, d.broken = true, true
		return d.failed("sync", logName, err)
	}
	return nil
}

func (d *disk) setSize(n int64) {
	d.size = n
	d.bytes.Store(n)
}

// flush writes everything that is dirty.
func (d *disk) flush() error {
	if d.dir == "" {
		return nil
	}
	if err := d.ready(); err != nil {
		return err
	}
	if d.stale {
		return d.rewrite()
	}
	for {
		batch, pins, more := d.table.takeDirty(d.marker)
		if len(batch) == 0 {
			break
		}
		if err := d.write(batch); err != nil {
			return err
		}
		if pins {
			if err := d.sync(); err != nil {
				return err
			}
		}
		if !more {
			break
		}
	}
	if d.overlong() {
		return d.rewrite()
	}
	d.well()
	return nil
}

// overlong says that the file is worth being written anew.
func (d *disk) overlong() bool { return d.size > 2*d.table.liveSize()+slack }

func newMarker() (m marker) {
	_, _ = rand.Read(m[:]) // it never fails
	return m
}

// wait waits for one of two things; false: it is over.
func wait[T any](c <-chan T, stop <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-stop:
		return false
	}
}

// close writes what is left and ends the writing.
func (d *disk) close() error {
	d.ending.Do(func() { close(d.stop) })
	d.running.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dir == "" || d.closed {
		return nil
	}
	err := d.flush()
	if d.file != nil {
		err = errors.Join(err, d.file.Sync(), d.file.Close())
	}
	d.file, d.closed = nil, true
	d.problem.Store(new(errClosed))
	return err
}
