//go:build e2e

package spec

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRealMount mounts and unmounts file systems on the specs directory; it needs root, and fails without.
func TestRealMount(t *testing.T) {
	r := watchedRig(t)
	mount := func() {
		t.Helper()
		if err := unix.Mount("tmpfs", r.dir, "tmpfs", 0, "mode=0755"); err != nil {
			t.Fatalf("mount a tmpfs (needs root): %v", err)
		}
	}
	unmount := func() {
		t.Helper()
		if err := unix.Unmount(r.dir, 0); err != nil {
			t.Fatalf("unmount: %v", err)
		}
	}
	t.Cleanup(func() { _ = unix.Unmount(r.dir, unix.MNT_DETACH) })

	mount()
	r.load() // a mount makes no event; the resync finds it
	r.write(".tmp", "X=1")
	r.must(os.Rename(r.path(".tmp"), r.path("a.yaml")))
	r.untilInEffect("X=1@a.yaml")
	r.persist()

	// The unmount wakes by itself.
	unmount()
	r.until(func(s *Snapshot) bool { return s.DirProblem != "" })
	for range 3 {
		snap := r.settle()
		r.want(snap, "X=1@a.yaml")
		r.wantDirProblem(snap, "perhaps a mount is missing")
	}

	// A restart meanwhile, and the empty file system mounted anew, as after a reboot: still nothing is removed.
	r.restart()
	snap := r.settle()
	r.want(snap, "X=1@a.yaml")
	r.wantDirProblem(snap, "perhaps a mount is missing")
	mount()
	r.want(r.settle(), "X=1@a.yaml")

	// A mount over the directory that holds a file is taken for what it is.
	r.write("b.yaml", "Y=1")
	snap = r.settle()
	r.want(snap, "Y=1@b.yaml")
	r.wantDirProblem(snap, "")
	r.remove("b.yaml")
	r.want(r.settle())
	unmount()
}

// TestRealDevice puts a device node in a spec file's place; it needs root, and fails without.
func TestRealDevice(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.settle()
	r.remove("a.yaml")
	if err := unix.Mknod(r.path("a.yaml"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err != nil {
		t.Fatalf("make a device node (needs root): %v", err)
	}
	snap := r.settle()
	r.want(snap, "X=1@a.yaml")
	r.wantBad(snap, "a.yaml", "is a device")
}
