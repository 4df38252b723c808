package trees

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The names and links are those of the kubelet's writer.
func TestLayoutOnDisk(t *testing.T) {
	r := newRig(t, t.TempDir())
	tr := tree("config", text("app.conf", "x"), File{Path: "parsers/deep/a.conf", Mode: 0o440, Data: []byte("y")}, text("parsers//./b", ""))
	tr.Mountpoints = []string{"certs/live"}
	if diff := cmp.Diff([]string{r.Path(tr)}, r.apply(t, tr)); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	stamp := regexp.MustCompile(`\.\.\d{4}(_\d\d){5}\.\d+`)
	got := map[string]string{}
	for name, what := range everything(t, r.config) {
		got[stamp.ReplaceAllString(name, "VERSION")] = stamp.ReplaceAllString(what, "VERSION")
	}
	const in = "kube-system/fluent-bit/5d8f7c/"
	want := map[string]string{
		".": "drwx------", "kube-system": "drwx------", "kube-system/fluent-bit": "drwx------", in[:len(in)-1]: "drwx------",
		in + "config.json":                        "-rw-------",
		in + "config":                             "drwxr-xr-x",
		in + "config/..data":                      "-> VERSION",
		in + "config/VERSION":                     "drwxr-xr-x",
		in + "config/VERSION/app.conf":            "-rw-r--r--",
		in + "config/VERSION/parsers":             "drwxr-xr-x",
		in + "config/VERSION/parsers/b":           "-rw-r--r--",
		in + "config/VERSION/parsers/deep":        "drwxr-xr-x",
		in + "config/VERSION/parsers/deep/a.conf": "-r--r-----",
		in + "config/app.conf":                    "-> ..data/app.conf",
		in + "config/parsers":                     "-> ..data/parsers",
		in + "config/certs":                       "drwxr-xr-x",
		in + "config/certs/live":                  "drwxr-xr-x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if r.Path(tr) != filepath.Join(r.config, in, "config") {
		t.Errorf("path %s", r.Path(tr))
	}
}

// The calls of an update, in the only order in which neither a crash nor a power cut shows half a tree.
func TestOrderOfCalls(t *testing.T) {
	update := []string{
		"mkdirTemp config", "mkdir d", "create a", "write a", "chmod a", "sync a", "close a", "create new", "write new", "chmod new",
		"sync new", "close new", "chmod d", "syncDir d", "chmod VERSION", "syncDir VERSION", "symlink d", "symlink ..data_tmp",
		"syncDir config", "rename ..data", "removeAll VERSION", "remove b", "syncDir config",
	}
	for _, secret := range []bool{false, true} {
		t.Run(fmt.Sprintf("secret %v", secret), func(t *testing.T) {
			r := newRig(t, t.TempDir())
			old, next := tree("config", text("a", "1"), text("b", "2")), tree("config", text("a", "3"), text("d/new", "4"))
			old.Secret, next.Secret = secret, secret
			r.apply(t, old)
			r.sys.steps = nil
			r.apply(t, next)
			var want, got []string
			for _, step := range update {
				// In memory nothing is synced.
				if !secret || !strings.HasPrefix(step, "sync") {
					want = append(want, step)
				}
			}
			for _, step := range r.sys.steps {
				got = append(got, regexp.MustCompile(`\.\.\d{4}.*`).ReplaceAllString(step, "VERSION"))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What is as it is to be is neither written nor given new times.
func TestUnchanged(t *testing.T) {
	r := newRig(t, t.TempDir())
	a, b := tree("config", text("a", "1")), tree("other", text("d/b", "2"))
	r.apply(t, a, b)
	r.restart(t)
	r.sys.steps = nil
	if changed := r.apply(t, b, a); len(changed)+len(r.sys.steps) > 0 {
		t.Errorf("changed %v by %v", changed, r.sys.steps)
	}
	b.Files[0].Data = []byte("3")
	if diff := cmp.Diff([]string{r.Path(b)}, r.apply(t, a, b)); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
}

// Whatever somebody changes in a tree is restored.
func TestRestores(t *testing.T) {
	tests := map[string]func(dir string) error{
		"content":       func(dir string) error { return os.WriteFile(dir+"/..data/a", []byte("2"), 0o600) },
		"mode":          func(dir string) error { return os.Chmod(dir+"/..data/a", 0o600) },
		"directory":     func(dir string) error { return os.Chmod(dir+"/..data/d", 0o700) },
		"root":          func(dir string) error { return os.Chmod(dir, 0o777) },
		"a file less":   func(dir string) error { return os.Remove(dir + "/..data/d/b") },
		"a file more":   func(dir string) error { return os.WriteFile(dir+"/..data/d/c", nil, 0o600) },
		"a link less":   func(dir string) error { return os.Remove(dir + "/d") },
		"a link more":   func(dir string) error { return os.Symlink("..data/x", dir+"/x") },
		"no data":       func(dir string) error { return os.Remove(dir + "/..data") },
		"data to other": func(dir string) error { return errors.Join(os.Remove(dir+"/..data"), os.Symlink("/", dir+"/..data")) },
		"data a file": func(dir string) error {
			return errors.Join(os.Remove(dir+"/..data"), os.WriteFile(dir+"/..data", nil, 0o600))
		},
		"file a link": func(dir string) error {
			return errors.Join(os.Remove(dir+"/..data/a"), os.Symlink("/etc/hostname", dir+"/..data/a"))
		},
		"link a file":   func(dir string) error { return errors.Join(os.Remove(dir+"/a"), os.WriteFile(dir+"/a", nil, 0o600)) },
		"no tree":       func(dir string) error { return os.RemoveAll(dir) },
		"no mountpoint": func(dir string) error { return os.Remove(dir + "/m") },
	}
	for name, spoil := range tests {
		for _, remembered := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, remembered %v", name, remembered), func(t *testing.T) { restores(t, spoil, remembered) })
		}
	}
}

func restores(t *testing.T, spoil func(string) error, remembered bool) {
	r := newRig(t, t.TempDir())
	tr := tree("config", text("a", "1"), text("d/b", "2"))
	tr.Mountpoints = []string{"m"}
	r.apply(t, tr)
	pristine := everything(t, r.config)
	if remembered {
		r.remember(t, tr)
	}
	if err := spoil(r.Path(tr)); err != nil {
		t.Fatal(err)
	}
	if changed := r.apply(t, tr); len(changed) != 1 {
		t.Errorf("changed %v", changed)
	}
	mustBe(t, r.Path(tr), want(tr))
	if got := everything(t, r.config); len(got) != len(pristine) {
		t.Errorf("got %v, want %v", got, pristine)
	}
	r.sys.steps = nil
	if r.apply(t, tr); len(r.sys.steps) > 0 {
		t.Errorf("once more: %v", r.sys.steps)
	}
}

// Nothing is read while nothing changes, and what changed too short a time ago is not trusted.
func TestRemembers(t *testing.T) {
	r := newRig(t, t.TempDir())
	a, b := tree("config", text("a", "1")), tree("other", text("a", "1"))
	r.apply(t, a, b)
	r.racy = time.Hour
	r.apply(t, a, b)
	if r.apply(t, a, b); len(r.memos) > 0 {
		t.Fatal("trusted at once")
	}
	r.remember(t, a, b)
	r.sys.reads = 0
	if changed := r.apply(t, b, a); len(changed)+r.sys.reads > 0 {
		t.Fatalf("changed %v, read %d files", changed, r.sys.reads)
	}
	// Every part of a tree counts.
	for name, change := range map[string]func(*Tree){
		"content":   func(tr *Tree) { tr.Files = []File{text("a", "2")} },
		"mode":      func(tr *Tree) { tr.Files = []File{{Path: "a", Mode: 0o600, Data: []byte("1")}} },
		"path":      func(tr *Tree) { tr.Files = []File{text("b", "1")} },
		"no file":   func(tr *Tree) { tr.Files = nil },
		"dir mode":  func(tr *Tree) { tr.DirMode = 0o700 },
		"root mode": func(tr *Tree) { tr.RootMode = 0o777 },
	} {
		next := a
		change(&next)
		r.remember(t, a, b)
		if diff := cmp.Diff([]string{r.Path(a)}, r.apply(t, next, b)); diff != "" {
			t.Errorf("%s: changed (-want +got):\n%s", name, diff)
		}
		mustBe(t, r.Path(a), want(next))
		r.apply(t, a, b)
	}
	r.remember(t, a, b)
	if _, err := r.Apply([]Tree{a, a}); !errors.Is(err, ErrInvalid) {
		t.Errorf("given twice: %v", err)
	}
	if len(r.memos) != 1 {
		t.Errorf("%d trees are remembered, 1 is wanted", len(r.memos))
	}
	// Other sources are no change of the tree, but are listed.
	a.Sources = []string{"/elsewhere"}
	r.apply(t, a)
	if all, err := r.List(); err != nil || len(all) != 2 || all[0].Sources[0] != "/elsewhere" {
		t.Errorf("got %v, %v", all, err)
	}
}

// After a reboot what was in memory is made again, and the rest is left alone.
func TestReboot(t *testing.T) {
	r := newRig(t, t.TempDir())
	config, secret := tree("config", text("a", "1")), tree("secret", text("a", "2"))
	secret.Secret = true
	r.apply(t, config, secret)
	if dir, memory := r.SecretDir(); dir != r.secrets || !memory || !within(r.Path(secret), r.secrets) || within(r.Path(config), r.secrets) {
		t.Fatalf("secrets lie in %s, %v: %s", dir, memory, r.Path(secret))
	}
	if err := os.RemoveAll(filepath.Dir(r.secrets)); err != nil {
		t.Fatal(err)
	}
	r.restart(t)
	if diff := cmp.Diff([]string{r.Path(secret)}, r.apply(t, config, secret)); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	mustBe(t, r.Path(secret), want(secret))
	// The socket lies there too, and others reach it.
	if info, err := os.Stat(filepath.Dir(r.secrets)); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
}

func TestSecretsOnDisk(t *testing.T) {
	r := newRig(t, t.TempDir())
	r.sys.memory = ""
	r.restart(t)
	secret := tree("secret", text("a", "1"))
	secret.Secret = true
	r.apply(t, secret)
	if dir, memory := r.SecretDir(); dir != r.config || memory || !within(r.Path(secret), r.config) {
		t.Errorf("secrets lie in %s, %v: %s", dir, memory, r.Path(secret))
	}
	if !strings.Contains(r.log.String(), "kept on disk") {
		t.Errorf("log: %s", r.log)
	}
	if got := strings.Count(strings.Join(r.sys.steps, "\n"), "sync a"); got != 1 {
		t.Errorf("%d syncs of the file", got)
	}
}

// TestOwners has the rig keep the owners, so that it needs no root; TestRealOwners is the same with those of the disk.
func TestOwners(t *testing.T) {
	r := newRig(t, t.TempDir())
	r.sys.owners = owners{}
	testOwners(t, r)
}

func testOwners(t *testing.T, r *rig) {
	t.Helper()
	tr := tree("config", File{Path: "d/a", Mode: 0o640, Data: []byte("1")})
	tr.GID, tr.DirMode = new(int64(4711)), 0o755|fs.ModeSetgid
	tr.RootMode = 0o777 | fs.ModeSetgid | fs.ModeSticky
	tr.Mountpoints = []string{"m/n"}
	for range 2 {
		r.apply(t, tr)
	}
	version, err := r.current(r.Path(tr))
	if err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]fs.FileMode{
		"": fs.ModeDir | tr.RootMode, version: fs.ModeDir | tr.DirMode, version + "/d": fs.ModeDir | tr.DirMode, version + "/d/a": 0o640,
		"m": fs.ModeDir | tr.DirMode, "m/n": fs.ModeDir | tr.DirMode, "d": fs.ModeSymlink | 0o777, dataLink: fs.ModeSymlink | 0o777,
	} {
		info, err := r.sys.lstat(filepath.Join(r.Path(tr), path))
		if err != nil {
			t.Fatal(err)
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || int(st.Uid) != r.uid || st.Gid != 4711 || info.Mode() != mode {
			t.Errorf("%s: owner %d:%d, mode %v, want %d:4711 and %v", path, st.Uid, st.Gid, info.Mode(), r.uid, mode)
		}
	}
	r.sys.steps = nil
	if changed := r.apply(t, tr); len(changed)+len(r.sys.steps) > 0 {
		t.Errorf("changed %v by %v", changed, r.sys.steps)
	}
	tr.GID = nil
	if changed := r.apply(t, tr); len(changed) != 1 {
		t.Error("another group is no change")
	}
	for _, path := range []string{"", "d", dataLink} {
		info, err := r.sys.lstat(filepath.Join(r.Path(tr), path))
		if err != nil {
			t.Fatal(err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Gid) != r.gid {
			t.Errorf("%q kept the group %d", path, st.Gid)
		}
	}
}

// Who may not give files away is told so, and the old tree stays.
func TestOwnerNotPermitted(t *testing.T) {
	r := newRig(t, t.TempDir())
	tr := tree("config", text("a", "1"))
	r.apply(t, tr)
	next := tree("config", text("a", "2"))
	next.GID = new(int64(r.gid + 1))
	r.sys.steps = nil
	// mkdirTemp, create, write, chown.
	*r.sys = faulty{memory: r.sys.memory, at: 4, err: syscall.EPERM}
	_, err := r.Apply([]Tree{next})
	if err == nil || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "leave out the pod's fsGroup") {
		t.Errorf("got %v after %v", err, r.sys.steps)
	}
	mustBe(t, r.Path(tr), want(tr))
}

// A mount point that has the name of a file hides it, as with the kubelet.
func TestMountpointHidesFile(t *testing.T) {
	r := newRig(t, t.TempDir())
	tr := tree("config", text("a", "1"), text("b", "2"))
	r.apply(t, tr)
	tr.Mountpoints = []string{"b/c"}
	for _, changes := range []int{1, 0} {
		if changed := r.apply(t, tr); len(changed) != changes {
			t.Errorf("changed %v, want %d", changed, changes)
		}
	}
	if got := everything(t, r.Path(tr)); got["b"] != "drwxr-xr-x" || got["b/c"] != "drwxr-xr-x" || got["a"] != "-> ..data/a" {
		t.Errorf("got %v", got)
	}
}

// One tree that cannot be written holds up no other.
func TestOneFails(t *testing.T) {
	r := newRig(t, t.TempDir())
	bad, foreign, good := tree("bad", text("..x", "1")), tree("foreign", text("a", "1")), tree("good", text("a", "1"))
	r.apply(t, good)
	if err := os.Mkdir(r.Path(foreign), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, r.Path(foreign)+"/notes", "mine")
	good.Files[0].Data = []byte("2")
	changed, err := r.Apply([]Tree{bad, foreign, good, good})
	all, ok := errors.AsType[Errors](err)
	if !ok || len(all) != 3 || len(changed) != 1 {
		t.Fatalf("changed %v, %v", changed, err)
	}
	for i, want := range []struct {
		volume string
		err    error
	}{{"bad", ErrInvalid}, {"foreign", ErrForeign}, {"good", ErrInvalid}} {
		if e := all[i]; e.Volume != want.volume || !errors.Is(e, want.err) || e.Revision != "5d8f7c" {
			t.Errorf("got %v, want %v for %s", e, want.err, want.volume)
		}
	}
	mustBe(t, r.Path(good), want(good))
	if diff := cmp.Diff([]string{"notes"}, entries(t, r.Path(foreign))); diff != "" {
		t.Errorf("the foreign directory (-want +got):\n%s", diff)
	}
}

// Nobody else gets to trees, whatever the directories above them were before.
func TestParentsAreClosed(t *testing.T) {
	r := newRig(t, t.TempDir())
	if err := os.MkdirAll(filepath.Join(r.config, "kube-system"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.apply(t, tree("config"))
	for dir, mode := range everything(t, r.config) {
		if !strings.Contains(dir, "config") && mode != "drwx------" {
			t.Errorf("%s has mode %s", dir, mode)
		}
	}
	other := t.TempDir()
	evil := tree("config")
	evil.Namespace = "evil"
	if err := os.Symlink(other, filepath.Join(r.config, "evil")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Apply([]Tree{evil}); !errors.Is(err, ErrForeign) || len(entries(t, other)) > 0 {
		t.Errorf("followed a link: %v", err)
	}
}

// A directory in the place of a link may hold anything, and is left: the error says to move it away, and the old version stays.
func TestDirectoryInThePlaceOfALink(t *testing.T) {
	r := newRig(t, t.TempDir())
	old, next := tree("config", text("a", "1")), tree("config", text("a", "2"), text("b", "2"))
	r.apply(t, old)
	if err := os.MkdirAll(r.Path(old)+"/b/c", 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := r.Apply([]Tree{next})
	if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), `config/b" is in the place of a link`) || !strings.HasSuffix(err.Error(), "move it away") {
		t.Errorf("got %v", err)
	}
	mustBe(t, r.Path(old), want(old))
	if l := leftovers(t, r); len(l) > 0 {
		t.Errorf("left %v", l)
	}
}
