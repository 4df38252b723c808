package trees

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// world is the directories, what is known of every tree, and what others put there.
type world struct {
	*rig
	base string
	// trees is what every path that was ever wanted shows now: nil is no tree.
	trees map[string]view
	// owner has the tree's identity for every path.
	owner map[string]Tree
	// foreign has the files of others with their content.
	foreign map[string]string
}

// Whatever is applied, kept, edited, broken off and rebooted, in any order: every tree is as it was or as it was asked
// for, what is not ours keeps its bytes, and after an act without a fault all is as it was asked for, with nothing left over.
func TestRandomActs(t *testing.T) {
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		base, err := os.MkdirTemp(root, "w")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(base) })
		w := &world{rig: newRig(t, base), base: base, trees: map[string]view{}, owner: map[string]Tree{}, foreign: map[string]string{}}
		t.Repeat(map[string]func(*rapid.T){
			"":        w.check,
			"apply":   w.applySome,
			"keep":    w.keepSome,
			"restart": func(t *rapid.T) { w.restart(t) },
			"reboot":  w.reboot,
			"foreign": w.put,
			"edit":    w.edit,
			"list":    w.list,
		})
	})
}

func drawTree(t *rapid.T, volume string) Tree {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "d/e", "d/f", "g/h/i", ".x"}), 0, 4, rapid.ID).Draw(t, "names")
	tr := tree(volume)
	tr.Revision = rapid.SampledFrom([]string{"r1", "r2"}).Draw(t, "revision")
	tr.Secret = volume == "secret"
	for _, name := range names {
		tr.Files = append(tr.Files, File{
			Path: name,
			Mode: rapid.SampledFrom([]os.FileMode{0o644, 0o400, 0o640}).Draw(t, "mode"),
			Data: []byte(rapid.StringMatching("[ab]{0,2}").Draw(t, "data")),
		})
	}
	return tr
}

// fault arms a failure or a crash at some call, or none.
func (w *world) fault(t *rapid.T) {
	*w.sys = faulty{
		memory:  w.sys.memory,
		at:      max(0, rapid.IntRange(-20, 60).Draw(t, "at")),
		err:     syscall.ENOSPC,
		crash:   rapid.Bool().Draw(t, "crash"),
		forever: rapid.Bool().Draw(t, "forever"),
	}
}

// settle says whether the fault was met, and takes it away.
func (w *world) settle(t *rapid.T) (met bool) {
	met = w.sys.reached()
	crashed := met && w.sys.crash
	*w.sys = faulty{memory: w.sys.memory}
	if crashed {
		w.restart(t)
	}
	return met
}

func (w *world) applySome(t *rapid.T) {
	all := []Tree{}
	for _, volume := range []string{"config", "secret"} {
		if rapid.Bool().Draw(t, volume) {
			all = append(all, drawTree(t, volume))
		}
	}
	w.fault(t)
	_, err := w.Apply(all)
	met := w.settle(t)
	if (err != nil) != met {
		t.Fatalf("fault met: %v, but the error is %v", met, err)
	}
	for _, tr := range all {
		path := w.Path(tr)
		w.owner[path] = tr
		if is(t, path, want(tr)) {
			w.trees[path] = want(tr)
		} else if !met {
			mustBe(t, path, want(tr))
		}
	}
	w.clean(t, met)
}

// clean checks that an act without a fault leaves nothing of those before.
func (w *world) clean(t *rapid.T, met bool) {
	if met {
		return
	}
	for _, path := range leftovers(t, w.rig) {
		// A tree that is not in want may keep what a crash left in it until it is.
		if filepath.Base(filepath.Dir(path)) != "config" && filepath.Base(filepath.Dir(path)) != "secret" {
			t.Fatalf("left %s", path)
		}
	}
}

func (w *world) keepSome(t *rapid.T) {
	kept := rapid.SampledFrom([]string{"r1", "r2", "", "both"}).Draw(t, "kept")
	used := func(_, _, revision string) bool { return revision == kept || kept == "both" }
	w.fault(t)
	err := w.Keep(used)
	met := w.settle(t)
	if (err != nil) != met {
		t.Fatalf("fault met: %v, but the error is %v", met, err)
	}
	for path, tr := range w.owner {
		if used("", "", tr.Revision) {
			continue
		}
		if data, _ := look(t, path); data == nil {
			w.trees[path] = nil
		} else if !met {
			t.Fatalf("%s is not removed", path)
		}
	}
	w.clean(t, met)
}

// reboot empties the memory.
func (w *world) reboot(t *rapid.T) {
	if err := os.RemoveAll(w.secrets); err != nil {
		t.Fatal(err)
	}
	for path, tr := range w.owner {
		if tr.Secret {
			w.trees[path] = nil
		}
	}
	for path := range w.foreign {
		if within(path, w.secrets) {
			delete(w.foreign, path)
		}
	}
	w.restart(t)
}

// put makes a file of somebody else at every level, in trees too.
func (w *world) put(t *rapid.T) {
	dirs := []string{w.config}
	for path, v := range w.trees {
		if v != nil {
			dirs = append(dirs, path, filepath.Dir(path), filepath.Dir(filepath.Dir(path)))
		}
	}
	dir := dirs[rapid.IntRange(0, len(dirs)-1).Draw(t, "dir")]
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, rapid.SampledFrom([]string{"notes", "..notes", ".daemonsetd", "x.json"}).Draw(t, "name"))
	put(t, path, path)
	w.foreign[path] = path
}

// edit replaces a link of a tree by a file, as an editor does.
func (w *world) edit(t *rapid.T) {
	for path, v := range w.trees {
		if _, ok := v["a"]; !ok {
			continue
		}
		put(t, filepath.Join(path, "new"), "edited")
		if err := os.Rename(filepath.Join(path, "new"), filepath.Join(path, "a")); err != nil {
			t.Fatal(err)
		}
		// The next Apply without a fault restores it.
		w.apply(t, w.ownTree(path, v))
		mustBe(t, path, v)
		return
	}
	t.Skip("there is none")
}

// ownTree makes a tree from a view.
func (w *world) ownTree(path string, v view) Tree {
	tr := w.owner[path]
	tr.Files = nil
	for name, shown := range v {
		var mode, data string
		_, _ = fmt.Sscanf(shown, "%s %s", &mode, &data)
		for _, m := range []os.FileMode{0o644, 0o400, 0o640} {
			if m.String() == mode {
				tr.Files = append(tr.Files, File{Path: name, Mode: m, Data: []byte(data)})
			}
		}
	}
	return tr
}

func (w *world) list(t *rapid.T) {
	all, err := w.List()
	n := 0
	for _, v := range w.trees {
		if v != nil {
			n++
		}
	}
	if len(all) != n {
		t.Fatalf("%d trees are listed, %d are there: %v", len(all), n, err)
	}
	for _, l := range all {
		if len(l.Files) != len(w.trees[l.Path]) {
			t.Fatalf("%s: listed %v, want %v", l.Path, l.Files, w.trees[l.Path])
		}
	}
	told := map[string]bool{}
	for _, path := range w.seenForeign() {
		told[path] = true
	}
	for path := range w.foreign {
		if !told[path] {
			t.Fatalf("%s is not told to be foreign: %v", path, told)
		}
	}
}

func (w *world) check(t *rapid.T) {
	for path, v := range w.trees {
		mustBe(t, path, v)
	}
	for path, want := range w.foreign {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Fatalf("%s of somebody else: got %q, %v", path, got, err)
		}
	}
}
