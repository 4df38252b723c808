package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
)

// FuzzParse: no text makes Parse panic; problems stand inside of the file; objects are only there when there is no error,
// and then the pod of a DaemonSet is one that a kubelet takes.
func FuzzParse(f *testing.F) {
	f.Add([]byte(exporter))
	files, _ := filepath.Glob("testdata/parse/*.txtar")
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil {
			f.Add(txtar.Parse(data).Files[0].Data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		p := Parse("f.yaml", data)
		lines := 1 + strings.Count(string(data), "\n") + strings.Count(string(data), "\r") +
			strings.Count(string(data), "\u0085") + strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029")
		for _, problem := range p.Problems {
			if problem.Line < 1 || problem.Line > lines || problem.Column < 1 || problem.File != "f.yaml" || problem.Message == "" {
				t.Fatalf("problem %+v", problem)
			}
		}
		if p.Problems.HasErrors() && len(p.DaemonSets)+len(p.ConfigMaps)+p.count() > 0 {
			t.Fatal("objects of a bad file")
		}
		for _, ds := range p.DaemonSets {
			placed := resolve.Placeholder(ds.Object).DaemonSet(func(resolve.Tree) string { return "/config" })
			pod, _ := render.Pod(placed, render.Options{NodeName: checkNode, Revision: render.Revision(ds.Template), Source: "f.yaml"})
			if errs := CheckPod(pod); len(errs) > 0 {
				t.Fatalf("the kubelet refuses %s: %v", ds.Key(), errs)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	data := []byte(exporter)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if p := Parse("f.yaml", data); len(p.DaemonSets) != 1 {
			b.Fatal(p.Problems)
		}
	}
}

// BenchmarkParseBad is the same file with a mistake at its end, problems included.
func BenchmarkParseBad(b *testing.B) {
	data := []byte(exporter + "        hostPth: {path: /proc}\n")
	for b.Loop() {
		if p := Parse("f.yaml", data); p.Problems.Count(diag.Error) != 1 {
			b.Fatal(p.Problems)
		}
	}
}
