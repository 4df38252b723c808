package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// TestPrePullEndsWithThePackage: the scripts of the packages remove what pulls images, and nothing else.
func TestPrePullEndsWithThePackage(t *testing.T) {
	ds := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "proxy"}}
	ds.Spec.Template.Spec.Containers = []corev1.Container{{Name: "main", Image: "proxy:1"}}
	m, _, err := render.Render(ds, render.Options{NodeName: "node-1", Revision: "bcdfghjklm", Source: "/etc/specs.d/proxy.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	images, err := render.Images(m)
	if err != nil {
		t.Fatal(err)
	}
	pull, err := render.Pull(m, "node-1", images)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		m.FileName: m.Data, pull.FileName: pull.Data,
		"daemonsetd_pull-somebody.yaml": m.Data, "mine.yaml": pull.Data,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("mine.yaml", filepath.Join(dir, "daemonsetd_pull-link.yaml")); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-euc", `. ./manifests.sh; end_pulls "$1"; end_pulls "$1/none"; manifests "$1"`, "sh", dir).CombinedOutput()
	if err != nil || string(out) != filepath.Join(dir, m.FileName)+"\n" {
		t.Errorf("the scripts say %q, %v", out, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	want := []string{m.FileName, "daemonsetd_pull-link.yaml", "daemonsetd_pull-somebody.yaml", "mine.yaml"}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("left is (-want +got)\n%s", diff)
	}
}
