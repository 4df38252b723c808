package trees

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever path a file or a mount point is given, nothing is written outside of the tree, and what is accepted is there
// afterwards, and not written again.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"a", "a/b", "../x", "a/../../b", "..data", "./..data", "/etc", "a//b/", ".", "...", "a\x00", "..2026_01_01_00_00_00.1/a"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, path, mountpoint string) {
		r := newRig(t, t.TempDir())
		r.sys.memory = filepath.Dir(filepath.Dir(r.config))
		tr := tree("config", text(path, "1"))
		tr.Mountpoints = []string{mountpoint}
		changed, err := r.Apply([]Tree{tr})
		if errors.Is(err, ErrInvalid) {
			return
		}
		if err != nil || len(changed) != 1 {
			t.Fatalf("changed %v, %v", changed, err)
		}
		if again := r.apply(t, tr); len(again) > 0 {
			t.Fatal("it is written again and again")
		}
		for name := range everything(t, filepath.Dir(filepath.Dir(r.config))) {
			full := filepath.Join(filepath.Dir(filepath.Dir(r.config)), name)
			info, err := os.Lstat(full)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().IsRegular() && !within(full, r.Path(tr)) && full != r.Path(tr)+markSuffix {
				t.Fatalf("wrote %s", full)
			}
		}
		data, _ := look(t, r.Path(tr))
		if diff := cmp.Diff(want(tr), data); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		if !strings.HasPrefix(filepath.Clean(mountpoint), "..") {
			if info, err := os.Lstat(filepath.Join(r.Path(tr), mountpoint)); err != nil || !info.IsDir() {
				t.Fatalf("no mount point: %v", err)
			}
		}
	})
}

// A mark is ours or foreign, and one that is ours reads as it was written.
func FuzzMark(f *testing.F) {
	own, err := newMark(tree("config"), []string{"m"}).encode()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{own, []byte("{}"), []byte("null"), []byte(`{"version":2}`), own[:len(own)/2], {}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newRig(t, t.TempDir())
		path := filepath.Join(filepath.Dir(r.config), "config")
		put(t, path+markSuffix, string(data))
		m, err := r.readMark(tree("config").identity(), path)
		if err != nil {
			if !errors.Is(err, ErrForeign) {
				t.Fatal(err)
			}
			return
		}
		again, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		var back mark
		if err := json.Unmarshal(again, &back); err != nil || m.identity != tree("config").identity() {
			t.Fatalf("got %s, %v", again, err)
		}
		if diff := cmp.Diff(m, back, cmp.AllowUnexported(mark{}, identity{})); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}
