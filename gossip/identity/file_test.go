package identity

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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

func load(t *testing.T, dir string) Identity {
	t.Helper()
	i, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	first := load(t, dir)
	if !first.Created || first.ID.IsZero() {
		t.Errorf("created %v, id %v", first.Created, first.ID)
	}
	st, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil || st.Mode() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", st.Mode(), err)
	}
	if diff := cmp.Diff([]string{FileName}, names(t, dir)); diff != "" {
		t.Errorf("directory (-want +got):\n%s", diff)
	}
	second := load(t, dir)
	if second.Created || second.ID != first.ID || !second.Private.Equal(first.Private) {
		t.Errorf("second time: created %v, id %v, want %v", second.Created, second.ID, first.ID)
	}
	if other := load(t, t.TempDir()); other.ID == first.ID {
		t.Error("two directories have one identity")
	}
}

// TestLoadThroughALink: the key may live elsewhere.
func TestLoadThroughALink(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	want := load(t, elsewhere)
	if err := os.Symlink(filepath.Join(elsewhere, FileName), filepath.Join(dir, FileName)); err != nil {
		t.Fatal(err)
	}
	if got := load(t, dir); got.ID != want.ID {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestLoadRefuses holds that no trouble with a file ends in a new key, and that the file stays as it was.
func TestLoadRefuses(t *testing.T) {
	tests := map[string]struct {
		// spoil gets the path of a good key.
		spoil func(path string) error
		is    error
		says  string
	}{
		"empty":         {func(p string) error { return os.Truncate(p, 0) }, ErrDamaged, "no key in it: put a copy of it back; or move it away"},
		"cut off":       {func(p string) error { return os.Truncate(p, 300) }, ErrDamaged, "dsctl forget"},
		"too large":     {func(p string) error { return os.Truncate(p, maxFile+1) }, ErrDamaged, "has 4097 bytes, want at most 4096"},
		"group reads":   {func(p string) error { return os.Chmod(p, 0o640) }, ErrExposed, "has mode 0640, want 0600: run chmod 0600"},
		"others read":   {func(p string) error { return os.Chmod(p, 0o604) }, ErrExposed, "has mode 0604"},
		"others write":  {func(p string) error { return os.Chmod(p, 0o602) }, ErrExposed, "has mode 0602"},
		"directory":     {func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, ErrDamaged, "not a regular file but d"},
		"pipe":          {func(p string) error { return errors.Join(os.Remove(p), syscall.Mkfifo(p, 0o600)) }, ErrDamaged, "not a regular file but p"},
		"dangling link": {func(p string) error { return errors.Join(os.Remove(p), os.Symlink("missing", p)) }, fs.ErrNotExist, "put a copy of it back"},
		"link to self":  {func(p string) error { return errors.Join(os.Remove(p), os.Symlink(FileName, p)) }, syscall.ELOOP, "identity key"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, FileName)
			load(t, dir)
			if err := tt.spoil(path); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				i, err := Load(dir)
				if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("got %v, want %v, %q and the path", err, tt.is, tt.says)
				}
				if i.Private != nil || !i.ID.IsZero() {
					t.Errorf("an error and an identity too: %v", i)
				}
			}
			after, err := os.Lstat(path)
			if err != nil || !os.SameFile(before, after) || before.Size() != after.Size() || before.Mode() != after.Mode() {
				t.Errorf("the file was touched: %v", err)
			}
			if diff := cmp.Diff([]string{FileName}, names(t, dir)); diff != "" {
				t.Errorf("directory (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadWithoutADirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	_, err := Load(dir)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v, want ErrNotExist and the path", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); !errors.Is(err, syscall.ENOTDIR) || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want ENOTDIR and the path", err)
	}
}

// TestLoadAtOnce: of several that find no key, all get the one that stays, and one made it.
func TestLoadAtOnce(t *testing.T) {
	for range 20 {
		dir := t.TempDir()
		got := make([]Identity, 8)
		errs := make([]error, len(got))
		var wg sync.WaitGroup
		for n := range got {
			wg.Go(func() { got[n], errs[n] = Load(dir) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		want, created := load(t, dir), 0
		for _, i := range got {
			if i.ID != want.ID {
				t.Errorf("got %v, on disk is %v", i, want)
			}
			if i.Created {
				created++
			}
		}
		if created != 1 {
			t.Errorf("%d say that they made it", created)
		}
		if diff := cmp.Diff([]string{FileName}, names(t, dir)); diff != "" {
			t.Errorf("directory (-want +got):\n%s", diff)
		}
	}
}

// TestCreateKeepsWhatIsThere: a key is never replaced.
func TestCreateKeepsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	want := load(t, dir)
	got, err := create(dir, filepath.Join(dir, FileName))
	if err != nil || got.ID != want.ID || got.Created {
		t.Errorf("got %v, %v, want the key that is there, %v", got, err, want)
	}
}
