package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// maxProcFile bounds what is read of one file under /proc or the cgroup file system; the longest, memory.stat, has 4
// KiB.
const maxProcFile = 256 << 10

// ProcSampler samples the host without a kubelet, by the formulas that the kubelet's own figures come from. Its roots
// can be moved for tests; an empty field takes the usual place.
type ProcSampler struct {
	// ProcRoot is /proc, CgroupRoot /sys/fs/cgroup.
	ProcRoot   string
	CgroupRoot string
	// KubeletDir is the kubelet's root directory, /var/lib/kubelet. Where it does not exist yet, the nearest directory
	// above it that does is looked at.
	KubeletDir string
	// ImageDirs are candidates for the container runtime's storage; the first that exists counts, and KubeletDir where
	// none does.
	ImageDirs []string
}

// DefaultImageDirs returns where containerd, CRI-O and Docker keep their images.
func DefaultImageDirs() []string {
	return []string{"/var/lib/containerd", "/var/lib/containers/storage", "/var/lib/docker"}
}

func (p ProcSampler) proc(name string) string { return filepath.Join(or(p.ProcRoot, "/proc"), name) }

func (p ProcSampler) cgroup(elem ...string) string {
	return filepath.Join(append([]string{or(p.CgroupRoot, "/sys/fs/cgroup")}, elem...)...)
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// Sample looks at everything it can. The error names what could not be read; the sample has all the rest.
func (p ProcSampler) Sample() (Sample, error) {
	s := Sample{Source: SourceProc}
	var errs [4]error
	s.Memory, errs[0] = p.memory()
	s.AllocatableMemory = p.allocatable()
	s.NodeFS, errs[1] = statfs(existing(or(p.KubeletDir, "/var/lib/kubelet")))
	s.ImageFS, errs[2] = statfs(p.imageDir())
	s.PIDs, errs[3] = p.pids()
	return s, errors.Join(errs[:]...)
}

// memory is MemTotal less the working set of the root cgroup, not less than 0. On cgroup v2 the root has no
// memory.current; usage is anon + file of its memory.stat (opencontainers/cgroups, fs2/memory.go).
func (p ProcSampler) memory() (*Amount, error) {
	total, err := oneField(p.proc("meminfo"), "MemTotal:")
	if err != nil {
		return nil, err
	}
	total = min(total, 1<<52) << 10
	var usage, inactive uint64
	if p.v2() {
		usage, inactive, err = p.workingSetV2()
	} else {
		usage, inactive, err = workingSetV1(p.cgroup("memory"))
	}
	if err != nil {
		return nil, err
	}
	return left(total, usage, inactive), nil
}

// left is what a limit leaves beside a working set of usage less inactive file pages.
func left(limit, usage, inactive uint64) *Amount {
	working := usage - min(usage, inactive)
	return &Amount{Available: clamp(limit - min(limit, working)), Capacity: clamp(limit)}
}

func (p ProcSampler) v2() bool {
	_, err := os.Stat(p.cgroup("cgroup.controllers"))
	return err == nil
}

func (p ProcSampler) workingSetV2() (usage, inactive uint64, err error) {
	stat := p.cgroup("memory.stat")
	values, err := fields(stat, "anon", "file", "inactive_file")
	if err != nil {
		return 0, 0, err
	}
	return values[0] + values[1], values[2], nil
}

func workingSetV1(dir string) (usage, inactive uint64, err error) {
	if usage, err = number(filepath.Join(dir, "memory.usage_in_bytes")); err != nil {
		return 0, 0, err
	}
	inactive, err = oneField(filepath.Join(dir, "memory.stat"), "total_inactive_file")
	return usage, inactive, err
}

// allocatable is the same for the pods' cgroup; nil where there is none or it has no limit (cadvisor calls a limit
// above 1<<62 unlimited).
func (p ProcSampler) allocatable() *Amount {
	for _, name := range []string{"kubepods.slice", "kubepods"} {
		limit, usage, inactive, err := p.podsCgroup(name)
		if err == nil && limit <= 1<<62 {
			return left(limit, usage, inactive)
		}
	}
	return nil
}

func (p ProcSampler) podsCgroup(name string) (limit, usage, inactive uint64, err error) {
	if !p.v2() {
		dir := p.cgroup("memory", name)
		if limit, err = number(filepath.Join(dir, "memory.limit_in_bytes")); err != nil {
			return 0, 0, 0, err
		}
		usage, inactive, err = workingSetV1(dir)
		return limit, usage, inactive, err
	}
	dir := p.cgroup(name)
	if limit, err = number(filepath.Join(dir, "memory.max")); err != nil { // "max" is no number: no limit
		return 0, 0, 0, err
	}
	if usage, err = number(filepath.Join(dir, "memory.current")); err != nil {
		return 0, 0, 0, err
	}
	inactive, err = oneField(filepath.Join(dir, "memory.stat"), "inactive_file")
	return limit, usage, inactive, err
}

// pids compares the smaller of the kernel's two limits with the number of all tasks, threads included
// (pkg/kubelet/stats/pidlimit/pidlimit_linux.go).
func (p ProcSampler) pids() (*Amount, error) {
	pidMax, err := number(p.proc("sys/kernel/pid_max"))
	if err != nil {
		return nil, err
	}
	threads, err := number(p.proc("sys/kernel/threads-max"))
	if err != nil {
		return nil, err
	}
	tasks, err := tasks(p.proc("loadavg"))
	if err != nil {
		return nil, err
	}
	limit := clamp(min(pidMax, threads))
	return &Amount{Available: limit - clamp(tasks), Capacity: limit}, nil
}

func (p ProcSampler) imageDir() string {
	dirs := p.ImageDirs
	if dirs == nil {
		dirs = DefaultImageDirs()
	}
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	return existing(or(p.KubeletDir, "/var/lib/kubelet"))
}

// existing returns dir or the nearest directory above it that exists.
func existing(dir string) string {
	for {
		_, err := os.Stat(dir)
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return dir
		}
		dir = parent
	}
}

func statfs(dir string) (Filesystem, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return Filesystem{}, fmt.Errorf("statfs %q: %w", dir, err)
	}
	block := uint64(st.Frsize)
	if block == 0 {
		block = uint64(st.Bsize)
	}
	return Filesystem{
		Space:  &Amount{Available: clamp(st.Bavail * block), Capacity: clamp(st.Blocks * block)},
		Inodes: &Amount{Available: clamp(st.Ffree), Capacity: clamp(st.Files)},
	}, nil
}
