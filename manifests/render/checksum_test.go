package render

import (
	"bytes"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestWithChecksumOf(t *testing.T) {
	o := Options{NodeName: "n1", Revision: Revision([]byte("{}")), Source: "f"}
	make := func(image string) Manifest {
		ds := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}}
		ds.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: image}}
		m, _, err := Render(ds, o)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	shown, real := make("hidden"), make("a-longer-image")
	before := bytes.Clone(shown.Data)
	got := WithChecksumOf(shown.Data, real.Data)
	h, err := Inspect(shown.FileName, got)
	if err != nil || h.Intact {
		t.Errorf("taken for the agent's own: %+v, %v", h, err)
	}
	at, _ := checksumAt(real.Data)
	if sum := real.Data[at : at+checksumChars]; !bytes.Contains(got, sum) || len(got) != len(before) {
		t.Errorf("%s lacks %s", got, sum)
	}
	if !bytes.Equal(before, shown.Data) {
		t.Error("the argument was changed")
	}
	if got := WithChecksumOf([]byte("x"), real.Data); string(got) != "x" {
		t.Errorf("%q", got)
	}
}
