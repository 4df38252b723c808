package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFilesMergeByName(t *testing.T) {
	r := newRig(t)
	put(t, r.path("etc/node.yaml"), withLabel("a", "base")+"    only: base\n")
	put(t, r.path("etc/node.d/20-b.yaml"), withLabel("a", "twenty"))
	put(t, r.path("etc/node.d/10-a.yml"), withLabel("a", "ten")+"    ten: x\n")
	put(t, r.path("etc/node.d/.hidden.yaml"), withLabel("a", "hidden"))
	put(t, r.path("etc/node.d/README"), "no node file")
	n := r.update()
	wantLabel(t, n, "a", "twenty")
	wantLabel(t, n, "only", "base")
	wantLabel(t, n, "ten", "x")
	if got := r.view.labels["a"].origin; got != Origin("file:"+r.path("etc/node.d/20-b.yaml")+":5") {
		t.Errorf("origin %q", got)
	}
	if err := os.Remove(r.path("etc/node.d/20-b.yaml")); err != nil {
		t.Fatal(err)
	}
	wantLabel(t, r.update(), "a", "ten")
}

// A file that goes bad in any way changes nothing, now or after a restart; the next good version counts again.
func TestLastGood(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"not YAML":      func(p string) error { return os.WriteFile(p, []byte("{"), 0o644) },
		"empty":         func(p string) error { return os.WriteFile(p, nil, 0o644) },
		"only comments": func(p string) error { return os.WriteFile(p, []byte("# x\n"), 0o644) },
		"unknown field": func(p string) error { return os.WriteFile(p, []byte(withLabel("a", "new")+"  foo: x\n"), 0o644) },
		"bad taint": func(p string) error {
			return os.WriteFile(p, []byte(withLabel("a", "new")+"spec: {taints: [{key: x}]}\n"), 0o644)
		},
		"other node":  func(p string) error { return os.WriteFile(p, []byte(withLabel("a", "new")+"  name: n2\n"), 0o644) },
		"unreadable":  func(p string) error { return errors.Join(os.Remove(p), os.Symlink(p, p)) },
		"a directory": func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o755)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			path := r.path("etc/node.d/a.yaml")
			put(t, path, withLabel("a", "old"))
			before := r.update()
			wantLabel(t, before, "a", "old")
			if err := spoil(path); err != nil {
				t.Fatal(err)
			}
			if after := r.update(); after != before {
				t.Errorf("the node changed:\n%s", cmp.Diff(before, after))
			}
			if !r.Describe().Problems.HasErrors() || r.Describe().Problems[0].File != path {
				t.Errorf("problems: %v", r.Describe().Problems)
			}
			if got := r.Describe().Files; len(got) != 1 || got[0] != (FileInfo{path, FileLastGood}) {
				t.Errorf("files: %+v", got)
			}
			r.start()
			wantLabel(t, r.Node(), "a", "old")
			wantLabel(t, r.update(), "a", "old")
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			put(t, path, withLabel("a", "new"))
			wantLabel(t, r.update(), "a", "new")
			if len(r.Describe().Problems) > 0 {
				t.Errorf("problems: %v", r.Describe().Problems)
			}
		})
	}
}

func TestNeverGoodFile(t *testing.T) {
	r := newRig(t)
	path := r.path("etc/node.d/a.yaml")
	put(t, path, "nonsense: [")
	put(t, r.path("etc/node.d/b.yaml"), withLabel("b", "x"))
	wantLabel(t, r.update(), "b", "x")
	if got := r.Describe().Files[0]; got != (FileInfo{path, FileNotInEffect}) {
		t.Errorf("file: %+v", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.update()
	if len(r.Describe().Problems) > 0 || len(r.Describe().Files) != 1 {
		t.Errorf("after removal: %v, %+v", r.Describe().Problems, r.Describe().Files)
	}
}

func TestDirectories(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t)
	dir := r.path("etc/node.d")
	put(t, filepath.Join(dir, "a.yaml"), withLabel("a", "x"))
	put(t, r.config.NodeFile, withLabel("base", "x"))
	r.update()
	// A file in the place of the directory: it cannot be read.
	must(os.Rename(dir, r.path("etc/away")))
	must(os.WriteFile(dir, nil, 0o644))
	wantLabel(t, r.update(), "a", "x")
	if !r.Describe().Problems.HasErrors() {
		t.Error("an unreadable directory is not reported")
	}
	r.start()
	wantLabel(t, r.update(), "a", "x")
	// All of /etc/daemonsetd is away: perhaps it is not mounted.
	must(os.Remove(dir))
	must(os.Rename(r.path("etc"), r.path("etc-away")))
	wantLabel(t, r.update(), "a", "x")
	wantLabel(t, r.update(), "base", "x")
	if !r.Describe().Problems.HasErrors() {
		t.Error("a missing directory is not reported")
	}
	// node.d alone is removed: so are its files.
	must(os.Rename(r.path("etc-away"), r.path("etc")))
	n := r.update()
	wantNoLabel(t, n, "a")
	wantLabel(t, n, "base", "x")
	must(os.Remove(r.config.NodeFile))
	wantNoLabel(t, r.update(), "base")
	if len(r.Describe().Problems) > 0 {
		t.Errorf("problems: %v", r.Describe().Problems)
	}
}

func TestTooManyFilesChangeNothing(t *testing.T) {
	r := newRig(t)
	put(t, r.path("etc/node.d/a.yaml"), withLabel("a", "x"))
	r.update()
	for i := range maxFiles {
		put(t, r.path("etc/node.d/b"+strings.Repeat("x", i)+".yaml"), withLabel("b", "x"))
	}
	n := r.update()
	wantLabel(t, n, "a", "x")
	wantNoLabel(t, n, "b")
	if got := r.Describe().Problems; len(got) != 1 || !strings.Contains(got[0].Message, "101 files, more than the 100 allowed") {
		t.Errorf("problems: %v", got)
	}
}

func TestTooMuchTogetherChangesNothing(t *testing.T) {
	r := newRig(t)
	many := func(prefix string) string {
		text := head + "metadata:\n  labels:\n"
		for i := range 300 {
			text += "    " + prefix + strings.Repeat("x", i%60) + string(rune('a'+i/60)) + ": v\n"
		}
		return text
	}
	put(t, r.path("etc/node.d/a.yaml"), many("a"))
	before := r.update()
	put(t, r.path("etc/node.d/b.yaml"), many("b"))
	if r.update() != before {
		t.Error("600 labels changed the node")
	}
	if got := r.Describe().Problems; len(got) != 1 || !strings.Contains(got[0].Message, "together have 600 labels") {
		t.Errorf("problems: %v", got)
	}
}
