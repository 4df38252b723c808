package atomicfile

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names lists the directory, so that a leftover is seen whatever it is called.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.yaml")
	for _, want := range []struct {
		data string
		mode fs.FileMode
	}{{"one", 0o600}, {"a longer two", 0o666}, {"", 0o640}} {
		if err := WriteFile(path, []byte(want.data), want.mode); err != nil {
			t.Fatal(err)
		}
		if got := content(t, path); got != want.data {
			t.Errorf("content %q, want %q", got, want.data)
		}
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		// 0666 shows that the umask has no say.
		if st.Mode() != want.mode {
			t.Errorf("mode %v, want %v", st.Mode(), want.mode)
		}
	}
	if diff := cmp.Diff([]string{"a.yaml"}, names(t, dir)); diff != "" {
		t.Errorf("directory (-want +got):\n%s", diff)
	}
}

func TestWriteFileReplacesALink(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("untouched"), 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(other, link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := content(t, other); got != "untouched" {
		t.Errorf("the link's target was written: %q", got)
	}
	if st, err := os.Lstat(link); err != nil || !st.Mode().IsRegular() {
		t.Errorf("want a regular file in the link's place, got %v, %v", st, err)
	}
}

func TestWriteFileIntoMissingDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "a.yaml")
	err := WriteFile(path, nil, 0o600)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("want an error that wraps ErrNotExist and names %q, got %v", path, err)
	}
}

func TestWriteFileOverADirectory(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.yaml")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, nil, 0o600); err == nil {
		t.Error("want an error")
	}
	if diff := cmp.Diff([]string{"a.yaml"}, names(t, dir)); diff != "" {
		t.Errorf("directory (-want +got):\n%s", diff)
	}
}

// TestFailingStep stops a write at each step: the file has the old bytes whole, or the new ones whole where the rename
// has happened, and no temporary file stays.
func TestFailingStep(t *testing.T) {
	full := syscall.ENOSPC
	tests := []struct {
		name string
		fail func(*steps)
		want string
	}{
		{"write", func(s *steps) {
			s.write = func(f *os.File, data []byte) error { _, _ = f.Write(data[:1]); return full }
		}, "old"},
		{"chmod", func(s *steps) { s.chmod = func(*os.File, fs.FileMode) error { return full } }, "old"},
		{"fsync", func(s *steps) { s.sync = func(*os.File) error { return full } }, "old"},
		{"rename", func(s *steps) { s.rename = func(string, string) error { return full } }, "old"},
		{"fsync of the directory", func(s *steps) { s.syncDir = func(string) error { return full } }, "new"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			if err := WriteFile(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			s := system()
			tt.fail(&s)
			err := s.writeFile(path, []byte("new"), 0o600)
			if !errors.Is(err, full) || !strings.Contains(err.Error(), path) {
				t.Errorf("want an error that wraps ENOSPC and names the file, got %v", err)
			}
			if got := content(t, path); got != tt.want {
				t.Errorf("content %q, want %q", got, tt.want)
			}
			if diff := cmp.Diff([]string{"f"}, names(t, dir)); diff != "" {
				t.Errorf("directory (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOrder holds the order of the steps: bytes that are renamed before they are synced may be lost to a power cut
// together with the old ones.
func TestOrder(t *testing.T) {
	var got []string
	s := system()
	real := s
	s.write = func(f *os.File, data []byte) error { got = append(got, "write"); return real.write(f, data) }
	s.sync = func(f *os.File) error { got = append(got, "sync"); return real.sync(f) }
	s.rename = func(from, to string) error {
		got = append(got, "rename")
		if !IsTemp(filepath.Base(from)) || filepath.Dir(from) != filepath.Dir(to) {
			t.Errorf("renamed from %q, want a temporary name beside %q", from, to)
		}
		return real.rename(from, to)
	}
	s.syncDir = func(dir string) error { got = append(got, "syncDir"); return real.syncDir(dir) }
	if err := s.writeFile(filepath.Join(t.TempDir(), "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"write", "sync", "rename", "syncDir"}, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestRemoveTemps(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		TempName(), ".daemonsetd-3141592653.tmp", ".identity-271828.tmp", ".gossip-key-" + rand.Text() + ".tmp", // ours
		".daemonsetd-ABC", ".other.tmp", "daemonsetd-a.tmp", "a.yaml", // not ours
		".daemonsetd-ABC.tmp", ".daemonsetd-.tmp", ".daemonsetd-31415926535.tmp", ".daemonsetd-3a.tmp", ".identity-key.tmp",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dirName := TempName()
	if err := os.Mkdir(filepath.Join(dir, dirName), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := RemoveTemps(dir); err != nil {
		t.Fatal(err)
	}
	want := []string{
		".daemonsetd-.tmp", ".daemonsetd-31415926535.tmp", ".daemonsetd-3a.tmp", ".daemonsetd-ABC", ".daemonsetd-ABC.tmp", dirName,
		".identity-key.tmp", ".other.tmp", "a.yaml", "daemonsetd-a.tmp",
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, names(t, dir)); diff != "" {
		t.Errorf("directory (-want +got):\n%s", diff)
	}
	if err := RemoveTemps(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing directory: want ErrNotExist, got %v", err)
	}
}

func TestTempNamesAreKnown(t *testing.T) {
	dir := t.TempDir()
	old, err := os.CreateTemp(dir, tempPrefix+"*"+tempSuffix)
	if err != nil {
		t.Fatal(err)
	}
	now, err := CreateTemp(dir)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := now.Stat(); err != nil || st.Mode() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", st.Mode(), err)
	}
	for _, f := range []*os.File{old, now} {
		if name := filepath.Base(f.Name()); !IsTemp(name) {
			t.Errorf("%q is not known again", name)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCreate: what is there stays, of several at once one wins, and nothing else is left behind.
func TestCreate(t *testing.T) {
	for range 20 {
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for n := range errs {
			wg.Go(func() { errs[n] = Create(path, []byte{'0' + byte(n)}, 0o640) })
		}
		wg.Wait()
		won := 0
		for n, err := range errs {
			switch {
			case err == nil:
				won++
				if got := content(t, path); got != string(rune('0'+n)) {
					t.Errorf("content %q, want that of %d, who made it", got, n)
				}
			case !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), path):
				t.Errorf("want ErrExist and the path, got %v", err)
			}
		}
		if won != 1 {
			t.Errorf("%d say that they made it", won)
		}
		if diff := cmp.Diff([]string{"f"}, names(t, dir)); diff != "" {
			t.Errorf("directory (-want +got):\n%s", diff)
		}
		if st, err := os.Stat(path); err != nil || st.Mode() != 0o640 {
			t.Errorf("mode %v, %v, want 0640", st.Mode(), err)
		}
	}
}

// TestCreateFailingStep is TestFailingStep for a file that was not there: there is none afterwards, or the whole one.
func TestCreateFailingStep(t *testing.T) {
	full := syscall.ENOSPC
	fails := func(string, string) error { return full }
	tests := map[string]struct {
		fail func(*steps)
		want []string
		ok   bool
	}{
		"write": {func(s *steps) {
			s.write = func(f *os.File, data []byte) error { _, _ = f.Write(data[:1]); return full }
		}, nil, false},
		"fsync":                  {func(s *steps) { s.sync = func(*os.File) error { return full } }, nil, false},
		"link":                   {func(s *steps) { s.link = fails }, []string{"f"}, true},
		"link and rename":        {func(s *steps) { s.link, s.rename = fails, fails }, nil, false},
		"fsync of the directory": {func(s *steps) { s.syncDir = func(string) error { return full } }, []string{"f"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := system()
			tt.fail(&s)
			err := s.create(filepath.Join(dir, "f"), []byte("whole"), 0o600)
			if tt.ok != (err == nil) || err != nil && !errors.Is(err, full) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(tt.want, names(t, dir)); diff != "" {
				t.Errorf("directory (-want +got):\n%s", diff)
			}
			if tt.want != nil && content(t, filepath.Join(dir, "f")) != "whole" {
				t.Error("the file is not whole")
			}
		})
	}
}

func TestCreateOrder(t *testing.T) {
	var got []string
	s := system()
	real := s
	s.write = func(f *os.File, data []byte) error { got = append(got, "write"); return real.write(f, data) }
	s.sync = func(f *os.File) error { got = append(got, "sync"); return real.sync(f) }
	s.link = func(from, to string) error { got = append(got, "link"); return real.link(from, to) }
	s.syncDir = func(dir string) error { got = append(got, "syncDir"); return real.syncDir(dir) }
	if err := s.create(filepath.Join(t.TempDir(), "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"write", "sync", "link", "syncDir"}, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestCreateWithoutLinksKeepsWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := system()
	s.link = func(string, string) error { return syscall.EPERM }
	if err := s.create(path, []byte("new"), 0o600); !errors.Is(err, fs.ErrExist) || content(t, path) != "old" {
		t.Errorf("got %v, content %q", err, content(t, path))
	}
}
