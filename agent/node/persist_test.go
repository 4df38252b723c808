package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

func TestRuntimeChangesAreKept(t *testing.T) {
	r := newRig(t)
	r.update()
	p, err := ParseTaintArgs([]string{"gpu=yes:NoExecute"})
	if err != nil {
		t.Fatal(err)
	}
	p.Labels, p.Unschedulable = map[string]string{"a": "b"}, new(true)
	if _, err := r.SetRuntime(p); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.Wake():
	default:
		t.Error("the agent was not woken")
	}
	before := r.Node() // already without an Update
	wantLabel(t, before, "a", "b")
	r.now = r.now.Add(time.Hour)
	r.start()
	after := r.update()
	if diff := cmp.Diff(before.Spec, after.Spec); diff != "" {
		t.Errorf("spec after a restart, times of taints included (-want +got):\n%s", diff)
	}
	wantLabel(t, after, "a", "b")
	if !before.CreationTimestamp.Equal(&after.CreationTimestamp) {
		t.Errorf("creationTimestamp moved from %s to %s", before.CreationTimestamp, after.CreationTimestamp)
	}
}

func TestRuntimeThatCannotBeKept(t *testing.T) {
	r := newRig(t)
	before := r.update()
	if err := os.RemoveAll(r.config.StateDir); err != nil {
		t.Fatal(err)
	}
	_, err := r.SetRuntime(Patch{Labels: map[string]string{"a": "b"}})
	if patchErr, ok := errors.AsType[*PatchError](err); err == nil || ok {
		t.Errorf("error is %v (%v)", err, patchErr)
	}
	if r.Node() != before {
		t.Error("a change that could not be kept took effect")
	}
	// Files and conditions take effect all the same, and the trouble is told.
	put(t, r.config.NodeFile, withLabel("c", "d"))
	n := r.update(Inputs{})
	wantLabel(t, n, "c", "d")
	if status(n, corev1.NodeReady) != no || r.Describe().Problems.Count(diag.Warning) != 2 {
		t.Errorf("Ready is %s, problems %v", status(n, corev1.NodeReady), r.Describe().Problems)
	}
	if err := os.Mkdir(r.config.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	r.update(Inputs{})
	if len(r.Describe().Problems) > 0 {
		t.Errorf("problems: %v", r.Describe().Problems)
	}
	if err := os.WriteFile(r.config.NodeFile, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.start()
	wantLabel(t, r.update(), "c", "d")
}

func TestDamagedState(t *testing.T) {
	damage := func(r *rig, name string) {
		if err := os.WriteFile(r.path("var/"+name), []byte("{damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	newDamaged := func(names ...string) *rig {
		r := newRig(t)
		put(t, r.config.NodeFile, withLabel("file", "x"))
		r.update()
		if _, err := r.SetRuntime(Patch{Labels: map[string]string{"a": "b"}}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(r.config.NodeFile, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			damage(r, name)
		}
		return r
	}
	r := newDamaged("node-runtime.json", "node-files.json", "node-state.json")
	r.start()
	n := r.update()
	wantLabel(t, n, "a", "b")
	wantLabel(t, n, "file", "x")
	if r.Describe().Problems.Count(diag.Warning) != 3 {
		t.Errorf("problems: %v", r.Describe().Problems)
	}
	aside, err := filepath.Glob(r.path("var/*.bad-*"))
	if err != nil || len(aside) != 3 {
		t.Errorf("set aside: %v, %v", aside, err)
	}
	for _, path := range aside {
		if data, err := os.ReadFile(path); string(data) != "{damaged" {
			t.Errorf("%s holds %q, %v", path, data, err)
		}
	}
	r.start()
	wantLabel(t, r.update(), "a", "b")
	if r.Describe().Problems.Count(diag.Warning) != 0 {
		t.Errorf("problems after the second start: %v", r.Describe().Problems)
	}
	for _, name := range []string{"node-runtime.json", "node-files.json"} {
		r := newDamaged(name, name+".bak")
		if _, err := New(r.config); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "its copy") {
			t.Errorf("%s and its copy damaged: error %v", name, err)
		}
	}
	r = newDamaged()
	for _, name := range []string{"node-runtime.json", "node-runtime.json.bak"} {
		if err := os.WriteFile(r.path("var/"+name), []byte(`{"version":2}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := New(r.config); !errors.Is(err, errNewerState) {
		t.Errorf("state of a newer version: error %v", err)
	}
}
