package manifestdir

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// fullDisk takes no new byte, and does everything that needs no space.
type fullDisk struct{ linux }

func (fullDisk) createTemp(string) (tempFile, error) {
	return nil, &os.PathError{Op: "open", Path: "somewhere", Err: syscall.ENOSPC}
}

// replacement is what stands, and what is to stand in its place: as with a new template, the names differ.
func replacement(t tester) (older, newer render.Manifest) {
	t.Helper()
	older, newer = manifest(t, "logger", "/specs/a.yaml"), manifest(t, "logger-2", "/specs/a.yaml")
	return older, newer
}

// replaceRound does what the agent does in one round, the pod of the old manifest being gone at once.
func replaceRound(s *Store, older, newer render.Manifest) error {
	l, err := s.Scan()
	if err != nil {
		return err
	}
	for _, e := range l.Ours {
		if e.FileName == newer.FileName {
			return nil
		}
	}
	if len(l.Ours) > 0 {
		if err := s.Prepare(newer); err != nil {
			return err
		}
		if err := s.Remove(older.FileName); err != nil {
			return err
		}
	}
	return s.Write(newer)
}

func recovered(t tester, dir string, sys system) *Store {
	t.Helper()
	s := newStore(t, dir)
	s.sys = sys
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	return s
}

// stand says which of the two the kubelet sees, each whole.
func stand(t *testing.T, dir string, older, newer render.Manifest) string {
	t.Helper()
	seen := visible(t, dir)
	var got []string
	for name, m := range map[string]render.Manifest{"old": older, "new": newer} {
		if data, ok := seen[m.FileName]; ok {
			if data != string(m.Data) {
				t.Fatalf("the %s manifest is not whole", name)
			}
			got = append(got, name)
		}
		delete(seen, m.FileName)
	}
	if len(seen) > 0 {
		t.Fatalf("the kubelet sees %v", slices.Collect(maps.Keys(seen)))
	}
	slices.Sort(got)
	return strings.Join(got, " and ")
}

// TestFaultK4OrderOfCalls: the new bytes are on the disk before the old manifest goes, and come into place by a rename.
func TestFaultK4OrderOfCalls(t *testing.T) {
	older, newer := replacement(t)
	s, sys := faultyStore(t, t.TempDir(), &faulty{})
	mustWrite(t, s, older)
	sys.steps = nil
	if err := replaceRound(s, older, newer); err != nil {
		t.Fatal(err)
	}
	want := []string{"createTemp", "write", "sync", "close", "syncDir", "remove", "syncDir", "rename", "syncDir"}
	if diff := cmp.Diff(want, sys.steps); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestFaultK4StoppedAtEveryCall stops a replacement at each of its calls, by a process that dies, a disk that is full from
// then on, and one that refuses to be written. Afterwards the kubelet sees the old manifest or the new one: a disk that is
// full stays so, and never leaves none.
func TestFaultK4StoppedAtEveryCall(t *testing.T) {
	for name, fault := range faults() {
		t.Run(name, func(t *testing.T) {
			k := 1
			for replaceStoppedAt(t, fault(k)) {
				k++
			}
			if k < 10 {
				t.Errorf("stopped at %d calls, want 9 at least", k-1)
			}
		})
	}
}

// replaceStoppedAt says whether the fault was reached.
func replaceStoppedAt(t *testing.T, sys *faulty) bool {
	t.Helper()
	dir := t.TempDir()
	older, newer := replacement(t)
	mustWrite(t, newStore(t, dir), older)
	s := recovered(t, dir, sys)
	err := replaceRound(s, older, newer)
	if !sys.reached() {
		if err != nil || stand(t, dir, older, newer) != "new" {
			t.Fatalf("no fault, but %v and %q", err, stand(t, dir, older, newer))
		}
		return false
	}
	got := stand(t, dir, older, newer)
	// Nothing was removed that has no successor on the disk.
	removed := sys.at > slices.Index(sys.steps, "remove")+1 && slices.Contains(sys.steps, "remove") && got != "old"
	if got == "" && !removed || got == "old and new" {
		t.Fatalf("stopped at call %d, %v: %q stands", sys.at, sys.steps, got)
	}
	if !sys.crash {
		checkFailure(t, err, dir+"/"+failedFile(older, newer, sys), sys)
	}
	// The disk is full from here on, for this process and for the next one.
	if sys.crash || sys.forever {
		s = recovered(t, dir, fullDisk{})
	} else {
		s.sys = fullDisk{}
	}
	for range 3 {
		err = replaceRound(s, older, newer)
	}
	switch now := stand(t, dir, older, newer); {
	case now == "old" && errors.Is(err, syscall.ENOSPC):
	case now == "new" && err == nil:
	default:
		t.Fatalf("stopped at call %d, %v, then a full disk: %q stands, %v", sys.at, sys.steps, now, err)
	}
	// And there is space again.
	s = recovered(t, dir, linux{})
	if err := replaceRound(s, older, newer); err != nil || stand(t, dir, older, newer) != "new" {
		t.Fatalf("stopped at call %d: at the end %v and %q", sys.at, err, stand(t, dir, older, newer))
	}
	s.Release(func(string) bool { return false })
	if len(onDisk(t, dir)) != 1 {
		t.Errorf("stopped at call %d: %v is left", sys.at, slices.Collect(maps.Keys(onDisk(t, dir))))
	}
	return true
}

// failedFile is what the error has to name: only the removal is about the old manifest.
func failedFile(older, newer render.Manifest, sys *faulty) string {
	if n := slices.Index(sys.steps, "remove"); n >= 0 && (sys.at == n+1 || sys.at == n+2) && sys.at > 5 {
		return older.FileName
	}
	return newer.FileName
}

// TestFaultK4Leftovers: what was prepared and is not wanted is removed, also by the next process; a scan leaves alone what
// is; and the kubelet, which passes over names that begin with a dot, never sees any of it.
func TestFaultK4Leftovers(t *testing.T) {
	dir := t.TempDir()
	older, newer := replacement(t)
	s := newStore(t, dir)
	mustWrite(t, s, older)
	before := visible(t, dir)
	prepare := func(s *Store, m render.Manifest) {
		t.Helper()
		if err := s.Prepare(m); err != nil {
			t.Fatal(err)
		}
	}
	prepare(s, newer)
	prepare(s, newer) // nothing is written twice
	prepare(s, manifest(t, "passing", "a"))
	if l := mustScan(t, s); len(l.Ours) != 1 || len(l.Foreign)+len(l.Problems) != 0 {
		t.Errorf("listed: %+v", l)
	}
	if n := len(onDisk(t, dir)); n != 3 {
		t.Errorf("%d files, want the manifest and two that are prepared", n)
	}
	if diff := cmp.Diff(before, visible(t, dir)); diff != "" {
		t.Errorf("the kubelet sees (-want +got):\n%s", diff)
	}
	put(t, dir+"/.daemonsetd-271828.tmp", newer.Data[:len(newer.Data)/2])

	next := recovered(t, dir, linux{})
	mustScan(t, next)
	next.Release(func(name string) bool { return name == newer.FileName })
	if n := len(onDisk(t, dir)); n != 2 {
		t.Errorf("%d files, want the manifest and the one that is wanted: %v", n, slices.Collect(maps.Keys(onDisk(t, dir))))
	}
	next.sys = fullDisk{}
	if err := next.Write(newer); err != nil {
		t.Errorf("on a full disk: %v", err)
	}

	// One that somebody has removed is written again, and another rendering takes the place of the first.
	next.sys = linux{}
	prepare(next, manifest(t, "logger", "one"))
	prepare(next, manifest(t, "logger", "two"))
	if n := len(onDisk(t, dir)); n != 3 {
		t.Errorf("%d files after another rendering, want 3", n)
	}
	for name := range onDisk(t, dir) {
		if strings.HasPrefix(name, ".") {
			if err := os.Remove(dir + "/" + name); err != nil {
				t.Fatal(err)
			}
		}
	}
	mustWrite(t, next, manifest(t, "logger", "two"))
	if got := visible(t, dir)[older.FileName]; got != string(manifest(t, "logger", "two").Data) {
		t.Errorf("written without what was prepared: %q", got)
	}
	if err := recovered(t, dir+"/missing", linux{}).Recover(); err != nil {
		t.Errorf("no directory: %v", err)
	}
}

// full takes a number of bytes in temporary files.
type quota struct {
	linux
	left int
}

func (q *quota) createTemp(dir string) (tempFile, error) {
	f, err := q.linux.createTemp(dir)
	return &quotaFile{f, q}, err
}

type quotaFile struct {
	tempFile
	q *quota
}

func (f *quotaFile) Write(b []byte) (int, error) {
	if len(b) > f.q.left {
		return 0, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
	}
	f.q.left -= len(b)
	return f.tempFile.Write(b)
}

func (q *quota) remove(path string) error {
	if info, err := os.Lstat(path); err == nil {
		q.left += int(info.Size())
	}
	return q.linux.remove(path)
}

// TestFaultK4SecondTemplate: what was prepared for a template that is not wanted any more does not take the space of the
// next one.
func TestFaultK4SecondTemplate(t *testing.T) {
	dir := t.TempDir()
	one, two := manifest(t, "logger", "one"), manifest(t, "logger", "two")
	two.FileName, two.Revision, two.PodName = one.FileName, one.Revision, one.PodName
	s := newStore(t, dir)
	s.sys = &quota{left: len(one.Data) + 10}
	for _, m := range []render.Manifest{one, two} {
		if err := s.Prepare(m); err != nil {
			t.Fatal(err)
		}
	}
	other := manifest(t, "other", "one")
	err := s.Prepare(other)
	if !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), ".tmp") || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("got %v, want that there is no space, and no temporary name", err)
	}
	if len(onDisk(t, dir)) != 1 {
		t.Errorf("left: %v", slices.Collect(maps.Keys(onDisk(t, dir))))
	}
}
