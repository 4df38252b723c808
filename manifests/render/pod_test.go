package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

func TestPriority(t *testing.T) {
	for _, tc := range []struct {
		class string
		given *int32
		want  *int32
		loud  bool
	}{
		{},
		{given: new(int32(5)), want: new(int32(5))},
		{class: "system-cluster-critical", want: new(int32(2_000_000_000))},
		{class: "system-node-critical", want: new(int32(2_000_001_000))},
		{class: "system-node-critical", given: new(int32(1)), want: new(int32(2_000_001_000))},
		{class: "mine", loud: true},
		{class: "mine", given: new(int32(5)), want: new(int32(5))}, // package resolve has set it, or the file
	} {
		ds := named("default", "p")
		ds.Spec.Template.Spec.PriorityClassName, ds.Spec.Template.Spec.Priority = tc.class, tc.given
		pod, changes := render.Pod(ds, render.Options{Revision: rev})
		got := pod.Spec.Priority
		if (got == nil) != (tc.want == nil) || got != nil && *got != *tc.want {
			t.Errorf("class %q: priority %v, want %v", tc.class, got, tc.want)
		}
		if pod.Spec.PriorityClassName != tc.class {
			t.Errorf("class %q became %q", tc.class, pod.Spec.PriorityClassName)
		}
		if loud := len(changes) > 0 && !changes[0].Silent; loud != tc.loud {
			t.Errorf("class %q: changes %v, want a warning: %v", tc.class, changes, tc.loud)
		}
	}
}

// A checksum belongs to a file; a template's must not be taken for one.
func TestPodHasNoChecksum(t *testing.T) {
	ds := named("default", "p")
	ds.Spec.Template.Annotations = map[string]string{render.AnnotationChecksum: "sha256:0", "a": "b"}
	pod, _ := render.Pod(ds, render.Options{Revision: rev, Source: "s"})
	want := map[string]string{
		"a": "b", render.AnnotationDaemonSet: "default/p", render.AnnotationRevision: rev, render.AnnotationSource: "s",
	}
	if diff := cmp.Diff(want, pod.Annotations); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Nobody may reach the DaemonSet through the pod: it is shared between goroutines.
func TestPodSharesNoMemory(t *testing.T) {
	ds := named("default", "p")
	ds.Spec.Template.Labels = map[string]string{"a": "b"}
	ds.Spec.Template.Annotations = map[string]string{"a": "b"}
	ds.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Env: []corev1.EnvVar{{Name: "A"}}}}
	pod, _ := render.Pod(ds, render.Options{Revision: rev})
	pod.Labels["a"], pod.Annotations["a"], pod.Spec.Containers[0].Env[0].Name = "x", "x", "x"
	tmpl := ds.Spec.Template
	if tmpl.Labels["a"] != "b" || tmpl.Annotations["a"] != "b" || tmpl.Spec.Containers[0].Env[0].Name != "A" {
		t.Errorf("the template was changed: %+v", tmpl)
	}
}

func TestRenderTooLarge(t *testing.T) {
	ds := named("default", "p")
	ds.Spec.Template.Annotations = map[string]string{"a": strings.Repeat("x", render.MaxSize)}
	_, _, err := render.Render(ds, render.Options{Revision: rev})
	if err == nil || !strings.Contains(err.Error(), "manifest of DaemonSet default/p") || !strings.Contains(err.Error(), "more than the 2097152") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkRender(b *testing.B) {
	ds := named("default", "p")
	ds.Spec.Template.Spec.Containers = make([]corev1.Container, 3)
	for b.Loop() {
		if _, _, err := render.Render(ds, render.Options{Revision: rev, Source: "a"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInspect(b *testing.B) {
	m := rendered(b)
	for b.Loop() {
		if _, err := render.Inspect(m.FileName, m.Data); err != nil {
			b.Fatal(err)
		}
	}
}

// TestFaultF11ReadinessGates: with one the pod would never be ready.
func TestFaultF11ReadinessGates(t *testing.T) {
	ds := named("default", "p")
	ds.Spec.Template.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/ready"}}
	pod, changes := render.Pod(ds, render.Options{Revision: rev})
	if len(pod.Spec.ReadinessGates) > 0 || len(changes) != 1 || changes[0].Silent ||
		changes[0].Path != "spec.template.spec.readinessGates" {
		t.Errorf("gates %v, changes %v", pod.Spec.ReadinessGates, changes)
	}
	if len(ds.Spec.Template.Spec.ReadinessGates) != 1 {
		t.Error("the DaemonSet was changed")
	}
}
