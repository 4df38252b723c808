package manifestdir

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// tester is what *testing.T, *testing.B and *rapid.T have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func newStore(t tester, dir string) *Store {
	t.Helper()
	s, err := New(Config{Dir: dir, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// manifest renders the DaemonSet default/<name>; the source is in the bytes, but not in the names.
func manifest(t tester, name, source string) render.Manifest {
	t.Helper()
	ds := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	ds.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: "busybox"}}
	m, _, err := render.Render(ds, render.Options{NodeName: "n", Revision: render.Revision([]byte(name)), Source: source})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustWrite(t tester, s *Store, m render.Manifest) {
	t.Helper()
	if err := s.Write(m); err != nil {
		t.Fatal(err)
	}
}

func mustScan(t tester, s *Store) Listing {
	t.Helper()
	l, err := s.Scan()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func put(t tester, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// onDisk reads every entry of a directory, dot names too; what is not a regular file is told by its type.
func onDisk(t tester, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string, len(entries))
	for _, e := range entries {
		if !e.Type().IsRegular() {
			out[e.Name()] = e.Type().String()
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(b)
	}
	return out
}

// visible are the files that the kubelet looks at.
func visible(t tester, dir string) map[string]string {
	t.Helper()
	out := onDisk(t, dir)
	for name := range out {
		if strings.HasPrefix(name, ".") {
			delete(out, name)
		}
	}
	return out
}

// faulty stops the store at one of the calls that change something. Reading calls are not counted, as they change nothing.
type faulty struct {
	linux
	// at is the call that goes wrong, counted from 1; 0 for none.
	at int
	// err is what it and, with forever, every later one fails with. A failing write has written half.
	err     error
	forever bool
	// crash makes the call, and all later ones, take no effect: the process is gone. A write takes half its effect.
	crash bool

	steps []string
	reads int
}

var errCrash = errors.New("the process is gone")

// step counts one call and gives the error with which it has to fail.
func (f *faulty) step(name string) error {
	f.steps = append(f.steps, name)
	n := len(f.steps)
	switch {
	case f.at == 0 || n < f.at || n > f.at && !f.forever && !f.crash:
		return nil
	case f.crash:
		return errCrash
	}
	return &fs.PathError{Op: name, Path: "somewhere", Err: f.err}
}

func (f *faulty) reached() bool { return f.at > 0 && len(f.steps) >= f.at }

func (f *faulty) read(path string, limit int64) ([]byte, files.ID, error) {
	f.reads++
	return f.linux.read(path, limit)
}

func (f *faulty) mkdirAll(path string, mode fs.FileMode) error {
	if err := f.step("mkdirAll"); err != nil {
		return err
	}
	return f.linux.mkdirAll(path, mode)
}

func (f *faulty) createTemp(dir string) (tempFile, error) {
	if err := f.step("createTemp"); err != nil {
		return nil, err
	}
	file, err := f.linux.createTemp(dir)
	return &faultyFile{tempFile: file, f: f}, err
}

func (f *faulty) rename(from, to string) error {
	if err := f.step("rename"); err != nil {
		return err
	}
	return f.linux.rename(from, to)
}

func (f *faulty) remove(path string) error {
	if err := f.step("remove"); err != nil {
		return err
	}
	return f.linux.remove(path)
}

func (f *faulty) syncDir(dir string) error {
	if err := f.step("syncDir"); err != nil {
		return err
	}
	return f.linux.syncDir(dir)
}

type faultyFile struct {
	tempFile
	f *faulty
}

func (w *faultyFile) Write(b []byte) (int, error) {
	if err := w.f.step("write"); err != nil {
		n := 0
		if len(w.f.steps) == w.f.at {
			n, _ = w.tempFile.Write(b[:len(b)/2])
		}
		return n, err
	}
	return w.tempFile.Write(b)
}

func (w *faultyFile) Sync() error {
	if err := w.f.step("sync"); err != nil {
		return err
	}
	return w.tempFile.Sync()
}

func (w *faultyFile) Close() error {
	// The descriptor is closed whatever is reported, as Linux does.
	return errors.Join(w.f.step("close"), w.tempFile.Close())
}

func pipe(t testing.TB, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

func edit(t tester, path, from, to string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edited := bytes.Replace(b, []byte(from), []byte(to), 1)
	if bytes.Equal(b, edited) {
		t.Fatalf("no %q in %q", from, path)
	}
	put(t, path, edited)
}
