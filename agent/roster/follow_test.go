package roster_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/roster"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// TestFollow: a list with an error leaves in effect what it said before, also across a restart, and one that is removed
// takes that back.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	path, keep, now := filepath.Join(dir, "members.yaml"), filepath.Join(dir, "kept"), time.Now()
	put := func(content string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	f := roster.Follow(path, keep, false)
	look := func(state files.State, members int, bad bool) {
		t.Helper()
		r := f.Look(now)
		n := 0
		if r.Known {
			n = len(r.Value.Members)
		}
		if r.State != state || n != members || r.Problems.HasErrors() != bad {
			t.Fatalf("%v with %d members, problems %v; want %v with %d, bad %v", r.State, n, r.Problems, state, members, bad)
		}
	}
	look(files.Gone, 0, false)
	put("members: [{name: a}, {name: b}]\n")
	look(files.Fresh, 2, false)
	if err := f.Keep(); err != nil {
		t.Fatal(err)
	}
	put("members: []\n")
	look(files.Fresh, 2, true)
	f = roster.Follow(path, keep, false)
	look(files.Fresh, 2, true)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	look(files.Away, 2, false)
	now = now.Add(files.StillFor)
	look(files.Gone, 2, false)
	if err := f.Forget(); err != nil {
		t.Fatal(err)
	}
	f = roster.Follow(path, keep, false)
	look(files.Gone, 0, false)
	look(files.Gone, 0, false)

	f = roster.Follow(path, keep, true)
	look(files.Gone, 0, true)
}
