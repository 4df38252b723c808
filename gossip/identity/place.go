package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// steps are the system calls that can fail after the temporary file exists; tests make them fail.
type steps struct {
	write   func(f *os.File, data []byte) error
	sync    func(f *os.File) error
	link    func(from, to string) error
	rename  func(from, to string) error
	syncDir func(dir string) error
}

func system() steps {
	return steps{
		write:   func(f *os.File, data []byte) error { _, err := f.Write(data); return err },
		sync:    (*os.File).Sync,
		link:    os.Link,
		rename:  os.Rename,
		syncDir: syncDir,
	}
}

// place makes the file at path with mode 0600, all of it or nothing, and has it on disk. A file that is there already stays
// as it is, and the error is fs.ErrExist.
func (s steps) place(dir, path string, data []byte) error {
	f, err := os.CreateTemp(dir, ".identity-*.tmp") // mode 0600
	if err != nil {
		return err
	}
	temp := f.Name()
	err = s.write(f, data)
	if err == nil {
		err = s.sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	// The rename has taken the temporary name away, a link has left it.
	defer os.Remove(temp) //nolint:errcheck // a leftover harms nobody, the key is in place
	if err := s.move(temp, path); err != nil {
		return err
	}
	return s.syncDir(dir)
}

// move gives the file its name. A link does not replace what is there, a rename would; only file systems that know no links
// (vfat, some of FUSE) get the rename, where of two agents on one directory, which is not allowed, the last one wins.
func (s steps) move(temp, path string) error {
	err := s.link(temp, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return s.rename(temp, path)
}

// syncDir makes a new name durable. A file system that cannot sync a directory is not an error.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
