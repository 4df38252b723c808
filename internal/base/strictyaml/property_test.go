package strictyaml_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"
	"sigs.k8s.io/randfill"
	kyaml "sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// texts is strings that YAML reads as something else when they are not quoted, and odd ones. "<<" is not among them: the
// library that writes YAML here forgets to quote it as a key.
var texts = []string{
	"", "a", "yes", "No", "on", "1.10", "0x1f", "null", "~", "1_000", "12:30:45", "2024-01-01", ".inf", "*a", "&a", "!a",
	"- a", "a: b", "a #b", "{", "[", "'", `"`, "@", "%", "|", ">", "?", "ünï", "😀", " lead", "trail ", "two\nlines\n", "tab\there", "\\", "=", "0o7", "+1", "1e3",
}

func filler(seed int64) *randfill.Filler {
	return randfill.NewWithSeed(seed).NilChance(0.6).NumElements(0, 3).MaxDepth(12).Funcs(
		func(s *string, c randfill.Continue) { *s = texts[c.Intn(len(texts))] },
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewQuantity(c.Int63n(1<<40), resource.BinarySI)
			_ = q.String()
		},
		func(i *intstr.IntOrString, c randfill.Continue) {
			*i = intstr.FromInt32(c.Int31())
			if c.Bool() {
				*i = intstr.FromString(texts[c.Intn(len(texts))])
			}
		},
		func(t *metav1.Time, c randfill.Continue) { *t = metav1.NewTime(time.Unix(c.Int63n(1<<32), 0).UTC()) },
		func(f *metav1.FieldsV1, _ randfill.Continue) { f.SetRawString(`{"f:a":{}}`) },
		func(b *[]byte, c randfill.Continue) { *b = []byte(texts[c.Intn(len(texts))]) },
	)
}

// TestRoundTrip: every object that can be written is read back without a problem and is the same.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := filler(rapid.Int64().Draw(t, "seed"))
		asJSON := rapid.Bool().Draw(t, "json")
		roundTrip[appsv1.DaemonSet](t, f, asJSON)
		roundTrip[corev1.ConfigMap](t, f, asJSON)
		roundTrip[corev1.Secret](t, f, asJSON)
		roundTrip[corev1.Service](t, f, asJSON)
		roundTrip[corev1.Node](t, f, asJSON)
	})
}

func roundTrip[T any](t *rapid.T, f *randfill.Filler, asJSON bool) {
	var want, got T
	f.Fill(&want)
	write := kyaml.Marshal
	if asJSON {
		write = json.Marshal
	}
	data, err := write(want)
	if err != nil {
		t.Fatal(err)
	}
	if l := strictyaml.DecodeBytes("f.yaml", data, strictyaml.Limits{}, &got); len(l) > 0 {
		t.Fatalf("problems %v of\n%s", l, data)
	}
	// What JSON cannot tell apart (nil and empty) is made the same by writing both.
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(got)
	if !bytes.Equal(a, b) && !equality.Semantic.DeepEqual(want, got) {
		t.Fatalf("read back different:\n%s", cmp.Diff(string(a), string(b)))
	}
}

// tree is a document with a unique text at every leaf, written in a random style.
type tree struct {
	node   *yaml.Node
	leaves map[string]string // text by field path
	keys   map[string]string // path of the mapping by unique key
}

func drawTree(t *rapid.T) *tree {
	tr := &tree{leaves: map[string]string{}, keys: map[string]string{}}
	tr.node = tr.mapping(t, "", 0, true)
	return tr
}

func (tr *tree) draw(t *rapid.T, path string, depth int, block bool) *yaml.Node {
	kind := rapid.IntRange(0, 3).Draw(t, "kind")
	switch {
	case depth < 4 && kind == 1:
		return tr.mapping(t, path, depth, block)
	case depth < 4 && kind == 2:
		return tr.list(t, path, depth, block)
	}
	text := fmt.Sprintf("v%03dü", len(tr.leaves))
	tr.leaves[path] = text
	style := rapid.SampledFrom([]yaml.Style{0, 0, yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle}).Draw(t, "style")
	return &yaml.Node{Kind: yaml.ScalarNode, Value: text, Style: style, Tag: "!!str"}
}

func style(t *rapid.T, block bool) yaml.Style {
	if !block || rapid.IntRange(0, 2).Draw(t, "flow") == 0 {
		return yaml.FlowStyle
	}
	return 0
}

func (tr *tree) mapping(t *rapid.T, path string, depth int, block bool) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Style: style(t, block && depth > 0)}
	if depth == 0 {
		n.Style = 0
	}
	for range rapid.IntRange(1, 4).Draw(t, "keys") {
		key := fmt.Sprintf("k%03d", len(tr.keys)) + rapid.SampledFrom([]string{"", "", "/x", ".y/z"}).Draw(t, "suffix")
		tr.keys[key] = path
		sub := strings.TrimPrefix(path+"."+key, ".")
		if strings.ContainsAny(key, "./") {
			sub = path + "[" + key + "]"
		}
		style := rapid.SampledFrom([]yaml.Style{0, 0, yaml.DoubleQuotedStyle}).Draw(t, "keystyle")
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key, Style: style},
			tr.draw(t, sub, depth+1, n.Style == 0))
	}
	return n
}

func (tr *tree) list(t *rapid.T, path string, depth int, block bool) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: style(t, block)}
	for i := range rapid.IntRange(1, 4).Draw(t, "elements") {
		n.Content = append(n.Content, tr.draw(t, fmt.Sprintf("%s[%d]", path, i), depth+1, n.Style == 0))
	}
	return n
}

func (tr *tree) write(t *rapid.T) []byte {
	var b bytes.Buffer
	b.WriteString(rapid.SampledFrom([]string{"", "---\n", "# note\n---\n\n", "a: 1\n---\n"}).Draw(t, "before"))
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(rapid.IntRange(2, 8).Draw(t, "indent"))
	if err := enc.Encode(tr.node); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	if rapid.Bool().Draw(t, "crlf") {
		data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	}
	return data
}

// TestPlaces: a problem with a field stands where the field's value stands, whatever the style of the file.
func TestPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := drawTree(t)
		data := tr.write(t)
		docs, l := strictyaml.Parse("f.yaml", data, strictyaml.Limits{})
		if len(l) > 0 || len(docs) == 0 {
			t.Fatalf("problems %v of\n%s", l, data)
		}
		d := docs[len(docs)-1]
		for path, text := range tr.leaves {
			marked := underlined(d.Problem(diag.Error, path, "m", ""))
			if strings.Trim(marked, `"'`) != text {
				t.Fatalf("%s is %q, want %q, in\n%s", path, marked, text, data)
			}
			if v, ok := d.Value(path); !ok || v != text {
				t.Fatalf("Value(%s) = %v", path, v)
			}
		}
	})
}

func underlined(p diag.Problem) string {
	line := []rune(p.Snippet)
	if p.Column-1+p.Width > len(line) {
		return "beyond the line: " + p.Snippet
	}
	return string(line[p.Column-1 : p.Column-1+p.Width])
}

// TestUnknownFieldAnywhere: one unknown field in a good object gives one problem, at that field.
func TestUnknownFieldAnywhere(t *testing.T) {
	var places []string
	eachStruct(parse(t, daemonSet), "", func(path string, _ *yaml.Node) { places = append(places, path) })
	if len(places) < 20 {
		t.Fatalf("only %d places", len(places))
	}
	rapid.Check(t, func(t *rapid.T) {
		root := parse(t, daemonSet)
		place := rapid.SampledFrom(places).Draw(t, "place")
		eachStruct(root, "", func(path string, n *yaml.Node) {
			if path != place {
				return
			}
			at := 2 * rapid.IntRange(0, len(n.Content)/2).Draw(t, "at")
			n.Content = slices.Insert(n.Content, at, &yaml.Node{Kind: yaml.ScalarNode, Value: "zzUnknown"}, &yaml.Node{Kind: yaml.ScalarNode, Value: "1"})
		})
		data, err := yaml.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		l := strictyaml.DecodeBytes("f.yaml", data, strictyaml.Limits{}, &appsv1.DaemonSet{})
		if len(l) != 1 || underlined(l[0]) != "zzUnknown" || l[0].Path != strings.TrimPrefix(place+".zzUnknown", ".") {
			t.Fatalf("in %q: %+v\n%s", place, l, data)
		}
	})
}

type fataler interface{ Fatal(...any) }

func parse(t fataler, text string) *yaml.Node {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Content[0]
}

// eachStruct visits the mappings that stand for structs; those of labels and such take any key.
func eachStruct(n *yaml.Node, path string, visit func(string, *yaml.Node)) {
	switch n.Kind {
	case yaml.MappingNode:
		visit(path, n)
		for i := 0; i < len(n.Content); i += 2 {
			switch key := n.Content[i].Value; key {
			case "labels", "annotations", "matchLabels", "nodeSelector", "limits", "requests":
			default:
				eachStruct(n.Content[i+1], strings.TrimPrefix(path+"."+key, "."), visit)
			}
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			eachStruct(c, fmt.Sprintf("%s[%d]", path, i), visit)
		}
	}
}

const daemonSet = `apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: node-exporter
  labels: {app: node-exporter}
spec:
  selector:
    matchLabels: {app: node-exporter}
  updateStrategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 10%}
  template:
    metadata:
      labels: {app: node-exporter}
    spec:
      hostNetwork: true
      hostPID: true
      nodeSelector: {kubernetes.io/os: linux}
      tolerations:
      - operator: Exists
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
            - matchExpressions:
              - {key: a, operator: In, values: [b]}
      containers:
      - name: node-exporter
        image: quay.example.com/node-exporter:v1.8.1
        args: [--path.sysfs=/host/sys, "--web.listen-address=127.0.0.1:9100"]
        ports:
        - {name: metrics, containerPort: 9100}
        resources:
          requests: {cpu: 102m, memory: 180Mi}
          limits: {cpu: 250m, memory: 180Mi}
        securityContext:
          readOnlyRootFilesystem: true
          capabilities: {add: [SYS_TIME], drop: [ALL]}
        env:
        - name: NODE
          valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
        livenessProbe:
          httpGet: {path: /, port: metrics}
        volumeMounts:
        - {name: sys, mountPath: /host/sys, mountPropagation: HostToContainer, readOnly: true}
      volumes:
      - name: sys
        hostPath: {path: /sys}
`
