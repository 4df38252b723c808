package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// cgroups are the two groups of a host: pods, the kubelet's cgroupRoot, in every v1 hierarchy or in the v2 one; and
// daemons, in which containerd, the kubelet and everything that they start outside of pods (the shims) live. The
// kubelet removes pod groups that it does not know below its root, so a root of its own keeps it away from another
// kubelet's.
type cgroups struct {
	// root is the kubelet's cgroupRoot, below the mount of each hierarchy.
	root string
	// daemons is a file open on the daemons' directory, for clone3 to start a process in.
	daemons *os.File
}

// newCgroups makes both groups. It needs a cgroup2 mount, alone or beside v1 ones.
func newCgroups(name string) (*cgroups, error) {
	unified, v1, err := hierarchies()
	if err != nil {
		return nil, err
	}
	if unified == "" {
		return nil, errors.New("no cgroup2 mount: mount one, e.g. at /sys/fs/cgroup/unified")
	}
	pods := v1
	if len(pods) == 0 {
		pods = []string{unified}
	}
	for _, dir := range pods {
		if err := makePodsGroup(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	daemons := filepath.Join(unified, name+"-daemons")
	if err := os.Mkdir(daemons, 0o755); err != nil {
		return nil, fmt.Errorf("making a cgroup: %w", err)
	}
	f, err := os.Open(daemons)
	if err != nil {
		return nil, err
	}
	return &cgroups{root: "/" + name, daemons: f}, nil
}

// hierarchies gives the mount point of cgroup2 ("" when there is none) and those of every v1 hierarchy.
func hierarchies() (unified string, v1 []string, err error) {
	mounts, err := readMounts()
	if err != nil {
		return "", nil, err
	}
	for _, m := range mounts {
		switch m.fstype {
		case "cgroup2":
			unified = m.point
		case "cgroup":
			v1 = append(v1, m.point)
		}
	}
	return unified, v1, nil
}

// makePodsGroup makes one group. A new v1 cpuset group has no CPU and no memory node, and nothing can run in it.
func makePodsGroup(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("making a cgroup: %w", err)
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// removeCgroups kills what lives in the groups of a host and removes them.
func removeCgroups(name string) error {
	unified, v1, err := hierarchies()
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range append(v1, unified) {
		if dir == "" {
			continue
		}
		for _, group := range []string{name + "-daemons", name} {
			errs = append(errs, poll(stopTimeout, func() error { return removeGroup(filepath.Join(dir, group)) }))
		}
	}
	return errors.Join(errs...)
}

// removeGroup kills every process of the group and of those below, then removes them, innermost first. A killed process
// stays for a moment, so a first call may fail and a later one succeed.
func removeGroup(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
			killGroup(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	slices.Reverse(dirs)
	for _, d := range dirs {
		if rm := os.Remove(d); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
			err = errors.Join(err, rm)
		}
	}
	return err
}

// killGroup kills the processes of one group. Some may be gone by now, and the removal tells whether any is left.
func killGroup(dir string) {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return
	}
	for line := range strings.FieldsSeq(string(data)) {
		if pid, err := strconv.Atoi(line); err == nil && pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
