package reconcile

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// second is logger with another image, and larger than a nearly full directory has place for.
func second() string {
	return strings.Replace(strings.Replace(logger, "logger:1", "logger:2", 1), "image:", "args: ['"+strings.Repeat("x", 40_000)+"'], image:", 1)
}

func (h *host) phase(key string) plan.Status {
	h.t.Helper()
	st, _ := h.Latest().Status(key)
	return st
}

// temps are the files that the kubelet passes over.
func (h *host) temps() []string {
	h.t.Helper()
	entries, err := os.ReadDir(h.path("manifests"))
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && e.Name() != ".ballast" {
			out = append(out, e.Name())
		}
	}
	return out
}

// obstruct puts a directory under the name of the manifest that a text makes of default/logger: nothing can be renamed
// over it, and the kubelet passes over it. It gives its path.
func (h *host) obstruct(text string) string {
	h.t.Helper()
	_, maker := h.With(h.Look(), spec.Parse("logger.yaml", []byte(text)).Objects)
	for _, ds := range spec.Parse("logger.yaml", []byte(text)).Objects.DaemonSets {
		if ds.Key() == "default/logger" {
			path := h.path("manifests", maker.File(ds).Manifest.FileName)
			if err := os.MkdirAll(path+"/x", 0o755); err != nil {
				h.t.Fatal(err)
			}
			return path
		}
	}
	h.t.Fatal("no default/logger")
	return ""
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// TestFaultK4: where the new manifest cannot be written the old one stays, the rollout has not begun to replace the pod,
// and all goes on once it can.
func TestFaultK4(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.lay(logger)
		h.settle(20 * time.Minute)
		path := h.obstruct(second())
		h.lay(second())
		s := h.settle(5 * time.Minute)
		st := h.phase("default/logger")
		if st.Phase != plan.PhaseBlocked || !strings.Contains(st.Message, path) || st.Current == "" || st.Current == st.Revision {
			t.Errorf("%+v, want that it is blocked by %s, and the old revision", st, path)
		}
		if p := s.Item("default/logger").State.Phase; p != rollout.PhaseAvailable {
			t.Errorf("others are told %v, want that the pod is available", p)
		}
		if diff := cmp.Diff([]string{"ManifestNotChanged", "DaemonSetBlocked"}, h.codes()); diff != "" {
			t.Error(diff)
		}
		remove(t, path)
		h.settle(20 * time.Minute)
		h.want("logger:2")
		if len(h.codes())+len(h.temps()) != 0 {
			t.Errorf("on the board %v, left %v", h.codes(), h.temps())
		}
	})
}

// TestFaultK4GivenUp: what was prepared for a template that is taken back is removed.
func TestFaultK4GivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.lay(logger)
		h.settle(20 * time.Minute)
		h.lay(strings.Replace(second(), "spec:", "spec:\n  updateStrategy: {type: OnDelete}", 1))
		h.settle(time.Minute)
		h.want("logger:1")
		if len(h.temps()) != 1 {
			t.Errorf("prepared: %v", h.temps())
		}
		h.start() // it is taken over
		h.settle(time.Minute)
		if len(h.temps()) != 1 {
			t.Errorf("prepared after a restart: %v", h.temps())
		}
		h.lay(logger)
		h.settle(time.Minute)
		h.want("logger:1")
		if len(h.temps()) != 0 {
			t.Errorf("left: %v", h.temps())
		}
	})
}

// TestFaultK5: a DaemonSet whose manifest cannot be written holds up no other one.
func TestFaultK5(t *testing.T) {
	other := func(image string) string {
		return "---\n" + strings.NewReplacer("logger:1", image, "logger", "other").Replace(logger)
	}
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		path := h.obstruct(logger)
		h.lay(logger + other("x:1"))
		h.settle(time.Minute) // the back-off of the one that fails is at its longest
		for _, image := range []string{"x:2", "x:3"} {
			h.lay(logger + other(image))
			s := h.settle(2 * time.Second)
			if it := s.Item("default/other"); !it.Stands(it.Want.Manifest.Revision) && it.Hold == "" && len(it.Memory.Leaving) == 0 {
				t.Errorf("%s waits: %+v", image, h.phase("default/other"))
			}
		}
		// A label of the node, as it were: one is taken away and comes back within milliseconds.
		for range 3 {
			h.lay(logger)
			h.settle(300 * time.Millisecond)
			if st := h.phase("default/other"); st.Phase == plan.PhaseUnknown {
				t.Errorf("it stands still: %+v", st)
			}
			h.settle(time.Minute)
			h.lay(logger + other("x:4"))
			h.settle(300 * time.Millisecond)
			if diff := cmp.Diff([]string{"x:4"}, h.manifestsBut(path)); diff != "" {
				t.Errorf("after 300 ms (-want +got):\n%s", diff)
			}
			h.settle(time.Minute)
		}
		if diff := cmp.Diff([]string{"ManifestNotChanged", "DaemonSetBlocked"}, h.codes()); diff != "" {
			t.Error(diff)
		}
	})
}

// manifestsBut are the images in the kubelet's directory, but for what is at a path.
func (h *host) manifestsBut(path string) []string {
	h.t.Helper()
	move := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			h.t.Fatal(err)
		}
	}
	hidden := h.path("manifests", ".hidden")
	move(path, hidden)
	defer move(hidden, path)
	return h.manifests()
}

// TestFaultK6: a phase says what was done, not what was meant.
func TestFaultK6(t *testing.T) {
	t.Run("a first manifest cannot be written", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHost(t)
			path := h.obstruct(logger)
			h.lay(logger)
			for range 30 { // in each of the rounds, between two tries too
				time.Sleep(h.Round(t.Context()))
				st := h.phase("default/logger")
				if st.Key == "" {
					continue // its file is still being looked at
				}
				if st.Phase != plan.PhaseBlocked || !strings.Contains(st.Message, path) || st.Current+st.FileName+st.PodName != "" {
					t.Fatalf("%+v, want that it is blocked by %s, and that nothing stands", st, path)
				}
			}
			remove(t, path)
			h.settle(time.Minute)
			if st := h.phase("default/logger"); st.Phase != plan.PhaseUnknown {
				t.Errorf("in the end %+v", st)
			}
		})
	})
	t.Run("a manifest cannot be restored", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHost(t)
			h.lay(logger)
			made := h.settle(20 * time.Minute).Item("default/logger").File.Manifest
			h.edit(made.FileName, "logger:1", "mine:1")
			h.foreignPod(made.PodName)
			s := h.settle(time.Minute)
			if st, _ := s.Status("default/logger"); st.Phase != plan.PhaseBlocked || st.Current != made.Revision {
				t.Errorf("%+v", st)
			}
		})
	})
	t.Run("what has to be remembered cannot be saved", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHost(t)
			h.lay(logger)
			made := h.settle(20 * time.Minute).Item("default/logger").File.Manifest
			remove(t, h.path("state", "pods.json"))
			if err := os.MkdirAll(h.path("state", "pods.json", "x"), 0o755); err != nil {
				t.Fatal(err)
			}
			h.lay(strings.Replace(logger, "logger:1", "logger:2", 1))
			h.settle(5 * time.Minute)
			h.want("logger:1")
			if st := h.phase("default/logger"); st.Phase != plan.PhaseBlocked || st.Current != made.Revision || !strings.Contains(st.Message, "pods.json") {
				t.Errorf("%+v", st)
			}
		})
	})
}

func (h *host) edit(fileName, from, to string) {
	h.t.Helper()
	data, err := os.ReadFile(h.path("manifests", fileName))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.path("manifests", fileName), []byte(strings.ReplaceAll(string(data), from, to)), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// foreignPod is somebody else's file with a pod of that name.
func (h *host) foreignPod(name string) {
	h.t.Helper()
	text := "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: default}\nspec: {containers: [{name: a, image: theirs}]}\n"
	if err := os.WriteFile(h.path("manifests", "theirs.yaml"), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}
