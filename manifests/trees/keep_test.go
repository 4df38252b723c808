package trees

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestKeep(t *testing.T) {
	r := newRig(t, t.TempDir())
	old, now, secret := tree("config", text("a", "1")), tree("config", text("a", "2")), tree("secret", text("d/a", "3"))
	now.Revision, secret.Secret = "next", true
	r.apply(t, old, now, secret)
	var asked []string
	err := r.Keep(func(ns, ds, rev string) bool {
		asked = append(asked, ns+"/"+ds+"/"+rev)
		return rev == "next"
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"kube-system/fluent-bit/5d8f7c", "kube-system/fluent-bit/next", "kube-system/fluent-bit/5d8f7c"}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	mustBe(t, r.Path(old), nil)
	mustBe(t, r.Path(now), want(now))
	if diff := cmp.Diff([]string{"next"}, entries(t, filepath.Dir(filepath.Dir(r.Path(now))))); diff != "" {
		t.Errorf("revisions (-want +got):\n%s", diff)
	}
	if left := entries(t, r.secrets); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	r.sys.steps = nil
	if err := r.Keep(everybody); err != nil || len(r.sys.steps) > 0 {
		t.Errorf("nothing to do, but %v, %v", r.sys.steps, err)
	}
}

// Of somebody else's files, in trees too, none is touched, and each is told of once.
func TestKeepLeavesOthers(t *testing.T) {
	r := newRig(t, t.TempDir())
	tr := tree("config", text("a", "1"))
	tr.Mountpoints = []string{"m"}
	r.apply(t, tr)
	rev := filepath.Dir(r.Path(tr))
	foreign := []string{
		r.config + "/.git", r.config + "/kube-system/x y", rev + "/nobodys", rev + "/other.json", r.Path(tr) + "/notes",
	}
	for _, path := range foreign {
		put(t, path, path)
	}
	if err := errors.Join(os.Mkdir(r.config+"/empty", 0o755), os.Mkdir(rev+"/dir.json", 0o700), os.Symlink("config.json", rev+"/link.json")); err != nil {
		t.Fatal(err)
	}
	foreign = append(foreign, rev+"/dir.json", rev+"/link.json")
	for range 2 {
		if err := r.Keep(nobody); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(foreign)), r.seenForeign()); diff != "" {
		t.Errorf("foreign (-want +got):\n%s", diff)
	}
	for _, path := range foreign {
		if n := strings.Count(r.log.String(), `"file":"`+path+`"`); n != 1 {
			t.Errorf("%s is logged %d times", path, n)
		}
	}
	if diff := cmp.Diff([]string{"notes"}, entries(t, r.Path(tr))); diff != "" {
		t.Errorf("the tree (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{".git", "empty", "kube-system"}, entries(t, r.config)); diff != "" {
		t.Errorf("the directory (-want +got):\n%s", diff)
	}
	// The tree is still ours, and goes with the notes.
	if err := os.Remove(r.Path(tr) + "/notes"); err != nil {
		t.Fatal(err)
	}
	if err := r.Keep(nobody); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"dir.json", "link.json", "nobodys", "other.json"}, entries(t, rev)); diff != "" {
		t.Errorf("the revision (-want +got):\n%s", diff)
	}
}

// What somebody put into a mount point, as a mount in the host's namespace would, is never removed.
func TestKeepNeverEmptiesMountpoints(t *testing.T) {
	r := newRig(t, t.TempDir())
	tr := tree("config", text("a", "1"))
	tr.Mountpoints = []string{"m/n"}
	r.apply(t, tr)
	put(t, r.Path(tr)+"/m/n/data", "precious")
	if err := r.Keep(nobody); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(r.Path(tr) + "/m/n/data"); err != nil || string(b) != "precious" {
		t.Fatalf("got %q, %v", b, err)
	}
	mustBe(t, r.Path(tr), nil)
}

// A mark that somebody edited leads to nothing outside of its tree, and a file in the place of a mount point is not ours.
func TestKeepWithSpoiltMarks(t *testing.T) {
	r := newRig(t, t.TempDir())
	a, b := tree("a"), tree("b")
	b.Mountpoints = []string{"m"}
	r.apply(t, a, b)
	edited := newMark(a, []string{"../../../../precious"})
	data, err := edited.encode()
	if err != nil {
		t.Fatal(err)
	}
	put(t, r.Path(a)+markSuffix, string(data))
	if err := os.Remove(r.Path(b) + "/m"); err != nil {
		t.Fatal(err)
	}
	put(t, r.Path(b)+"/m", "mine")
	put(t, filepath.Join(filepath.Dir(r.config), "precious"), "")
	put(t, filepath.Join(r.config, "precious"), "")
	if err := r.Keep(nobody); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{r.Path(a) + "/..data", r.Path(b) + "/m", filepath.Join(r.config, "precious")} {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Apply([]Tree{a}); !errors.Is(err, ErrForeign) {
		t.Errorf("with an edited mark: %v", err)
	}
}

func TestList(t *testing.T) {
	r := newRig(t, t.TempDir())
	if all, err := r.List(); len(all) != 0 || err != nil {
		t.Fatalf("with no directory: %v, %v", all, err)
	}
	long, short, secret := tree("a-b"), tree("a", text("z", "hello"), File{Path: "d/x", Mode: 0o400}), tree("s", text("k", "v"))
	secret.Secret = true
	secret.Sources = []string{"/b", "/a", "/b"}
	start := time.Now().UTC().Truncate(time.Second)
	r.apply(t, long, secret, short)
	// The mark tells of the sources when the agent has been started anew, too.
	r.restart(t)
	got, err := r.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range got {
		if l.Version.Before(start) || l.Version.After(time.Now()) || l.Version.Location() != time.UTC {
			t.Errorf("%s: version %v, not from %v on", l.Volume, l.Version, start)
		}
	}
	listed := func(tr Tree, sources []string, files ...ListedFile) Listed {
		return Listed{
			Namespace: "kube-system", DaemonSet: "fluent-bit", Revision: "5d8f7c", Volume: tr.Volume, Secret: tr.Secret,
			Path: r.Path(tr), Sources: sources, Files: files,
		}
	}
	file := func(path string, mode fs.FileMode, size int64, sum string) ListedFile {
		return ListedFile{Path: path, Mode: mode, UID: os.Geteuid(), GID: os.Getegid(), Size: size, SHA256: sum}
	}
	want := []Listed{
		listed(short, short.Sources,
			file("d/x", 0o400, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
			file("z", 0o644, 5, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")),
		listed(long, long.Sources),
		listed(secret, []string{"/a", "/b"}, file("k", 0o644, 1, "4c94485e0c21ae6c41ce1dfe7b6bfaceea5ab68e40a2476f50208e526f506080")),
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Listed{}, "Version")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := os.Remove(r.Path(short) + "/..data"); err != nil {
		t.Fatal(err)
	}
	got, err = r.List()
	if all, ok := errors.AsType[Errors](err); !ok || len(all) != 1 || all[0].Volume != "a" || len(got) != 2 {
		t.Errorf("without its link: %v, %v", got, err)
	}
}

// The kubelet makes an empty directory for a subPath that is not in the volume. It does not keep the tree; one with something
// in it does.
func TestKeepEmptyDirectory(t *testing.T) {
	r := newRig(t, t.TempDir())
	a, b := tree("a", text("f", "1")), tree("b", text("f", "1"))
	r.apply(t, a, b)
	for _, dir := range []string{r.Path(a) + "/absent", r.Path(b) + "/notes"} {
		if err := os.Mkdir(dir, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	put(t, r.Path(b)+"/notes/mine", "1")
	if err := r.Keep(nobody); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(r.Path(a)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the tree with an empty directory is still there: %v", err)
	}
	if diff := cmp.Diff([]string{"notes"}, entries(t, r.Path(b))); diff != "" {
		t.Errorf("the directory with a file (-want +got):\n%s", diff)
	}
}
