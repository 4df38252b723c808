package strictyaml_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

type common struct {
	Name string `json:"name"`
}

// settings has a field of every sort that is looked at in its own way.
type settings struct {
	common   `json:",inline"`
	Count    int32                        `json:"count,omitempty"`
	Size     uint8                        `json:"size,omitempty"`
	Big      int64                        `json:"big,omitempty"`
	Ratio    float64                      `json:"ratio,omitempty"`
	On       *bool                        `json:"enabled,omitempty"`
	Data     []byte                       `json:"data,omitempty"`
	List     []string                     `json:"list,omitempty"`
	Labels   map[string]string            `json:"labels,omitempty"`
	Nested   []nested                     `json:"nested,omitempty"`
	Limits   map[string]resource.Quantity `json:"limits,omitempty"`
	Port     *intstr.IntOrString          `json:"port,omitempty"`
	Since    metav1.Time                  `json:"since,omitzero"`
	Every    metav1.Duration              `json:"every,omitzero"`
	Anything runtime.RawExtension         `json:"anything,omitzero"`
	Address  netip.Addr                   `json:"address,omitzero"`
	Hidden   string                       `json:"-"`
}

type nested struct {
	Path string `json:"path,omitempty"`
}

func problems(l diag.List) []string {
	var out []string
	for _, p := range l {
		out = append(out, strings.TrimPrefix(p.String(), "f.yaml:"))
	}
	return out
}

func TestDecode(t *testing.T) {
	var got settings
	l := strictyaml.DecodeBytes("f.yaml", []byte(`# comment
name: "on"
count: 5
size: 255
big: 9223372036854775807
ratio: 1.50
enabled: yes
data: aGVsbG8=
list: [a, "1", ~]
labels: {a.b/c: "", 5: five}
nested:
- path: /x
- {}
limits: {cpu: 1.5, memory: 64Mi}
port: http
since: "2024-05-06T07:08:09Z"
every: 1m30s
anything: {a: [1, {b: null}]}
address: 10.0.0.1
`), strictyaml.Limits{}, &got)
	if len(l) > 0 {
		t.Fatalf("problems: %v", problems(l))
	}
	want := settings{
		common: common{Name: "on"}, Count: 5, Size: 255, Big: 9223372036854775807, Ratio: 1.5, On: new(true), Data: []byte("hello"),
		List: []string{"a", "1", ""}, Labels: map[string]string{"a.b/c": "", "5": "five"},
		Nested: []nested{{Path: "/x"}, {}},
		Limits: map[string]resource.Quantity{"cpu": resource.MustParse("1.5"), "memory": resource.MustParse("64Mi")},
		Port:   new(intstr.FromString("http")), Since: metav1.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC),
		Every:    metav1.Duration{Duration: 90 * time.Second},
		Anything: runtime.RawExtension{Raw: []byte(`{"a":[1,{"b":null}]}`)}, Address: netip.MustParseAddr("10.0.0.1"),
	}
	opts := cmp.Options{
		cmp.AllowUnexported(settings{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b resource.Quantity) bool { return a.Cmp(b) == 0 }),
		cmp.Comparer(func(a, b metav1.Time) bool { return a.Equal(&b) }),
	}
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeProblems(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "# only a comment\n", nil},
		{"null", "name: ~\ncount:\nnested: [null]\n", nil},
		{"integers", "count: 2147483648\nsize: -1\nbig: 1e3\nratio: x\n", []string{
			`1:8: error: count wants an integer from -2147483648 to 2147483647, found the number 2147483648`,
			`2:7: error: size wants an integer from 0 to 255, found the number -1`,
			`4:8: error: ratio wants a number, found the string "x"`,
		}},
		{"fractions", "count: 1.5\nsize: 1_0\n", []string{`1:8: error: count wants an integer, found the number 1.5`}},
		{"quoted", "count: '5'\nenabled: \"yes\"\nratio: \"1\"\n", []string{
			`1:8: error: count wants an integer, found the string "5" (write it without quotes)`,
			`2:10: error: enabled wants true or false, found the string "yes" (write it without quotes)`,
			`3:8: error: ratio wants a number, found the string "1" (write it without quotes)`,
		}},
		{"strings", "name: 1.10\nlabels: {a: no, b: 0x1f, c: null}\nlist: [1]\n", []string{
			`1:7: error: name wants a string, found the number 1.1 (unquoted 1.10 is 1.1 in YAML) (quote it: "1.10")`,
			`2:13: error: labels[a] wants a string, found the boolean false (unquoted no is false in YAML) (quote it: "no")`,
			`2:20: error: labels[b] wants a string, found the number 31 (unquoted 0x1f is 31 in YAML) (quote it: "0x1f")`,
			`3:8: error: list[0] wants a string, found the number 1 (quote it: "1")`,
		}},
		{"shapes", "name: {a: b}\nlist:\n  a: b\nlabels: [a]\nnested: x\n", []string{
			`1:1: error: name wants a string, found a mapping`,
			`2:1: error: list wants a list, found a mapping (begin each element with "- ")`,
			`4:1: error: labels wants a mapping, found a list`,
			`5:9: error: nested wants a list, found the string "x" (begin each element with "- ")`,
		}},
		{"special", "data: 'a b'\nlimits: {cpu: 1x}\nport: 1.5\nsince: yesterday\nevery: 5\naddress: 10.0.0\n", []string{
			`1:7: error: data is not valid base64`,
			`2:15: error: limits[cpu] wants a quantity such as 100m, 2 or 64Mi, found the string "1x"`,
			`3:7: error: port wants an integer, found the number 1.5`,
			`4:8: error: since wants a time such as "2006-01-02T15:04:05Z", found the string "yesterday"`,
			`5:8: error: every wants a duration such as "1m30s", found the number 5`,
			`6:10: error: address cannot be decoded: ParseAddr("10.0.0"): IPv4 address too short`,
		}},
		{"unknown", "Name: a\nnames: b\npath: c\nHidden: x\nnested: [{pth: y}, {z: y}]\n", []string{
			`1:1: error: unknown field "Name" (did you mean "name"? upper and lower case matter)`,
			`2:1: error: unknown field "names" (did you mean "name"?)`,
			`3:1: error: unknown field "path" (it belongs under nested[])`,
			`4:1: error: unknown field "Hidden"`,
			`5:11: error: unknown field "pth" in nested[0] (did you mean "path"?)`,
			`5:21: error: unknown field "z" in nested[1] (known fields: path)`,
		}},
		{"duplicate", "name: a\nlabels: {x: a, \"x\": b}\nname: b\n", []string{
			`2:16: error: duplicate key "x" (it stands first on line 2)`,
			`3:1: error: duplicate key "name" (it stands first on line 1)`,
		}},
		{"root", "- a\n", []string{`1:1: error: the document wants a mapping, found a list`}},
		{"two documents", "name: a\n---\nname: b\n", []string{`3:1: error: a second document, wanted one in this file (remove it)`}},
		{"text after", "'a'\nb: c\n", []string{
			`2:1: error: this line does not fit the ones above it (check its indentation)`,
		}},
		{"merge", "nested:\n- &a {path: 5}\n- <<: *a\n- {<<: *a, pth: 1}\n", []string{
			`2:13: error: path wants a string, found the number 5 (quote it: "5")`,
			`2:13: error: path wants a string, found the number 5 (quote it: "5")`,
			`2:13: error: path wants a string, found the number 5 (quote it: "5")`,
			`4:12: error: unknown field "pth" in nested[2] (did you mean "path"?)`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := strictyaml.DecodeBytes("f.yaml", []byte(tc.text), strictyaml.Limits{}, &settings{})
			if diff := cmp.Diff(tc.want, problems(l)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDecodeKeepsTheRest: what is right of a document with mistakes is decoded, so that it can be validated.
func TestDecodeKeepsTheRest(t *testing.T) {
	docs, _ := strictyaml.Parse("f", []byte("name: a\ncount: x\nlist: [1, b]\nlabels: {a: 1, b: c}\nnope: 1\n"), strictyaml.Limits{})
	var got settings
	if l := docs[0].Decode(&got); len(l) != 4 {
		t.Errorf("problems: %v", problems(l))
	}
	want := settings{common: common{Name: "a"}, List: []string{"", "b"}, Labels: map[string]string{"b": "c"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeTarget(t *testing.T) {
	docs, _ := strictyaml.Parse("f.yaml", []byte("name: a\n"), strictyaml.Limits{})
	if l := docs[0].Decode(settings{}); !l.HasErrors() {
		t.Error("decoding into something that is no pointer gave no error")
	}
}

func TestIgnore(t *testing.T) {
	docs, _ := strictyaml.Parse("f.yaml", []byte("metadata: {name: a, uid: [x], managedFields: 5, creationTimestamp: null}\nstatus: 7\n"), strictyaml.Limits{})
	d := docs[0]
	for path, want := range map[string]bool{
		"metadata.uid": true, "metadata.managedFields": true, "status": true, "metadata.creationTimestamp": false, "metadata.generation": false,
	} {
		if got := d.Ignore(strings.Split(path, ".")...); got != want {
			t.Errorf("Ignore(%s) = %v, want %v", path, got, want)
		}
	}
	var node corev1.Node
	if l := d.Decode(&node); len(l) > 0 || node.Name != "a" || node.UID != "" {
		t.Errorf("problems %v, decoded %+v", problems(l), node.ObjectMeta)
	}
	if got, ok := d.Canonical("status"); !ok || string(got) != "7" {
		t.Errorf("Canonical(status) = %s, %v: ignoring must not change what was written", got, ok)
	}
}

func TestManyProblems(t *testing.T) {
	var b strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&b, "unknown%d: 1\n", i)
	}
	l := strictyaml.DecodeBytes("f.yaml", []byte(b.String()), strictyaml.Limits{}, &settings{})
	if len(l) != diag.MaxProblems+1 {
		t.Errorf("%d problems, want %d and one that counts the rest", len(l), diag.MaxProblems)
	}
}
