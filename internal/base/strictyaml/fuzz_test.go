package strictyaml_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// FuzzParse: no text makes the parser panic, and every problem stands inside of the file.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		daemonSet, pod, "a: &a {b: *a}\n", "{\"a\": [1, \"\\u00e9\"]}{}", "a: |\n  x\n---\n? [b]\n: c\n", "<<: {a: 1}\n", "\ufeffa: b\r\n",
		"%YAML 1.1\n---\na: !!str 5\n...\nb\n", "kind: Secret\nstringData: {a: 1}\n", "a:\n\t- b\n", "kind: List\nitems: [{kind: Secret}, 5]\n", "- \"\n---\n'", "1: 2\n1.0: 3\nyes: no\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lim := strictyaml.Limits{MaxBytes: 1 << 16, MaxDepth: 30, MaxDocuments: 20, MaxNodes: 5000}
		docs, l := strictyaml.Parse("f.yaml", data, lim)
		for _, d := range docs {
			if _, ok := d.Canonical(); !ok {
				t.Fatal("a document without JSON")
			}
			l = append(l, d.Decode(&appsv1.DaemonSet{})...)
			l = append(l, d.Decode(&corev1.Secret{})...)
			l = append(l, d.Problem(diag.Info, "spec.template[0].a[b.c/d]", "m", ""))
			for _, item := range d.Items() {
				l = append(l, item.Decode(&corev1.ConfigMap{})...)
			}
		}
		l.Sort()
		for _, p := range l {
			checkPlace(t, data, p)
		}
		if err := diag.Render(&bytes.Buffer{}, l, diag.RenderOptions{}); err != nil {
			t.Fatal(err)
		}
	})
}

var lineEnds = regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]")

func checkPlace(t *testing.T, data []byte, p diag.Problem) {
	t.Helper()
	lines := lineEnds.Split(string(data), -1)
	if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.File != "f.yaml" || p.Message == "" || !utf8.ValidString(p.String()) {
		t.Fatalf("problem %+v of a file with %d lines", p, len(lines))
	}
	line := strings.TrimPrefix(lines[p.Line-1], "\ufeff")
	if p.Column > utf8.RuneCountInString(line)+1 {
		t.Fatalf("problem %+v is behind the end of line %q", p, line)
	}
	if p.Snippet != "" && (p.Snippet != line || p.Width < 1) {
		t.Fatalf("problem %+v shows another line than %q", p, line)
	}
}
