package render_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// pulling is a manifest with images of every kind, and the one that pulls them.
func pulling(t testing.TB) (m, pull render.Manifest) {
	t.Helper()
	ds := named("kube-system", "proxy")
	ds.Spec.Template.Spec = corev1.PodSpec{
		PriorityClassName: "system-node-critical", RuntimeClassName: new("gvisor"), HostPID: true,
		Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
		InitContainers: []corev1.Container{
			{Name: "first", Image: "init:1", ImagePullPolicy: corev1.PullIfNotPresent},
			{Name: "second", Image: "proxy:1", ImagePullPolicy: corev1.PullIfNotPresent},
		},
		Containers: []corev1.Container{
			{Name: "main", Image: "proxy:1", ImagePullPolicy: corev1.PullAlways, Ports: []corev1.ContainerPort{{HostPort: 80, ContainerPort: 80}}},
			{Name: "never", Image: "local:1", ImagePullPolicy: corev1.PullNever},
			{Name: "again", Image: "init:1", ImagePullPolicy: corev1.PullIfNotPresent},
		},
		Volumes: []corev1.Volume{
			{Name: "model", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "model:1", PullPolicy: corev1.PullIfNotPresent}}},
			{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		},
	}
	m, _, err := render.Render(ds, render.Options{NodeName: "Node-1", Revision: rev, Source: "/specs/a.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	images, err := render.Images(m)
	if err != nil {
		t.Fatal(err)
	}
	if pull, err = render.Pull(m, "Node-1", images); err != nil {
		t.Fatal(err)
	}
	return m, pull
}

func TestPrePullImages(t *testing.T) {
	m, _ := pulling(t)
	got, err := render.Images(m)
	if err != nil {
		t.Fatal(err)
	}
	want := []render.PullImage{{"init:1", corev1.PullIfNotPresent}, {"proxy:1", corev1.PullAlways}, {"model:1", corev1.PullIfNotPresent}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if _, err := render.Images(render.Manifest{Data: []byte("{")}); err == nil {
		t.Error("a manifest that cannot be read has images")
	}
}

// TestPrePullManifest: what is written, to the byte, and read back as what it is.
func TestPrePullManifest(t *testing.T) {
	_, pull := pulling(t)
	const want = `# Written by daemonsetd for DaemonSet kube-system/proxy, revision ` + rev + `.
# The kubelet pulls these images before the old pod stops. Nothing of them is run, and this file goes
# once they are here. To do without, annotate the DaemonSet: daemonsetd.io/pre-pull: "false".
apiVersion: v1
kind: Pod
metadata:
  annotations:
    daemonsetd.io/checksum: sha256:CHECKSUM
    daemonsetd.io/pulls-for: kube-system/proxy
    daemonsetd.io/revision: ` + rev + `
    daemonsetd.io/source: /specs/a.yaml
  name: proxy-` + rev + `.pull
  namespace: kube-system
spec:
  automountServiceAccountToken: false
  containers:
  - command:
    - /nonexistent/daemonsetd-pulls-this-image-and-runs-nothing
    image: init:1
    imagePullPolicy: IfNotPresent
    name: pull-0
    resources: {}
  - command:
    - /nonexistent/daemonsetd-pulls-this-image-and-runs-nothing
    image: proxy:1
    imagePullPolicy: Always
    name: pull-1
    resources: {}
  - command:
    - /nonexistent/daemonsetd-pulls-this-image-and-runs-nothing
    image: model:1
    imagePullPolicy: IfNotPresent
    name: pull-2
    resources: {}
  enableServiceLinks: false
  hostNetwork: true
  priority: 2000001000
  priorityClassName: system-node-critical
  restartPolicy: Never
  runtimeClassName: gvisor
  terminationGracePeriodSeconds: 1
  tolerations:
  - operator: Exists
`
	head, rest, _ := strings.Cut(string(pull.Data), "checksum: sha256:")
	got := head + "checksum: sha256:CHECKSUM" + rest[64:]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	h, err := render.Inspect(pull.FileName, pull.Data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(render.Header{
		Namespace: "kube-system", DaemonSet: "proxy", Revision: rev, FileName: "daemonsetd_pull-kube-system_proxy-" + rev + ".yaml",
		PodName: "proxy-" + rev + ".pull", Source: "/specs/a.yaml", GracePeriodSeconds: 1, Pull: true, Intact: true,
	}, h); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestPrePullInspect: a pod that pulls images is never taken for one of the DaemonSet, nor the other way round, whatever is
// done to the file or its name.
func TestPrePullInspect(t *testing.T) {
	m, pull := pulling(t)
	text := string(pull.Data)
	for _, c := range []struct {
		name, file, data string
		pull             bool
		owner            string
	}{
		{"under the name of the DaemonSet's own", m.FileName, text, false, ""},
		{"the DaemonSet's own under its name", pull.FileName, string(m.Data), false, "kube-system/proxy"},
		{"a copy", "backup.yaml", text, false, ""},
		{"of another DaemonSet's name", render.PullFileName("kube-system", "other", rev), text, false, ""},
		{"the mark gone", pull.FileName, strings.Replace(text, render.AnnotationPull, "example.com/x", 1), false, ""},
		{"edited", pull.FileName, strings.Replace(text, "Never", "Always", 1), true, ""},
		{"cut off", pull.FileName, text[:strings.Index(text, "spec:")+8], true, ""},
		{"renamed to another revision", render.PullFileName("kube-system", "proxy", "mlkjhgfdcb"), text, true, ""},
	} {
		h, err := render.Inspect(c.file, []byte(c.data))
		if (err == nil) != c.pull || err == nil && (!h.Pull || h.Intact || h.Key() != "kube-system/proxy") {
			t.Errorf("%s: %+v, %v", c.name, h, err)
		}
		if f, ok := errors.AsType[*render.ForeignError](err); ok && f.DaemonSet != c.owner {
			t.Errorf("%s: of DaemonSet %q, want %q", c.name, f.DaemonSet, c.owner)
		}
	}
	if _, ok := render.InspectUnnamed(pull.Data); ok {
		t.Error("it is taken for a successor that was prepared")
	}
}

// TestPrePullNames: no name of it can be one of another DaemonSet's manifest or pod.
func TestPrePullNames(t *testing.T) {
	for _, n := range [][2]string{{"a", "b"}, {"pull", "b"}, {"a", "b-c"}, {"pull-a", "b"}} {
		file := render.PullFileName(n[0], n[1], rev)
		if render.IsFileName(file) || !render.IsPullFileName(file) || render.IsPullFileName(render.FileName(n[0], n[1], rev)) {
			t.Errorf("%q", file)
		}
		if pod := render.PullPodName(n[1], rev); !render.IsPullPodName(pod) || render.IsPullPodName(render.PodName(n[1], rev)) {
			t.Errorf("%q", pod)
		}
	}
	for _, no := range []string{"", "daemonsetd_pull-.yaml", "daemonsetd_pull-a_b.yaml", "daemonsetd_pull-a-" + rev + ".yaml", ".daemonsetd_pull-a_b-" + rev + ".yaml", "daemonsetd_pull-a_b-" + rev} {
		if render.IsPullFileName(no) {
			t.Errorf("%q is taken for one", no)
		}
	}
	ds := named("a", strings.Repeat("x", 190))
	for node, fits := range map[string]bool{"n": true, strings.Repeat("n", 16): false} {
		m, _, err := render.Render(ds, render.Options{NodeName: node, Revision: rev})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := render.Pull(m, node, nil); (err == nil) != fits {
			t.Errorf("on node %q: %v", node, err)
		}
	}
}

// TestPrePullMarkOfATemplate: no template makes a pod that is taken for one that pulls images.
func TestPrePullMarkOfATemplate(t *testing.T) {
	ds := named("a", "b")
	ds.Spec.Template.Annotations = map[string]string{render.AnnotationPull: "a/b"}
	pod, changes := render.Pod(ds, render.Options{Revision: rev})
	if _, ok := pod.Annotations[render.AnnotationPull]; ok || len(changes) != 1 {
		t.Errorf("%v, %v", pod.Annotations, changes)
	}
}
