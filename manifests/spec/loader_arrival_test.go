package spec

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestArrivalByRenameIsReadAtOnce(t *testing.T) {
	r := newRig(t)
	r.arrive("z.yaml", "Z=1")
	r.settle()
	r.remove("z.yaml")
	r.settle()
	r.arrive("a.yaml", "X=1")
	snap, again := r.load()
	r.want(snap, "X=1@a.yaml")
	r.arrive("a.yaml", "X=2")
	snap2, again2 := r.load()
	r.want(snap2, "X=2@a.yaml")
	if again != 0 || again2 != 0 {
		t.Errorf("again = %v and %v, want 0", again, again2)
	}
}

// TestCopyInChunks is cp: create, then several writes, with a Load after each.
func TestCopyInChunks(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1\nY=1")
	r.settle()
	r.persist()
	f, err := os.OpenFile(r.path("a.yaml"), os.O_WRONLY|os.O_TRUNC, 0)
	r.must(err)
	for _, chunk := range []string{"", "X=2\n", "Y", "=2\n"} {
		_, err := f.WriteString(chunk)
		r.must(err)
		for range 3 {
			snap, again := r.load()
			r.want(snap, "X=1@a.yaml", "Y=1@a.yaml")
			if st := r.status(snap, "a.yaml"); !st.Pending || st.Bad || again <= 0 {
				t.Fatalf("after %q: again = %v, status %+v", chunk, again, st)
			}
			r.now = r.now.Add(stillFor / 4)
		}
	}
	r.must(f.Close())
	r.want(r.settle(), "X=2@a.yaml", "Y=2@a.yaml")
	if got := len(r.parsed); got != 2 {
		t.Errorf("parsed %d times, want 2: no half of the file may be parsed", got)
	}
}

// TestTruncateThenWait is cat > a.yaml with a person typing: the empty file is bad, and nothing goes.
func TestTruncateThenWait(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.settle()
	r.write("a.yaml", "")
	snap := r.settle()
	r.want(snap, "X=1@a.yaml")
	r.wantBad(snap, "a.yaml", "declares nothing")
	if st := r.status(snap, "a.yaml"); !st.LastGood || st.Objects != 1 || st.Digest == "" {
		t.Errorf("status %+v, want the last good version with its digest", st)
	}
	r.write("a.yaml", "X=2")
	snap = r.settle()
	r.want(snap, "X=2@a.yaml")
	if st := r.status(snap, "a.yaml"); st.Bad || st.LastGood || st.Pending {
		t.Errorf("status %+v, want good", st)
	}
}

// TestSaves is how editors and transfer tools replace a file, with a Load after every step.
func TestSaves(t *testing.T) {
	type step = func(r *rig)
	move := func(from, to string) step {
		return func(r *rig) {
			r.must(os.Rename(r.path(from), r.path(to)))
			if isSpecName(to) {
				r.l.watch.moved[to] = true
			}
		}
	}
	write := func(name, content string) step { return func(r *rig) { r.write(name, content) } }
	remove := func(name string) step { return func(r *rig) { r.remove(name) } }
	tests := map[string][]step{
		"vim with a backup": {
			write("4913", ""), remove("4913"), move("a.yaml", "a.yaml~"),
			write("a.yaml", ""), write("a.yaml", "X=2"), remove("a.yaml~"),
		},
		"temporary file renamed over": {write(".a.yaml.swp", "X="), write("a.yaml.new", "X=2"), move("a.yaml.new", "a.yaml")},
		"rsync":                       {write(".a.yaml.Zz91xQ", ""), write(".a.yaml.Zz91xQ", "X=2"), move(".a.yaml.Zz91xQ", "a.yaml")},
		"git checkout":                {remove("a.yaml"), write("a.yaml", "X"), write("a.yaml", "X=2")},
		"dpkg": {
			write("a.yaml.dpkg-new", "X=2"), write("a.yaml.dpkg-dist", "garbage"), move("a.yaml.dpkg-new", "a.yaml"),
		},
		"rpm": {write("a.yaml.rpmnew", "garbage"), write("a.yaml;65f0", "X=2"), move("a.yaml;65f0", "a.yaml")},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.arrive("a.yaml", "X=1")
			r.settle()
			for i, step := range steps {
				step(r)
				snap, _ := r.load()
				got := inEffect(snap)
				if len(got) != 1 || got[0] != "X=1@a.yaml" && got[0] != "X=2@a.yaml" {
					t.Fatalf("after step %d: in effect %v, want X whole", i, got)
				}
				if slices.ContainsFunc(snap.Files, func(f FileStatus) bool { return f.Bad }) {
					t.Fatalf("after step %d: a file is bad: %+v", i, snap.Files)
				}
				r.now = r.now.Add(stillFor / 10)
			}
			snap := r.settle()
			r.want(snap, "X=2@a.yaml")
			if len(snap.Files) != 1 {
				t.Errorf("files %+v, want a.yaml alone", snap.Files)
			}
		})
	}
}

func TestRemovedFile(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.arrive("b.yaml", "Y=1")
	r.settle()
	r.persist()
	r.remove("a.yaml")
	snap, again := r.load()
	r.want(snap, "X=1@a.yaml", "Y=1@b.yaml")
	if again != stillFor || !r.status(snap, "a.yaml").Pending {
		t.Errorf("again = %v, status %+v: want the absence to last first", again, r.status(snap, "a.yaml"))
	}
	r.want(r.settle(), "Y=1@b.yaml")
	r.persist()
	if diff := cmp.Diff([]string{"b.yaml"}, r.keptNames()); diff != "" {
		t.Errorf("kept copies (-want +got):\n%s", diff)
	}
	if todo := r.l.unsaved(); todo.remove != nil || todo.write != nil || todo.dir != nil {
		t.Errorf("still to be saved: %+v", todo)
	}
}

// TestRemovedWhileWritten: a file that vanishes before it was still holds up no removal.
func TestRemovedWhileWritten(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.settle()
	r.write("b.yaml", "Y")
	r.load()
	r.remove("a.yaml")
	r.remove("b.yaml")
	r.load()
	r.now = r.now.Add(stillFor)
	snap, again := r.load()
	r.want(snap)
	if len(snap.Files) != 0 || again != 0 {
		t.Errorf("again = %v, files %+v", again, snap.Files)
	}
}

// TestRemovedAndBackBad: the objects of the first file are gone, and a bad file that takes its name does not bring them
// back, not even after a restart.
func TestRemovedAndBackBad(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.settle()
	r.persist()
	r.remove("a.yaml")
	r.want(r.settle())
	r.arrive("a.yaml", "garbage")
	r.want(r.settle())
	r.persist()
	r.restart()
	r.want(r.settle())
}

// TestRenamedFile: the objects change their source and nothing else, with and without a watch to tell.
func TestRenamedFile(t *testing.T) {
	for _, watched := range []bool{true, false} {
		for _, names := range [][2]string{{"a.yaml", "b.yaml"}, {"b.yaml", "a.yaml"}} {
			r := newRig(t)
			r.arrive(names[0], "X=1\nY=1")
			r.settle()
			r.must(os.Rename(r.path(names[0]), r.path(names[1])))
			r.l.watch.moved[names[1]] = watched
			snap, _ := r.load()
			r.want(snap, "X=1@"+names[1], "Y=1@"+names[1])
			if st := r.status(snap, names[1]); st.Bad || st.Objects != 2 {
				t.Errorf("%v: status %+v, want good", names, st)
			}
			snap = r.settle()
			r.want(snap, "X=1@"+names[1], "Y=1@"+names[1])
			r.persist()
			if diff := cmp.Diff([]string{names[1]}, r.keptNames()); diff != "" {
				t.Errorf("kept copies (-want +got):\n%s", diff)
			}
		}
	}
}

// TestCopiedThenRemoved is cp a b; rm a, where the copy is not still yet when the original goes.
func TestCopiedThenRemoved(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.settle()
	r.write("b.yaml", "X=1")
	r.remove("a.yaml")
	for range 10 {
		snap, again := r.load()
		if got := inEffect(snap); len(got) != 1 {
			t.Fatalf("in effect %v, want X all the time", got)
		}
		if again == 0 {
			break
		}
		r.now = r.now.Add(again)
	}
	r.want(r.settle(), "X=1@b.yaml")
}

// TestFirstLoad: at the start the times of a file tell whether it is old; later only what was seen does.
func TestFirstLoad(t *testing.T) {
	r := newRig(t)
	r.write("a.yaml", "X=1")
	snap, _ := r.load() // an hour ahead of the files
	r.want(snap, "X=1@a.yaml")
	r.settle()
	r.write("b.yaml", "Y=1")
	snap, again := r.load()
	if again == 0 || !r.status(snap, "b.yaml").Pending {
		t.Errorf("again = %v: want a file that turned up later watched for %v first", again, stillFor)
	}
	r.restart()
	r.now = time.Now()
	r.write("a.yaml", "X=2")
	if snap, again = r.load(); again == 0 || !r.status(snap, "a.yaml").Pending {
		t.Errorf("again = %v: want a file written just before the start watched for %v first", again, stillFor)
	}
}

func TestUnchanged(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.arrive("b.yaml", "Y=1")
	r.arrive("c.yaml", "garbage")
	first := r.settle()
	for range 3 {
		if snap, _ := r.load(); snap != first {
			t.Fatal("nothing changed and the Snapshot is another one")
		}
	}
	// Other bytes in one file, the same bytes in two: only what changed is parsed and is a new object.
	r.parsed = nil
	r.arrive("a.yaml", "X=1")
	r.arrive("b.yaml", "Y=2")
	r.arrive("c.yaml", "garbage")
	snap := r.settle()
	if diff := cmp.Diff([]string{"b.yaml"}, r.parsed); diff != "" {
		t.Errorf("parsed (-want +got):\n%s", diff)
	}
	if snap.DaemonSets[0] != first.DaemonSets[0] || snap.DaemonSets[1] == first.DaemonSets[1] {
		t.Error("want the same object for the same bytes, and a new one for new bytes")
	}
	// A mistake that is taken back gives the objects of before.
	r.arrive("a.yaml", "garbage")
	r.settle()
	r.arrive("a.yaml", "X=1")
	r.parsed = nil
	if got := r.settle(); got.DaemonSets[0] != first.DaemonSets[0] || len(r.parsed) != 0 {
		t.Error("want the objects of before the mistake")
	}
}

// TestSaveOfTheFirstOfTwo: while an editor has the first file away, the second does not get its object.
func TestSaveOfTheFirstOfTwo(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.arrive("b.yaml", "X=2")
	r.settle()
	r.messages()
	r.remove("a.yaml")
	snap, _ := r.load()
	r.want(snap, "X=1@a.yaml")
	r.wantBad(snap, "b.yaml", "declared in")
	r.write("a.yaml", "X=3")
	snap, _ = r.load()
	r.want(snap, "X=1@a.yaml")
	snap = r.settle()
	r.want(snap, "X=3@a.yaml")
	r.wantBad(snap, "b.yaml", "declared in")
	if diff := cmp.Diff([]string{}, r.messages()); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	r.remove("a.yaml")
	r.want(r.settle(), "X=2@b.yaml")
}

// TestMovedToAnotherFile: an object that goes from one file to another with a change is in effect all the time, and the
// new file is not called bad for a clash with one that has gone.
func TestMovedToAnotherFile(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.settle()
	r.messages()
	r.remove("a.yaml")
	r.arrive("b.yaml", "X=2")
	snap, _ := r.load()
	r.want(snap, "X=1@a.yaml")
	if st := r.status(snap, "b.yaml"); st.Bad || !st.Pending || len(st.Problems) != 0 {
		t.Errorf("status %+v, want it pending", st)
	}
	r.want(r.settle(), "X=2@b.yaml")
	if diff := cmp.Diff([]string{"spec file was removed"}, r.messages()); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

// TestRemovalWaitsForWriters: git removes one file and writes another, slowly; the object that moved between them stays
// in effect. A writer that never ends holds up nothing for ever.
func TestRemovalWaitsForWriters(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.settle()
	r.remove("a.yaml")
	start, written := r.now, 0
	for ; r.now.Sub(start) < maxAbsence; written++ {
		r.write("b.yaml", strings.Repeat("X=2\n", 1+written))
		snap, again := r.load()
		r.want(snap, "X=1@a.yaml")
		if again <= 0 || again > stillFor {
			t.Fatalf("again = %v", again)
		}
		r.now = r.now.Add(stillFor / 2)
	}
	if written != 16 {
		t.Errorf("the writer was looked at %d times, want 16", written)
	}
	snap, _ := r.load()
	r.want(snap)
	r.write("b.yaml", "X=2")
	r.want(r.settle(), "X=2@b.yaml")
}
