package dirlock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustTake(t *testing.T, path string) *Lock {
	t.Helper()
	l, err := Take(path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTake(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	first := mustTake(t, dir)
	_, err := Take(link)
	held, ok := errors.AsType[*HeldError](err)
	if !ok || held.Path != link || !strings.Contains(err.Error(), fmt.Sprintf("process %d (", os.Getpid())) {
		t.Errorf("got %v, want who holds it", err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Errorf("left in it: %v, %v", names, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := mustTake(t, link)
	info, err := os.Stat(dir)
	if err != nil || !second.Of(info) {
		t.Errorf("it is on another directory: %v", err)
	}
	if other, err := os.Stat(t.TempDir()); err != nil || second.Of(other) {
		t.Errorf("it is on every directory: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Take(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

// A directory that is locked alone may be so for anybody's reasons.
func TestAbove(t *testing.T) {
	dir := t.TempDir()
	below, file := filepath.Join(dir, "a", "b"), filepath.Join(dir, "lock")
	outer := mustTake(t, dir)
	if err := Above(below, "lock"); err != nil {
		t.Errorf("the directory alone: %v", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Above(below, "lock"); err != nil {
		t.Errorf("the file is not locked: %v", err)
	}
	inner := mustTake(t, file)
	held, ok := errors.AsType[*HeldError](Above(below, "lock"))
	if !ok || held.Path != dir {
		t.Errorf("both are locked: %v", held)
	}
	if err := Above(below, "lock", outer, inner); err != nil {
		t.Errorf("below what is locked here: %v", err)
	}
	if err := Above(dir, "lock"); err != nil {
		t.Errorf("itself is not above: %v", err)
	}
	if err := errors.Join(inner.Close(), outer.Close()); err != nil {
		t.Fatal(err)
	}
	if err := Above(below, "lock"); err != nil {
		t.Errorf("no lock any more: %v", err)
	}
}

const locks = `1: POSIX  ADVISORY  WRITE 11 00:0e:1234 0 EOF
2: FLOCK  ADVISORY  WRITE 12 00:0e:1234 0 EOF
2: -> FLOCK  ADVISORY  WRITE 13 00:0e:1234 0 EOF
3: FLOCK  ADVISORY  WRITE 14 fd:00:99 0 EOF
4: FLOCK  ADVISORY  READ 0 00:0e:1234 0 EOF
5: FLOCK
6: FLOCK  ADVISORY  WRITE x 1234 0 EOF
`

func TestHolders(t *testing.T) {
	if diff := cmp.Diff([]int{12}, holders(locks, 1234)); diff != "" {
		t.Error(diff)
	}
}

func FuzzHolders(f *testing.F) {
	f.Add(locks, uint64(1234))
	f.Fuzz(func(t *testing.T, text string, inode uint64) {
		if pids := holders(text, inode); slices.ContainsFunc(pids, func(pid int) bool { return pid <= 0 }) {
			t.Errorf("no process: %v", pids)
		}
	})
}
