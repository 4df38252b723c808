//go:build packages

package packages

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// root is a Debian in a directory, for one test.
type root struct{ dir string }

// bootstrap makes a Debian with systemd and nothing more.
func bootstrap(suite string) (string, error) {
	dir := filepath.Join(shared.dir, suite)
	cmd := exec.Command("mmdebstrap", "--quiet", "--variant=minbase", "--include=systemd,systemd-sysv,dbus", suite, dir, mirror())
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("mmdebstrap %s: %w\n%s", suite, err, out)
	}
	// A power failure is not what is tested.
	return dir, os.WriteFile(filepath.Join(dir, "/etc/dpkg/dpkg.cfg.d/fast"), []byte("force-unsafe-io\n"), 0o644)
}

// mirror is where Debian comes from.
func mirror() string {
	if m := os.Getenv("DEBIAN_MIRROR"); m != "" {
		return m
	}
	return "http://deb.debian.org/debian"
}

// newRoot copies the Debian of a suite for this test.
func newRoot(t *testing.T, suite string) root {
	t.Helper()
	base, err := shared.roots[suite]()
	if err != nil {
		t.Fatal(err)
	}
	r := root{dir: filepath.Join(t.TempDir(), "root")}
	if out, err := exec.Command("cp", "-a", "--reflink=auto", base, r.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return r
}

func (r root) path(name string) string { return filepath.Join(r.dir, name) }

// take copies a file into the root's top directory and gives its path there.
func (r root) take(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r.write(t, "/"+filepath.Base(file), string(data))
	return "/" + filepath.Base(file)
}

func (r root) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o755); err != nil {
		t.Fatal(err)
	}
	// By rename, so that nobody reads half of it.
	temp := filepath.Join(filepath.Dir(r.path(name)), ".new")
	if err := errors.Join(os.WriteFile(temp, []byte(text), 0o644), os.Rename(temp, r.path(name))); err != nil {
		t.Fatal(err)
	}
}

func (r root) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(r.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// gone fails the test for every name that is there.
func (r root) gone(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := os.Lstat(r.path(name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there (%v)", name, err)
		}
	}
}

// modes compares owner, group and mode of files with lines such as "0644 0:0 /etc/x".
func (r root) modes(t *testing.T, want ...string) {
	t.Helper()
	for _, line := range want {
		name := line[strings.LastIndex(line, " ")+1:]
		info, err := os.Lstat(r.path(name))
		if err != nil {
			t.Error(err)
			continue
		}
		st := info.Sys().(*syscall.Stat_t)
		if got := fmt.Sprintf("%04o %d:%d %s", st.Mode&0o7777, st.Uid, st.Gid, name); got != line {
			t.Errorf("got %q, want %q", got, line)
		}
	}
}

// run runs a program in the root, without a systemd, and gives what it said and its exit code. Standard input is empty, as it is
// in an upgrade that nobody watches.
func (r root) run(t *testing.T, args ...string) (string, int) {
	t.Helper()
	// A mount namespace of its own, so that /proc goes with the program.
	return output(t, exec.Command("unshare", append([]string{"--mount", "--pid", "--fork", "--mount-proc=" + r.path("/proc"), "chroot", r.dir}, args...)...))
}

// must is run for a program that has to succeed.
func (r root) must(t *testing.T, args ...string) string {
	t.Helper()
	out, code := r.run(t, args...)
	if code != 0 {
		t.Fatalf("%v ended with %d:\n%s", args, code, out)
	}
	return out
}

func output(t *testing.T, cmd *exec.Cmd) (string, int) {
	t.Helper()
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "HOME=/"}
	out, err := cmd.CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if err != nil && !ok {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	if ok {
		return string(out), exit.ExitCode()
	}
	return string(out), 0
}

// seen is what a pod would notice of its manifest.
type seen struct {
	Inode    uint64
	Modified time.Time
	Mode     fs.FileMode
	Text     string
}

// manifests is every file of the kubelet's directory that the kubelet sees, by name.
func (r root) manifests(t *testing.T) map[string]seen {
	t.Helper()
	dir := r.path("/etc/kubernetes/manifests")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]seen{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue // Being written.
		}
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		s := seen{Inode: info.Sys().(*syscall.Stat_t).Ino, Modified: info.ModTime(), Mode: info.Mode()}
		if info.Mode().IsRegular() {
			s.Text = r.read(t, "/etc/kubernetes/manifests/"+e.Name())
		}
		all[e.Name()] = s
	}
	return all
}

// untouched fails the test if anything about the manifests is not as it was.
func (r root) untouched(t *testing.T, was map[string]seen, after string) {
	t.Helper()
	if diff := cmp.Diff(was, r.manifests(t)); diff != "" {
		t.Errorf("manifests changed after %s:\n%s", after, diff)
	}
}
