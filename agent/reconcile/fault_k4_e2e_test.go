//go:build e2e

package reconcile

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
)

// mount puts a small file system over a directory.
func mount(t *testing.T, dir, options string) {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatalf("mount a tmpfs (needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// onlyRead makes a file system read-only, or not any more.
func onlyRead(t *testing.T, dir string, only bool) {
	t.Helper()
	flags := uintptr(unix.MS_REMOUNT)
	if only {
		flags |= unix.MS_RDONLY
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", flags, ""); err != nil {
		t.Fatal(err)
	}
}

// TestFaultK4FileSystem is a directory that takes no new manifest: the old one stays, the rollout has not begun to replace the pod,
// the phase says why, and all goes on when there is space. What fails is neither counted as down nor written again and
// again.
func TestFaultK4FileSystem(t *testing.T) {
	for name, c := range map[string]struct {
		spoil, mend func(t *testing.T, h *host)
		want        error
	}{
		"full": {
			func(t *testing.T, h *host) {
				t.Helper()
				fill(t, h.path("manifests", ".ballast"), 40<<10)
			},
			func(t *testing.T, h *host) {
				t.Helper()
				if err := os.Remove(h.path("manifests", ".ballast")); err != nil {
					t.Fatal(err)
				}
			},
			syscall.ENOSPC,
		},
		"read-only": {
			func(t *testing.T, h *host) { t.Helper(); onlyRead(t, h.path("manifests"), true) },
			func(t *testing.T, h *host) { t.Helper(); onlyRead(t, h.path("manifests"), false) },
			syscall.EROFS,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t)
				mount(t, h.path("manifests"), "size=64k")
				h.lay(logger)
				h.settle(20 * time.Minute)
				c.spoil(t, h)
				h.lay(second())
				s := h.settle(5 * time.Minute)
				h.want("logger:1")
				if st := h.phase("default/logger"); st.Phase != plan.PhaseBlocked || !strings.Contains(st.Message, c.want.Error()) || st.Current == "" || st.FileName == "" {
					t.Errorf("%+v, want that it is blocked by %v, and the old manifest", st, c.want)
				}
				if p := s.Item("default/logger").State.Phase; p != rollout.PhaseAvailable {
					t.Errorf("others are told %v, want that the pod is available", p)
				}
				if diff := cmp.Diff([]string{"ManifestNotChanged", "DaemonSetBlocked"}, h.codes()); diff != "" {
					t.Error(diff)
				}
				h.start() // also after a restart
				h.settle(5 * time.Minute)
				h.want("logger:1")
				c.mend(t, h)
				h.settle(20 * time.Minute)
				h.want("logger:2")
				if st := h.phase("default/logger"); st.Phase != plan.PhaseUnknown || len(h.codes()) != 0 {
					t.Errorf("in the end %+v, on the board: %v", st, h.codes())
				}
				if temps := h.temps(); len(temps) != 0 {
					t.Errorf("left: %v", temps)
				}
			})
		})
	}
}

func fill(t *testing.T, path string, size int) {
	t.Helper()
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFaultK4FullDuringTheStop: between the removal of the old manifest and the write of the new one the disk fills up, and
// the agent is killed. The new bytes are there.
func TestFaultK4FullDuringTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		mount(t, h.path("manifests"), "size=64k")
		h.lay(logger)
		h.settle(20 * time.Minute)
		h.lay(second())
		for range 1000 {
			if time.Sleep(h.Round(t.Context())); len(h.manifests()) == 0 {
				break
			}
		}
		h.want()
		if st := h.phase("default/logger"); st.Phase != plan.PhaseUpdating || len(h.temps()) != 1 {
			t.Fatalf("%+v, prepared %v", st, h.temps())
		}
		f, err := os.Create(h.path("manifests", ".ballast"))
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		h.start()
		h.settle(5 * time.Minute)
		h.want("logger:2")
		if len(h.temps()) != 0 || len(h.codes()) != 0 {
			t.Errorf("left %v, on the board %v", h.temps(), h.codes())
		}
	})
}

// TestFaultK4Volumes: where the files of volumes cannot be written the old manifest stays, and the rollout has not begun.
func TestFaultK4Volumes(t *testing.T) {
	const config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: 'DATA'}\n---\n"
	mounting := strings.Replace(logger, "      containers:", "      volumes: [{name: v, configMap: {name: c}}]\n      containers:", 1)
	mounting = strings.Replace(mounting, "image:", "volumeMounts: [{name: v, mountPath: /v}], image:", 1)
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		if err := os.Mkdir(h.path("state", "config"), 0o700); err != nil {
			t.Fatal(err)
		}
		mount(t, h.path("state", "config"), "size=64k")
		h.lay(config + mounting)
		h.settle(20 * time.Minute)
		fill(t, h.path("state", "config", "ballast"), 28<<10)
		h.lay(strings.Replace(config, "DATA", strings.Repeat("x", 40_000), 1) + strings.Replace(mounting, "logger:1", "logger:2", 1))
		s := h.settle(5 * time.Minute)
		h.want("logger:1")
		if st := h.phase("default/logger"); st.Phase != plan.PhaseBlocked || !strings.Contains(st.Message, "no space left") {
			t.Errorf("%+v", st)
		}
		if p := s.Item("default/logger").State.Phase; p != rollout.PhaseAvailable {
			t.Errorf("others are told %v, want that the pod is available", p)
		}
		if err := os.Remove(h.path("state", "config", "ballast")); err != nil {
			t.Fatal(err)
		}
		h.settle(20 * time.Minute)
		h.want("logger:2")
	})
}

// TestFaultK6Removal: a manifest that cannot be removed stands, and nothing says that its pod is stopping.
func TestFaultK6Removal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		mount(t, h.path("manifests"), "size=64k")
		h.lay(logger)
		made := h.settle(20 * time.Minute).Item("default/logger").File.Manifest
		onlyRead(t, h.path("manifests"), true)
		h.lay("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n")
		h.settle(time.Minute)
		st := h.phase("default/logger")
		if st.Phase != plan.PhaseBlocked || st.Current != made.Revision || !strings.Contains(st.Message, "read-only") {
			t.Errorf("%+v", st)
		}
		onlyRead(t, h.path("manifests"), false)
		h.settle(time.Minute)
		h.want()
	})
}
