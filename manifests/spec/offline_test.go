package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
)

func TestReadDirHasTheRulesOfTheLoader(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"b.yaml": "two", "a.json": "one", ".hidden.yaml": "x", "c.yaml~": "x", "README.md": "x", "real": "linked"} {
		must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	must(os.Mkdir(filepath.Join(dir, "sub.yaml"), 0o700))
	must(os.Symlink("real", filepath.Join(dir, "link.yaml")))
	must(os.Symlink("link.yaml", filepath.Join(dir, "twice.yaml")))
	must(os.Symlink("none", filepath.Join(dir, "void.yaml")))
	files, err := ReadDir(dir)
	must(err)
	var got []string
	for _, f := range files {
		line := filepath.Base(f.Path) + ": " + string(f.Data)
		if f.Problem != nil {
			line += string(f.Problem.Severity) + ": " + f.Problem.Message
		}
		got = append(got, strings.ReplaceAll(line, dir, "DIR"))
	}
	want := []string{
		"a.json: one",
		"b.yaml: two",
		"link.yaml: linked",
		`sub.yaml: info: is a directory; only files directly in the specs directory are read`,
		"twice.yaml: linked",
		`void.yaml: error: is a symbolic link to "DIR/none", which does not exist`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := ReadDir(filepath.Join(dir, "none")); err == nil {
		t.Error("a directory that does not exist is read")
	}
}

func TestCombineKeepsTheFirstByName(t *testing.T) {
	configMap := func(path, name string) []byte {
		return []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\ndata: {of: " + path + "}\n---\n")
	}
	parse := func(path string, names ...string) ParsedFile {
		var text []byte
		for _, n := range names {
			text = append(text, configMap(path, n)...)
		}
		return ParsedFile{path, Parse(path, text)}
	}
	files := []ParsedFile{parse("z", "c", "own"), parse("b", "a"), parse("a", "c"), {"bad", Parse("bad", []byte("{"))}}
	got, all := Combine(files)
	names := func(o Objects) (out []string) {
		for _, c := range o.ConfigMaps {
			out = append(out, c.Source.File+":"+c.Object.Name)
		}
		return out
	}
	if diff := cmp.Diff([]string{"b:a", "a:c"}, names(all)); diff != "" {
		t.Errorf("all (-want +got)\n%s", diff)
	}
	if got[0].Path != "z" || !got[0].Problems.HasErrors() || names(got[0].Objects) != nil {
		t.Errorf("the second file by name: %+v", got[0])
	}
	if got[1].Problems != nil || got[2].Problems != nil || !got[3].Problems.HasErrors() {
		t.Errorf("the others: %+v", got[1:])
	}
	if files[0].Problems != nil {
		t.Error("the argument was changed")
	}
}

func TestPlaceIsThatOfTheReference(t *testing.T) {
	const text = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      volumes:
      - name: v
        configMap: {name: conf}
      containers: [{name: web, image: web, volumeMounts: [{name: v, mountPath: /v}]}]
`
	parsed := Parse("web.yaml", []byte(text))
	ds := parsed.DaemonSets[0]
	m := resolve.Resolve(resolve.Input{DaemonSet: ds.Object}).Missing
	if len(m) != 1 {
		t.Fatal(m)
	}
	p := ds.Place(m[0])
	if p.Severity != diag.Error || p.Line != 11 || p.Message != m[0].String() {
		t.Errorf("%+v", p)
	}
}
