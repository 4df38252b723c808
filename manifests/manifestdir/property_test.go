package manifestdir

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// world is a directory, what others put into it, and what may stand under our names.
type world struct {
	dir   string
	sys   *faulty
	store *Store
	// foreign is every file of somebody else, with the bytes that they must keep.
	foreign map[string]string
	// ours is every file of ours with its bytes now, edits included.
	ours map[string]string
	all  []render.Manifest
}

// Whatever is written, removed, edited and broken off, in any order: what is not ours keeps its bytes, and what is ours has
// the bytes from before or those that were asked for.
func TestForeignFilesNeverChange(t *testing.T) {
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, root)
		t.Cleanup(func() {
			if err := os.RemoveAll(w.dir); err != nil {
				t.Error(err)
			}
		})
		t.Repeat(map[string]func(*rapid.T){
			"":        w.check,
			"write":   w.write,
			"remove":  w.remove,
			"edit":    w.edit,
			"foreign": w.put,
			"delete":  w.deleteForeign,
			"scan":    w.scan,
			"restart": func(t *rapid.T) { w.restart(t) },
		})
	})
}

func newWorld(t *rapid.T, root string) *world {
	dir, err := os.MkdirTemp(root, "w")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{dir: dir, foreign: map[string]string{}, ours: map[string]string{}}
	for _, name := range []string{"a", "b"} {
		w.all = append(w.all, manifest(t, name, "one"), manifest(t, name, "two"))
	}
	w.restart(t)
	return w
}

func (w *world) restart(t tester) {
	w.store, w.sys = faultyStore(t, w.dir, &faulty{})
}

// fault arms a failure or a crash at some call, or none.
func (w *world) fault(t *rapid.T) {
	*w.sys = faulty{
		at:      rapid.IntRange(0, 9).Draw(t, "at"),
		err:     os.ErrPermission,
		crash:   rapid.Bool().Draw(t, "crash"),
		forever: rapid.Bool().Draw(t, "forever"),
	}
}

// settle looks what an act left, which must be one of two, and starts anew after a crash.
func (w *world) settle(t *rapid.T, name, wanted string, exists bool) {
	got, ok := visible(t, w.dir)[name]
	old, had := w.ours[name]
	switch {
	case ok == exists && got == wanted:
	case ok == had && got == old:
	default:
		t.Fatalf("%s is neither old nor new: %q", name, got)
	}
	if delete(w.ours, name); ok {
		w.ours[name] = got
	}
	crashed := w.sys.crash && w.sys.reached()
	*w.sys = faulty{}
	if crashed {
		w.restart(t)
	}
}

func (w *world) write(t *rapid.T) {
	m := w.manifest(t)
	w.fault(t)
	err := w.store.Write(m)
	_, taken := w.foreign[m.FileName]
	if (taken || w.samePod(m)) && err == nil {
		t.Fatalf("wrote %s over or beside a foreign one", m.FileName)
	}
	if taken {
		*w.sys = faulty{}
		w.restart(t)
		return
	}
	if err == nil && visible(t, w.dir)[m.FileName] != string(m.Data) {
		t.Fatalf("%s was written, but has other bytes", m.FileName)
	}
	w.settle(t, m.FileName, string(m.Data), true)
}

// manifest draws one; a number is shorter to print.
func (w *world) manifest(t *rapid.T) render.Manifest {
	return w.all[rapid.IntRange(0, len(w.all)-1).Draw(t, "manifest")]
}

func (w *world) samePod(m render.Manifest) bool {
	for name, data := range w.foreign {
		if !strings.HasPrefix(name, ".") && strings.Contains(data, "name: "+m.PodName+"\n") {
			return true
		}
	}
	return false
}

func (w *world) remove(t *rapid.T) {
	m := w.manifest(t)
	w.fault(t)
	err := w.store.Remove(m.FileName)
	if _, taken := w.foreign[m.FileName]; taken {
		if !errors.Is(err, ErrForeignFile) {
			t.Fatalf("removing a foreign file: %v", err)
		}
		*w.sys = faulty{}
		return
	}
	w.settle(t, m.FileName, "", false)
}

// edit changes a file of ours by hand so that it stays ours.
func (w *world) edit(t *rapid.T) {
	name := w.pick(t, w.ours)
	data := w.ours[name]
	switch rapid.IntRange(0, 2).Draw(t, "how") {
	case 0:
		data += "# edited\n"
	case 1:
		data = strings.Replace(data, "kind: Pod", "kind: [", 1)
	default:
		data = strings.Replace(data, "busybox", "mine", 1)
	}
	put(t, filepath.Join(w.dir, name), []byte(data))
	w.ours[name] = data
}

// put makes a file of somebody else, under a name of ours too, and with the content of ours.
func (w *world) put(t *rapid.T) {
	m := w.manifest(t)
	name := rapid.SampledFrom([]string{m.FileName, m.FileName + "~", "other.yaml", ".hidden", ".daemonsetd-x.tmp", "daemonsetd-notes"}).Draw(t, "name")
	content := rapid.SampledFrom([]string{
		"", "notes\n", foreignPod, "apiVersion: v1\nkind: Pod\nmetadata:\n  namespace: default\n  name: " + m.PodName + "\n",
		strings.Replace(string(m.Data), "    "+render.AnnotationDaemonSet+": ", "    x: ", 1),
		string(m.Data),
	}).Draw(t, "content")
	if name == m.FileName && content == string(m.Data) {
		t.Skip("this would be ours")
	}
	put(t, filepath.Join(w.dir, name), []byte(content))
	delete(w.ours, name)
	w.foreign[name] = content
}

func (w *world) deleteForeign(t *rapid.T) {
	name := w.pick(t, w.foreign)
	if err := os.Remove(filepath.Join(w.dir, name)); err != nil {
		t.Fatal(err)
	}
	delete(w.foreign, name)
}

func (w *world) pick(t *rapid.T, from map[string]string) string {
	if len(from) == 0 {
		t.Skip("there is none")
	}
	return rapid.SampledFrom(sortedKeys(from)).Draw(t, "name")
}

func (w *world) scan(t *rapid.T) {
	l := mustScan(t, w.store)
	got := map[string]string{}
	for _, e := range l.Ours {
		got[e.FileName] = w.ours[e.FileName]
		if e.Intact != w.rendered(w.ours[e.FileName]) {
			t.Fatalf("%s: intact %v, drift %q", e.FileName, e.Intact, e.Drift)
		}
	}
	if diff := cmp.Diff(w.ours, got); diff != "" {
		t.Fatalf("ours (-want +got):\n%s", diff)
	}
	for _, f := range l.Foreign {
		if _, ok := w.foreign[f.FileName]; !ok {
			t.Fatalf("%s is taken for foreign", f.FileName)
		}
	}
	for name := range onDisk(t, w.dir) {
		if atomicfile.IsTemp(name) {
			t.Fatalf("%s was left", name)
		}
	}
}

func (w *world) rendered(data string) bool {
	for _, m := range w.all {
		if string(m.Data) == data {
			return true
		}
	}
	return false
}

// check compares the directory with what it must be after every act. Temporary files of ours may be left.
func (w *world) check(t *rapid.T) {
	want := maps.Clone(w.foreign)
	maps.Copy(want, w.ours)
	got := onDisk(t, w.dir)
	for name := range got {
		if atomicfile.IsTemp(name) {
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
