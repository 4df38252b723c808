package strictyaml_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

const pod = `kind: Pod
metadata:
  name: x
  labels:
    a.b/c: "1"
    "x]y": two
spec:
  base: &base
    image: busybox
    ports: [{hostPort: 1}, {hostPort: 22}]
  containers:
  - name: one
    env: []
  - <<: *base
    name: two
  -
    name: three
    ports: *none
`

func TestProblemPlaces(t *testing.T) {
	docs, l := strictyaml.Parse("f.yaml", []byte("first: doc\n---\n"+pod[:len(pod)-len("    ports: *none\n")]), strictyaml.Limits{})
	if len(docs) != 2 || len(l) > 0 {
		t.Fatalf("%d documents, %v", len(docs), l)
	}
	d := docs[1]
	for path, want := range map[string]string{
		"":                                     "3:1 kind",
		"metadata":                             "4:1 metadata",
		"metadata.name":                        "5:9 x",
		"metadata.labels[a.b/c]":               `7:12 "1"`,
		"metadata.labels[x]y]":                 "8:12 two",
		"metadata.labels.a.b/c":                `7:12 "1"`,
		"metadata.labels[none]":                "6:3 labels",
		"metadata.namespace":                   "4:1 metadata",
		"spec.containers[0].env":               "15:5 env",
		"spec.containers[0].env[3].name":       "15:5 env",
		"spec.containers[0].image":             "14:5 name",
		"spec.containers[1].image":             "11:12 busybox",
		"spec.containers[1].ports[1].hostPort": "12:39 22",
		"spec.containers[1].ports[1]":          "12:28 {",
		"spec.containers[2].name":              "19:11 three",
		"spec.containers[9].name":              "13:3 containers",
		"nope.nope[5]":                         "3:1 kind",
		"[0]":                                  "3:1 kind",
	} {
		p := d.Problem(diag.Error, path, "m", "h")
		text := []rune(p.Snippet)[p.Column-1:]
		got := fmt.Sprintf("%d:%d %s", p.Line, p.Column, string(text[:min(p.Width, len(text))]))
		if got != want {
			t.Errorf("%q is at %s, want %s", path, got, want)
		}
		if p.Path != path || p.Severity != diag.Error || p.Message != "m" || p.Hint != "h" || p.File != "f.yaml" {
			t.Errorf("%q: %+v", path, p)
		}
	}
	if p := d.KeyProblem(diag.Info, "metadata.name", "m", ""); p.Line != 5 || p.Column != 3 || p.Width != 4 {
		t.Errorf("KeyProblem: %+v", p)
	}
}

func TestUnknownAnchor(t *testing.T) {
	_, l := strictyaml.Parse("f.yaml", []byte(pod), strictyaml.Limits{})
	if len(l) != 1 || l[0].Line != 18 || l[0].Column != 12 || l[0].Width != 5 {
		t.Errorf("problems: %+v", l)
	}
}

func TestDocument(t *testing.T) {
	docs, l := strictyaml.Parse("f.yaml", []byte("\n# x\n---\n{a: 1}\n---\n---\nb: [\n---\napiVersion: v1\nkind: Node\nc: {z: 1, a: [1.50, <&>, ü, null, 0x10]}\n"), strictyaml.Limits{})
	if len(docs) != 2 || len(l) != 1 {
		t.Fatalf("%d documents, %v", len(docs), l)
	}
	a, c := docs[0], docs[1]
	if a.Index != 0 || a.Line != 4 || a.Kind() != "" || a.APIVersion() != "" {
		t.Errorf("first: %+v", a)
	}
	if c.Index != 2 || c.Line != 9 || c.Column != 1 || c.Kind() != "Node" || c.APIVersion() != "v1" || c.File != "f.yaml" {
		t.Errorf("second: %+v", c)
	}
	got, ok := c.Canonical("c")
	if want := `{"a":[1.5,"<&>","ü",null,16],"z":1}`; !ok || string(got) != want {
		t.Errorf("Canonical = %s, %v, want %s", got, ok, want)
	}
	if _, ok := c.Canonical("c", "z", "q"); ok {
		t.Error("Canonical of something that is not there")
	}
	if v, ok := c.Value("c.a[2]"); !ok || v != "ü" {
		t.Errorf("Value = %v, %v", v, ok)
	}
	for _, path := range []string{"c.a[9]", "c.a[x]", "c.z.q", "d"} {
		if v, ok := c.Value(path); ok {
			t.Errorf("Value(%s) = %v", path, v)
		}
	}
}

func TestItems(t *testing.T) {
	docs, _ := strictyaml.Parse("f.yaml", []byte(`apiVersion: v1
kind: NodeList
items:
- metadata: {name: a, bad: 1}
- kind: Pod
  apiVersion: v2
- {kind: Secret, stringData: {a: b}}
- 5
`), strictyaml.Limits{})
	items := docs[0].Items()
	if len(items) != 4 {
		t.Fatalf("%d items", len(items))
	}
	var got []string
	for _, d := range items {
		got = append(got, fmt.Sprintf("%d:%d %s %s object=%v hidden=%v", d.Line, d.Column, d.APIVersion(), d.Kind(), d.IsObject(), d.Hidden()))
	}
	// The third is in braces, where a line may hold anything: with it the whole document is hidden.
	want := []string{
		"4:3 v1 Node object=true hidden=true", "5:3 v2 Pod object=true hidden=true",
		"7:3 v1 Secret object=true hidden=true", "8:3 v1 Node object=false hidden=true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	l := items[0].Decode(&corev1.Node{})
	if len(l) != 1 || l[0].Path != "metadata.bad" || l[0].Line != 4 || l[0].Column != 23 {
		t.Errorf("problems of an item: %+v", l)
	}
	for _, text := range []string{"a: b\n", "items: x\n", "items:\n"} {
		docs, _ := strictyaml.Parse("f.yaml", []byte(text), strictyaml.Limits{})
		if got := docs[0].Items(); len(got) > 0 {
			t.Errorf("Items of %q: %v", text, got)
		}
	}
}

func TestLeafAndParent(t *testing.T) {
	for path, want := range map[string][2]string{
		"":                       {"the document", ""},
		"spec":                   {"spec", ""},
		"spec.ports[1]":          {"ports[1]", "spec.ports"},
		"spec.ports[1].hostPort": {"hostPort", "spec.ports[1]"},
		"metadata.labels[a.b/c]": {"labels[a.b/c]", "metadata.labels"},
		"a[0][1]":                {"a[0][1]", "a[0]"},
	} {
		if got := [2]string{strictyaml.Leaf(path), strictyaml.Parent(path)}; got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
