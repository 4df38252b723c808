package trees

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
)

// faulty stops the store at one of the calls that change something. Syncs are counted, but not made.
type faulty struct {
	linux
	// memory is a directory that is taken for one in memory.
	memory string
	// at is the call that goes wrong, counted from 1; 0 for none.
	at int
	// err is what it and, with forever, every later one fails with.
	err     error
	forever bool
	// crash makes all later calls take no effect: the process is gone. The call itself takes half its effect.
	crash bool

	// owners, where not nil, are kept here instead of on the disk.
	owners owners

	// labels, where not nil, are kept here instead of on the disk, by inode.
	labels map[uint64]string

	steps []string
	// reads counts the files that were read.
	reads int
	// beforeRead, where not nil, is called before a file is read.
	beforeRead func(path string)
}

var errCrash = errors.New("the process is gone")

// step counts a call and gives the error with which it has to fail.
func (f *faulty) step(name, path string) error {
	f.steps = append(f.steps, name+" "+filepath.Base(path))
	n := len(f.steps)
	switch {
	case f.at == 0 || n < f.at || n > f.at && !f.forever && !f.crash:
		return nil
	case f.crash:
		return errCrash
	}
	return &fs.PathError{Op: name, Path: path, Err: f.err}
}

func (f *faulty) reached() bool { return f.at > 0 && len(f.steps) >= f.at }

// now says that the call that was just counted is the one that goes wrong.
func (f *faulty) now() bool { return len(f.steps) == f.at }

func (f *faulty) inMemory(path string) (bool, error) {
	if _, err := f.linux.inMemory(path); err != nil {
		return false, err
	}
	return f.memory != "" && (path == f.memory || within(path, f.memory)), nil
}

func (f *faulty) read(path string, limit int64) ([]byte, error) {
	f.reads++
	if f.beforeRead != nil {
		f.beforeRead(path)
	}
	return f.linux.read(path, limit)
}

func (f *faulty) lstat(path string) (fs.FileInfo, error) {
	info, err := f.linux.lstat(path)
	return f.owners.of(info), err
}

func (f *faulty) label(path string) (string, error) {
	info, err := f.linux.lstat(path)
	if err != nil {
		return "", err
	}
	if label, ok := f.labels[info.Sys().(*syscall.Stat_t).Ino]; ok {
		return label, nil
	}
	return "", &fs.PathError{Op: "lgetxattr", Path: path, Err: syscall.ENODATA}
}

func (f *faulty) setLabel(path, label string) error {
	if err := f.step("setLabel", path); err != nil {
		return err
	}
	info, err := f.linux.lstat(path)
	if err != nil {
		return err
	}
	f.labels[info.Sys().(*syscall.Stat_t).Ino] = label
	return nil
}

func (f *faulty) mkdir(path string, mode fs.FileMode) error {
	if err := f.step("mkdir", path); err != nil {
		return err
	}
	return f.linux.mkdir(path, mode)
}

func (f *faulty) mkdirAll(path string, mode fs.FileMode) error {
	if err := f.step("mkdirAll", path); err != nil {
		return err
	}
	return f.linux.mkdirAll(path, mode)
}

func (f *faulty) mkdirTemp(dir, pattern string) (string, error) {
	if err := f.step("mkdirTemp", dir); err != nil {
		return "", err
	}
	return f.linux.mkdirTemp(dir, pattern)
}

func (f *faulty) symlink(target, path string) error {
	if err := f.step("symlink", path); err != nil {
		return err
	}
	return f.linux.symlink(target, path)
}

func (f *faulty) rename(from, to string) error {
	if err := f.step("rename", to); err != nil {
		return err
	}
	return f.linux.rename(from, to)
}

func (f *faulty) remove(path string) error {
	if err := f.step("remove", path); err != nil {
		return err
	}
	return f.linux.remove(path)
}

// removeAll that is stopped has removed one entry.
func (f *faulty) removeAll(path string) error {
	if err := f.step("removeAll", path); err != nil {
		if list, _ := os.ReadDir(path); f.now() && len(list) > 0 {
			_ = os.RemoveAll(filepath.Join(path, list[0].Name()))
		}
		return err
	}
	return f.linux.removeAll(path)
}

func (f *faulty) chown(path string, uid, gid int) error {
	if err := f.step("chown", path); err != nil {
		return err
	}
	if f.owners != nil {
		info, err := f.linux.lstat(path)
		if err != nil {
			return err
		}
		f.owners.give(info, uid, gid)
		return nil
	}
	return f.linux.chown(path, uid, gid)
}

func (f *faulty) chmod(path string, mode fs.FileMode) error {
	if err := f.step("chmod", path); err != nil {
		return err
	}
	return f.linux.chmod(path, mode)
}

func (f *faulty) syncDir(dir string) error { return f.step("syncDir", dir) }

// writeFile that is cut off by a crash leaves its temporary file.
func (f *faulty) writeFile(path string, data []byte) error {
	if err := f.step("writeFile", path); err != nil {
		if f.crash && f.now() {
			_ = os.WriteFile(filepath.Join(filepath.Dir(path), atomicfile.TempName()), data[:len(data)/2], 0o600)
		}
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

func (f *faulty) create(path string) (file, error) {
	if err := f.step("create", path); err != nil {
		return nil, err
	}
	w, err := f.linux.create(path)
	return &faultyFile{file: w, f: f, path: path}, err
}

type faultyFile struct {
	file
	f    *faulty
	path string
}

func (w *faultyFile) Write(b []byte) (int, error) {
	if err := w.f.step("write", w.path); err != nil {
		n := 0
		if w.f.now() {
			n, _ = w.file.Write(b[:len(b)/2])
		}
		return n, err
	}
	return w.file.Write(b)
}

func (w *faultyFile) Stat() (fs.FileInfo, error) {
	info, err := w.file.Stat()
	return w.f.owners.of(info), err
}

func (w *faultyFile) Chown(uid, gid int) error {
	if err := w.f.step("chown", w.path); err != nil {
		return err
	}
	if w.f.owners != nil {
		info, err := w.file.Stat()
		if err != nil {
			return err
		}
		w.f.owners.give(info, uid, gid)
		return nil
	}
	return w.file.Chown(uid, gid)
}

func (w *faultyFile) Chmod(mode fs.FileMode) error {
	if err := w.f.step("chmod", w.path); err != nil {
		return err
	}
	return w.file.Chmod(mode)
}

func (w *faultyFile) Sync() error { return w.f.step("sync", w.path) }

// Close closes the descriptor whatever is reported, as Linux does.
func (w *faultyFile) Close() error { return errors.Join(w.f.step("close", w.path), w.file.Close()) }
