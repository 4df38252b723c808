package manifestdir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// patience is when a test gives up; no test waits for it otherwise.
const patience = 30 * time.Second

// watching starts Watch and takes the wake that it begins with.
func watching(t *testing.T, s *Store) {
	t.Helper()
	s.rearm = 5 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.Watch(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	woken(t, s)
}

func woken(t *testing.T, s *Store) {
	t.Helper()
	select {
	case <-s.Wake():
	case <-time.After(patience):
		t.Fatal("no wake")
	}
}

// wokenUntil takes wakes until what was changed can be seen: one wake may be an earlier change's.
func wokenUntil(t *testing.T, s *Store, ok func(Listing) bool) {
	t.Helper()
	for {
		woken(t, s)
		if l, err := s.Scan(); err == nil && ok(l) {
			return
		}
	}
}

func TestWatchWakes(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, dir)
	m := manifest(t, "a", "s")
	watching(t, s)
	mustWrite(t, s, m)
	mustScan(t, s)
	edit(t, filepath.Join(dir, m.FileName), "busybox", "mine")
	wokenUntil(t, s, func(l Listing) bool { return len(l.Ours) == 1 && !l.Ours[0].Intact })
	put(t, filepath.Join(dir, "other"), []byte(foreignPod))
	wokenUntil(t, s, func(l Listing) bool { return len(l.Foreign) == 1 && l.Foreign[0].Name == "other" })
	if err := os.Rename(filepath.Join(dir, "other"), filepath.Join(dir, ".other")); err != nil {
		t.Fatal(err)
	}
	wokenUntil(t, s, func(l Listing) bool { return len(l.Foreign) == 0 })
	if err := os.Remove(filepath.Join(dir, m.FileName)); err != nil {
		t.Fatal(err)
	}
	wokenUntil(t, s, func(l Listing) bool { return len(l.Ours) == 0 })
}

// The kubelet's directory can be removed, moved away, or be missing at first: whatever stands under the path is watched.
func TestWatchArmsAgain(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "manifests")
	s := newStore(t, dir)
	watching(t, s)
	for i, away := range []func() error{
		func() error { return nil },
		func() error { return os.RemoveAll(dir) },
		func() error { return os.Rename(dir, dir+".old") },
	} {
		if err := away(); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		name := string(rune('a' + i))
		// The first wake tells that the watch is armed; only a file made after it proves that it is.
		wokenUntil(t, s, func(Listing) bool { return true })
		put(t, filepath.Join(dir, name), []byte(foreignPod))
		wokenUntil(t, s, func(l Listing) bool { return len(l.Foreign) == 1 && l.Foreign[0].FileName == name })
	}
}

// Our own changes, dot names and changes of mode wake nobody, so that a loop which writes on waking comes to rest.
func TestNoWakeForNothing(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, dir)
	m := manifest(t, "a", "s")
	path := filepath.Join(dir, m.FileName)
	event := func(name string, op fsnotify.Op) bool {
		s.event(fsnotify.Event{Name: filepath.Join(dir, name), Op: op})
		select {
		case <-s.Wake():
			return true
		default:
			return false
		}
	}
	mustWrite(t, s, m)
	if event(m.FileName, fsnotify.Create) {
		t.Error("woken by our own write")
	}
	edit(t, path, "busybox", "another")
	if event(m.FileName, fsnotify.Chmod) || event(".x", fsnotify.Create) {
		t.Error("woken by a change of mode or a dot name")
	}
	for range 2 {
		if !event(m.FileName, fsnotify.Write) {
			t.Error("not woken by an edit that no scan has seen")
		}
	}
	mustScan(t, s)
	if event(m.FileName, fsnotify.Write) {
		t.Error("woken by what the last scan reported")
	}
	mustWrite(t, s, m)
	if event(m.FileName, fsnotify.Create) {
		t.Error("woken by our own repair")
	}
	if err := s.Remove(m.FileName); err != nil {
		t.Fatal(err)
	}
	if event(m.FileName, fsnotify.Remove) {
		t.Error("woken by our own removal")
	}
	put(t, path, m.Data)
	if !event(m.FileName, fsnotify.Create) {
		t.Error("not woken by a file that somebody brought back")
	}
	// What only Write has looked at was not reported to anyone yet.
	put(t, filepath.Join(dir, "other"), []byte(foreignPod))
	mustWrite(t, s, m)
	if !event("other", fsnotify.Create) {
		t.Error("not woken by a file that only Write has seen")
	}
}

func TestWakeIsOne(t *testing.T) {
	s := newStore(t, t.TempDir())
	s.wake()
	s.wake()
	<-s.Wake()
	select {
	case <-s.Wake():
		t.Error("two wakes for what one scan will see")
	default:
	}
}

// What gives no event at all: the path leads elsewhere, as after a mount.
func TestWatchFollowsThePath(t *testing.T) {
	parent := t.TempDir()
	for _, name := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(parent, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	dir, next := filepath.Join(parent, "manifests"), filepath.Join(parent, "next")
	if err := errors.Join(os.Symlink("one", dir), os.Symlink("two", next)); err != nil {
		t.Fatal(err)
	}
	s := newStore(t, dir)
	watching(t, s)
	if err := os.Rename(next, dir); err != nil {
		t.Fatal(err)
	}
	// Once because the old directory is lost, once because the new one is watched; a file then proves it.
	woken(t, s)
	woken(t, s)
	put(t, filepath.Join(parent, "two", "a"), []byte(foreignPod))
	wokenUntil(t, s, func(l Listing) bool { return len(l.Foreign) == 1 })
}
