package files

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// followed is a file with a time of its own, an hour ahead of the file's so that only what is seen counts.
type followed struct {
	t     *testing.T
	path  string
	now   time.Time
	rules Rules
	w     Whole
}

func follow(t *testing.T, rules Rules) *followed {
	rules.Limit = 1000
	return &followed{t: t, path: filepath.Join(t.TempDir(), "f"), now: time.Now().Add(time.Hour), rules: rules}
}

// touch sets the times of the last write to what no clock has reached, so that every write is seen.
func (f *followed) touch(d time.Duration) {
	f.t.Helper()
	at := f.now.Add(d)
	if err := os.Chtimes(f.path, at, at); err != nil {
		f.t.Fatal(err)
	}
}

func (f *followed) want(after time.Duration, state State, data string) {
	f.t.Helper()
	f.now = f.now.Add(after)
	got := f.w.Look(f.path, f.now, f.rules, nil)
	waits := got.State == Settling || got.State == Away
	if got.State != state || string(got.Data) != data || waits != (got.Wait > 0) || (got.Err != nil) != (got.State == Refused) {
		f.t.Fatalf("look is %v with %q, wait %v, %v; want %v with %q", got.State, got.Data, got.Wait, got.Err, state, data)
	}
	if f.w.Settling() != (state == Settling) || f.w.MissingSince().IsZero() == (state == Away || state == Gone) {
		f.t.Fatalf("settling %v, missing since %v with %v", f.w.Settling(), f.w.MissingSince(), state)
	}
}

func TestWholeIsSeenStill(t *testing.T) {
	f := follow(t, Rules{})
	put(t, f.path, "one")
	f.want(0, Settling, "") // no watch told of the rename
	f.want(StillFor-1, Settling, "")
	f.want(1, Fresh, "one")
	f.want(0, Same, "")
	put(t, f.path, "two")
	if got := f.w.Look(f.path, f.now, f.rules, func(ID) bool { return true }); got.State != Fresh || string(got.Data) != "two" {
		t.Errorf("with a watch that tells: %v with %q", got.State, got.Data)
	}
	write(t, f.path, "thr")
	f.touch(time.Hour)
	f.want(0, Settling, "")
	write(t, f.path, "three")
	f.touch(time.Hour)
	f.want(StillFor, Settling, "")
	f.want(StillFor, Fresh, "three")
	f.w.Recheck()
	f.want(0, Fresh, "three")
	f.want(0, Same, "")
	if got := f.w.Force(f.path, f.now, f.rules); got.State != Fresh {
		t.Errorf("forced: %v", got.State)
	}
}

func TestWholeByInode(t *testing.T) {
	f := follow(t, Rules{ByInode: true})
	put(t, f.path, "one")
	f.want(0, Fresh, "one")
	put(t, f.path, "two")
	f.want(0, Fresh, "two")
	write(t, f.path, "three") // in place
	f.touch(time.Hour)
	f.want(0, Settling, "")
	put(t, f.path, "four")
	f.want(0, Fresh, "four")
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	f.want(0, Away, "")
	hold, err := os.Create(f.path + ".new")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		t.Fatal(err)
	}
	if _, err := hold.WriteString("fi"); err != nil {
		t.Fatal(err)
	}
	f.touch(time.Hour)
	f.want(0, Settling, "") // somebody has it open
	if _, err := hold.WriteString("ve"); err != nil {
		t.Fatal(err)
	}
	f.touch(time.Hour)
	f.want(0, Settling, "")
	if err := hold.Close(); err != nil {
		t.Fatal(err)
	}
	f.want(0, Fresh, "five")
}

// TestWholeAfterTheClockWasSet: a clock that is set forward by an hour makes a file that is being written no older.
func TestWholeAfterTheClockWasSet(t *testing.T) {
	f := follow(t, Rules{ByInode: true})
	f.now = time.Now()
	put(t, f.path, "one")
	f.want(0, Fresh, "one")
	write(t, f.path, "tw")
	f.want(time.Hour, Settling, "")
	write(t, f.path, "two!")
	f.want(0, Settling, "")
	f.want(StillFor, Fresh, "two!")
}

func TestWholeThatNeverComesToRest(t *testing.T) {
	f := follow(t, Rules{MaxWait: time.Second})
	write(t, f.path, "0")
	f.want(0, Settling, "")
	for i := 1; i < 10; i++ {
		write(t, f.path, string(rune('0'+i)))
		f.touch(time.Duration(i) * time.Hour)
		f.want(time.Second/10, Settling, "")
	}
	f.want(time.Second/10, Fresh, "9")
}

func TestWholeThatGoes(t *testing.T) {
	f := follow(t, Rules{})
	put(t, f.path, "one")
	f.want(0, Settling, "")
	f.want(StillFor, Fresh, "one")
	if err := os.Rename(f.path, f.path+".old"); err != nil {
		t.Fatal(err)
	}
	f.want(0, Away, "")
	f.want(StillFor-1, Away, "")
	put(t, f.path, "two")
	f.want(0, Settling, "")
	f.want(StillFor, Fresh, "two")
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	f.want(0, Away, "")
	f.w.Hold() // the directory cannot be believed for a moment
	f.want(StillFor, Away, "")
	f.want(StillFor, Gone, "")
	f.want(time.Hour, Gone, "")
}

func TestWholeRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		make func(path string) error
		// once is said where one link is followed, anyLinks where the system follows them.
		once, anyLinks string
	}{
		"directory":      {func(p string) error { return os.Mkdir(p, 0o755) }, "DIR/f is a directory", "DIR/f is a directory"},
		"pipe":           {func(p string) error { return syscall.Mkfifo(p, 0o644) }, "DIR/f is a named pipe", "DIR/f is a named pipe"},
		"device":         {func(p string) error { return os.Symlink("/dev/null", p) }, "/dev/null is a device", "DIR/f is a device"},
		"nowhere":        {func(p string) error { return os.Symlink("none", p) }, "DIR/none missing", "no such file or directory"},
		"loop":           {func(p string) error { return os.Symlink(p, p) }, "DIR/f link to a symbolic link", "too many levels of symbolic links"},
		"to a directory": {func(p string) error { return os.Symlink(".", p) }, "DIR/. link to a directory", "DIR/f is a directory"},
		"too large":      {func(p string) error { return os.WriteFile(p, make([]byte, 1001), 0o644) }, "DIR/f has 1001", "DIR/f has 1001"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, links := range []int{1, 0} {
				f := follow(t, Rules{ByInode: true, MaxLinks: links})
				put(t, f.path, "good")
				f.want(0, Fresh, "good")
				if err := errors.Join(os.Remove(f.path), tt.make(f.path)); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					f.want(0, Refused, "")
				}
				want := tt.anyLinks
				if links == 1 {
					want = tt.once
				}
				if got := refusal(f, f.w.Look(f.path, f.now, f.rules, nil).Err); got != want {
					t.Errorf("%d links: refused with %q, want %q", links, got, want)
				}
				if err := os.Remove(f.path); err != nil {
					t.Fatal(err)
				}
				f.want(0, Away, "") // else the file that follows may have the number of this one
				put(t, f.path, "good")
				f.want(0, Fresh, "good")
			}
		})
	}
}

// refusal words an error shortly, with the directory as DIR.
func refusal(f *followed, err error) string {
	short := func(path string) string {
		if rest, ok := cutDir(path, filepath.Dir(f.path)); ok {
			return "DIR" + rest
		}
		return path
	}
	if e, ok := errors.AsType[*LinkError](err); ok && e.Missing {
		return short(e.Target) + " missing"
	} else if ok {
		return short(e.Target) + " link to " + KindOf(e.Mode)
	}
	if e, ok := errors.AsType[*IrregularError](err); ok {
		return short(e.Path) + " is " + KindOf(e.Mode)
	}
	if e, ok := errors.AsType[*TooLargeError](err); ok && e.Size == 1001 && e.Limit == 1000 {
		return short(e.Path) + " has 1001"
	}
	return Cause(err).Error()
}

func cutDir(path, dir string) (string, bool) {
	if len(path) > len(dir) && path[:len(dir)] == dir {
		return path[len(dir):], true
	}
	return "", false
}

// TestWholeChangeWithinATick: a file that was taken at once and is written again before the file system's clock ticks
// looks unchanged; it is read once more.
func TestWholeChangeWithinATick(t *testing.T) {
	f := follow(t, Rules{ByInode: true})
	put(t, f.path, "one")
	id, err := statID(f.path)
	if err != nil {
		t.Fatal(err)
	}
	f.now = time.Unix(0, id.Ctime)
	f.want(0, Fresh, "one")
	f.want(RacyWindow, Fresh, "one")
	f.want(0, Same, "")
}

// TestObserve is what looks that come at any moments make of a file that changes at any others: it is never taken
// within StillFor of a change that was seen, and always StillFor after the last one.
func TestObserve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w Whole
		now, changed := time.Unix(1e9, 0), time.Time{}
		var id ID
		for range rapid.IntRange(1, 50).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "ms")) * time.Millisecond)
			if rapid.Bool().Draw(t, "changed") || changed.IsZero() {
				id.Mtime++
				changed = now
			}
			if wait, want := w.observe(id, now, 0), changed.Add(StillFor).Sub(now); wait != want {
				t.Fatalf("observe = %v, want %v", wait, want)
			}
		}
	})
}
