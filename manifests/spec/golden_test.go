package spec

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestParseGolden runs each file of testdata/parse: one spec file and what Parse says about it.
func TestParseGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/parse/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil || len(ar.Files) != 2 {
				t.Fatalf("want an input and want.txt in %s: %v", file, err)
			}
			got := outcome(Parse(ar.Files[0].Name, ar.Files[0].Data))
			if *update {
				ar.Files[1] = txtar.File{Name: "want.txt", Data: []byte(got)}
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(ar.Files[1].Data), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// outcome is the objects of a file and its problems as a person sees them.
func outcome(p Parsed) string {
	var b strings.Builder
	line := func(kind, namespace, name string, s Source) {
		fmt.Fprintf(&b, "%s %s/%s from document %d, line %d:%d\n", kind, namespace, name, s.Document, s.Line, s.Column)
	}
	for _, o := range p.DaemonSets {
		line("DaemonSet", o.Object.Namespace, o.Object.Name, o.Source)
	}
	for _, o := range p.ConfigMaps {
		line("ConfigMap", o.Object.Namespace, o.Object.Name, o.Source)
	}
	for _, o := range p.Secrets {
		line("Secret", o.Object.Namespace, o.Object.Name, o.Source)
	}
	for _, o := range p.PriorityClasses {
		line("PriorityClass", o.Object.Namespace, o.Object.Name, o.Source)
	}
	for _, o := range p.Services {
		line("Service", o.Object.Namespace, o.Object.Name, o.Source)
	}
	if b.Len() > 0 && len(p.Problems) > 0 {
		b.WriteString("\n")
	}
	_ = diag.Render(&b, p.Problems, diag.RenderOptions{})
	return b.String()
}
