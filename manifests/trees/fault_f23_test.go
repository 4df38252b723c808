package trees

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

const containerLabel = "system_u:object_r:container_file_t:s0"

// TestFaultF23: everything in a tree has the label, and nothing above it; what lost it gets it again.
func TestFaultF23(t *testing.T) {
	r := newRig(t, t.TempDir())
	want := tree("conf", File{Path: "a", Mode: 0o644, Data: []byte("1")}, File{Path: "dir/b", Mode: 0o600, Data: []byte("2")})
	r.apply(t, want) // before SELinux was thought of
	r.sys.labels, r.label = map[uint64]string{}, containerLabel
	check := func() {
		t.Helper()
		path, seen := r.Path(want), 0
		err := filepath.WalkDir(path, func(p string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			seen++
			if label, err := r.sys.label(p); label != containerLabel {
				t.Errorf("%s has the label %q, %v", p, label, err)
			}
			return nil
		})
		if err != nil || seen < 7 { // root, version, ..data, a, dir, and the two files
			t.Fatalf("%d entries, %v", seen, err)
		}
		for dir := filepath.Dir(path); dir != filepath.Dir(r.config); dir = filepath.Dir(dir) {
			if label, err := r.sys.label(dir); err == nil {
				t.Errorf("%s, which is not a volume, has the label %q", dir, label)
			}
		}
	}
	r.memos = map[place]memo{}
	r.apply(t, want)
	check()
	clear(r.sys.labels) // restorecon, which changes ctime
	r.memos = map[place]memo{}
	r.apply(t, want)
	check()
	want.Files[0].Data = []byte("3")
	r.apply(t, want)
	check()
}

// TestFaultF23Disk is the attribute itself, where this test may set it.
func TestFaultF23Disk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.Symlink("nowhere", path); err != nil {
		t.Fatal(err)
	}
	err := linux{}.setLabel(path, containerLabel)
	if err != nil {
		if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.ENOTSUP) && !errors.Is(err, syscall.EINVAL) {
			t.Errorf("setting the label: %v", err)
		}
		return
	}
	if got, err := (linux{}).label(path); err != nil || got != containerLabel {
		t.Errorf("label %q, %v", got, err)
	}
}

func TestFaultF23ContainerLabel(t *testing.T) {
	const contexts = "process = \"system_u:system_r:container_t:s0\"\nfile = \"system_u:object_r:container_file_t:s0\"\n" +
		"ro_file=\"system_u:object_r:container_ro_file_t:s0\"\n"
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"off":                     {map[string]string{"etc/selinux/targeted/contexts/lxc_contexts": contexts}, ""},
		"no policy of containers": {map[string]string{"sys/fs/selinux/enforce": "1"}, ""},
		"enforcing": {map[string]string{
			"sys/fs/selinux/enforce": "1", "etc/selinux/targeted/contexts/lxc_contexts": contexts,
			"etc/selinux/config": "# SELINUXTYPE=other\nSELINUX=enforcing\nSELINUXTYPE=targeted\n",
		}, containerLabel},
		"permissive, another policy": {map[string]string{
			"sys/fs/selinux/enforce": "0", "etc/selinux/mls/contexts/lxc_contexts": "file=x_t", "etc/selinux/config": "SELINUXTYPE = mls\n",
		}, "x_t"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, text := range tt.files {
				path = filepath.Join(root, path)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := ContainerLabel(root); got != tt.want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}
