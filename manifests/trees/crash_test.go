package trees

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// change is one Apply under test: from one tree, or none, to another.
type change struct {
	name     string
	old, new *Tree
	// spoil does something to the old tree behind the store's back.
	spoil func(t *testing.T, path string)
}

func changes() []change {
	old := tree("config", text("app.conf", "old"), text("parsers/a.conf", "old a"), text("gone/deep/b", "old b"))
	next := tree("config", text("app.conf", "new"), text("parsers/a.conf", "new a"), text("parsers/c", ""), text("added/d", "new d"))
	modes := tree("config", File{Path: "app.conf", Mode: 0o400, Data: []byte("old")}, old.Files[1], old.Files[2])
	nested := next
	nested.Mountpoints = []string{"certs/live"}
	secret, newSecret, empty := old, next, tree("config")
	secret.Secret, newSecret.Secret = true, true
	return []change{
		{name: "a new tree", new: &nested},
		{name: "a new Secret", new: &newSecret},
		{name: "an empty tree", new: &empty},
		{name: "other content", old: &old, new: &next},
		{name: "other modes", old: &old, new: &modes},
		{name: "another Secret", old: &secret, new: &newSecret},
		{name: "nothing left", old: &old, new: &empty},
		{name: "a file becomes a directory", old: new(tree("config", text("x", "1"))), new: new(tree("config", text("x/y", "2")))},
		{name: "a link was replaced", old: &old, new: &next, spoil: func(t *testing.T, path string) {
			t.Helper()
			if err := os.Remove(filepath.Join(path, "app.conf")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("..data/gone/deep/b", filepath.Join(path, "app.conf")); err != nil {
				t.Fatal(err)
			}
		}},
	}
}

// faults are the ways in which call number k goes wrong.
func faults() map[string]func(k int) *faulty {
	return map[string]func(k int) *faulty{
		"crash": func(k int) *faulty { return &faulty{at: k, crash: true} },
		"error": func(k int) *faulty { return &faulty{at: k, err: syscall.ENOSPC} },
		"errors from then on": func(k int) *faulty {
			return &faulty{at: k, err: syscall.EROFS, forever: true}
		},
	}
}

func TestApplyStoppedAtEveryCall(t *testing.T) {
	for i, c := range changes() {
		for name, fault := range faults() {
			if strings.HasPrefix(name, "errors") && i%3 > 0 {
				// What becomes of the clean-up does not depend on much.
				continue
			}
			t.Run(c.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				k := 1
				for stoppedAt(t, c, fault(k)) {
					k++
				}
				// Fewer would mean that something was not counted.
				if k < 8 {
					t.Errorf("stopped at %d calls", k-1)
				}
			})
		}
	}
}

// stoppedAt says whether the fault was reached.
func stoppedAt(t *testing.T, c change, sys *faulty) bool {
	r := newRig(t, t.TempDir())
	path := r.Path(*c.new)
	before := seen(t, r, c, path)
	sys.memory = r.sys.memory
	*r.sys = *sys
	changed, err := r.Apply([]Tree{*c.new})
	if !r.sys.reached() {
		if err != nil || len(changed) != 1 {
			t.Fatalf("no fault, but %v and changed %v", err, changed)
		}
		return false
	}
	// What a reader sees is decided by the swap alone, and told by changed unless the error came before.
	data, links := look(t, path)
	_, prev := look(t, path)
	isNew := is(t, path, want(*c.new))
	repaired := c.spoil != nil && is(t, path, want(*c.old))
	if !isNew && !repaired && !maps.Equal(data, before[0]) || !isNew && !repaired && !maps.Equal(links, before[1]) || (data == nil) != (prev == nil) {
		t.Fatalf("stopped at call %d, %v: neither old nor new: %v and %v", sys.at, r.sys.steps, data, links)
	}
	if isNew && !r.sys.crash && len(changed) != 1 {
		t.Errorf("stopped at call %d, %v: the tree is new, but not told to be", sys.at, r.sys.steps)
	}
	checkErrors(t, err, path, sys)
	if l := leftovers(t, r); len(l) > 0 && !sys.crash && !sys.forever && !strings.HasPrefix(r.sys.steps[sys.at-1], "remove") {
		t.Errorf("stopped at call %d, %v: left %v", sys.at, r.sys.steps, l)
	}
	*r.sys = faulty{memory: r.sys.memory}
	if sys.crash {
		r.restart(t)
	}
	heals(t, r, c, path)
	return true
}

// seen lays the old tree and gives what is seen of it.
func seen(t *testing.T, r *rig, c change, path string) [2]view {
	t.Helper()
	if c.old != nil {
		r.apply(t, *c.old)
	}
	if c.spoil != nil {
		c.spoil(t, path)
	}
	data, links := look(t, path)
	return [2]view{data, links}
}

func checkErrors(t *testing.T, err error, path string, sys *faulty) {
	t.Helper()
	all, ok := errors.AsType[Errors](err)
	if !ok || len(all) != 1 || all[0].Path != path || all[0].Volume != "config" {
		t.Fatalf("stopped at call %d: got %v, want one error with path %s", sys.at, err, path)
	}
	if !sys.crash && (!errors.Is(err, sys.err) || all[0].Hint == "") {
		t.Errorf("stopped at call %d: got %v, want %v and a hint", sys.at, err, sys.err)
	}
}

func heals(t *testing.T, r *rig, c change, path string) {
	t.Helper()
	r.apply(t, *c.new)
	mustBe(t, path, want(*c.new))
	if l := leftovers(t, r); len(l) > 0 {
		t.Errorf("the next Apply left %v", l)
	}
	if len(r.pending) > 0 {
		t.Errorf("the next Apply did not sync %v", r.pending)
	}
	r.sys.steps = nil
	if err := r.Keep(everybody); err != nil {
		t.Error(err)
	}
	if changed := r.apply(t, *c.new); len(changed)+len(r.sys.steps) > 0 {
		t.Errorf("once more, and it changed %v by %v", changed, r.sys.steps)
	}
	if f := r.seenForeign(); len(f) > 0 {
		t.Errorf("taken for foreign: %v", f)
	}
}

// Keep that is stopped leaves a tree whole or makes it absent, and the next Keep, or the next Apply, goes on from there.
func TestKeepStoppedAtEveryCall(t *testing.T) {
	old := *changes()[0].new
	for name, fault := range faults() {
		for _, next := range []string{"keep", "apply"} {
			t.Run(name+"/"+next, func(t *testing.T) {
				k := 1
				for keepStoppedAt(t, old, fault(k), next) {
					k++
				}
				if k < 10 {
					t.Errorf("stopped at %d calls", k-1)
				}
			})
		}
	}
}

func everybody(string, string, string) bool { return true }

func nobody(string, string, string) bool { return false }

func keepStoppedAt(t *testing.T, old Tree, sys *faulty, next string) bool {
	r := newRig(t, t.TempDir())
	r.apply(t, old)
	path := r.Path(old)
	sys.memory = r.sys.memory
	*r.sys = *sys
	err := r.Keep(nobody)
	if !r.sys.reached() {
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{".": "drwx------"}, everything(t, r.config)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		return false
	}
	if err == nil {
		t.Fatalf("stopped at call %d, %v: no error", sys.at, r.sys.steps)
	}
	if !is(t, path, want(old)) {
		mustBe(t, path, nil)
	}
	*r.sys = faulty{memory: r.sys.memory}
	if sys.crash {
		r.restart(t)
	}
	if next == "apply" {
		r.apply(t, old)
		mustBe(t, path, want(old))
	}
	if err := r.Keep(nobody); err != nil {
		t.Fatal(err)
	}
	if got := everything(t, r.config); len(got) != 1 {
		t.Errorf("stopped at call %d: the next Keep left %v", sys.at, got)
	}
	if len(r.pending) > 0 {
		t.Errorf("stopped at call %d: not synced: %v", sys.at, r.pending)
	}
	return true
}
