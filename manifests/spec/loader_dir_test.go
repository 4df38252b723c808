package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// away moves the specs directory aside, as an unmount does to what was mounted; back undoes it.
func (r *rig) away() { r.tb.Helper(); r.must(os.Rename(r.dir, r.dir+".away")) }
func (r *rig) back() { r.tb.Helper(); r.must(os.Rename(r.dir+".away", r.dir)) }

func (r *rig) wantDirProblem(s *Snapshot, message string) {
	r.tb.Helper()
	if !strings.Contains(s.DirProblem, message) || (message == "") != (s.DirProblem == "") {
		r.tb.Fatalf("DirProblem = %q, want %q in it", s.DirProblem, message)
	}
}

// TestDirectoryCannotBeUsed: whatever stands at the directory's path, in this process and after a restart, what was in
// effect stays, and the directory's return changes nothing either.
func TestDirectoryCannotBeUsed(t *testing.T) {
	tests := map[string]struct {
		put     func(r *rig)
		problem string
	}{
		"missing":       {func(*rig) {}, "does not exist"},
		"a file":        {func(r *rig) { r.must(os.WriteFile(r.dir, nil, 0o644)) }, "is not a directory"},
		"a link loop":   {func(r *rig) { r.must(os.Symlink(r.dir, r.dir)) }, "too many levels of symbolic links"},
		"a lost mount":  {func(r *rig) { r.must(os.Mkdir(r.dir, 0o755)) }, "perhaps a mount is missing"},
		"a lost mount2": {func(r *rig) { r.must(os.MkdirAll(r.path("lost+found"), 0o755)) }, "perhaps a mount is missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.arrive("a.yaml", "X=1")
			r.arrive("b.yaml", "Y=1")
			r.settle()
			r.arrive("b.yaml", "garbage")
			r.settle()
			r.persist()
			r.away()
			tt.put(r)
			for range 2 {
				for range 3 { // longer than an absence has to last
					snap, again := r.load()
					r.want(snap, "X=1@a.yaml", "Y=1@b.yaml")
					r.wantDirProblem(snap, tt.problem)
					if again != 0 {
						t.Fatalf("again = %v, want 0", again)
					}
					r.now = r.now.Add(stillFor)
				}
				r.persist()
				r.restart()
			}
			r.must(os.RemoveAll(r.dir))
			r.back()
			snap := r.settle()
			r.want(snap, "X=1@a.yaml", "Y=1@b.yaml")
			r.wantDirProblem(snap, "")
		})
	}
}

func TestDirectoryMissingFromTheStart(t *testing.T) {
	r := newRig(t)
	r.must(os.Remove(r.dir))
	snap, again := r.load()
	r.want(snap)
	r.wantDirProblem(snap, "does not exist")
	if !snap.Undecided(r.path("a.yaml")) || again != 0 {
		t.Errorf("again = %v; want every file undecided before the directory was ever listed", again)
	}
	r.must(os.Mkdir(r.dir, 0o755))
	for range 2 {
		// An empty directory says nothing to a process that knows of no other: its mount may be missing.
		snap = r.settle()
		r.wantDirProblem(snap, "")
		if !snap.Undecided(r.path("a.yaml")) {
			t.Error("want every file undecided until the directory has held one")
		}
		r.persist()
		r.restart()
	}
	r.arrive("b.yaml", "Y=1")
	if r.settle().Undecided(r.path("a.yaml")) {
		t.Error("want a file that does not exist decided")
	}
	r.persist()
	r.remove("b.yaml")
	r.restart()
	if r.settle().Undecided(r.path("a.yaml")) {
		t.Error("want the same directory believed when it is empty")
	}
}

func TestConfirmEmptyDirectory(t *testing.T) {
	r := newRig(t)
	r.l.Confirm()
	if r.settle().Undecided(r.path("a.yaml")) {
		t.Error("want an empty directory believed when the operator stands by it")
	}
}

// TestAbsenceDoesNotCountWhileTheDirectoryIsGone: a file seen missing, then the directory, then the file is missing for
// one moment more.
func TestAbsenceDoesNotCountWhileTheDirectoryIsGone(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.arrive("b.yaml", "Y=1")
	r.settle()
	r.remove("a.yaml")
	r.load()
	r.away()
	r.load()
	r.now = r.now.Add(10 * stillFor)
	r.back()
	snap, _ := r.load()
	r.want(snap, "X=1@a.yaml", "Y=1@b.yaml")
	r.want(r.settle(), "Y=1@b.yaml")
}

// TestNothingNewWhileTheDirectoryIsGone: bytes that waited for their place, and are being replaced, do not take effect because
// the directory went out of sight.
func TestNothingNewWhileTheDirectoryIsGone(t *testing.T) {
	r := newRig(t)
	r.arrive("b.yaml", "Y=1")
	r.settle()
	r.arrive("a.yaml", "X=1")
	r.arrive("b.yaml", "X=2\nY=2")
	r.settle()
	r.write("b.yaml", "Y=3")
	r.arrive("a.yaml", "Z=1")
	snap, _ := r.load()
	r.want(snap, "Y=1@b.yaml", "Z=1@a.yaml")
	r.away()
	r.want(r.settle(), "Y=1@b.yaml", "Z=1@a.yaml")
	r.back()
	r.want(r.settle(), "Y=3@b.yaml", "Z=1@a.yaml")
}

func TestEmptiedDirectory(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			r := newRig(t)
			r.arrive("a.yaml", "X=1")
			r.settle()
			r.persist()
			r.remove("a.yaml")
			if restart {
				r.restart()
			}
			snap := r.settle()
			r.want(snap)
			r.wantDirProblem(snap, "")
			r.persist()
			if diff := cmp.Diff([]string{}, r.keptNames()); diff != "" {
				t.Errorf("kept copies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfirmRemoves(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.settle()
	r.away()
	r.l.Confirm()
	snap := r.settle()
	r.want(snap, "X=1@a.yaml") // a missing directory is no statement
	r.must(os.Mkdir(r.dir, 0o755))
	snap = r.settle()
	r.wantDirProblem(snap, "perhaps a mount is missing") // that confirmation is used up
	r.l.Confirm()
	snap = r.settle()
	r.want(snap)
	r.wantDirProblem(snap, "")
	r.persist()
	r.restart()
	r.want(r.settle())
}

// TestFilesAppearAfterLostMount: a directory that holds a file is taken for what it is.
func TestFilesAppearAfterLostMount(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.arrive("b.yaml", "Y=1")
	r.settle()
	r.away()
	r.must(os.Mkdir(r.dir, 0o755))
	r.settle()
	r.arrive("a.yaml", "X=2")
	snap := r.settle()
	r.wantDirProblem(snap, "")
	r.want(snap, "X=2@a.yaml")
}

// TestUnknownDirectory: without a record of which directory was read, an empty one is not believed.
func TestUnknownDirectory(t *testing.T) {
	for _, record := range []string{"", "garbage", `{"device":`} {
		r := newRig(t)
		r.arrive("a.yaml", "X=1")
		r.settle()
		r.persist()
		r.remove("a.yaml")
		path := filepath.Join(r.state, "last-good", dirFile)
		r.must(os.Remove(path))
		if record != "" {
			r.must(os.WriteFile(path, []byte(record), 0o600))
		}
		r.restart()
		snap := r.settle()
		r.want(snap, "X=1@a.yaml")
		r.wantDirProblem(snap, "perhaps a mount is missing")
	}
}

func TestTooManyEntries(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.settle()
	r.l.limits.entries = 5
	for i := range 5 {
		r.wantDirProblem(r.settle(), "")
		r.write(fmt.Sprintf("%d.txt", i), "")
	}
	snap := r.settle()
	r.want(snap, "X=1@a.yaml")
	r.wantDirProblem(snap, "it holds more than 5 entries")
}

func TestSameAfterRestart(t *testing.T) {
	base := dirID{Device: 1, Inode: 2, Birth: 3}
	tests := []struct {
		name     string
		was, now dirID
		want     bool
	}{
		{"nothing changed", base, base, true},
		{"device renumbered by a reboot", base, dirID{9, 2, 3}, true},
		{"mount point under a lost mount", base, dirID{1, 9, 3}, false},
		{"tmpfs made anew", base, dirID{1, 2, 9}, false},
		{"no births, nothing changed", dirID{1, 2, 0}, dirID{1, 2, 0}, true},
		{"no births, device changed", dirID{1, 2, 0}, dirID{9, 2, 0}, false},
		{"births told from now on", dirID{1, 2, 0}, base, false},
	}
	for _, tt := range tests {
		if got := tt.was.sameAfterRestart(tt.now); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestReplacedDirectory: another directory with files in it is read like any other change, and files that look
// unchanged are read again.
func TestReplacedDirectory(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.arrive("b.yaml", "Y=1")
	r.settle()
	r.away()
	r.must(os.Mkdir(r.dir, 0o755))
	r.must(os.Link(r.dir+".away/a.yaml", r.path("a.yaml")))
	r.arrive("c.yaml", "Z=1")
	r.want(r.settle(), "X=1@a.yaml", "Z=1@c.yaml")

	// An image with pinned times, mounted in another one's place: a file looks as the one before did.
	r.must(os.RemoveAll(r.dir))
	r.must(os.Mkdir(r.dir, 0o755))
	r.write("a.yaml", "X=2")
	_, id, err := rules().Inspect(r.path("a.yaml"))
	r.must(err)
	r.l.entries["a.yaml"].whole.Believe(id)
	r.want(r.settle(), "X=2@a.yaml")
}

// TestRecheck: a reload reads a file again that looks unchanged but is not, as on an image file system with pinned
// times.
func TestRecheck(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.settle()
	r.arrive("a.yaml", "X=2")
	_, id, err := rules().Inspect(r.path("a.yaml"))
	r.must(err)
	r.l.entries["a.yaml"].whole.Believe(id) // the loader believes to have read this one
	r.want(r.settle(), "X=1@a.yaml")
	r.l.Confirm()
	r.want(r.settle(), "X=2@a.yaml")
}

// TestLostMountAndState: the record of the directory is there, or not, and there are no copies, because the process died
// before it wrote them; then the mount is lost. Nothing is in effect and nothing is decided.
func TestLostMountAndState(t *testing.T) {
	for _, recorded := range []bool{true, false} {
		r := newRig(t)
		if recorded {
			r.arrive("z.yaml", "Z=1")
			r.settle()
			r.remove("z.yaml")
			r.settle()
			r.persist()
		}
		r.arrive("a.yaml", "X=1")
		r.settle() // and X's manifest is written
		r.away()
		r.must(os.Mkdir(r.dir, 0o755))
		r.restart()
		if snap := r.settle(); !snap.Undecided(r.path("a.yaml")) {
			t.Errorf("recorded %v: want a.yaml undecided", recorded)
		}
		r.must(os.Remove(r.dir))
		r.back()
		r.want(r.settle(), "X=1@a.yaml")
	}
}

// TestBadFilesOnLostMount: files of which nothing is in effect are reason enough not to believe an empty directory.
func TestBadFilesOnLostMount(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "garbage")
	r.settle()
	r.away()
	r.must(os.Mkdir(r.dir, 0o755))
	snap := r.settle()
	r.wantDirProblem(snap, "perhaps a mount is missing")
	if !snap.Undecided(r.path("a.yaml")) {
		t.Error("want a.yaml undecided")
	}
}
