package render_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Each archive has in.yaml, a DaemonSet; want.yaml, its manifest; changes, one line for each Change.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("golden files: %d, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := renderArchive(t, section(archive, "in.yaml"))
			if *update {
				rewrite(t, file, archive, got)
				return
			}
			for _, f := range got {
				if diff := cmp.Diff(string(section(archive, f.Name)), string(f.Data)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", f.Name, diff)
				}
			}
		})
	}
}

func renderArchive(t *testing.T, in []byte) []txtar.File {
	t.Helper()
	var ds appsv1.DaemonSet
	if err := yaml.UnmarshalStrict(in, &ds); err != nil {
		t.Fatal(err)
	}
	m, changed, err := render.Render(&ds, render.Options{
		NodeName: "Node-1",
		Revision: render.Revision(in),
		Source:   "/etc/daemonsetd/specs.d/in.yaml",
	})
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	for _, c := range changed {
		loud := "warning"
		if c.Silent {
			loud = "silent"
		}
		fmt.Fprintf(&lines, "%s %s: %s\n", loud, c.Path, c.Message)
	}
	return []txtar.File{{Name: "want.yaml", Data: m.Data}, {Name: "changes", Data: lines.Bytes()}}
}

func section(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func rewrite(t *testing.T, file string, a *txtar.Archive, got []txtar.File) {
	t.Helper()
	a.Files = append([]txtar.File{{Name: "in.yaml", Data: section(a, "in.yaml")}}, got...)
	if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
		t.Fatal(err)
	}
}
