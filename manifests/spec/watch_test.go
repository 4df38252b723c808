package spec

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// watchedRig is a rig with a real watch. Its time stands still, so that nothing written in place is ever still and what
// is in effect came by rename, as the kernel told.
func watchedRig(t *testing.T) *rig {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.l.Watch(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Watch = %v after its context was done, want nil", err)
		}
	})
	<-r.l.Wake()
	r.load()
	return r
}

// until loads at every wake, and only then, until ok; a watch that misses something makes the test hang until its
// deadline.
func (r *rig) until(ok func(*Snapshot) bool) *Snapshot {
	r.tb.Helper()
	for {
		<-r.l.Wake()
		if snap, _ := r.load(); ok(snap) {
			return snap
		}
	}
}

func (r *rig) untilInEffect(want ...string) {
	r.tb.Helper()
	r.until(func(s *Snapshot) bool { return cmp.Equal(inEffect(s), want) })
}

// moveIn renames a file in from outside the directory; only the kernel tells the loader.
func (r *rig) moveIn(name, content string) {
	r.tb.Helper()
	temp := filepath.Join(r.state, "elsewhere")
	r.must(os.WriteFile(temp, []byte(content), 0o644))
	r.must(os.Rename(temp, r.path(name)))
}

func TestWatchTellsRenamesFromWrites(t *testing.T) {
	r := watchedRig(t)
	r.moveIn("a.yaml", "X=1")
	r.untilInEffect("X=1@a.yaml")
	r.write("b.yaml", "Y=1")
	r.write("a.yaml", "X=")
	r.moveIn("z.yaml", "Z=1") // once this is in effect the events before it have been taken in
	r.untilInEffect("X=1@a.yaml", "Z=1@z.yaml")
	snap, again := r.load()
	if !r.status(snap, "a.yaml").Pending || !r.status(snap, "b.yaml").Pending || again <= 0 {
		t.Errorf("again = %v, files %+v: want what was written in place pending", again, snap.Files)
	}
	r.moveIn("a.yaml", "X=2")
	r.untilInEffect("X=2@a.yaml", "Z=1@z.yaml")
	r.must(os.Rename(r.path("a.yaml"), r.path("c.yaml")))
	r.untilInEffect("X=2@c.yaml", "Z=1@z.yaml")
}

// TestWatchSurvivesTheDirectory: removed and made anew, moved away and replaced, and its parent's turn.
func TestWatchSurvivesTheDirectory(t *testing.T) {
	r := watchedRig(t)
	r.moveIn("a.yaml", "X=1")
	r.untilInEffect("X=1@a.yaml")

	missing := func(s *Snapshot) bool { return strings.Contains(s.DirProblem, "does not exist") }
	empty := func(s *Snapshot) bool { return strings.Contains(s.DirProblem, "perhaps a mount is missing") }
	r.must(os.RemoveAll(r.dir))
	r.until(missing)
	r.must(os.Mkdir(r.dir, 0o755))
	r.until(empty)
	r.moveIn("a.yaml", "X=2")
	r.untilInEffect("X=2@a.yaml")

	r.away()
	r.until(missing)
	r.back()
	r.until(func(s *Snapshot) bool { return s.DirProblem == "" })
	r.moveIn("a.yaml", "X=3")
	r.untilInEffect("X=3@a.yaml")

	// Another directory is renamed over an emptied one.
	next := r.dir + ".next"
	r.must(os.Mkdir(next, 0o755))
	r.must(os.Rename(r.path("a.yaml"), filepath.Join(next, "a.yaml")))
	r.must(unix.Rename(next, r.dir)) // os.Rename refuses
	r.until(func(s *Snapshot) bool { return r.l.dir.Inode == inode(t, r.dir) })
	r.moveIn("b.yaml", "Y=1")
	r.untilInEffect("X=3@a.yaml", "Y=1@b.yaml")
}

// TestArrivalsOfAnotherDirectory: that a file was renamed into the directory of before says nothing of one in this.
func TestArrivalsOfAnotherDirectory(t *testing.T) {
	r := watchedRig(t)
	r.moveIn("a.yaml", "X=1")
	<-r.l.Wake() // the event has been taken in, and no Load has asked for it
	r.away()
	r.must(os.Mkdir(r.dir, 0o755))
	r.write("a.yaml", "X")
	r.l.watch.arm()
	if got := r.l.watch.arrivals(); len(got) != 0 {
		t.Errorf("arrivals %v, want none", got)
	}
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return files.IDOf(info).Ino
}

// TestWatchStartsWithoutDirectory: the directory is made after the agent.
func TestWatchStartsWithoutDirectory(t *testing.T) {
	r := newRig(t)
	r.must(os.Remove(r.dir))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = r.l.Watch(ctx) })
	<-r.l.Wake()
	r.load()
	r.must(os.Mkdir(r.dir, 0o755))
	r.until(func(s *Snapshot) bool { return s.DirProblem == "" })
	r.moveIn("a.yaml", "X=1")
	r.untilInEffect("X=1@a.yaml")
}

// TestWake: one value however much happens, none for what is no spec file's, and no arrival that was written since.
func TestWake(t *testing.T) {
	const dir, parent = 1, 2
	tests := map[string]struct {
		events []event
		wake   bool
		moved  []string
	}{
		"nothing":                   {nil, false, nil},
		"created":                   {[]event{{dir, unix.IN_CREATE, "a.yaml"}}, true, nil},
		"written":                   {[]event{{dir, unix.IN_MODIFY, "a.yaml"}}, true, nil},
		"removed":                   {[]event{{dir, unix.IN_DELETE, "a.yaml"}}, true, nil},
		"chmod":                     {[]event{{dir, unix.IN_ATTRIB, "a.yaml"}}, true, nil},
		"renamed in":                {[]event{{dir, unix.IN_MOVED_TO, "a.yaml"}}, true, []string{"a.yaml"}},
		"renamed in, then written":  {[]event{{dir, unix.IN_MOVED_TO, "a.yaml"}, {dir, unix.IN_MODIFY, "a.yaml"}}, true, nil},
		"renamed in, then away":     {[]event{{dir, unix.IN_MOVED_TO, "a.yaml"}, {dir, unix.IN_MOVED_FROM, "a.yaml"}}, true, nil},
		"renamed in, then chmod":    {[]event{{dir, unix.IN_MOVED_TO, "a.yaml"}, {dir, unix.IN_ATTRIB, "a.yaml"}}, true, []string{"a.yaml"}},
		"temporary file":            {[]event{{dir, unix.IN_CREATE, ".a.yaml.x"}, {dir, unix.IN_MODIFY, ".a.yaml.x"}}, false, nil},
		"swap of ..data":            {[]event{{dir, unix.IN_MOVED_TO, "..data"}}, true, nil},
		"directory's mode":          {[]event{{dir, unix.IN_ATTRIB | unix.IN_ISDIR, ""}}, true, nil},
		"directory unmounted":       {[]event{{dir, unix.IN_UNMOUNT, ""}}, true, nil},
		"directory gone":            {[]event{{dir, unix.IN_IGNORED, ""}}, true, nil},
		"directory in its parent":   {[]event{{parent, unix.IN_MOVED_TO | unix.IN_ISDIR, "specs.d"}}, true, nil},
		"neighbour of directory":    {[]event{{parent, unix.IN_CREATE, "node.yaml"}}, false, nil},
		"stale watch":               {[]event{{7, unix.IN_MOVED_TO, "a.yaml"}}, false, nil},
		"queue overflow":            {[]event{{-1, unix.IN_Q_OVERFLOW, ""}}, true, nil},
		"something, then a trifle":  {[]event{{dir, unix.IN_DELETE, "a.yaml"}, {parent, unix.IN_CREATE, "x"}}, true, nil},
		"something, then a trifle2": {[]event{{parent, unix.IN_CREATE, "specs.d"}, {dir, unix.IN_CREATE, ".x"}}, true, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var w watcher
			w.init("/etc/daemonsetd/specs.d/")
			w.dirWD, w.parentWD = dir, parent
			if got := w.handle(tt.events); got != tt.wake {
				t.Errorf("wake = %v, want %v", got, tt.wake)
			}
			want := map[string]bool{}
			for _, name := range tt.moved {
				want[name] = true
			}
			if diff := cmp.Diff(want, w.arrivals()); diff != "" {
				t.Errorf("arrivals (-want +got):\n%s", diff)
			}
			if got := w.arrivals(); len(got) != 0 {
				t.Errorf("arrivals told twice: %v", got)
			}
		})
	}
	var w watcher
	w.init("specs.d")
	w.notify()
	w.notify()
	<-w.wake
	select {
	case <-w.wake:
		t.Error("two values for one reader")
	default:
	}
}

// TestArrivalsAreBounded: nobody may be taking them.
func TestArrivalsAreBounded(t *testing.T) {
	var w watcher
	w.init("specs.d")
	w.dirWD = 1
	for i := range 2 * MaxFiles {
		w.handle([]event{{1, unix.IN_MOVED_TO, string(rune('a'+i)) + ".yaml"}})
	}
	if n := len(w.arrivals()); n != MaxFiles {
		t.Errorf("%d arrivals, want %d", n, MaxFiles)
	}
}

// encodeEvent is what the kernel writes, padded to a multiple of the header's size.
func encodeEvent(e event) []byte {
	size := 0
	if e.name != "" {
		size = (len(e.name)/unix.SizeofInotifyEvent + 1) * unix.SizeofInotifyEvent
	}
	var b bytes.Buffer
	for _, v := range []uint32{uint32(e.wd), e.mask, 0, uint32(size)} {
		_ = binary.Write(&b, binary.NativeEndian, v)
	}
	b.WriteString(e.name)
	b.Write(make([]byte, size-len(e.name)))
	return b.Bytes()
}

func FuzzDecodeEvents(f *testing.F) {
	f.Add([]byte(nil), int32(1), uint32(unix.IN_CREATE), "a.yaml")
	f.Add(encodeEvent(event{2, unix.IN_IGNORED, ""}), int32(-1), uint32(unix.IN_Q_OVERFLOW), "")
	f.Add([]byte{1, 2, 3}, int32(1), uint32(0), strings.Repeat("x", 255))
	f.Fuzz(func(t *testing.T, raw []byte, wd int32, mask uint32, name string) {
		_, _ = decodeEvents(raw)
		if name = strings.TrimRight(name, "\x00"); len(name) > 255 {
			name = ""
		}
		one := event{wd, mask, name}
		got, err := decodeEvents(append(encodeEvent(one), encodeEvent(event{})...))
		if want := []event{one, {}}; err != nil || !cmp.Equal(got, want, cmp.AllowUnexported(event{})) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	})
}

// TestConcurrentUse is for the race detector: everything that may be called at the same time is.
func TestConcurrentUse(t *testing.T) {
	r := newRig(t)
	r.l.parse = toyParse
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.l.Watch(ctx) })
	for range 2 {
		wg.Go(func() {
			for i := range 50 {
				snap, _ := r.l.Load()
				snap.Undecided(r.path("a.yaml"))
				if i%10 == 0 {
					r.l.Confirm()
				}
			}
		})
		wg.Go(func() {
			for range 20 {
				_ = r.l.Persist()
			}
		})
	}
	for i := range 50 {
		r.moveIn("a.yaml", "X="+string(rune('a'+i%20)))
	}
	cancel()
	wg.Wait()
	r.now = r.now.Add(stillFor)
	r.want(r.settle(), "X="+string(rune('a'+49%20))+"@a.yaml")
}
