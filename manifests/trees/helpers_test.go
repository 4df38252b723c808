package trees

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
)

// tester is what *testing.T, *testing.B and *rapid.T have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// rig is a store with its directories, every change of which can be stopped.
type rig struct {
	*Store
	sys             *faulty
	config, secrets string
	log             *bytes.Buffer
}

// newRig makes a store in a directory, which stands for a disk but for the subdirectory run, which stands for memory.
func newRig(t tester, base string) *rig {
	t.Helper()
	r := &rig{config: filepath.Join(base, "state", "config"), secrets: filepath.Join(base, "run", "daemonsetd", "config"), log: &bytes.Buffer{}}
	for _, dir := range []string{filepath.Dir(r.config), filepath.Join(base, "run")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.sys = &faulty{memory: filepath.Join(base, "run")}
	r.restart(t)
	return r
}

// restart makes a new store with the same system.
func (r *rig) restart(t tester) {
	t.Helper()
	s, err := newStore(Config{Dir: r.config, SecretDir: r.secrets, Logger: zerolog.New(r.log)}, r.sys)
	if err != nil {
		t.Fatal(err)
	}
	r.Store = s
}

func (r *rig) apply(t tester, want ...Tree) []string {
	t.Helper()
	changed, err := r.Apply(want)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// remember makes the store trust the trees as they are now, and waits until a change cannot have the same time.
func (r *rig) remember(t tester, want ...Tree) {
	t.Helper()
	r.racy = -time.Hour
	r.apply(t, want...)
	if len(r.memos) != len(want) {
		t.Fatalf("%d trees are remembered, want %d", len(r.memos), len(want))
	}
	probe := filepath.Join(filepath.Dir(r.config), "probe")
	put(t, probe, "")
	first, _ := r.state(probe)
	for now := first; now == first; now, _ = r.state(probe) {
		if err := os.Chmod(probe, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func tree(volume string, files ...File) Tree {
	return Tree{
		Namespace: "kube-system", DaemonSet: "fluent-bit", Revision: "5d8f7c", Volume: volume, Files: files,
		Sources: []string{"/etc/daemonsetd/specs.d/fluent-bit.yaml"},
	}
}

func text(path, data string) File { return File{Path: path, Mode: 0o644, Data: []byte(data)} }

// view is what somebody sees: path to mode and content.
type view map[string]string

// want is what a tree is to look like.
func want(t Tree) view {
	v := view{}
	for _, f := range t.Files {
		v[filepath.Clean(f.Path)] = fmt.Sprintf("%v %s", f.Mode, f.Data)
	}
	return v
}

// look gives what is seen through ..data and what is seen through the links; both are nil when there is no tree.
func look(t tester, path string) (data, links view) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(path, "..data")); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	data, links = view{}, view{}
	read(t, filepath.Join(path, "..data"), "", data)
	for _, name := range entries(t, path) {
		if info, err := os.Lstat(filepath.Join(path, name)); err == nil && info.Mode()&fs.ModeSymlink != 0 && !strings.HasPrefix(name, "..") {
			read(t, filepath.Join(path, name), name, links)
		}
	}
	return data, links
}

func read(t tester, path, rel string, v view) {
	t.Helper()
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		for _, name := range entries(t, path) {
			read(t, filepath.Join(path, name), filepath.Join(rel, name), v)
		}
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v[rel] = fmt.Sprintf("%v %s", info.Mode(), b)
}

func entries(t tester, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

// is says whether a tree is seen as v by everybody, nil standing for no tree.
func is(t tester, path string, v view) bool {
	t.Helper()
	data, links := look(t, path)
	return (v == nil) == (data == nil) && maps.Equal(data, v) && maps.Equal(links, v)
}

func mustBe(t tester, path string, v view) {
	t.Helper()
	if !is(t, path, v) {
		data, links := look(t, path)
		t.Fatalf("%s: got %v through ..data and %v through the links, want %v", path, data, links, v)
	}
}

// everything lists all that is below a directory, links with their targets, directories and files with their modes.
func everything(t tester, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		out[rel] = info.Mode().String()
		if info.Mode()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(path)
			out[rel] = "-> " + to
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// leftovers are the names that only a crash leaves.
func leftovers(t tester, r *rig) []string {
	t.Helper()
	var out []string
	for _, dir := range []string{r.config, r.secrets} {
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		versions := map[string]int{}
		for path := range everything(t, dir) {
			name := filepath.Base(path)
			_, version := versionTime(name)
			if version {
				versions[filepath.Dir(path)]++
			}
			if atomicfile.IsTemp(name) || name == newDataLink || name == newLink || version && versions[filepath.Dir(path)] > 1 {
				out = append(out, path)
			}
		}
	}
	return out
}

func put(t tester, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// seenForeign gives what the last look at the directories found there that is not ours, sorted.
func (s *Store) seenForeign() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sortedKeys(s.foreign)
}
