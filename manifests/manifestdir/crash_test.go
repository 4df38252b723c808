package manifestdir

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// before is what stands in the directory when the act under test begins.
type before struct {
	name string
	old  func(t *testing.T, m render.Manifest) map[string]string
}

func befores() []before {
	return []before{
		{"nothing", func(*testing.T, render.Manifest) map[string]string { return map[string]string{} }},
		{"another rendering", func(t *testing.T, m render.Manifest) map[string]string {
			t.Helper()
			old := manifest(t, "logger", "/specs/old.yaml")
			return map[string]string{old.FileName: string(old.Data)}
		}},
		{"an edited file", func(_ *testing.T, m render.Manifest) map[string]string {
			return map[string]string{m.FileName: strings.Replace(string(m.Data), "busybox", "mine", 1)}
		}},
	}
}

// faults are the ways in which call number k goes wrong.
func faults() map[string]func(k int) *faulty {
	out := map[string]func(k int) *faulty{
		"crash": func(k int) *faulty { return &faulty{at: k, crash: true} },
	}
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EACCES, syscall.EIO} {
		out[errno.Error()] = func(k int) *faulty { return &faulty{at: k, err: errno} }
		out[errno.Error()+" from then on"] = func(k int) *faulty { return &faulty{at: k, err: errno, forever: true} }
	}
	return out
}

// The calls of a write, in the only order in which neither a crash nor a power cut shows half a file under a visible name.
func TestOrderOfCalls(t *testing.T) {
	s, sys := faultyStore(t, t.TempDir(), &faulty{})
	m := manifest(t, "logger", "a")
	mustWrite(t, s, m)
	if diff := cmp.Diff([]string{"createTemp", "write", "sync", "close", "rename", "syncDir"}, sys.steps); diff != "" {
		t.Errorf("write (-want +got):\n%s", diff)
	}
	sys.steps = nil
	if err := s.Remove(m.FileName); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"remove", "syncDir"}, sys.steps); diff != "" {
		t.Errorf("remove (-want +got):\n%s", diff)
	}
}

func faultyStore(t tester, dir string, sys *faulty) (*Store, *faulty) {
	t.Helper()
	s := newStore(t, dir)
	s.sys = sys
	return s, sys
}

func TestWriteStoppedAtEveryCall(t *testing.T) {
	for _, b := range befores() {
		for name, fault := range faults() {
			t.Run(b.name+"/"+name, func(t *testing.T) {
				k := 1
				for writeStoppedAt(t, b, fault(k)) {
					k++
				}
				// Six calls make a write; a failing one may be followed by the removal of the temporary file.
				if k != 7 {
					t.Errorf("stopped at %d calls, want 6", k-1)
				}
			})
		}
	}
}

// writeStoppedAt says whether the fault was reached.
func writeStoppedAt(t *testing.T, b before, sys *faulty) bool {
	t.Helper()
	dir := t.TempDir()
	m := manifest(t, "logger", "/specs/new.yaml")
	old := b.old(t, m)
	for name, data := range old {
		put(t, dir+"/"+name, []byte(data))
	}
	s, _ := faultyStore(t, dir, sys)
	err := s.Write(m)
	if !sys.reached() {
		if err != nil {
			t.Fatalf("no fault, but %v", err)
		}
		return false
	}
	after := map[string]string{m.FileName: string(m.Data)}
	renamed := len(sys.steps) == 6 && sys.at == 6
	want := old
	if renamed {
		want = after
	}
	if diff := cmp.Diff(want, visible(t, dir)); diff != "" {
		t.Fatalf("stopped at call %d, %v (-want +got):\n%s", sys.at, sys.steps, diff)
	}
	checkFailure(t, err, dir+"/"+m.FileName, sys)
	if leftovers := len(onDisk(t, dir)) - len(want); leftovers > 0 && !sys.crash && !sys.forever {
		t.Errorf("stopped at call %d, and a temporary file stays: %v", sys.at, slices.Collect(maps.Keys(onDisk(t, dir))))
	}
	if !sys.crash {
		sys.at = 0
		heals(t, s, m)
	}
	heals(t, newStore(t, dir), m)
	return true
}

func checkFailure(t *testing.T, err error, path string, sys *faulty) {
	t.Helper()
	failure, ok := errors.AsType[*Error](err)
	if !ok || failure.Path != path {
		t.Fatalf("stopped at call %d: got %v, want an *Error with path %s", sys.at, err, path)
	}
	if sys.crash {
		return
	}
	if !errors.Is(err, sys.err) {
		t.Errorf("got %v, want %v in it", err, sys.err)
	}
	if failure.Hint == "" && !errors.Is(sys.err, syscall.EIO) {
		t.Errorf("no hint for %v", err)
	}
}

// heals shows that the next write brings everything in order, as does a scan before it.
func heals(t *testing.T, s *Store, m render.Manifest) {
	t.Helper()
	mustScan(t, s)
	for name := range onDisk(t, s.dir) {
		if strings.HasPrefix(name, ".") {
			t.Errorf("a scan left %s", name)
		}
	}
	mustWrite(t, s, m)
	if diff := cmp.Diff(map[string]string{m.FileName: string(m.Data)}, onDisk(t, s.dir)); diff != "" {
		t.Errorf("after the next write (-want +got):\n%s", diff)
	}
	if s.unsynced {
		t.Error("the directory was not synced")
	}
	l := mustScan(t, s)
	if len(l.Ours) != 1 || !l.Ours[0].Intact || len(l.Foreign)+len(l.Problems) > 0 {
		t.Errorf("after the next write: %+v", l)
	}
}

func TestRemoveStoppedAtEveryCall(t *testing.T) {
	for name, fault := range faults() {
		t.Run(name, func(t *testing.T) {
			for k := 1; k <= 2; k++ {
				removeStoppedAt(t, fault(k))
			}
		})
	}
}

func removeStoppedAt(t *testing.T, sys *faulty) {
	t.Helper()
	dir := t.TempDir()
	m := manifest(t, "logger", "a")
	put(t, dir+"/"+m.FileName, m.Data)
	s, _ := faultyStore(t, dir, sys)
	err := s.Remove(m.FileName)
	if !sys.reached() {
		t.Fatalf("call %d was not made: %v", sys.at, sys.steps)
	}
	checkFailure(t, err, dir+"/"+m.FileName, sys)
	want := map[string]string{m.FileName: string(m.Data)}
	if sys.at == 2 {
		want = map[string]string{}
	}
	if diff := cmp.Diff(want, onDisk(t, dir)); diff != "" {
		t.Fatalf("stopped at call %d (-want +got):\n%s", sys.at, diff)
	}
	again := newStore(t, dir)
	if !sys.crash {
		// The same Store goes on, and makes up for a sync that failed.
		sys.at, sys.steps = 0, nil
		again = s
	}
	if err := again.Remove(m.FileName); err != nil || len(onDisk(t, dir)) != 0 {
		t.Fatalf("the next removal: %v, %v", err, onDisk(t, dir))
	}
	if !sys.crash && sys.steps[len(sys.steps)-1] != "syncDir" {
		t.Errorf("the directory was not synced: %v", sys.steps)
	}
}

// A temporary file that cannot be removed is told, and nothing else is held up by it.
func TestSweepFails(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/.daemonsetd-123.tmp", []byte("x"))
	s, _ := faultyStore(t, dir, &faulty{at: 1, err: syscall.EROFS})
	l := mustScan(t, s)
	if len(l.Problems) != 1 || l.Problems[0].FileName != ".daemonsetd-123.tmp" || !strings.Contains(l.Problems[0].Message, "read-only") {
		t.Errorf("got %+v", l)
	}
	if l = mustScan(t, s); len(l.Problems) != 0 || len(onDisk(t, dir)) != 0 {
		t.Errorf("got %+v and %v", l, onDisk(t, dir))
	}
}

// Only names of the form that we make are removed.
func TestSweepLeavesOthers(t *testing.T) {
	dir := t.TempDir()
	keep := []string{".daemonsetd-.tmp", ".daemonsetd-a.tmp", ".daemonsetd-1.tmp.bak", ".daemonsetd-1", ".swp", ".x.daemonsetd-1.tmp", ".daemonsetd-1a.tmp"}
	for _, name := range keep {
		put(t, dir+"/"+name, []byte(name))
	}
	pipe(t, dir+"/.daemonsetd-7.tmp")
	put(t, dir+"/.daemonsetd-0815.tmp", nil)
	l := mustScan(t, newStore(t, dir))
	want := map[string]string{".daemonsetd-7.tmp": fs.ModeNamedPipe.String()}
	for _, name := range keep {
		want[name] = name
	}
	if diff := cmp.Diff(want, onDisk(t, dir)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(l.Ours)+len(l.Foreign)+len(l.Problems) != 0 {
		t.Errorf("dot names were listed: %+v", l)
	}
}
