package manifestdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

func TestWriteTouchesNothingThatIsRight(t *testing.T) {
	dir := t.TempDir()
	s, sys := faultyStore(t, dir, &faulty{})
	m := manifest(t, "a", "s")
	mustWrite(t, s, m)
	sys.steps = nil
	mustWrite(t, s, m)
	if len(sys.steps) != 0 {
		t.Errorf("the same bytes again took %v", sys.steps)
	}
}

func TestWriteUndoesAnEdit(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, dir)
	m := manifest(t, "a", "s")
	path := filepath.Join(dir, m.FileName)
	for name, breakIt := range map[string]func(){
		"content":       func() { edit(t, path, "busybox", "mine") },
		"no YAML":       func() { edit(t, path, "kind: Pod", "kind: [") },
		"cut short":     func() { put(t, path, m.Data[:len(m.Data)-60]) },
		"removed":       func() { _ = os.Remove(path) },
		"pod's name":    func() { edit(t, path, "name: a-", "name: b-") },
		"own revision":  func() { edit(t, path, "revision: "+m.Revision, "revision: x") },
		"checksum gone": func() { edit(t, path, render.AnnotationChecksum, "x") },
	} {
		t.Run(name, func(t *testing.T) {
			mustWrite(t, s, m)
			breakIt()
			for _, e := range mustScan(t, s).Ours {
				if e.Intact {
					t.Error("the damage is not seen")
				}
			}
			mustWrite(t, s, m)
			if diff := cmp.Diff(map[string]string{m.FileName: string(m.Data)}, onDisk(t, dir)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestWriteRefuses(t *testing.T) {
	m := manifest(t, "a", "s")
	for _, tc := range []struct {
		name string
		file string
		data string
		want error
		text string
	}{
		{name: "no mark", file: m.FileName, data: "kept", want: ErrForeignFile, text: "lacks the annotation"},
		{name: "empty file", file: m.FileName, want: ErrForeignFile, text: "lacks the annotation"},
		{
			// The pod in it is the same too, and that is what is seen first.
			name: "mark deleted", file: m.FileName, want: ErrForeignPod, text: m.FileName,
			data: strings.Replace(string(m.Data), "    "+render.AnnotationDaemonSet+": default/a\n", "", 1),
		},
		{name: "same pod", file: "a.yaml", want: ErrForeignPod, text: `a.yaml" has default/` + m.PodName, data: "apiVersion: v1\nkind: Pod\nmetadata: {name: " + m.PodName + "}"},
		{name: "a copy of ours", file: m.FileName + "~", want: ErrForeignPod, text: m.FileName + "~", data: string(m.Data)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, tc.file), []byte(tc.data))
			s := newStore(t, dir)
			err := s.Write(m)
			failure, ok := errors.AsType[*Error](err)
			if !errors.Is(err, tc.want) || !ok || failure.Hint == "" || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %v, want %v with %q and a hint", err, tc.want, tc.text)
			}
			if diff := cmp.Diff(map[string]string{tc.file: tc.data}, onDisk(t, dir)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A pod of the same name in another namespace, or of another name, is nobody's concern.
func TestWriteMindsOnlyTheSamePod(t *testing.T) {
	dir := t.TempDir()
	m := manifest(t, "a", "s")
	put(t, filepath.Join(dir, "1"), []byte("apiVersion: v1\nkind: Pod\nmetadata: {namespace: x, name: "+m.PodName+"}"))
	put(t, filepath.Join(dir, "2"), []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: a}"))
	mustWrite(t, newStore(t, dir), m)
}

// Two DaemonSets whose names run together to one file name.
func TestWriteRefusesTheFileOfAnotherDaemonSet(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, dir)
	of := func(namespace, name string) render.Manifest {
		ds := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		m, _, err := render.Render(ds, render.Options{Revision: render.Revision(nil)})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first, second := of("a", "b-c"), of("a-b", "c")
	if first.FileName != second.FileName {
		t.Fatalf("they have the names %s and %s", first.FileName, second.FileName)
	}
	mustWrite(t, s, first)
	if err := s.Write(second); !errors.Is(err, ErrForeignFile) || !strings.Contains(err.Error(), "DaemonSet a/b-c") {
		t.Errorf("got %v", err)
	}
	if onDisk(t, dir)[first.FileName] != string(first.Data) {
		t.Error("the first one's file was changed")
	}
	second.FileName = render.ApartFileName("a-b", "c", second.Revision)
	mustWrite(t, s, second)
}

// Nothing reaches the kubelet but what Render gave.
func TestWriteTakesOnlyWhatWasRendered(t *testing.T) {
	for name, spoil := range map[string]func(*render.Manifest){
		"no data":            func(m *render.Manifest) { m.Data = nil },
		"edited":             func(m *render.Manifest) { m.Data = append(m.Data, '\n') },
		"other file name":    func(m *render.Manifest) { m.FileName = "a.yaml" },
		"climbing name":      func(m *render.Manifest) { m.FileName = "../" + m.FileName },
		"other pod":          func(m *render.Manifest) { m.PodName = "x" },
		"other DaemonSet":    func(m *render.Manifest) { m.DaemonSet = "x" },
		"other namespace":    func(m *render.Manifest) { m.Namespace = "x" },
		"other revision":     func(m *render.Manifest) { m.Revision = "x" },
		"other grace":        func(m *render.Manifest) { m.GracePeriodSeconds++ },
		"other source":       func(m *render.Manifest) { m.Source = "x" },
		"nothing":            func(m *render.Manifest) { *m = render.Manifest{} },
		"header, no content": func(m *render.Manifest) { m.Data = m.Data[:200] },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			m := manifest(t, "a", "s")
			spoil(&m)
			if err := newStore(t, dir).Write(m); err == nil {
				t.Error("no error")
			}
			if got := onDisk(t, dir); len(got) != 0 {
				t.Errorf("written: %v", got)
			}
		})
	}
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, dir)
	m := manifest(t, "a", "s")
	path := filepath.Join(dir, m.FileName)
	gone := func(what string) {
		t.Helper()
		if err := s.Remove(m.FileName); err != nil || len(onDisk(t, dir)) != 0 {
			t.Errorf("%s: %v, %v", what, err, onDisk(t, dir))
		}
	}
	gone("nothing there")
	mustWrite(t, s, m)
	gone("as written")
	put(t, path, m.Data)
	edit(t, path, "busybox", "mine")
	gone("edited")
}

func TestRemoveRefuses(t *testing.T) {
	m := manifest(t, "a", "s")
	for name, data := range map[string]string{
		m.FileName:       "kept",
		"a.yaml":         foreignPod,
		m.FileName + "~": string(m.Data),
		".hidden":        "kept",
	} {
		dir := t.TempDir()
		put(t, filepath.Join(dir, name), []byte(data))
		s := newStore(t, dir)
		if err := s.Remove(name); !errors.Is(err, ErrForeignFile) {
			t.Errorf("%s: %v", name, err)
		}
		if onDisk(t, dir)[name] != data {
			t.Errorf("%s was touched", name)
		}
	}
	// Names that lead elsewhere.
	outside := t.TempDir()
	put(t, filepath.Join(outside, m.FileName), m.Data)
	s := newStore(t, t.TempDir())
	for _, name := range []string{"", ".", "..", "../" + filepath.Base(outside) + "/" + m.FileName, filepath.Join(outside, m.FileName)} {
		if err := s.Remove(name); !errors.Is(err, ErrForeignFile) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if len(onDisk(t, outside)) != 1 {
		t.Error("a file elsewhere was removed")
	}
}

// The mark is looked for at the moment of the removal, whatever an earlier scan saw.
func TestRemoveLooksAgain(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, dir)
	s.racy = -1
	m := manifest(t, "a", "s")
	mustWrite(t, s, m)
	mustScan(t, s)
	put(t, filepath.Join(dir, m.FileName), []byte("kept"))
	if err := s.Remove(m.FileName); !errors.Is(err, ErrForeignFile) {
		t.Errorf("got %v", err)
	}
	if err := s.Write(m); !errors.Is(err, ErrForeignFile) {
		t.Errorf("got %v", err)
	}
	if onDisk(t, dir)[m.FileName] != "kept" {
		t.Error("the file was touched")
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, dir)
	m := manifest(t, "a", "s")
	if _, err := s.Read(m.FileName); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	mustWrite(t, s, m)
	edit(t, filepath.Join(dir, m.FileName), "busybox", "mine")
	if b, err := s.Read(m.FileName); err != nil || string(b) != onDisk(t, dir)[m.FileName] {
		t.Errorf("edited: %q, %v", b, err)
	}
	put(t, filepath.Join(dir, "other"), []byte(foreignPod))
	put(t, filepath.Join(dir, m.FileName), []byte(foreignPod))
	for _, name := range []string{"other", m.FileName, "../" + m.FileName} {
		if _, err := s.Read(name); !errors.Is(err, ErrForeignFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEnsure(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "kubernetes", "manifests")
	s := newStore(t, dir)
	for range 2 {
		if err := s.Ensure(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&^0o755 != 0 || info.Mode().Perm()&0o700 != 0o700 {
			t.Fatalf("%v, %v", info, err)
		}
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := s.Ensure(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("an existing directory was changed: %v, %v", info.Mode(), err)
	}
	if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
		t.Fatal(err)
	}
	if err := s.Ensure(); !errors.Is(err, ErrMissing) {
		t.Errorf("a directory that went away: %v", err)
	}
	if len(onDisk(t, root)) != 0 {
		t.Error("it was made again")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Ensure(); err != nil {
		t.Errorf("a directory that came back: %v", err)
	}
}

// A directory that was there before the agent came is known by having been listed.
func TestEnsureAfterScan(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "manifests")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := newStore(t, dir)
	mustScan(t, s)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Ensure(); !errors.Is(err, ErrMissing) {
		t.Errorf("got %v", err)
	}
}

func TestEnsureFails(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "file"), nil)
	dir := filepath.Join(root, "file", "manifests")
	err := newStore(t, dir).Ensure()
	if failure, ok := errors.AsType[*Error](err); !ok || failure.Path != dir || failure.Op != "create" {
		t.Errorf("got %v", err)
	}
}

// Many at once: the lock keeps one act from sweeping away another's temporary file.
func TestConcurrentUse(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, dir)
	watching(t, s)
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		m := manifest(t, name, "s")
		wg.Go(func() {
			for range 20 {
				if err := errors.Join(s.Write(m), scanError(s), s.Remove(m.FileName), s.Write(m)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if l := mustScan(t, s); len(l.Ours) != 3 || len(l.Problems)+len(l.Foreign) != 0 || len(onDisk(t, dir)) != 3 {
		t.Errorf("got %+v and %v", l, onDisk(t, dir))
	}
}
