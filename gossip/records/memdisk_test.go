package records

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// memDisk is a disk in memory that can fail at every call, and that knows what a power cut would leave.
type memDisk struct {
	mu sync.Mutex
	// names are what a reader sees, durable what the directory is after a power cut.
	names, durable map[string]*inode
	// calls are those that were made, in order.
	calls []string
	// fail is asked before every call; with an error nothing of it happens, but for writes, of which the first half may.
	fail func(call string) error
	// half: a failing write writes half of its bytes.
	half bool
}

// inode is a file's content; the first synced bytes of it are there after a power cut.
type inode struct {
	data   []byte
	synced int
}

func newMemDisk() *memDisk {
	return &memDisk{names: map[string]*inode{}, durable: map[string]*inode{}}
}

func (d *memDisk) call(format string, args ...any) error {
	name := fmt.Sprintf(format, args...)
	d.calls = append(d.calls, name)
	if d.fail == nil {
		return nil
	}
	if err := d.fail(name); err != nil {
		return &fs.PathError{Op: name, Path: "disk", Err: err}
	}
	return nil
}

func (d *memDisk) mkdirAll(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.call("mkdir")
}

func (d *memDisk) open(path string, write bool) (logFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("open write=%t", write); err != nil {
		return nil, err
	}
	n, ok := d.names[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return &memFile{disk: d, inode: n}, nil
}

func (d *memDisk) create(path string) (logFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("create %s", filepath.Base(path)); err != nil {
		return nil, err
	}
	n := &inode{}
	d.names[path] = n
	return &memFile{disk: d, inode: n}, nil
}

// damagedName is where setAside puts a file; the names that package files gives have the time in them.
const damagedName = "members.log.bad"

func (d *memDisk) setAside(path string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("setAside"); err != nil {
		return "", err
	}
	aside := filepath.Join(filepath.Dir(path), damagedName)
	d.names[aside] = d.names[path]
	return aside, nil
}

func (d *memDisk) rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("rename"); err != nil {
		return err
	}
	d.names[to] = d.names[from]
	delete(d.names, from)
	return nil
}

func (d *memDisk) remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("remove"); err != nil {
		return err
	}
	if _, ok := d.names[path]; !ok {
		return fs.ErrNotExist
	}
	delete(d.names, path)
	return nil
}

func (d *memDisk) syncDir(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("syncDir"); err != nil {
		return err
	}
	d.durable = maps.Clone(d.names)
	return nil
}

// powerCut gives the disk as it is after one: what was not synced is gone. With kept, renames and data that were not synced
// have reached the disk all the same.
func (d *memDisk) powerCut(kept bool) *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newMemDisk()
	names := d.durable
	if kept {
		names = d.names
	}
	for name, n := range names {
		data := bytes.Clone(n.data[:n.synced])
		if kept {
			data = bytes.Clone(n.data)
		}
		after.names[name] = &inode{data: data, synced: len(data)}
		after.durable[name] = after.names[name]
	}
	return after
}

// put makes a file as it would be found at a start.
func (d *memDisk) put(name string, data []byte) {
	n := &inode{data: data, synced: len(data)}
	d.names[name], d.durable[name] = n, n
}

// content gives a file's bytes; nil where there is none.
func (d *memDisk) content(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n, ok := d.names[name]; ok {
		return bytes.Clone(n.data)
	}
	return nil
}

// locked changes what fail looks at.
func (d *memDisk) locked(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// since gives the calls that were made since it was asked last.
func (d *memDisk) since() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	calls := strings.Join(d.calls, ",")
	d.calls = nil
	return calls
}

func (d *memDisk) called(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.calls, name)
}

// memFile is an open file.
type memFile struct {
	disk   *memDisk
	inode  *inode
	at     int
	closed bool
}

func (f *memFile) Read(b []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.call("read"); err != nil {
		return 0, err
	}
	n, err := bytes.NewReader(f.inode.data[f.at:]).Read(b)
	f.at += n
	return n, err
}

func (f *memFile) Write(b []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.closed {
		return 0, fs.ErrClosed
	}
	if err := f.disk.call("write"); err != nil {
		n := 0
		if f.disk.half {
			n = len(b) / 2
		}
		f.inode.data = append(f.inode.data, b[:n]...)
		return n, err
	}
	f.inode.data = append(f.inode.data, b...)
	return len(b), nil
}

func (f *memFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.call("sync"); err != nil {
		return err
	}
	f.inode.synced = len(f.inode.data)
	return nil
}

func (f *memFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.call("truncate"); err != nil {
		return err
	}
	f.inode.data = f.inode.data[:size]
	f.inode.synced = min(f.inode.synced, int(size))
	return nil
}

func (f *memFile) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.closed {
		return errors.New("closed twice")
	}
	f.closed = true
	return nil
}
