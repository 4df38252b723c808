package kubelet

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// Limits on what is read of a cgroup.
const (
	maxCgroupDirs = 1_000
	maxCgroupFile = 64 << 10
)

// Cgroups finds the cgroups of pods. The kernel knows at once when the last process of a pod has ended; the kubelet's
// list of running pods says so up to RunningPodsStaleness later.
type Cgroups struct {
	// Mount is where cgroups are mounted; empty: /sys/fs/cgroup. Both versions are understood.
	Mount string
	// Root is the kubelet's cgroupRoot; empty: the top.
	Root string
}

// Cgroup is the cgroup of one pod.
type Cgroup struct {
	path    string
	unified bool
}

// hierarchies are those of version 1 in which the kubelet makes a cgroup for every pod
// (pkg/kubelet/cm/cgroup_manager_linux.go).
func hierarchies() []string { return []string{"memory", "pids", "cpu", "systemd"} }

// Find looks for the cgroup of the pod with that UID, under either name that the kubelet's cgroup drivers give it
// (pkg/kubelet/cm/pod_container_manager_linux.go: pod<UID>, and kubepods-<QoS>-pod<UID>.slice with _ for -).
func (c Cgroups) Find(uid string) (Cgroup, bool) {
	if uid == "" || strings.ContainsAny(uid, `/*?[\`) {
		return Cgroup{}, false
	}
	mount := pick(c.Mount, "/sys/fs/cgroup")
	if _, err := os.Stat(filepath.Join(mount, "cgroup.controllers")); err == nil {
		path, ok := find(filepath.Join(mount, c.Root), uid)
		return Cgroup{path: path, unified: true}, ok
	}
	for _, h := range hierarchies() {
		if path, ok := find(filepath.Join(mount, h, c.Root), uid); ok {
			return Cgroup{path: path}, true
		}
	}
	return Cgroup{}, false
}

func find(base, uid string) (string, bool) {
	for _, name := range []string{"pod" + uid, "*pod" + strings.ReplaceAll(uid, "-", "_") + ".slice"} {
		// Guaranteed pods lie directly below, the others below their class.
		for _, above := range []string{"kubepods*", "kubepods*/*"} {
			found, err := filepath.Glob(filepath.Join(base, above, name))
			if err == nil && len(found) == 1 {
				return found[0], true
			}
		}
	}
	return "", false
}

// Populated reports whether a process lives in the cgroup or below. A cgroup that is gone has none. The error is for
// what cannot be told.
func (g Cgroup) Populated() (bool, error) {
	if g.unified {
		data, err := readSome(filepath.Join(g.path, "cgroup.events"))
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return !bytes.Contains(data, []byte("populated 0")), err
	}
	dirs := 0
	populated := false
	err := filepath.WalkDir(g.path, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.IsDir() {
			return err
		}
		if dirs++; dirs > maxCgroupDirs {
			return errors.New("too many cgroups")
		}
		procs, err := readSome(filepath.Join(path, "cgroup.procs"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(bytes.TrimSpace(procs)) > 0 {
			populated = true
			return fs.SkipAll
		}
		return nil
	})
	return populated, err
}

func readSome(path string) ([]byte, error) {
	data, err := files.Head(path, maxCgroupFile)
	if gone(err) {
		return nil, fs.ErrNotExist
	}
	return data, err
}
