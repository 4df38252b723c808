package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	now := time.Unix(1700000000, 0)
	write(t, path, "damaged")
	aside, err := SetAside(path, now)
	if err != nil || aside != path+".bad-1700000000" {
		t.Fatalf("got %q, %v", aside, err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	if data, err := os.ReadFile(aside); string(data) != "damaged" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	// The same second: nothing is replaced.
	write(t, path, "again")
	if aside, err = SetAside(path, now); err != nil || aside != path+".bad-1700000001" {
		t.Errorf("got %q, %v", aside, err)
	}
	if _, err := SetAside(path, now); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(errorText(err), path) {
		t.Errorf("without a file: %v", err)
	}
	write(t, path, "stays")
	if aside, err = CopyAside(path, []byte("stays"), now); err != nil || aside != path+".bad-1700000002" {
		t.Errorf("got %q, %v", aside, err)
	}
	linked, err := LinkAside(path, now)
	if err != nil || linked != path+".bad-1700000003" {
		t.Errorf("got %q, %v", linked, err)
	}
	for _, p := range []string{path, aside, linked} {
		if data, err := os.ReadFile(p); string(data) != "stays" || err != nil {
			t.Errorf("%s: %q, %v", p, data, err)
		}
	}
	if st, err := os.Stat(aside); err != nil || st.Mode() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

// TestSetAsideProperty sets many versions of a file aside, at any times: the oldest and the newest stay, no more than
// MaxAside do, and nothing else in the directory goes.
func TestSetAsideProperty(t *testing.T) {
	parent := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(parent, "")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "f")
		others := []string{"f.bad", "f.bad-", "f.bad-01", "f.bad-x", "f.json.bad-1", "g.bad-1"}
		for _, name := range others {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		first, now := "", time.Unix(1700000000, 0)
		for n := range rapid.IntRange(1, 12).Draw(t, "versions") {
			now = now.Add(time.Duration(rapid.IntRange(-1, 3).Draw(t, "seconds")) * time.Second)
			if err := os.WriteFile(path, []byte(strconv.Itoa(n)), 0o600); err != nil {
				t.Fatal(err)
			}
			aside, err := SetAside(path, now)
			if err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(aside); err != nil || string(data) != strconv.Itoa(n) {
				t.Fatalf("version %d is lost: %q, %v", n, data, err)
			}
			if first == "" {
				first = aside
			}
			all, err := versions(path)
			if err != nil || len(all) != min(n+1, MaxAside) || all[0].path != first || all[len(all)-1].path != aside {
				t.Fatalf("%v stay after version %d, %v", all, n, err)
			}
		}
		for _, name := range others {
			if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
				t.Errorf("%q went too: %v", name, err)
			}
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the file is still there: %v", err)
		}
	})
}

// TestLoad: what cannot be used is kept under another name and told, and a missing file is none.
func TestLoad(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	refuses := func([]byte) error { return errors.New("no number") }
	path := filepath.Join(t.TempDir(), "state.json")
	if data, err := Load(path, 100, now, refuses); data != nil || err != nil {
		t.Errorf("a file that is missing: %q, %v", data, err)
	}
	for name, c := range map[string]struct {
		text   string
		decode func([]byte) error
		want   string
	}{
		"good":      {"12", func([]byte) error { return nil }, ""},
		"refused":   {"12", refuses, "no number"},
		"too large": {strings.Repeat("1", 101), func([]byte) error { return nil }, "more than the 100 allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.json")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			data, err := Load(path, 100, now, c.decode)
			_, left := os.Stat(path)
			if c.want == "" {
				if string(data) != c.text || err != nil || left != nil {
					t.Errorf("got %q, %v; the file: %v", data, err, left)
				}
				return
			}
			if data != nil || err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(left, fs.ErrNotExist) {
				t.Errorf("got %q, %v, want an error with %q; the file: %v", data, err, c.want, left)
			}
			if kept, err := os.ReadFile(path + ".bad-1700000000"); err != nil || string(kept) != c.text {
				t.Errorf("set aside: %q, %v", kept, err)
			}
		})
	}
}
