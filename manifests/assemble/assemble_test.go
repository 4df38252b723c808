package assemble_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/manifests/assemble"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

const canary = "canary-5e1f"

const objects = `apiVersion: v1
kind: Secret
metadata: {name: db}
stringData: {password: ` + canary + `, user: admin}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {a.conf: "a=1", level: admin}
`

const daemonSet = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      securityContext: {fsGroup: 2000}
      volumes:
      - name: both
        projected: {defaultMode: 0400, sources: [{secret: {name: db, items: [{key: password, path: p}]}}, {configMap: {name: conf}}]}
      - {name: conf, configMap: {name: conf, optional: true}}
      - {name: plain, emptyDir: {}}
      containers:
      - name: web
        image: web
        env:
        - {name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}
        - {name: LEVEL, valueFrom: {configMapKeyRef: {name: conf, key: level}}}
        - {name: URL, value: "db://$(PASSWORD)@x"}
        volumeMounts: [{name: both, mountPath: /b}, {name: conf, mountPath: /c}, {name: plain, mountPath: /p}]
`

// parse gives the objects of two files.
func parse(t *testing.T) spec.Objects {
	t.Helper()
	ds, other := spec.Parse("/s/ds.yaml", []byte(daemonSet)), spec.Parse("/s/objects.yaml", []byte(objects))
	if ds.Problems.HasErrors() || other.Problems.HasErrors() {
		t.Fatal(ds.Problems, other.Problems)
	}
	_, all := spec.Combine([]spec.ParsedFile{{Path: "/s/ds.yaml", Parsed: ds}, {Path: "/s/objects.yaml", Parsed: other}})
	return all
}

func node() assemble.Node {
	return assemble.NodeOf(&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"zone": "a"}},
		Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeHostName, Address: "n1"}, {Type: corev1.NodeInternalIP, Address: "192.0.2.7"}, {Type: corev1.NodeInternalIP, Address: "2001:db8::7"},
		}},
	})
}

func assembler(o spec.Objects) *assemble.Assembler {
	layout := assemble.Layout{StateDir: "/state", RuntimeDir: "/run"}
	return assemble.New(assemble.Config{Objects: o, Node: node(), Path: layout.Path})
}

func TestNodeOf(t *testing.T) {
	want := assemble.Node{Name: "n1", Labels: map[string]string{"zone": "a"}, Addresses: []string{"192.0.2.7", "2001:db8::7"}}
	if diff := cmp.Diff(want, node()); diff != "" {
		t.Error(diff)
	}
}

func TestManifestAndFilesBelongTogether(t *testing.T) {
	all := parse(t)
	made, err := assembler(all).Assemble(all.DaemonSets[0])
	if err != nil || len(made.Missing) > 0 || !made.Refers {
		t.Fatalf("%v, %v, %t", err, made.Missing, made.Refers)
	}
	if !render.IsRevision(made.Revision) || made.Manifest.Revision != made.Revision || made.Revision == render.Revision(all.DaemonSets[0].Template) {
		t.Errorf("revision %s, of the manifest %s", made.Revision, made.Manifest.Revision)
	}
	gid, dir, volume := int64(2000), trees.DefaultDirMode|fs.ModeSetgid|0o550, fs.ModeSetgid|0o777
	want := []trees.Tree{
		{
			Namespace: "default", DaemonSet: "web", Revision: made.Revision, Volume: "both", Secret: true, GID: &gid, DirMode: dir, RootMode: volume | fs.ModeSticky,
			Sources: []string{"/s/objects.yaml"},
			Files: []trees.File{
				{Path: "a.conf", Mode: 0o440, Data: []byte("a=1")},
				{Path: "level", Mode: 0o440, Data: []byte("admin")},
				{Path: "p", Mode: 0o440, Data: []byte(canary)},
			},
		},
		{
			Namespace: "default", DaemonSet: "web", Revision: made.Revision, Volume: "conf", GID: &gid, DirMode: dir, RootMode: volume,
			Sources: []string{"/s/objects.yaml"},
			Files:   []trees.File{{Path: "a.conf", Mode: 0o644, Data: []byte("a=1")}, {Path: "level", Mode: 0o644, Data: []byte("admin")}},
		},
	}
	if diff := cmp.Diff(want, made.Trees); diff != "" {
		t.Errorf("trees (-want +got)\n%s", diff)
	}
	for _, text := range []string{
		"path: /run/config/default/web/" + made.Revision + "/both\n", "path: /state/config/default/web/" + made.Revision + "/conf\n",
		"value: " + canary + "\n", "value: admin\n", `value: "db://$(PASSWORD)@x"` + "\n",
	} {
		if !strings.Contains(string(made.Manifest.Data), text) {
			t.Errorf("the manifest lacks %q", text)
		}
	}
}

func TestAnotherNode(t *testing.T) {
	all := parse(t)
	all.DaemonSets[0].Object.Annotations = map[string]string{resolve.AnnotationNodeLabels: "ZONE=zone"}
	a := assembler(all)
	other := node()
	other.Labels = map[string]string{"zone": "b"}
	for zone, a := range map[string]*assemble.Assembler{"a": a, "b": a.For(other)} {
		made, err := a.Assemble(all.DaemonSets[0])
		if want := "- name: ZONE\n      value: " + zone + "\n"; err != nil || !strings.Contains(string(made.Manifest.Data), want) {
			t.Errorf("%v, %s lacks %q", err, made.Manifest.Data, want)
		}
	}
}

func TestLayout(t *testing.T) {
	secret := trees.Tree{Namespace: "default", DaemonSet: "web", Revision: "lcv7nc65w8", Volume: "v", Secret: true}
	plain := secret
	plain.Secret = false
	const rest = "/config/default/web/lcv7nc65w8/v"
	for _, c := range []struct {
		layout        assemble.Layout
		secret, plain string
		memory        bool
	}{
		{assemble.Layout{StateDir: "/s", RuntimeDir: "/r"}, "/r" + rest, "/s" + rest, true},
		{assemble.Layout{StateDir: "/s"}, "/s" + rest, "/s" + rest, false},
	} {
		if s, p := c.layout.Path(secret), c.layout.Path(plain); s != c.secret || p != c.plain {
			t.Errorf("%+v: %q, %q", c.layout, s, p)
		}
		if c.layout.InMemory(secret) != c.memory || c.layout.InMemory(plain) {
			t.Errorf("%+v: in memory", c.layout)
		}
	}
}

func TestWhatIsMissingLeavesNothing(t *testing.T) {
	all := parse(t)
	ds := all.DaemonSets[0]
	all.Secrets = nil
	made, err := assembler(all).Assemble(ds)
	if err != nil || len(made.Missing) != 2 || made.Missing[0].Reason != resolve.ObjectMissing {
		t.Fatalf("%v, %v", made.Missing, err)
	}
	if missing, refers := assembler(all).Missing(ds); !refers || cmp.Diff(made.Missing, missing) != "" {
		t.Errorf("%t, %v", refers, missing)
	}
	if made.Trees != nil || made.Manifest.Data != nil || !made.Refers || made.Revision == "" {
		t.Errorf("%v", made)
	}
}

// A pod of another revision of the template has the same files, at its own place, whatever has become of its environment.
func TestFilesOfAnotherRevision(t *testing.T) {
	all := parse(t)
	ds := all.DaemonSets[0]
	made, err := assembler(all).Assemble(ds)
	if err != nil {
		t.Fatal(err)
	}
	want := made.Trees
	for i := range want {
		want[i].Revision = "lcv7nc65w8"
	}
	if diff := cmp.Diff(want, assembler(all).Files(ds, "lcv7nc65w8")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	env := ds.Object.Spec.Template.Spec.Containers[0].Env
	env[0].ValueFrom.SecretKeyRef.Key = "missing"
	if got := assembler(all).Files(ds, "lcv7nc65w8"); len(got) != len(want) {
		t.Errorf("%d trees where a variable has no value, want %d", len(got), len(want))
	}
	all.Secrets = nil
	if got := assembler(all).Files(ds, "lcv7nc65w8"); got != nil {
		t.Errorf("%v without the Secret", got)
	}
}

func TestHiddenSecrets(t *testing.T) {
	all := parse(t)
	a, ds := assembler(all), all.DaemonSets[0]
	made, err := a.Assemble(ds)
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(made.Manifest.Data)
	hidden, found, err := a.HideSecrets(ds, made)
	if err != nil || !found {
		t.Fatalf("%t, %v", found, err)
	}
	want := strings.ReplaceAll(string(before), canary, `"<Secret default/db, key password>"`)
	if diff := cmp.Diff(want, string(hidden.Data)); diff != "" {
		t.Errorf("not alone the value was replaced (-want +got)\n%s", diff)
	}
	if h, err := render.Inspect(hidden.FileName, hidden.Data); err != nil || h.Intact {
		t.Errorf("it is taken for the agent's own: %+v, %v", h, err)
	}
	if !bytes.Equal(before, made.Manifest.Data) {
		t.Error("the real one was changed")
	}
}

func TestWhatRefersToNothing(t *testing.T) {
	all := parse(t)
	ds := all.DaemonSets[0]
	ds.Object.Spec.Template.Spec.Volumes, ds.Object.Spec.Template.Spec.Containers[0] = nil, corev1.Container{Name: "c", Image: "i"}
	if missing, refers := assembler(all).Missing(ds); refers || missing != nil {
		t.Errorf("%t, %v", refers, missing)
	}
	made, err := assembler(all).Assemble(ds)
	if err != nil || made.Refers || made.Revision != render.Revision(ds.Template) || len(made.Manifest.Data) == 0 {
		t.Errorf("%v, %+v", err, made)
	}
}

func TestNothingToHide(t *testing.T) {
	all := parse(t)
	ds := all.DaemonSets[0]
	ds.Object.Spec.Template.Spec.Containers[0].Env = nil
	a := assembler(all)
	made, err := a.Assemble(ds)
	if err != nil {
		t.Fatal(err)
	}
	hidden, found, err := a.HideSecrets(ds, made)
	if err != nil || found || !bytes.Equal(hidden.Data, made.Manifest.Data) {
		t.Errorf("%t, %v", found, err)
	}
	if text := fmt.Sprintf("%v %+v", made.Trees, made.Missing); strings.Contains(text, canary) {
		t.Error("printed trees have contents")
	}
}
