package render_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// FuzzRender renders any template that can be decoded. What comes out must be one document that the kubelet's way of reading
// turns back into the very pod that was meant, must not change from one run to the next, and must be read back as intact.
func FuzzRender(f *testing.F) {
	for _, in := range goldenInputs(f) {
		f.Add(in, "/etc/daemonsetd/specs.d/a.yaml")
	}
	f.Add([]byte(`{"spec":{"template":{"metadata":{"annotations":{"a":"x\n    daemonsetd.io/checksum: sha256:0"}}}}}`), "a\n---\nb: [")
	f.Add([]byte(`{"spec":{"template":{"spec":{"hostname":"\u2028 \u0085 \u007f \ufeff"}}}}`), "\xff\u2028\u0085")
	f.Fuzz(func(t *testing.T, in []byte, source string) {
		var ds appsv1.DaemonSet
		if yaml.Unmarshal(in, &ds) != nil {
			return
		}
		ds.Name, ds.Namespace = "fuzz", "default"
		checkRender(t, &ds, render.Options{NodeName: "node", Revision: render.Revision(in), Source: source})
	})
}

func goldenInputs(tb testing.TB) [][]byte {
	tb.Helper()
	files, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(files) == 0 {
		tb.Fatalf("golden files: %d, %v", len(files), err)
	}
	var out [][]byte
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, section(a, "in.yaml"))
	}
	return out
}

// fataler is what *testing.T and *rapid.T have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func checkRender(t fataler, ds *appsv1.DaemonSet, o render.Options) {
	t.Helper()
	before := ds.DeepCopy()
	m, _, err := render.Render(ds, o)
	if err != nil {
		return
	}
	if diff := cmp.Diff(before, ds); diff != "" {
		t.Fatalf("the DaemonSet was changed: %s", diff)
	}
	again, _, err := render.Render(ds.DeepCopy(), o)
	if err != nil || !bytes.Equal(m.Data, again.Data) {
		t.Fatalf("a second rendering differs, error %v:\n%s\n%s", err, m.Data, again.Data)
	}
	if !bytes.HasSuffix(m.Data, []byte("\n")) || bytes.Contains(m.Data, []byte("\nstatus:")) {
		t.Fatalf("no line end, or a status:\n%s", m.Data)
	}
	checkSamePod(t, ds, o, m)
	checkInspect(t, m)
}

func checkSamePod(t fataler, ds *appsv1.DaemonSet, o render.Options, m render.Manifest) {
	t.Helper()
	var got corev1.Pod
	asJSON, err := utilyaml.ToJSON(m.Data)
	if err != nil {
		t.Fatalf("the manifest cannot be read: %v\n%s", err, m.Data)
	}
	if err := json.Unmarshal(asJSON, &got); err != nil {
		t.Fatalf("the manifest cannot be decoded: %v\n%s", err, m.Data)
	}
	want, _ := render.Pod(ds, o)
	want.Annotations[render.AnnotationChecksum] = got.Annotations[render.AnnotationChecksum]
	if diff := cmp.Diff(asJSONValue(t, want), asJSONValue(t, &got)); diff != "" {
		t.Fatalf("the manifest holds another pod (-want +got): %s\n%q", diff, m.Data)
	}
}

// asJSONValue makes nothing and an empty list the same, as they are to the kubelet.
func asJSONValue(t fataler, pod *corev1.Pod) string {
	t.Helper()
	b, err := json.Marshal(pod)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(b)
}

func checkInspect(t fataler, m render.Manifest) {
	t.Helper()
	h, err := render.Inspect(m.FileName, m.Data)
	if err != nil {
		t.Fatalf("our own file is not known again: %v\n%s", err, m.Data)
	}
	want := render.Header{
		Namespace: m.Namespace, DaemonSet: m.DaemonSet, Revision: m.Revision, FileName: m.FileName, PodName: m.PodName,
		Source: m.Source, GracePeriodSeconds: m.GracePeriodSeconds, Intact: true,
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Fatalf("Inspect (-want +got): %s\n%s", diff, m.Data)
	}
}

// FuzzInspect reads any bytes under any name: either ours, or foreign and with a reason, and never both intact and changed.
func FuzzInspect(f *testing.F) {
	for _, in := range goldenInputs(f) {
		var ds appsv1.DaemonSet
		if err := yaml.Unmarshal(in, &ds); err != nil {
			f.Fatal(err)
		}
		m, _, err := render.Render(&ds, render.Options{Revision: render.Revision(in)})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m.FileName, m.Data)
	}
	f.Add("a.json", []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}`))
	f.Add(render.FileName("a", "b", rev), []byte("\tdaemonsetd.io/daemonset: a/b\n"))
	f.Add(render.ApartFileName("a", "b", rev), []byte("\tdaemonsetd.io/daemonset: a/b\n"))
	f.Add("bomb", []byte("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b]\n"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		before := slices.Clone(data)
		h, err := render.Inspect(name, data)
		if !bytes.Equal(before, data) {
			t.Fatal("the data was changed")
		}
		var foreign *render.ForeignError
		switch {
		case err == nil:
			checkOurs(t, name, data, h)
		case !errors.Is(err, render.ErrForeign) || !errors.As(err, &foreign):
			t.Fatalf("got %T %v, want a ForeignError", err, err)
		case foreign.Reason == "" || (foreign.NoPod == nil) != (foreign.PodName != ""):
			t.Fatalf("incomplete: %+v", foreign)
		}
	})
}

func checkOurs(t *testing.T, name string, data []byte, h render.Header) {
	t.Helper()
	names := []string{
		render.FileName(h.Namespace, h.DaemonSet, h.Revision), render.ApartFileName(h.Namespace, h.DaemonSet, h.Revision),
	}
	if h.FileName != name || !slices.Contains(names, name) {
		t.Fatalf("%q is taken for ours with %+v", name, h)
	}
	if h.Intact != (h.Drift == "") || h.PodName == "" {
		t.Fatalf("incomplete: %+v", h)
	}
	if !h.Intact {
		return
	}
	if again, err := render.Inspect(name, append(slices.Clone(data), '\n')); err == nil && again.Intact {
		t.Fatal("a line more, and still intact")
	}
}
