package backend

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// TestFaultT7Readers: no reader gets a digest against which guesses of a Secret can be tested.
func TestFaultT7Readers(t *testing.T) {
	sum := sha256.Sum256([]byte("hunter2"))
	plain := hex.EncodeToString(sum[:])
	keyed := func(content string) (string, string) {
		r := newRig()
		sum := sha256.Sum256([]byte(content))
		file := []trees.ListedFile{{Path: "password", SHA256: hex.EncodeToString(sum[:])}}
		r.trees.list = []trees.Listed{
			{Namespace: "default", DaemonSet: "web", Volume: "a", Secret: true, Files: file},
			{Namespace: "default", DaemonSet: "web", Volume: "b", Files: file},
		}
		first, err := r.Configs(t.Context())
		second, again := r.Configs(t.Context())
		if err != nil || again != nil || len(first) != 2 {
			t.Fatalf("%+v, %v, %v", first, err, again)
		}
		f := first[0].Files[0]
		if f.SHA256 != "" || len(f.Keyed) != 2*keyedBytes || strings.HasPrefix(plain, f.Keyed) || second[0].Files[0] != f {
			t.Errorf("of a Secret: %+v, then %+v", f, second[0].Files[0])
		}
		if f := first[1].Files[0]; f.SHA256 != file[0].SHA256 || f.Keyed != "" {
			t.Errorf("of a ConfigMap: %+v", f)
		}
		r.trees.list[0].Files = []trees.ListedFile{{Path: "password", SHA256: plain[1:] + "0"}}
		changed, err := r.Configs(t.Context())
		if err != nil || changed[0].Files[0].Keyed == f.Keyed {
			t.Errorf("a change of the content is not seen: %+v, %v", changed, err)
		}
		return f.Keyed, second[0].Files[0].Keyed
	}
	one, _ := keyed("hunter2")
	if other, _ := keyed("hunter2"); one == other {
		t.Error("two agents have one key")
	}

	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{
		render.AnnotationChecksum: "sha256:1", annotationConfigHash: "2", annotationConfigMirror: "3", "mine": "4",
	}}}
	pod.Spec.Containers = []corev1.Container{{Name: "c", Env: []corev1.EnvVar{{Name: "PASSWORD", Value: "hunter2"}}}}
	shown := hidePod(pod, nil)
	for _, key := range []string{render.AnnotationChecksum, annotationConfigHash, annotationConfigMirror} {
		if shown.Annotations[key] != hidden {
			t.Errorf("%s: %q", key, shown.Annotations[key])
		}
	}
	if shown.Annotations["mine"] != "4" || pod.Annotations[annotationConfigHash] != "2" {
		t.Errorf("shown %v of %v", shown.Annotations, pod.Annotations)
	}
	pod.Spec.Containers[0].Env = nil
	if shown := hidePod(pod, nil); shown.Annotations[render.AnnotationChecksum] != "sha256:1" {
		t.Error("hidden where nothing is a secret")
	}
}
