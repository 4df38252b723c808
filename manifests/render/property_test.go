package render_test

import (
	"bytes"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// text draws strings of the kinds that YAML has traps for.
func text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`[ \t\n'"#:,\[\]{}&*!|>%@\-?~<=a0]{0,12}`),
		rapid.StringMatching(`([a-z]{1,30} ){3,9}\n? ?([a-z]{1,30}\n){0,3}`),
		rapid.StringOf(rapid.SampledFrom([]rune("\x00\a\r\n\t \u007f\u0080\u0085\u00a0\u2028\u2029\ufeff\ufffe\uffff\U0001F600a:"))),
		rapid.SampledFrom([]string{"yes", "no", "y", "n", "on", "null", "~", "1e3", "0x1f", "0777", "1_0", "1:30", "-.inf", "=", "<<", "2026-01-01", "---", "...", "- a", "? a"}),
	)
}

func daemonSet() *rapid.Generator[*appsv1.DaemonSet] {
	return rapid.Custom(func(t *rapid.T) *appsv1.DaemonSet {
		ds := named(
			rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?`).Draw(t, "namespace"),
			rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z0-9]{1,5})?`).Draw(t, "name"))
		ds.Spec.Template.Labels = rapid.MapOfN(rapid.StringN(0, 30, 60), text(), 0, 5).Draw(t, "labels")
		ds.Spec.Template.Annotations = rapid.MapOfN(rapid.StringN(0, 30, 60), text(), 0, 5).Draw(t, "annotations")
		spec := &ds.Spec.Template.Spec
		spec.Hostname = text().Draw(t, "hostname")
		spec.TerminationGracePeriodSeconds = rapid.Ptr(rapid.Int64(), true).Draw(t, "grace")
		spec.PriorityClassName = rapid.SampledFrom([]string{"", "system-node-critical", "other"}).Draw(t, "class")
		c := corev1.Container{Name: "c", Image: text().Draw(t, "image")}
		c.Args = rapid.SliceOfN(text(), 0, 4).Draw(t, "args")
		for i, v := range rapid.SliceOfN(text(), 0, 4).Draw(t, "env") {
			c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("E%d", i), Value: v})
		}
		spec.Containers = []corev1.Container{c}
		return ds
	})
}

func TestRenderedIsTheSamePod(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ds := daemonSet().Draw(t, "ds")
		checkRender(t, ds, render.Options{
			NodeName: "node", Revision: render.Revision([]byte(text().Draw(t, "template"))), Source: text().Draw(t, "source"),
		})
	})
}

// Rendering must not fail for want of a way to write the text down; checkRender passes over errors.
func TestRenderFailsOnNothingValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if _, _, err := render.Render(daemonSet().Draw(t, "ds"), render.Options{NodeName: "node", Revision: rev}); err != nil {
			t.Fatal(err)
		}
	})
}

// The order in which a map was filled, or its capacity, shows nowhere.
func TestMapOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ds := daemonSet().Draw(t, "ds")
		other := ds.DeepCopy()
		other.Spec.Template.Labels = refill(t, ds.Spec.Template.Labels)
		other.Spec.Template.Annotations = refill(t, ds.Spec.Template.Annotations)
		o := render.Options{Revision: rev, Source: "a"}
		a, _, errA := render.Render(ds, o)
		b, _, errB := render.Render(other, o)
		if errA != nil || errB != nil || !bytes.Equal(a.Data, b.Data) {
			t.Fatalf("errors %v, %v; one:\n%s\nother:\n%s", errA, errB, a.Data, b.Data)
		}
	})
}

func refill(t *rapid.T, m map[string]string) map[string]string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	out := make(map[string]string, 64)
	for _, k := range rapid.Permutation(keys).Draw(t, "order") {
		out[k] = m[k]
	}
	return out
}

// One byte of the file changed, taken out or put in, and the file is no longer intact.
func TestAnyEditIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, _, err := render.Render(daemonSet().Draw(t, "ds"), render.Options{Revision: rev, Source: "a.yaml"})
		if err != nil {
			t.Fatal(err)
		}
		at := rapid.IntRange(0, len(m.Data)-1).Draw(t, "at")
		b := rapid.Byte().Draw(t, "byte")
		for what, edited := range map[string][]byte{
			"flip":   flip(m.Data, at, b),
			"delete": append(bytes.Clone(m.Data[:at]), m.Data[at+1:]...),
			"insert": append(append(bytes.Clone(m.Data[:at]), b), m.Data[at:]...),
			"cut":    bytes.Clone(m.Data[:at]),
		} {
			if h, err := render.Inspect(m.FileName, edited); err == nil && h.Intact {
				t.Fatalf("%s at %d of %q is taken for intact", what, at, m.Data)
			}
		}
	})
}

func flip(data []byte, at int, b byte) []byte {
	out := bytes.Clone(data)
	out[at] ^= max(b, 1)
	return out
}

// Every single byte of one file, since the rare ones are the ones that matter: the checksum's own and those around it.
func TestEveryFlippedByteIsSeen(t *testing.T) {
	m, _, err := render.Render(named("default", "logger"), render.Options{Revision: rev, Source: "a.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	for at := range m.Data {
		for bit := range 8 {
			if h, err := render.Inspect(m.FileName, flip(m.Data, at, 1<<bit)); err == nil && h.Intact {
				t.Errorf("bit %d of byte %d (%q) flipped, and the file is taken for intact", bit, at, m.Data[at])
			}
		}
	}
}
