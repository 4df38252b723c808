package keyring

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// fileMode is that of the key file.
const fileMode = 0o600

// replace puts data in place of a file: a temporary file beside it, fsync, rename, fsync of the directory.
func replace(path string, data []byte) error {
	dir := filepath.Dir(path)
	temp := filepath.Join(dir, ".gossip-key-"+rand.Text()+".tmp")
	if err := fill(temp, data); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncDir(dir)
}

func fill(temp string, data []byte) error {
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}

// syncDir makes the rename durable. A file system that cannot sync a directory is no error: nothing more can be done.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
