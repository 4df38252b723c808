package files

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNames(t *testing.T) {
	dir := t.TempDir()
	if names, err := Names(dir, 0); len(names) != 0 || err != nil {
		t.Errorf("an empty directory: %v, %v", names, err)
	}
	for _, name := range []string{"c", ".a", "b"} {
		write(t, filepath.Join(dir, name), "")
	}
	names, err := Names(dir, 3)
	if diff := cmp.Diff([]string{".a", "b", "c"}, names); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	names, err = Names(dir, 2)
	if many, ok := errors.AsType[*TooManyError](err); len(names) != 2 || !ok || many.Limit != 2 || many.Dir != dir {
		t.Errorf("more than are looked at: %v, %v", names, err)
	}
	if _, err := Names(filepath.Join(dir, "none"), 2); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Names(pipe, 2); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a pipe: %v", err)
	}
}
