package reconcile

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// TestFaultO16Declared: the age of a DaemonSet counts from when it was first declared, also in the next run.
func TestFaultO16Declared(t *testing.T) {
	dir, first := t.TempDir(), time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	x, y := itemOf("a", "x").DS, itemOf("a", "y").DS
	d, err := loadDeclared(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]time.Time{"a/x": first.Truncate(time.Second)}
	see := func(what string, now time.Time, sets ...*spec.DaemonSet) {
		t.Helper()
		if diff := cmp.Diff(want, d.see(&spec.Snapshot{Objects: spec.Objects{DaemonSets: sets}}, now)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", what, diff)
		}
		if err := d.save(); err != nil {
			t.Fatal(err)
		}
	}
	see("the first time", first, x)
	if d, err = loadDeclared(dir); err != nil {
		t.Fatal(err)
	}
	want["a/y"] = first.Add(time.Hour).Truncate(time.Second)
	see("another run", first.Add(time.Hour), x, y)
	delete(want, "a/x")
	see("one is removed", first.Add(2*time.Hour), y)
	want["a/x"] = first.Add(3 * time.Hour).Truncate(time.Second)
	see("and declared again", first.Add(3*time.Hour), x, y)

	path := filepath.Join(dir, "declared.json")
	for _, bad := range []string{"{", `{"version":2}`} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if d, err = loadDeclared(dir); err == nil || len(d.now) != 0 {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%q was not set aside", bad)
		}
	}
}

// TestFaultO19Restarts: a pod whose first container loops has no restarts of others, and showed 0.
func TestFaultO19Restarts(t *testing.T) {
	pod := &corev1.Pod{Status: corev1.PodStatus{
		InitContainerStatuses: []corev1.ContainerStatus{{Name: "wait", RestartCount: 7}},
		ContainerStatuses:     []corev1.ContainerStatus{{Name: "web", RestartCount: 2}},
	}}
	if got := shownOf(pod, plan.Pod{}).Restarts; got != 9 {
		t.Errorf("%d restarts, want 9", got)
	}
}
