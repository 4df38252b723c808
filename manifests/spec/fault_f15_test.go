package spec

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFaultF16: links over links, as NixOS, stow and alternatives make them, are followed to the file, in both readers.
func TestFaultF16(t *testing.T) {
	r := newRig(t)
	r.must(os.Mkdir(r.dir+"/../store", 0o755))
	r.must(os.WriteFile(r.dir+"/../store/one", []byte("X=1"), 0o644))
	r.must(os.WriteFile(r.dir+"/../store/two", []byte("X=2"), 0o644))
	r.must(os.Symlink("../store/current", r.path("x.yaml")))
	r.must(os.Symlink("one", r.dir+"/../store/current"))
	r.want(r.settle(), "X=1@x.yaml")
	found, err := ReadDir(r.dir)
	r.must(err)
	if len(found) != 1 || found[0].Problem != nil || string(found[0].Data) != "X=1" {
		t.Errorf("ReadDir: %+v", found)
	}
	// The identity that counts is the final file's.
	r.must(os.Remove(r.dir + "/../store/current"))
	r.must(os.Symlink("two", r.dir+"/../store/current"))
	r.want(r.settle(), "X=2@x.yaml")
}

func TestFaultF16IsBounded(t *testing.T) {
	for links, want := range map[int]string{maxLinks: "", maxLinks + 1: "leads over more than 16 symbolic links"} {
		r := newRig(t)
		r.must(os.WriteFile(r.dir+"/../0", []byte("X=1"), 0o644))
		for i := 1; i < links; i++ {
			r.must(os.Symlink(fmt.Sprint(i-1), fmt.Sprintf("%s/../%d", r.dir, i)))
		}
		r.must(os.Symlink(fmt.Sprintf("../%d", links-1), r.path("x.yaml")))
		snap := r.settle()
		if want != "" {
			r.wantBad(snap, "x.yaml", want)
		} else {
			r.want(snap, "X=1@x.yaml")
		}
	}
}

// TestFaultF15: what looks like a spec file and is passed over is told, in both readers.
func TestFaultF15(t *testing.T) {
	const object = "# text\napiVersion: v1\nkind: ConfigMap\n"
	r := newRig(t)
	r.arrive("good.yaml", "X=1")
	for name, text := range map[string]string{
		"up.YAML": "X=1", "up.yml.txt": object, "web": object, "crlf": "\xef\xbb\xbfapiVersion: v1\r\nkind: ConfigMap\r\n",
		"json": `{"kind": "ConfigMap", "apiVersion": "v1"}`,
		// These are nobody's spec files, or are kept aside.
		"README": "kind: regards\n", "notes.md": object, "web.yaml.bak": object, "web.yaml~": object, "web.yaml.dpkg-old": object,
		".hidden": object, "web.yaml.disabled": object, "empty": "",
	} {
		r.write(name, text)
	}
	for dir, names := range map[string][]string{"sub": {"a.yaml", "b.yaml"}, "backup": {"a.yaml.bak"}, ".git": {"a.yaml"}} {
		r.must(os.Mkdir(r.path(dir), 0o755))
		for _, name := range names {
			r.must(os.WriteFile(r.path(dir+"/"+name), []byte(object), 0o644))
		}
	}
	want := []string{
		"crlf: looks like a spec file and is passed over: the names of spec files end with .yaml, .yml or .json",
		"json: looks like a spec file and is passed over: the names of spec files end with .yaml, .yml or .json",
		`sub: is a directory with "a.yaml" and others like it and is not read; only files directly in the specs directory are`,
		"up.YAML: looks like a spec file and is passed over: the names of spec files end with .yaml, .yml or .json",
		"up.yml.txt: looks like a spec file and is passed over: the names of spec files end with .yaml, .yml or .json",
		"web: looks like a spec file and is passed over: the names of spec files end with .yaml, .yml or .json",
	}
	snap := r.settle()
	var got, offline []string
	for _, p := range snap.PassedOver {
		got = append(got, p.File[len(r.dir)+1:]+": "+p.Message)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the loader (-want +got):\n%s", diff)
	}
	found, err := ReadDir(r.dir)
	r.must(err)
	for _, f := range found {
		if f.PassedOver {
			offline = append(offline, f.Path[len(r.dir)+1:]+": "+f.Problem.Message)
		}
	}
	if diff := cmp.Diff(want, offline); diff != "" {
		t.Errorf("ReadDir (-want +got):\n%s", diff)
	}
	r.remove("up.YAML")
	r.arrive("web", "nothing")
	if snap = r.settle(); len(snap.PassedOver) != len(want)-2 {
		t.Errorf("passed over %+v", snap.PassedOver)
	}
}

// TestFaultF15IsBounded: a directory full of such files is told in few lines.
func TestFaultF15IsBounded(t *testing.T) {
	r := newRig(t)
	for i := range 30 {
		r.write(fmt.Sprintf("x%02d.YAML", i), "")
	}
	list := r.settle().PassedOver
	if n := len(list); n != maxPassedOver+1 || list[n-1].Message != "10 more entries look like spec files and are passed over" {
		t.Errorf("%d lines, the last %v", n, list[n-1])
	}
}
