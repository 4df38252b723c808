package manifestdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

const foreignPod = "apiVersion: v1\nkind: Pod\nmetadata: {name: other, namespace: kube-system}\n"

func TestNewRefusesPathsThatTheKubeletCannotList(t *testing.T) {
	for dir, ok := range map[string]bool{
		"/etc/kubernetes/manifests": true, "relative": true, "/a b/{c}": true,
		"": false, "/a*": false, "/a?b": false, "/a[0]": false, `/a\b`: false,
	} {
		s, err := New(Config{Dir: dir, Logger: zerolog.Nop()})
		if (err == nil) != ok {
			t.Errorf("New(%q): %v", dir, err)
		}
		if ok && s.Dir() != dir {
			t.Errorf("Dir() = %q, want %q", s.Dir(), dir)
		}
		if !ok && !strings.Contains(err.Error(), "kubelet") {
			t.Errorf("New(%q): %v does not say why", dir, err)
		}
	}
}

func TestScanTellsOursFromOthers(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	a, b, c := manifest(t, "a", "s"), manifest(t, "b", "s"), manifest(t, "c", "s")
	put(t, at(b.FileName), b.Data)
	put(t, at(a.FileName), a.Data)
	edit(t, at(a.FileName), "busybox", "mine")
	put(t, at(c.FileName), c.Data)
	edit(t, at(c.FileName), "    "+render.AnnotationDaemonSet+": default/c\n", "")
	put(t, at("other.yaml"), []byte(foreignPod))
	put(t, at("notes"), []byte("to do"))
	put(t, at(b.FileName+".bak"), b.Data)
	put(t, at("huge"), []byte(strings.Repeat("#\n", render.MaxSize)))
	put(t, at(".hidden.yaml"), []byte(foreignPod))
	pipe(t, at("pipe"))
	for link, target := range map[string]string{"link.yaml": "other.yaml", "to-nothing": "missing", "to-dir": ".", manifest(t, "d", "s").FileName: b.FileName} {
		if err := os.Symlink(target, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(at("directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	want := Listing{
		Ours: []Entry{
			{render.Header{
				Namespace: "default", DaemonSet: "a", Revision: a.Revision, FileName: a.FileName, PodName: a.PodName, Source: "s",
				GracePeriodSeconds: 30, Drift: "was edited: its checksum does not match",
			}},
			{render.Header{
				Namespace: "default", DaemonSet: "b", Revision: b.Revision, FileName: b.FileName, PodName: b.PodName, Source: "s",
				GracePeriodSeconds: 30, Intact: true,
			}},
		},
		Foreign: []ForeignPod{
			{b.FileName + ".bak", "default", b.PodName, "default/b", `has the annotation daemonsetd.io/daemonset: "default/b", but not a name for it`},
			{c.FileName, "default", c.PodName, "", "has a name of ours, but lacks the annotation daemonsetd.io/daemonset"},
			{manifest(t, "d", "s").FileName, "default", b.PodName, "default/b", `has the annotation daemonsetd.io/daemonset: "default/b", but not a name for it`},
			{"huge", "", "", "", "lacks the annotation daemonsetd.io/daemonset"},
			{"link.yaml", "kube-system", "other", "", "lacks the annotation daemonsetd.io/daemonset"},
			{"notes", "", "", "", "lacks the annotation daemonsetd.io/daemonset"},
			{"other.yaml", "kube-system", "other", "", "lacks the annotation daemonsetd.io/daemonset"},
			{"pipe", "", "", "", "is not a regular file"},
			{"to-nothing", "", "", "", "cannot be read: symbolic link to nothing: no such file or directory"},
		},
		Problems: []Problem{
			{b.FileName + ".bak", `declares the pod default/` + b.PodName + `, as "` + b.FileName + `" does: the kubelet runs now one and now the other`},
			{manifest(t, "d", "s").FileName, `declares the pod default/` + b.PodName + `, as "` + b.FileName + `" does: the kubelet runs now one and now the other`},
			{"huge", "gives the kubelet no pod: 2097153 bytes are more than the 2097152 that are looked into"},
			{"notes", "gives the kubelet no pod: json: cannot unmarshal string into Go value of type render.minimal"},
			{"pipe", "is a named pipe, which can block the kubelet for good: remove it"},
			{"to-nothing", "cannot be read: symbolic link to nothing: no such file or directory"},
		},
	}
	for _, when := range []string{"first", "from the cache"} {
		s := newStore(t, dir)
		s.racy = -1
		if when == "from the cache" {
			mustScan(t, s)
		}
		if diff := cmp.Diff(want, mustScan(t, s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
}

// Even under a name and with bytes of ours, a link is not what we wrote.
func TestLinkIsNeverOurs(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	m := manifest(t, "a", "s")
	put(t, filepath.Join(elsewhere, "target"), m.Data)
	if err := os.Symlink(filepath.Join(elsewhere, "target"), filepath.Join(dir, m.FileName)); err != nil {
		t.Fatal(err)
	}
	s := newStore(t, dir)
	want := []ForeignPod{{m.FileName, "default", m.PodName, "default/" + m.DaemonSet, "is a symbolic link"}}
	if l := mustScan(t, s); len(l.Ours) != 0 || !cmp.Equal(want, l.Foreign) {
		t.Errorf("got %+v, want %+v", l, want)
	}
	if err := s.Remove(m.FileName); !errors.Is(err, ErrForeignFile) {
		t.Errorf("Remove: %v", err)
	}
	if err := s.Write(manifest(t, "a", "other")); !errors.Is(err, ErrForeignPod) {
		t.Errorf("Write: %v", err)
	}
	if got := onDisk(t, elsewhere)["target"]; got != string(m.Data) {
		t.Errorf("the target was changed: %q", got)
	}
}

func TestScanReportsModes(t *testing.T) {
	dir := t.TempDir()
	m := manifest(t, "a", "s")
	s := newStore(t, dir)
	mustWrite(t, s, m)
	info, err := os.Stat(filepath.Join(dir, m.FileName))
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if l := mustScan(t, s); len(l.Problems) != 0 {
		t.Errorf("got %v", l.Problems)
	}
	if err := os.Chmod(filepath.Join(dir, m.FileName), 0o644); err != nil {
		t.Fatal(err)
	}
	l := mustScan(t, s)
	if len(l.Problems) != 1 || !strings.Contains(l.Problems[0].Message, "has mode 0644") || !l.Ours[0].Intact {
		t.Errorf("got %+v", l)
	}
}

// What has not changed is not read; what has, is, also where size and time say nothing.
func TestScanReadsOnlyWhatChanged(t *testing.T) {
	dir := t.TempDir()
	s, sys := faultyStore(t, dir, &faulty{})
	s.racy = -1
	m := manifest(t, "a", "s")
	put(t, filepath.Join(dir, m.FileName), m.Data)
	put(t, filepath.Join(dir, "other"), []byte(foreignPod))
	for i, want := range []int{2, 0, 0} {
		sys.reads = 0
		mustScan(t, s)
		if sys.reads != want {
			t.Errorf("scan %d read %d files, want %d", i, sys.reads, want)
		}
	}
	put(t, filepath.Join(dir, "other"), []byte(foreignPod+"\n"))
	sys.reads = 0
	if mustScan(t, s); sys.reads != 1 {
		t.Errorf("after a change %d files were read, want 1", sys.reads)
	}
}

// An edit that keeps the size, made right after a scan, may leave every time stamp as it is.
func TestScanSeesAnEditWithinATick(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, dir)
	m := manifest(t, "a", "s")
	path := filepath.Join(dir, m.FileName)
	for range 50 {
		put(t, path, m.Data)
		if l := mustScan(t, s); !l.Ours[0].Intact {
			t.Fatal("not intact")
		}
		edit(t, path, "busybox", "ubsybox")
		if l := mustScan(t, s); l.Ours[0].Intact {
			t.Fatal("the edit was overlooked")
		}
	}
}

func TestScanMissing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "manifests")
	s := newStore(t, dir)
	_, err := s.Scan()
	if failure, ok := errors.AsType[*Error](err); !errors.Is(err, ErrMissing) || !ok || failure.Path != dir || failure.Hint == "" {
		t.Errorf("Scan: %v", err)
	}
	m := manifest(t, "a", "s")
	if err := s.Write(m); !errors.Is(err, ErrMissing) {
		t.Errorf("Write: %v", err)
	}
	if err := s.Remove(m.FileName); err != nil {
		t.Errorf("Remove: %v", err)
	}
	put(t, dir, []byte("a file"))
	if _, err := s.Scan(); !errors.Is(err, syscall.ENOTDIR) || errors.Is(err, ErrMissing) {
		t.Errorf("Scan of a file: %v", err)
	}
}

func TestScanHasALimit(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		put(t, filepath.Join(dir, name), nil)
	}
	if names, err := (linux{}).names(dir, 3); len(names) != 3 || err != nil {
		t.Errorf("3 of at most 3: %v, %v", names, err)
	}
	if _, err := (linux{}).names(dir, 2); !tooMany(err) {
		t.Errorf("3 of at most 2: %v", err)
	}
	s := newStore(t, dir)
	s.sys = crowded{}
	for what, err := range map[string]error{"Write": s.Write(manifest(t, "a", "s")), "Scan": scanError(s)} {
		if err == nil || !strings.Contains(err.Error(), "more than 10000 entries") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

type crowded struct{ linux }

func (crowded) names(dir string, limit int) ([]string, error) {
	return nil, &files.TooManyError{Dir: dir, Limit: limit}
}

func tooMany(err error) bool {
	_, ok := errors.AsType[*files.TooManyError](err)
	return ok
}

func scanError(s *Store) error {
	_, err := s.Scan()
	return err
}

// unlucky cannot read, as with a broken disk.
type unlucky struct{ linux }

func (unlucky) read(path string, _ int64) ([]byte, files.ID, error) {
	return nil, files.ID{}, &fs.PathError{Op: "read", Path: path, Err: syscall.EIO}
}

// A file that cannot be read is not ours to replace or remove: nobody knows what is in it.
func TestUnreadableFileIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	m := manifest(t, "a", "s")
	put(t, filepath.Join(dir, m.FileName), []byte("precious"))
	s := newStore(t, dir)
	s.sys = unlucky{}
	l := mustScan(t, s)
	want := "cannot be read: input/output error"
	if len(l.Foreign) != 1 || l.Foreign[0].Reason != want || len(l.Problems) != 1 || l.Problems[0].Message != want {
		t.Errorf("got %+v", l)
	}
	for what, err := range map[string]error{"Write": s.Write(m), "Remove": s.Remove(m.FileName)} {
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := onDisk(t, dir)[m.FileName]; got != "precious" {
		t.Errorf("the file became %q", got)
	}
	s.sys = linux{}
	if l = mustScan(t, s); len(l.Foreign) != 1 || l.Foreign[0].Reason == want {
		t.Errorf("the failure was kept: %+v", l)
	}
}

// A FIFO that takes the place of a file between the look and the opening must not block.
func TestReadNeverBlocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	pipe(t, path)
	if _, _, err := (linux{}).read(path, 10); err == nil || !strings.Contains(err.Error(), "is a named pipe") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkScan100Unchanged(b *testing.B) {
	dir := b.TempDir()
	s := newStore(b, dir)
	s.racy = -1
	for i := range 100 {
		m := manifest(b, "ds"+strings.Repeat("x", i), "s")
		put(b, filepath.Join(dir, m.FileName), m.Data)
	}
	if l := mustScan(b, s); len(l.Ours) != 100 {
		b.Fatalf("%d files", len(l.Ours))
	}
	for b.Loop() {
		mustScan(b, s)
	}
}
