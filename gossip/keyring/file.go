package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// DefaultPath is where the key file is looked for.
const DefaultPath = "/etc/daemonsetd/gossip.key"

// ErrTooOpen is wrapped when others than the owner have any right on the key file, or the owner is a stranger.
var ErrTooOpen = errors.New("the key file is not private")

// tooOpen is every right of group and others, as in OpenSSH's sshkey_perm_ok.
const tooOpen = 0o077

// Read reads a key file. It is refused when group or others have any right on it, or when it belongs to neither root
// nor this user. The error wraps fs.ErrNotExist when there is none.
func Read(path string) (*Ring, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the gossip keys: %w", err)
	}
	return Parse(path, data)
}

// Follow follows the key file: a new one is taken once it is whole, and refused as Read refuses it. It has to be there.
func Follow(path string) *files.File[*Ring] {
	return files.NewFile(path, files.Kind[*Ring]{
		Rules: files.Rules{
			Limit: MaxBytes, ByInode: true, Check: func(info fs.FileInfo) error { return checkPrivate(path, info) },
		},
		Required: true,
		Explain: func(path string, err error) diag.Problem {
			return diag.Problem{Severity: diag.Error, File: path, Message: fmt.Sprintf("reading the gossip keys: %v", err)}
		},
		Parse: func(path string, data []byte, _ files.ID) (*Ring, diag.List) {
			r, err := Parse(path, data)
			if err != nil {
				return nil, diag.List{{Severity: diag.Error, File: path, Message: err.Error()}}
			}
			return r, nil
		},
	})
}

// readFile reads one byte more than a file may have, which Parse reports.
func readFile(path string) ([]byte, error) {
	data, _, err := files.ReadWith(path, files.ReadOptions{
		Limit: MaxBytes + 1, Head: true, Check: func(info fs.FileInfo) error { return checkPrivate(path, info) },
	})
	return data, err
}

func checkPrivate(path string, info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&tooOpen != 0 {
		return fmt.Errorf("%w: permissions %04o of %q are too open, want 0600: run chmod 600 %s", ErrTooOpen, mode, path,
			path)
	}
	if uid, _, ok := files.Owner(info); ok && uid != 0 && uid != os.Geteuid() {
		return fmt.Errorf("%w: %q belongs to user %d, want root or the user that runs this: run chown", ErrTooOpen, path, uid)
	}
	return nil
}

// Edit reads the file, lets change work on it, and writes it if change returns true. Where there is no file, or no key
// in it, change gets a ring without keys. Edits of several processes wait for each other.
func Edit(path string, change func(*Ring) (bool, error)) error {
	path, err := target(path)
	if err != nil {
		return fmt.Errorf("editing the gossip keys: %w", err)
	}
	unlock, err := lockDir(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("editing the gossip keys: %w", err)
	}
	defer unlock()
	// What a crash left of a former edit has keys in it.
	if err := atomicfile.RemoveTemps(filepath.Dir(path)); err != nil {
		return fmt.Errorf("editing the gossip keys: %w", err)
	}
	r, err := readForEdit(path)
	if err != nil {
		return err
	}
	if changed, err := change(r); err != nil || !changed {
		return err
	}
	return Write(path, r)
}

func readForEdit(path string) (*Ring, error) {
	data, err := readFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the gossip keys: %w", err)
	}
	return parse(path, data)
}

// Write replaces the file with mode 0600, so that a crash leaves the old one or the new one. A symbolic link stays and
// what it leads to is replaced. A ring that Read would refuse is not written.
func Write(path string, r *Ring) error {
	data := r.Bytes()
	if _, err := Parse(path, data); err != nil {
		return fmt.Errorf("not writing the gossip keys: %w", err)
	}
	path, err := target(path)
	if err == nil {
		err = atomicfile.WriteFile(path, data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("writing the gossip keys: %w", err)
	}
	return nil
}

// target is the file that path leads to.
func target(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	return resolved, err
}

// lockDir keeps other processes from editing files of a directory. The file itself cannot be locked: it is replaced.
func lockDir(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %q: %w", dir, err), d.Close())
	}
	return func() { _ = d.Close() }, nil
}
