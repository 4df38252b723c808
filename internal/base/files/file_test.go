package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// sealed is a value that only whole bytes have: "=N=".
func sealed(path string, data []byte, _ ID) (string, diag.List) {
	text := string(data)
	if len(text) < 3 || !strings.HasPrefix(text, "=") || !strings.HasSuffix(text, "=") {
		return "", diag.List{{Severity: diag.Error, File: path, Message: "not sealed"}}
	}
	return text, nil
}

func kind(keep string) Kind[string] {
	return Kind[string]{Rules: Rules{Limit: 100, ByInode: true}, Parse: sealed, Copy: keep}
}

// says is a Reading in short: state, value, and what is true of it.
func says(r Reading[string]) string {
	out := []string{r.State.String(), r.Value}
	for _, is := range []struct {
		word string
		true bool
	}{{"known", r.Known}, {"current", r.Current}, {"changed", r.Changed}} {
		if is.true {
			out = append(out, is.word)
		}
	}
	for _, p := range r.Problems {
		out = append(out, "("+p.Message+")")
	}
	return strings.Join(out, " ")
}

func wantReading(t *testing.T, got Reading[string], want string) {
	t.Helper()
	if diff := cmp.Diff(want, says(got)); diff != "" {
		t.Errorf("reading (-want +got):\n%s", diff)
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path, kept, now := filepath.Join(dir, "f"), filepath.Join(dir, "kept"), time.Now().Add(time.Hour)
	f := NewFile(path, kind(kept))
	wantReading(t, f.Look(now), "gone ") // nothing is known of it: no wait
	put(t, path, "=1=")
	wantReading(t, f.Look(now), "fresh =1= known current changed")
	wantReading(t, f.Look(now), "same =1= known current")
	if err := f.Keep(); err != nil {
		t.Fatal(err)
	}
	put(t, path, "=2")
	wantReading(t, f.Look(now), "fresh =1= known (not sealed)")
	wantReading(t, f.Look(now), "same =1= known (not sealed)")
	put(t, path, "=1=")
	wantReading(t, f.Look(now), "fresh =1= known current")

	// A restart that finds the file bad has what was kept.
	put(t, path, "=2")
	f = NewFile(path, kind(kept))
	wantReading(t, f.Look(now), "fresh =1= known changed (not sealed)")
	wantReading(t, f.Look(now), "same =1= known (not sealed)")
	// One that finds it gone for a moment too.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f = NewFile(path, kind(kept))
	wantReading(t, f.Look(now), "away =1= known changed")
	wantReading(t, f.Look(now.Add(StillFor)), "gone =1= known")
	if err := f.Forget(); err != nil {
		t.Fatal(err)
	}
	wantReading(t, f.Look(now.Add(StillFor)), "gone ")
	if _, err := os.Lstat(kept); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy of a file that was removed is still there: %v", err)
	}
	put(t, path, "=3=")
	wantReading(t, f.Look(now), "fresh =3= known current changed")
	put(t, path, "=4=")
	if r := f.Look(now); r.Value != "=4=" {
		t.Errorf("got %v", says(r))
	}
	if err := f.Keep(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(kept); err != nil || string(data) != "=4=" {
		t.Errorf("kept %q, %v", data, err)
	}
	if st, err := os.Stat(kept); err != nil || st.Mode() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", st.Mode(), err)
	}
}

// TestFileThatIsBeingWrittenAtTheStart: what was kept is in effect until it is whole.
func TestFileThatIsBeingWrittenAtTheStart(t *testing.T) {
	dir := t.TempDir()
	path, kept, now := filepath.Join(dir, "f"), filepath.Join(dir, "kept"), time.Now()
	hold, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hold.Close() }()
	wantReading(t, NewFile(path, kind(kept)).Look(now), "settling ")
	write(t, kept, "=1=")
	f := NewFile(path, kind(kept))
	wantReading(t, f.Look(now), "settling =1= known changed")
	if _, err := hold.WriteString("=2="); err != nil {
		t.Fatal(err)
	}
	wantReading(t, f.Look(now), "settling =1= known")
	if err := hold.Close(); err != nil {
		t.Fatal(err)
	}
	wantReading(t, f.Look(now), "fresh =2= known current changed")
}

func TestFileThatIsRequired(t *testing.T) {
	dir := t.TempDir()
	path, kept, now := filepath.Join(dir, "f"), filepath.Join(dir, "kept"), time.Now()
	k := kind(kept)
	k.Required = true
	wantReading(t, NewFile(path, k).Look(now), "gone  (cannot be read: file does not exist)")
	write(t, kept, "=1=")
	f := NewFile(path, k)
	wantReading(t, f.Look(now), "away =1= known changed")
	wantReading(t, f.Look(now.Add(StillFor)), "gone =1= known (cannot be read: file does not exist)")
	write(t, kept, "=1")
	wantReading(t, NewFile(path, k).Look(now), "gone  (cannot be read: file does not exist) "+
		fmt.Sprintf("(what it said when it was last good is kept in %q, which cannot be used: not sealed)", kept))
}

func TestFileForced(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "f"), time.Now().Add(time.Hour)
	f := NewFile(path, kind(""))
	put(t, path, "=1=")
	f.Look(now)
	write(t, path, "=22=")
	wantReading(t, f.Look(now), "settling =1= known")
	wantReading(t, f.Force(now), "fresh =22= known current changed")
	wantReading(t, f.Force(now), "fresh =22= known current")
}

// TestFileThatComesBackAsItWas: a mount was away, and the very same file is there again.
func TestFileThatComesBackAsItWas(t *testing.T) {
	dir := t.TempDir()
	mount, other := filepath.Join(dir, "mount"), filepath.Join(dir, "other")
	if err := os.Mkdir(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	path, now := filepath.Join(mount, "f"), time.Now().Add(time.Hour)
	f := NewFile(path, kind(""))
	put(t, path, "=1=")
	wantReading(t, f.Look(now), "fresh =1= known current changed")
	if err := os.Rename(mount, other); err != nil {
		t.Fatal(err)
	}
	wantReading(t, f.Look(now), "away =1= known")
	wantReading(t, f.Look(now.Add(StillFor)), "gone =1= known")
	if err := os.Rename(other, mount); err != nil {
		t.Fatal(err)
	}
	wantReading(t, f.Look(now), "same =1= known current")
}

// TestFileProperty is a file that is written in place in pieces, renamed into place, removed, made bad and put back, under
// a File that looks at any moments and is restarted at any: what is in effect was always a whole version, the newest one
// after a rest, and never nothing once something was kept.
func TestFileProperty(t *testing.T) {
	parent := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(parent, "")
		if err != nil {
			t.Fatal(err)
		}
		path, copied := filepath.Join(dir, "f"), filepath.Join(dir, "kept")
		now := time.Unix(1700000000, 0)
		f := NewFile(path, kind(copied))
		versions, kept, n, bad, open := map[string]bool{}, false, 0, false, (*os.File)(nil)
		ok := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		closeOpen := func() {
			if open != nil {
				ok(open.Close())
				open = nil
			}
		}
		// stamp gives the file times of this test's, so that no two states look alike.
		ticks := now.Add(time.Hour)
		stamp := func() {
			ticks = ticks.Add(time.Second)
			if _, err := os.Lstat(path); err == nil {
				ok(os.Chtimes(path, ticks, ticks))
			}
		}
		check := func(r Reading[string]) {
			if r.Known && !versions[r.Value] {
				t.Fatalf("%q is in effect, which was never whole", r.Value)
			}
			if kept && !r.Known {
				t.Fatalf("nothing is in effect, though something was kept: %s", says(r))
			}
		}
		// keep has what is in effect survive a restart.
		keep := func() {
			ok(f.Keep())
			kept = kept || f.known
		}
		next := func() string {
			n++
			text := fmt.Sprintf("=%d=", n)
			versions[text] = true
			return text
		}
		t.Repeat(map[string]func(*rapid.T){
			"look": func(t *rapid.T) { check(f.Look(now)) },
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "ms")) * time.Millisecond)
			},
			"restart": func(t *rapid.T) { f = NewFile(path, kind(copied)) },
			"keep":    func(*rapid.T) { keep() },
			"rename": func(t *rapid.T) {
				closeOpen()
				ok(os.WriteFile(path+".tmp", []byte(next()), 0o600))
				ok(os.Rename(path+".tmp", path))
				stamp()
				bad = false
			},
			"bad": func(t *rapid.T) {
				closeOpen()
				ok(os.WriteFile(path+".tmp", []byte("bad"), 0o600))
				ok(os.Rename(path+".tmp", path))
				stamp()
				bad = true
			},
			"write in place, with looks between": func(t *rapid.T) {
				closeOpen()
				w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
				ok(err)
				open = w
				text := next()
				for i := range text {
					_, err := w.WriteString(text[i : i+1])
					ok(err)
					stamp()
					now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "ms")) * time.Millisecond)
					check(f.Look(now))
				}
				closeOpen()
				bad = false
			},
			"away and back": func(t *rapid.T) {
				closeOpen()
				err := os.Rename(path, path+".old")
				if errors.Is(err, fs.ErrNotExist) {
					return
				}
				ok(err)
				check(f.Look(now))
				now = now.Add(time.Duration(rapid.IntRange(0, 500).Draw(t, "ms")) * time.Millisecond)
				check(f.Look(now))
				ok(os.Rename(path+".old", path))
			},
			"": func(t *rapid.T) {},
		})
		closeOpen()
		if _, err := os.Lstat(path); err != nil {
			return
		}
		// Three looks: one to see it, one to see it still, one for a change within a tick.
		var r Reading[string]
		for range 3 {
			r = f.Look(now)
			check(r)
			now = now.Add(StillFor)
		}
		if !bad && (!r.Current || r.Value != fmt.Sprintf("=%d=", n)) {
			t.Fatalf("after a rest: %s, want version %d", says(r), n)
		}
		if bad && (r.Current || len(r.Problems) == 0) {
			t.Fatalf("after a rest: %s, want a problem", says(r))
		}
	})
}

// TestFaultK16Copy: a copy that a former process left damaged is told once, whether the file is well or the copy was needed; one that is
// older, or that never was, is none.
func TestFaultK16Copy(t *testing.T) {
	for name, c := range map[string]struct{ file, kept, want string }{
		"never was":              {"=1=", "", ""},
		"the same":               {"=1=", "=1=", ""},
		"older":                  {"=1=", "=0=", ""},
		"damaged":                {"=1=", "junk", "not sealed"},
		"damaged and needed":     {"bad", "junk", "not sealed"},
		"well and needed":        {"bad", "=0=", ""},
		"too large":              {"=1=", strings.Repeat("=", 101), "more than the 100 allowed"},
		"damaged, the file gone": {"", "junk", "not sealed"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, kept := filepath.Join(dir, "f"), filepath.Join(dir, "kept")
			for p, text := range map[string]string{path: c.file, kept: c.kept} {
				if text != "" {
					write(t, p, text)
				}
			}
			f := NewFile(path, kind(kept))
			f.Force(time.Now())
			for range 2 {
				if err := f.Keep(); err != nil {
					t.Fatal(err)
				}
			}
			if got := f.TakeLost(); (got == nil) != (c.want == "") || got != nil && !strings.Contains(got.Error(), c.want) {
				t.Errorf("lost %v, want %q", got, c.want)
			}
			if got := f.TakeLost(); got != nil {
				t.Errorf("told twice: %v", got)
			}
		})
	}
}
