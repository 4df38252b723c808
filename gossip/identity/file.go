package identity

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// Errors of Load, for errors.Is.
var (
	// ErrDamaged says that the file is there but does not hold a key that can be used.
	ErrDamaged = errors.New("the identity key is damaged")
	// ErrExposed says that others than the owner may read or change the file.
	ErrExposed = errors.New("the identity key is open to other users")
)

// Load reads the identity from identity.key in dir, and makes it where there is no such file. The file has mode 0600
// and is on disk before Load returns; of several that make it at once, all get the one that stays. The directory must
// exist.
//
// Every error names the file. None is followed by a new key: a file that is damaged, open to others (ErrExposed),
// unreadable, or a link to where nothing is mounted yet, is refused, as a new key means a new member.
func Load(dir string) (Identity, error) {
	path := filepath.Join(dir, FileName)
	// Lstat: a link whose target is missing is not a missing key.
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return create(dir, path)
	case err != nil:
		return Identity{}, fmt.Errorf("identity key: %w", err)
	}
	return read(path)
}

func read(path string) (Identity, error) {
	data, err := readFile(path)
	if err != nil {
		return Identity{}, err
	}
	identity, err := parse(data)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %q: %w: put a copy of it back; or move it away, to go on as a new member, and "+
			"have the others forget the old one with dsctl forget",
			ErrDamaged, path, err)
	}
	return identity, nil
}

// readFile reads a regular file that nobody else can read or write.
func readFile(path string) ([]byte, error) {
	data, _, err := files.ReadWith(path, files.ReadOptions{
		Limit: maxFile, Check: func(st fs.FileInfo) error { return checkFile(path, st) },
	})
	if e, ok := errors.AsType[*files.IrregularError](err); ok {
		return nil, fmt.Errorf("%w: %q is not a regular file but %s: move it away", ErrDamaged, path, e.Mode.Type())
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("identity key: %w: make it readable for the agent, or put a copy of it back", err)
	}
	return data, err
}

func checkFile(path string, st fs.FileInfo) error {
	switch {
	case st.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%w: %q has mode %04o, want 0600: run chmod 0600 on it; if somebody may have read it, move it "+
			"away, "+
			"and this host becomes a new member", ErrExposed, path, st.Mode().Perm())
	case st.Size() > maxFile:
		return fmt.Errorf("%w: %q has %d bytes, want at most %d: put a copy of the key back", ErrDamaged, path, st.Size(),
			maxFile)
	}
	return nil
}

func create(dir, path string) (Identity, error) {
	identity, err := Generate(rand.Reader)
	if err != nil {
		return Identity{}, err
	}
	err = atomicfile.Create(path, format(identity), 0o600)
	if errors.Is(err, fs.ErrExist) {
		// Somebody was faster, and may not have come to the directory's fsync yet.
		return adopt(dir, path)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("make the identity key %q: %w", path, err)
	}
	return identity, nil
}

// adopt reads a key that another one has just made.
func adopt(dir, path string) (Identity, error) {
	if err := atomicfile.SyncDir(dir); err != nil {
		return Identity{}, fmt.Errorf("identity key %q: %w", path, err)
	}
	return read(path)
}
