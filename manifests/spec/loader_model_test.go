package spec

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// world is a loader under random file operations beside a plain model of what it should find, and an agent that keeps
// manifests by the rules of Snapshot.Undecided.
type world struct {
	*rig
	gone bool // the directory is moved away
	// disk is the content of each file, kept the last one of each that took effect, saved what of that was persisted.
	disk, kept, saved map[string]string
	// contents is every content that was ever written, by its digest.
	contents map[string]string
	// manifests is object -> content@file; released names those whose file, when it was last good, was without the object.
	manifests map[string]string
	released  map[string]bool
}

var worldFiles = []string{"a.yaml", "b.yaml", "c.yaml"}

func newWorld(tb testing.TB, rt *rapid.T) *world {
	root, err := os.MkdirTemp(tb.TempDir(), "")
	if err != nil {
		rt.Fatal(err)
	}
	r := &rig{tb: tb, dir: root + "/specs.d", state: root + "/state", now: time.Now().Add(time.Hour)}
	r.must(os.Mkdir(r.dir, 0o755))
	r.restart()
	return &world{
		rig: r, disk: map[string]string{}, kept: map[string]string{}, saved: map[string]string{},
		contents: map[string]string{}, manifests: map[string]string{}, released: map[string]bool{},
	}
}

func drawFile(rt *rapid.T) string { return rapid.SampledFrom(worldFiles).Draw(rt, "file") }

func drawContent(rt *rapid.T) string {
	if rapid.IntRange(0, 3).Draw(rt, "bad") == 0 {
		return rapid.SampledFrom([]string{"", "garbage", "X=1\ngarbage"}).Draw(rt, "content")
	}
	var lines []string
	for _, object := range []string{"X", "Y", "Z"} {
		if v := rapid.IntRange(0, 3).Draw(rt, object); v > 0 {
			lines = append(lines, fmt.Sprintf("%s=%d", object, v))
		}
	}
	if lines == nil {
		lines = []string{"many=0"}
	}
	return strings.Join(lines, "\n")
}

// objects is a second, plain reading of the toy language; nil for a bad file.
func objects(content string) map[string]string {
	out := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(content), "\n") {
		object, v, ok := strings.Cut(line, "=")
		if !ok {
			return nil
		}
		if object != "many" {
			out[object] = v
		}
	}
	return out
}

// expect is what must be in effect when everything is still, and moves kept to it.
func (w *world) expect() map[string]string {
	effect := map[string]string{}
	if !w.gone {
		for name := range w.kept {
			if _, ok := w.disk[name]; !ok {
				delete(w.kept, name)
			}
		}
	}
	for refused := map[string]bool{}; ; {
		clear(effect)
		if w.takeAll(refused, effect) {
			break
		}
	}
	return effect
}

// takeAll goes through the files once, and again where one was refused that has a last good version.
func (w *world) takeAll(refused map[string]bool, effect map[string]string) bool {
	now, chosen := map[string]map[string]string{}, map[string]map[string]string{}
	for _, name := range worldFiles {
		chosen[name] = objects(w.kept[name])
		if _, exists := w.disk[name]; exists && !w.gone && !refused[name] && objects(w.disk[name]) != nil {
			now[name] = objects(w.disk[name])
			chosen[name] = now[name]
		}
	}
	for _, name := range worldFiles {
		for object, v := range now[name] {
			taken, found := effect[object]
			bad := found && !strings.HasPrefix(taken, v+"@")
			for _, other := range worldFiles {
				theirs, declared := chosen[other][object]
				_, before := objects(w.kept[other])[object]
				bad = bad || other != name && declared && before && theirs != v && objects(w.kept[name])[object] != v
			}
			refused[name] = refused[name] || bad
		}
		if refused[name] && now[name] != nil {
			if _, ok := w.kept[name]; ok {
				return false
			}
			continue
		}
		for object, v := range chosen[name] {
			if _, taken := effect[object]; !taken {
				effect[object] = v + "@" + name
			}
		}
	}
	for name := range now {
		if !refused[name] {
			w.kept[name] = w.disk[name]
		}
	}
	return true
}

func effectOf(s *Snapshot) map[string]string {
	out := map[string]string{}
	for _, e := range inEffect(s) {
		object, rest, _ := strings.Cut(e, "=")
		out[object] = rest
	}
	return out
}

func valueOf(declaration string) string { value, _, _ := strings.Cut(declaration, "@"); return value }

func fileOf(declaration string) string { _, file, _ := strings.Cut(declaration, "@"); return file }

// release notes what follows from a file that is good: what it declares now is its own again, the rest it let go of.
func (w *world) release(name string) {
	for object, m := range w.manifests {
		if fileOf(m) == name {
			_, declared := objects(w.kept[name])[object]
			w.released[object] = !declared
		}
	}
}

// act is the agent: it makes the manifests what the snapshot says, except for what is undecided, and fails where a pod
// would stop because of something that could not be read.
func (w *world) act(rt *rapid.T, s *Snapshot) {
	w.observe(s)
	effect := effectOf(s)
	for object, old := range w.manifests {
		now, ok := effect[object]
		switch {
		case !ok && !s.Undecided(w.path(fileOf(old))):
			w.mayGo(rt, object, old)
			delete(w.manifests, object)
			delete(w.released, object)
		case ok && valueOf(now) != valueOf(old) && !s.Undecided(w.path(fileOf(old))) && !s.Undecided(w.path(fileOf(now))):
			w.mayChange(rt, object, old, now)
			w.manifests[object] = now
			delete(w.released, object)
		}
	}
	for object, now := range effect {
		if _, ok := w.manifests[object]; !ok {
			w.manifests[object] = now
		}
	}
}

// silent says that nothing can be concluded from a file: it is bad, clashes perhaps, or nobody can see it.
func (w *world) silent(name string) bool {
	content, exists := w.disk[name]
	return w.gone || exists && objects(content) == nil
}

// mayGo: what its file let go of may go at any time after, also when the file has come to declare it again in a version that
// clashes with another file: that version is not in effect, and until now only another file that was undecided kept it.
func (w *world) mayGo(rt *rapid.T, object, old string) {
	if w.released[object] {
		return
	}
	if w.silent(fileOf(old)) {
		rt.Fatalf("%s=%s is removed although its file is %q, directory gone: %v", object, old, w.disk[fileOf(old)], w.gone)
	}
	if _, declared := objects(w.disk[fileOf(old)])[object]; declared {
		rt.Fatalf("%s=%s is removed although its file declares it", object, old)
	}
}

func (w *world) mayChange(rt *rapid.T, object, old, now string) {
	if w.silent(fileOf(old)) && !w.released[object] {
		rt.Fatalf("%s=%s becomes %s although its file is %q, directory gone: %v", object, old, now, w.disk[fileOf(old)], w.gone)
	}
}

// put notes what a file holds now.
func (w *world) put(name, content string) {
	w.disk[name] = content
	w.contents[digestOf(content)] = content
}

// observe notes which contents took effect on the way to stillness: which of several that stood in a file one after the
// other were read depends on the moments of the Loads.
func (w *world) observe(s *Snapshot) {
	known := map[string]bool{}
	for _, f := range s.Files {
		name := filepath.Base(f.File)
		known[name] = true
		if !f.Bad && !f.LastGood && f.Digest != "" {
			w.kept[name] = w.contents[f.Digest]
			w.release(name)
		}
	}
	for name := range w.kept {
		if !known[name] {
			delete(w.kept, name)
		}
	}
}

// TestLoaderModel: after any sequence of file operations, loads, crashes and restarts, what is in effect is what the
// model says once everything is still; and at no moment on the way does a pod stop because of a file that is bad, half
// written or out of sight.
func TestLoaderModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rt)
		defer os.RemoveAll(w.dir + "/..") //nolint:errcheck // t.TempDir's cleanup takes the rest
		load := func() { snap, _ := w.load(); w.act(rt, snap) }
		here := func(rt *rapid.T) {
			if w.gone {
				rt.Skip("the directory is away")
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"rename in": func(rt *rapid.T) {
				here(rt)
				name, content := drawFile(rt), drawContent(rt)
				w.arrive(name, content)
				w.put(name, content)
			},
			"write in place": func(rt *rapid.T) {
				here(rt)
				name, content := drawFile(rt), drawContent(rt)
				for i := range len(content) {
					if rapid.IntRange(0, 3).Draw(rt, "load between") == 0 {
						w.write(name, content[:i])
						w.put(name, content[:i])
						load()
						w.now = w.now.Add(time.Duration(rapid.IntRange(0, 240).Draw(rt, "ms")) * time.Millisecond)
					}
				}
				w.write(name, content)
				w.put(name, content)
			},
			"remove": func(rt *rapid.T) {
				here(rt)
				name := drawFile(rt)
				if _, ok := w.disk[name]; !ok {
					rt.Skip("no such file")
				}
				w.remove(name)
				delete(w.disk, name)
			},
			"replace by an editor": func(rt *rapid.T) {
				here(rt)
				name := drawFile(rt)
				if _, ok := w.disk[name]; !ok {
					rt.Skip("no such file")
				}
				w.remove(name)
				w.disk[name] = "?" // as good as bad, not removed
				load()
				content := drawContent(rt)
				w.write(name, content)
				w.put(name, content)
				load()
			},
			"directory away": func(rt *rapid.T) {
				here(rt)
				w.away()
				w.gone = true
				if rapid.Bool().Draw(rt, "mount point") {
					w.must(os.Mkdir(w.dir, 0o755))
				}
			},
			"directory back": func(rt *rapid.T) {
				if !w.gone {
					rt.Skip("it is here")
				}
				w.must(os.RemoveAll(w.dir))
				w.back()
				w.gone = false
			},
			"load": func(rt *rapid.T) {
				load()
				w.now = w.now.Add(time.Duration(rapid.IntRange(0, 300).Draw(rt, "ms")) * time.Millisecond)
			},
			"settle": func(rt *rapid.T) {
				w.check(rt)
				if rapid.Bool().Draw(rt, "persist") {
					w.persist()
					w.saved = maps.Clone(w.kept)
				}
			},
			"restart": func(rt *rapid.T) {
				w.restart()
				w.kept = maps.Clone(w.saved)
				load()
				w.check(rt)
				w.persist()
				w.saved = maps.Clone(w.kept)
			},
		})
		w.check(rt)
	})
}

func (w *world) check(rt *rapid.T) {
	for range 20 {
		snap, again := w.load()
		w.act(rt, snap)
		if again == 0 {
			if diff := cmp.Diff(w.expect(), effectOf(snap)); diff != "" {
				rt.Fatalf("in effect with %q, kept %q (-model +loader):\n%s", w.disk, w.kept, diff)
			}
			if same, _ := w.load(); same != snap {
				rt.Fatal("nothing changed and the Snapshot is another one")
			}
			if !slices.IsSortedFunc(snap.Files, func(a, b FileStatus) int { return strings.Compare(a.File, b.File) }) {
				rt.Fatalf("files are not sorted: %+v", snap.Files)
			}
			return
		}
		w.now = w.now.Add(again)
	}
	rt.Fatal("the loader never settles")
}
