package manifestdir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/internal/base/dirlock"
)

// TestFaultK3: one directory is one store's, whatever path leads there and whatever becomes of the directory meanwhile; who
// is locked out neither sees nor changes anything, and the kubelet sees nothing of the lock.
func TestFaultK3(t *testing.T) {
	parent := t.TempDir()
	dir, link := filepath.Join(parent, "manifests"), filepath.Join(parent, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	mkdir := func() {
		t.Helper()
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	first, second := newStore(t, dir), newStore(t, link)
	for _, s := range []*Store{first, second} {
		if err := s.Lock(); err != nil { // there is no directory yet
			t.Fatal(err)
		}
	}
	lockedOut := func(s *Store) {
		t.Helper()
		_, err := s.Scan()
		if _, ok := errors.AsType[*dirlock.HeldError](err); !ok || !strings.Contains(err.Error(), "process ") || !strings.Contains(err.Error(), "stop one of the two agents") {
			t.Errorf("scan: %v, want who holds the lock and what to do", err)
		}
		if err := s.Write(manifest(t, "logger", "a")); err == nil {
			t.Error("it was written")
		}
	}
	mkdir()
	mustScan(t, first)
	lockedOut(second)
	if err := second.Lock(); err == nil {
		t.Error("both have the lock")
	}
	mustWrite(t, first, manifest(t, "logger", "a"))
	if n := len(onDisk(t, dir)); n != 1 {
		t.Errorf("%d files, want the manifest alone", n)
	}
	// Another directory in its place: whoever comes first has it.
	if err := os.Rename(dir, dir+"-old"); err != nil {
		t.Fatal(err)
	}
	mkdir()
	mustScan(t, second)
	lockedOut(first)
	if err := second.Unlock(); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, first, manifest(t, "logger", "a"))
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
}
