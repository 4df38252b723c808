package spec

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

func digestOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

func TestKeptFormat(t *testing.T) {
	whole := encodeKept(digestOf("X=1\n"), []byte("X=1\n"))
	if want := "# daemonsetd last good version, format 1, sha256 " + digestOf("X=1\n") + "\nX=1\n"; string(whole) != want {
		t.Fatalf("encoded %q, want %q", whole, want)
	}
	tests := map[string][]byte{
		"empty":             nil,
		"cut in the header": whole[:keptHeaderLen-1],
		"cut in the data":   whole[:len(whole)-1],
		"longer":            append(bytes.Clone(whole), 'x'),
		"another format":    bytes.Replace(whole, []byte("format 1"), []byte("format 2"), 1),
		"upper-case digest": bytes.ToUpper(whole),
		"no digest":         bytes.Replace(whole, []byte(digestOf("X=1\n")), []byte(strings.Repeat("z", 64)), 1),
		"other digest":      bytes.Replace(whole, []byte(digestOf("X=1\n")), []byte(digestOf("")), 1),
		"no line end":       bytes.Replace(whole, []byte("\n"), []byte(" "), 1),
	}
	for name, data := range tests {
		if _, _, err := decodeKept(data); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}

func FuzzDecodeKept(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(encodeKept(digestOf(""), nil))
	f.Add(encodeKept(digestOf("X=1\n"), []byte("X=1\n")))
	f.Add([]byte(keptPrefix))
	f.Fuzz(func(t *testing.T, data []byte) {
		// As a copy: it decodes to what encodes to it, or not at all.
		if digest, body, err := decodeKept(data); err == nil && !bytes.Equal(encodeKept(digest, body), data) {
			t.Errorf("%q decodes to %q with digest %q, which encode to something else", data, body, digest)
		}
		// As a spec file's content: it survives.
		digest, body, err := decodeKept(encodeKept(digestOf(string(data)), data))
		if err != nil || digest != digestOf(string(data)) || !bytes.Equal(body, data) {
			t.Errorf("%q comes back as %q, %v", data, body, err)
		}
	})
}

// TestRestartWithBadFile: a restart, or several, with a bad file present change nothing.
func TestRestartWithBadFile(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1\nY=1")
	r.arrive("b.yaml", "Z=1")
	before := r.settle()
	r.persist()
	r.arrive("a.yaml", "garbage")
	r.settle()
	r.persist()
	for range 3 {
		r.restart()
		snap, _ := r.load()
		if diff := cmp.Diff(inEffect(before), inEffect(snap)); diff != "" {
			t.Fatalf("in effect (-before +after the restart):\n%s", diff)
		}
		st := r.status(snap, "a.yaml")
		if !st.Bad || !st.LastGood || st.Digest != digestOf("X=1\nY=1") || st.Objects != 2 {
			t.Errorf("status %+v", st)
		}
		if !snap.Undecided(r.path("a.yaml")) || snap.Undecided(r.path("b.yaml")) {
			t.Error("want the bad file undecided, and only that")
		}
		r.persist()
	}
	r.arrive("a.yaml", "X=2")
	snap := r.settle()
	r.want(snap, "X=2@a.yaml", "Z=1@b.yaml")
	if snap.Undecided(r.path("a.yaml")) {
		t.Error("want the repaired file decided")
	}
	// From here on this process knows for itself what was last good.
	r.arrive("a.yaml", "garbage")
	if r.settle().Undecided(r.path("a.yaml")) {
		t.Error("want a file decided whose last good version this process read")
	}
}

// TestRemovedWhileDown: its objects are not started again for a moment, nor is its manifest given up before the file
// has been missing for long enough.
func TestRemovedWhileDown(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.arrive("b.yaml", "Y=1")
	r.settle()
	r.persist()
	r.remove("a.yaml")
	r.restart()
	snap, again := r.load()
	r.want(snap, "Y=1@b.yaml")
	if !snap.Undecided(r.path("a.yaml")) || again != stillFor {
		t.Errorf("again = %v, undecided %v", again, snap.Undecided(r.path("a.yaml")))
	}
	snap = r.settle()
	r.want(snap, "Y=1@b.yaml")
	if snap.Undecided(r.path("a.yaml")) {
		t.Error("want the file decided once it counts as removed")
	}
	r.persist()
	if diff := cmp.Diff([]string{"b.yaml"}, r.keptNames()); diff != "" {
		t.Errorf("kept copies (-want +got):\n%s", diff)
	}
}

// TestCrashBeforePersist: manifests of version 2 were written, the copy of it was not. The older copy is in effect,
// and the file is undecided, so that it stops nothing.
func TestCrashBeforePersist(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.settle()
	r.persist()
	r.arrive("a.yaml", "X=2\nY=2")
	r.settle()
	r.arrive("a.yaml", "garbage")
	r.settle()
	r.restart()
	snap := r.settle()
	r.want(snap, "X=1@a.yaml")
	if !snap.Undecided(r.path("a.yaml")) {
		t.Error("want the file undecided")
	}
}

// TestEditorAtTheStart: the former process read a file and left no copy, and an editor has it away in the very moment of
// the first listing.
func TestEditorAtTheStart(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.arrive("b.yaml", "Y=1")
	r.settle() // and X's manifest is written
	r.remove("a.yaml")
	r.restart()
	snap, again := r.load()
	if !snap.Undecided(r.path("a.yaml")) || snap.Undecided(r.path("b.yaml")) || again != stillFor {
		t.Errorf("again = %v; want the unknown file undecided for a moment, and not the known one", again)
	}
	// Time in which the directory cannot be seen proves nothing.
	r.away()
	r.now = r.now.Add(stillFor)
	if !r.settle().Undecided(r.path("a.yaml")) {
		t.Error("want the file undecided while the directory is gone")
	}
	r.back()
	if r.settle().Undecided(r.path("a.yaml")) {
		t.Error("want the file decided when it stays away")
	}
}

// TestNewFileUnread: a new file is undecided while it is pending and when it turns out bad.
func TestNewFileUnread(t *testing.T) {
	r := newRig(t)
	r.load()
	r.write("a.yaml", "garbage")
	for range 2 {
		snap, _ := r.load()
		if !snap.Undecided(r.path("a.yaml")) {
			t.Errorf("want the file undecided: %+v", snap.Files)
		}
		r.now = r.now.Add(stillFor)
	}
}

// TestRemovedAndBack: a file that comes back with the bytes it had keeps its copy, whether or not the removal was
// persisted.
func TestRemovedAndBack(t *testing.T) {
	for _, persist := range []bool{false, true} {
		r := newRig(t)
		r.arrive("a.yaml", "X=1")
		r.settle()
		r.persist()
		r.remove("a.yaml")
		r.want(r.settle())
		if persist {
			r.persist()
		}
		r.arrive("a.yaml", "X=1")
		r.settle()
		r.persist()
		r.arrive("a.yaml", "garbage")
		r.restart()
		r.want(r.settle(), "X=1@a.yaml")
	}
}

// TestUnusableCopy: a copy that was damaged, or that this version does not accept, is reported, takes no effect, and
// leaves the file undecided. It is not deleted: an older version of the agent may accept it.
func TestUnusableCopy(t *testing.T) {
	tests := map[string]struct {
		data    []byte
		problem string
	}{
		"empty":    {nil, "not a last good version"},
		"flipped":  {append(encodeKept(digestOf("X=1"), nil), "X=2"...), "digest"},
		"refused":  {encodeKept(digestOf("garbage"), []byte("garbage")), "this version of daemonsetd does not accept it"},
		"too long": {append(encodeKept(digestOf("X=1"), []byte("X=1")), make([]byte, MaxFileBytes)...), "digest"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.arrive("a.yaml", "X=1")
			r.arrive("b.yaml", "Y=1")
			r.settle()
			r.persist()
			r.arrive("a.yaml", "worse garbage")
			path := filepath.Join(r.state, "last-good", "a.yaml")
			r.must(os.WriteFile(path, tt.data, 0o600))
			r.restart()
			snap := r.settle()
			r.want(snap, "Y=1@b.yaml")
			st := r.status(snap, "a.yaml")
			if n := len(st.Problems); !st.Bad || st.LastGood || n != 2 || !strings.Contains(st.Problems[1].Message, tt.problem) {
				t.Errorf("status %+v, want the error and %q", st, tt.problem)
			}
			if !snap.Undecided(r.path("a.yaml")) {
				t.Error("want the file undecided")
			}
			r.persist()
			if _, err := os.Stat(path); err != nil {
				t.Error(err)
			}
			r.arrive("a.yaml", "X=3")
			snap = r.settle()
			r.want(snap, "X=3@a.yaml", "Y=1@b.yaml")
			if st := r.status(snap, "a.yaml"); len(st.Problems) != 0 {
				t.Errorf("problems %v after the repair", st.Problems)
			}
			r.persist()
			r.arrive("a.yaml", "garbage")
			r.restart()
			r.want(r.settle(), "X=3@a.yaml", "Y=1@b.yaml")
		})
	}
}

func TestCopyChangedUnderUs(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.settle()
	r.persist()
	r.arrive("a.yaml", "garbage")
	r.restart()
	path := filepath.Join(r.state, "last-good", "a.yaml")
	r.must(os.WriteFile(path, encodeKept(digestOf("X=2"), []byte("X=2")), 0o600))
	snap := r.settle()
	r.want(snap)
	if st := r.status(snap, "a.yaml"); !strings.Contains(st.Problems[1].Message, "changed by another program") {
		t.Errorf("status %+v", st)
	}
}

// TestKeptIsPrivate: spec files may hold Secrets.
func TestKeptIsPrivate(t *testing.T) {
	r := newRig(t)
	dir := filepath.Join(r.state, "last-good")
	r.must(os.Chmod(dir, 0o755))
	leftover := filepath.Join(dir, atomicfile.TempName())
	r.must(os.WriteFile(leftover, nil, 0o600))
	r.must(os.WriteFile(filepath.Join(dir, "README"), nil, 0o600))
	r.restart()
	r.arrive("a.yaml", "X=1")
	r.settle()
	r.persist()
	modes := map[string]fs.FileMode{}
	r.must(filepath.WalkDir(r.state, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		modes[path[len(r.state):]] = info.Mode()
		return err
	}))
	want := map[string]fs.FileMode{
		"": fs.ModeDir | 0o700, "/last-good": fs.ModeDir | 0o700, "/last-good/a.yaml": 0o600,
		"/last-good/" + dirFile: 0o600, "/last-good/README": 0o600,
	}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("modes (-want +got):\n%s", diff)
	}
}

// TestPersistWritesWhatChanged: nothing is written twice.
func TestPersistWritesWhatChanged(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.arrive("b.yaml", "Y=1")
	r.settle()
	r.persist()
	inodes := func() map[string]uint64 {
		out := map[string]uint64{}
		for _, name := range append(r.keptNames(), dirFile) {
			info, err := os.Stat(filepath.Join(r.state, "last-good", name))
			r.must(err)
			out[name] = files.IDOf(info).Ino
		}
		return out
	}
	before := inodes()
	r.settle()
	r.persist()
	r.restart()
	r.arrive("b.yaml", "garbage")
	r.settle()
	r.persist()
	if diff := cmp.Diff(before, inodes()); diff != "" {
		t.Errorf("written again (-before +after):\n%s", diff)
	}
	r.arrive("b.yaml", "Y=2")
	r.settle()
	r.persist()
	if after := inodes(); after["a.yaml"] != before["a.yaml"] || after["b.yaml"] == before["b.yaml"] {
		t.Errorf("want b.yaml written and a.yaml not: %v, %v", before, after)
	}
}

// TestPersistFails: what could not be written or removed is reported and tried again.
func TestPersistFails(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.arrive("gone.yaml", "Y=1")
	r.settle()
	r.persist()
	r.remove("gone.yaml")
	r.arrive("a.yaml", "X=2")
	r.arrive("b.yaml", "Z=1")
	r.settle()
	dir := filepath.Join(r.state, "last-good")
	r.must(os.Rename(dir, dir+".away"))
	err := r.l.Persist()
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "a.yaml")) || !strings.Contains(err.Error(), "b.yaml") {
		t.Errorf("want an error that names both copies, got %v", err)
	}
	r.must(os.Rename(dir+".away", dir))
	r.persist()
	r.arrive("a.yaml", "garbage")
	r.arrive("b.yaml", "garbage")
	r.arrive("gone.yaml", "garbage")
	r.restart()
	r.want(r.settle(), "X=2@a.yaml", "Z=1@b.yaml")
}

func TestNewLoaderErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]LoaderConfig{
		"no directory": {StateDir: t.TempDir()}, "no state": {Dir: t.TempDir()}, "state is a file": {Dir: t.TempDir(), StateDir: file},
	} {
		if _, err := NewLoader(cfg); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}
