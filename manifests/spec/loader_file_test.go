package spec

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

func TestIsSpecName(t *testing.T) {
	for name, want := range map[string]bool{
		"a.yaml": true, "a.yml": true, "a.json": true, "a.b.yaml": true, "ü.yaml": true,
		".a.yaml": false, ".yaml": false, "yaml": false, "a.yaml~": false, ".a.yaml.swp": false, "a.yaml.rpmnew": false,
		"a.yaml.rpmsave": false, "a.yaml.dpkg-dist": false, "a.yaml.dpkg-old": false, "#a.yaml#": false, ".#a.yaml": false,
		"a.YAML": false, "a.txt": false, "": false, "..data": false, "4913": false,
	} {
		if got := isSpecName(name); got != want {
			t.Errorf("isSpecName(%q) = %v, want %v", name, got, want)
		}
	}
}

// TestEntriesThatAreNoFiles puts each into a good file's place: one clear error, and what was in effect stays.
func TestEntriesThatAreNoFiles(t *testing.T) {
	link := func(target string) func(r *rig) {
		return func(r *rig) { r.must(os.Symlink(target, r.path("a.yaml"))) }
	}
	tests := map[string]struct {
		put     func(r *rig)
		problem string
	}{
		"named pipe": {func(r *rig) { r.must(syscall.Mkfifo(r.path("a.yaml"), 0o644)) }, "is a named pipe; wanted a regular file"},
		"directory":  {func(r *rig) { r.must(os.Mkdir(r.path("a.yaml"), 0o755)) }, "is a directory"},
		"socket": {func(r *rig) {
			l, err := net.Listen("unix", r.path("a.yaml"))
			r.must(err)
			r.tb.Cleanup(func() { _ = l.Close() })
		}, "is a socket; wanted a regular file"},
		"link to a device":    {link("/dev/null"), "is a device; wanted a regular file"},
		"dangling link":       {link("nowhere"), "nowhere\", which does not exist"},
		"link to a directory": {link("."), "which is a directory; wanted a regular file"},
		"link to itself":      {link("a.yaml"), "leads over more than 16 symbolic links"},
		"link to a named pipe": {func(r *rig) {
			r.must(syscall.Mkfifo(r.path("pipe"), 0o644))
			link("pipe")(r)
		}, "is a named pipe; wanted a regular file"},
		// A regular file whose bytes nobody gets, whoever asks: reading it fails with EIO.
		"unreadable file": {link("/proc/self/mem"), "cannot be read: input/output error"},
		"too large file": {func(r *rig) {
			r.write("a.yaml", "X=1")
			r.must(os.Truncate(r.path("a.yaml"), MaxFileBytes+1))
		}, fmt.Sprintf("has %d bytes; the limit is %d", MaxFileBytes+1, MaxFileBytes)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.arrive("a.yaml", "X=1")
			r.settle()
			r.persist()
			r.must(os.Remove(r.path("a.yaml")))
			tt.put(r)
			for range 2 {
				snap := r.settle()
				r.want(snap, "X=1@a.yaml")
				p := r.wantBad(snap, "a.yaml", tt.problem)
				if st := r.status(snap, "a.yaml"); !st.LastGood {
					t.Errorf("status %+v, want last good", st)
				}
				if p.Hint == "" && !strings.HasPrefix(tt.problem, "cannot be read") {
					t.Error("want a hint")
				}
				// The times of a file in /proc move by themselves.
				if again, _ := r.load(); again != snap && name != "unreadable file" {
					t.Error("nothing changed and the Snapshot is another one")
				}
				r.restart()
			}
			r.must(os.Remove(r.path("a.yaml")))
			r.arrive("a.yaml", "X=2")
			snap := r.settle()
			r.want(snap, "X=2@a.yaml")
		})
	}
}

// TestPermission: a process without the privilege to read everything is told to make the file readable. Root reads
// everything, so that the error is made here.
func TestPermission(t *testing.T) {
	p, _ := problemOf("a.yaml", &os.PathError{Op: "open", Path: "a.yaml", Err: syscall.EACCES})
	if p.Message != "cannot be read: permission denied" || p.Hint == "" || p.Severity != diag.Error {
		t.Errorf("got %+v", p)
	}
}

// TestNewDirectoryIsHarmless: where nothing was in effect from it, a directory with a spec file's name is mentioned and
// no more.
func TestNewDirectoryIsHarmless(t *testing.T) {
	r := newRig(t)
	r.must(os.Mkdir(r.path("sub.yaml"), 0o755))
	r.must(os.Mkdir(r.path("sub"), 0o755))
	snap := r.settle()
	st := r.status(snap, "sub.yaml")
	if len(snap.Files) != 1 || st.Bad || len(st.Problems) != 1 || st.Problems[0].Severity != diag.Info {
		t.Errorf("files %+v, want sub.yaml with one info", snap.Files)
	}
}

// TestLinks: a link to a file is as good as the file, over ..data as the kubelet lays ConfigMaps out as well, and the
// swap of ..data is seen.
func TestLinks(t *testing.T) {
	r := newRig(t)
	for _, v := range []string{"1", "2"} {
		r.must(os.Mkdir(r.path("..v"+v), 0o755))
		r.write("..v"+v+"/x.yaml", "X="+v)
	}
	r.must(os.Symlink("..v1", r.path("..data")))
	r.must(os.Symlink("..data/x.yaml", r.path("x.yaml")))
	r.write("plain", "Y=1")
	r.must(os.Symlink(r.path("plain"), r.path("y.yaml")))
	r.want(r.settle(), "X=1@x.yaml", "Y=1@y.yaml")
	r.must(os.Symlink("..v2", r.path("..tmp")))
	r.must(os.Rename(r.path("..tmp"), r.path("..data")))
	r.want(r.settle(), "X=2@x.yaml", "Y=1@y.yaml")

	// The link goes and comes back; the file behind it never changed.
	r.remove("y.yaml")
	r.must(os.Mkdir(r.path("y.yaml"), 0o755))
	r.wantBad(r.settle(), "y.yaml", "is a directory")
	r.remove("y.yaml")
	r.must(os.Symlink("plain", r.path("y.yaml")))
	if st := r.status(r.settle(), "y.yaml"); st.Bad || st.LastGood {
		t.Errorf("status %+v, want good", st)
	}
}

// TestChangedWhileRead: bytes of a file that is no longer the one that was looked at are not taken.
func TestChangedWhileRead(t *testing.T) {
	r := newRig(t)
	r.write("a.yaml", "X=1")
	target, id, err := rules().Inspect(r.path("a.yaml"))
	r.must(err)
	tests := map[string]func(){
		"written":  func() { r.write("a.yaml", "X=22") },
		"replaced": func() { r.arrive("a.yaml", "X=1") },
		"link":     func() { r.remove("a.yaml"); r.must(os.Symlink("b", r.path("a.yaml"))) },
		"pipe":     func() { r.remove("a.yaml"); r.must(syscall.Mkfifo(r.path("a.yaml"), 0o600)) },
		"removed":  func() { r.remove("a.yaml") },
	}
	for _, name := range []string{"written", "replaced", "link", "pipe", "removed"} {
		tests[name]()
		opts := files.ReadOptions{Limit: MaxFileBytes, NoFollow: true, ID: id}
		if _, _, err := files.ReadWith(target, opts); err != files.ErrChanged { //nolint:errorlint // it is this very one
			t.Errorf("%s: got %v, want %v", name, err, files.ErrChanged)
		}
	}
}
