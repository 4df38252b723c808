package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// tree writes files below a new directory.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

var procFiles = map[string]string{
	"meminfo":                "MemTotal:        1000 kB\nMemFree:           1 kB\n",
	"sys/kernel/pid_max":     "4194304\n",
	"sys/kernel/threads-max": "5000\n",
	"loadavg":                "0.52 0.58 0.59 3/612 28174\n",
}

func TestProcSampler(t *testing.T) {
	for name, test := range map[string]struct {
		cgroup              map[string]string
		memory, allocatable *Amount
	}{
		"v2": {
			map[string]string{
				"cgroup.controllers": "memory", "memory.stat": "anon 100000\nfile 400000\nkernel 99\ninactive_file 200000\n",
				"kubepods.slice/memory.max": "300000\n", "kubepods.slice/memory.current": "150000\n",
				"kubepods.slice/memory.stat": "inactive_file 50000\n",
			},
			&Amount{1024000 - 300000, 1024000}, &Amount{200000, 300000},
		},
		"v2 without a limit": {
			map[string]string{
				"cgroup.controllers": "memory", "memory.stat": "anon 1\nfile 2\ninactive_file 9\n",
				"kubepods/memory.max": "max\n", "kubepods/memory.current": "150000\n", "kubepods/memory.stat": "inactive_file 50000\n",
			},
			&Amount{1024000, 1024000}, nil,
		},
		"v1": {
			map[string]string{
				"memory/memory.usage_in_bytes": "500000\n", "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 100000\n",
				"memory/kubepods/memory.limit_in_bytes": "9000", "memory/kubepods/memory.usage_in_bytes": "10000",
				"memory/kubepods/memory.stat": "total_inactive_file 500\n",
			},
			&Amount{624000, 1024000}, &Amount{0, 9000},
		},
		"v1 unlimited": {
			map[string]string{
				"memory/memory.usage_in_bytes": "2000000\n", "memory/memory.stat": "total_inactive_file 0\n",
				"memory/kubepods/memory.limit_in_bytes": "9223372036854771712", "memory/kubepods/memory.usage_in_bytes": "10000",
				"memory/kubepods/memory.stat": "total_inactive_file 500\n",
			},
			&Amount{0, 1024000}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := ProcSampler{ProcRoot: tree(t, procFiles), CgroupRoot: tree(t, test.cgroup), KubeletDir: t.TempDir(), ImageDirs: []string{}}
			s, err := p.Sample()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.memory, s.Memory); diff != "" {
				t.Errorf("memory (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.allocatable, s.AllocatableMemory); diff != "" {
				t.Errorf("allocatable (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(&Amount{5000 - 612, 5000}, s.PIDs); diff != "" {
				t.Errorf("pids (-want +got):\n%s", diff)
			}
			if !s.complete() || s.Source != SourceProc {
				t.Errorf("sample is not complete, or not from proc: %+v", s)
			}
			if a := s.NodeFS.Space; a.Available <= 0 || a.Available > a.Capacity {
				t.Errorf("nodefs = %+v", a)
			}
		})
	}
}

func TestProcSamplerNothingThere(t *testing.T) {
	empty := t.TempDir()
	deep := filepath.Join(empty, "not", "yet", "there")
	s, err := ProcSampler{ProcRoot: empty, CgroupRoot: empty, KubeletDir: deep, ImageDirs: []string{deep}}.Sample()
	if err == nil || !strings.Contains(err.Error(), "meminfo") || !strings.Contains(err.Error(), "pid_max") {
		t.Errorf("error %v names neither meminfo nor pid_max", err)
	}
	if s.Memory != nil || s.PIDs != nil || !s.NodeFS.complete() || !s.ImageFS.complete() {
		t.Errorf("want the file systems alone, got %+v", s)
	}
}

func TestProcSamplerDamagedFiles(t *testing.T) {
	for name, file := range map[string]struct{ path, content, want string }{
		"meminfo": {"meminfo", "MemFree: 1 kB", `has no line "MemTotal:"`},
		"loadavg": {"loadavg", "1 2 3", "want the form of /proc/loadavg"},
		"tasks":   {"loadavg", "1 2 3 4/x 5", `want a number, found "x"`},
		"pid_max": {"sys/kernel/pid_max", "-1", `want a number, found "-1"`},
	} {
		t.Run(name, func(t *testing.T) {
			root := tree(t, procFiles)
			if err := os.WriteFile(filepath.Join(root, file.path), []byte(file.content), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := ProcSampler{ProcRoot: root, CgroupRoot: t.TempDir(), KubeletDir: root}.Sample()
			if err == nil || !strings.Contains(err.Error(), file.want) {
				t.Errorf("error %v lacks %q", err, file.want)
			}
		})
	}
}

func TestSampleOfThisHost(t *testing.T) {
	s, err := ProcSampler{}.Sample()
	if s.Memory == nil && err == nil {
		t.Error("no memory and no error")
	}
	if s.PIDs == nil || s.PIDs.Available <= 0 || !s.NodeFS.complete() {
		t.Errorf("sample of this host: %+v, %v", s, err)
	}
}

func TestSampleFromSummary(t *testing.T) {
	amount := func(v uint64) *uint64 { return &v }
	pids := func(v int64) *int64 { return &v }
	full := &statsv1alpha1.Summary{Node: statsv1alpha1.NodeStats{
		Memory: &statsv1alpha1.MemoryStats{AvailableBytes: amount(300), WorkingSetBytes: amount(700)},
		Fs:     &statsv1alpha1.FsStats{AvailableBytes: amount(1), CapacityBytes: amount(2), InodesFree: amount(3), Inodes: amount(4)},
		Runtime: &statsv1alpha1.RuntimeStats{
			ImageFs: &statsv1alpha1.FsStats{AvailableBytes: amount(5), CapacityBytes: amount(1 << 63), InodesFree: amount(7)},
		},
		Rlimit: &statsv1alpha1.RlimitStats{MaxPID: pids(100), NumOfRunningProcesses: pids(130)},
		SystemContainers: []statsv1alpha1.ContainerStats{
			{Name: "kubelet", Memory: &statsv1alpha1.MemoryStats{AvailableBytes: amount(9), WorkingSetBytes: amount(9)}},
			{Name: "pods", Memory: &statsv1alpha1.MemoryStats{AvailableBytes: amount(10), WorkingSetBytes: amount(20)}},
		},
	}}
	want := Sample{
		Memory: &Amount{300, 1000}, AllocatableMemory: &Amount{10, 30}, NodeFS: Filesystem{&Amount{1, 2}, &Amount{3, 4}},
		ImageFS: Filesystem{Space: &Amount{5, 1<<63 - 1}}, PIDs: &Amount{-30, 100}, Source: SourceKubelet,
	}
	if diff := cmp.Diff(want, SampleFromSummary(full)); diff != "" {
		t.Errorf("sample (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Sample{Source: SourceKubelet}, SampleFromSummary(&statsv1alpha1.Summary{})); diff != "" {
		t.Errorf("empty summary (-want +got):\n%s", diff)
	}
}

func TestSampleFill(t *testing.T) {
	kubelet := Sample{Memory: &Amount{1, 2}, ImageFS: Filesystem{Space: &Amount{5, 6}}, Source: SourceKubelet}
	own := Sample{
		Memory: &Amount{8, 9}, AllocatableMemory: &Amount{8, 9}, NodeFS: Filesystem{&Amount{8, 9}, &Amount{8, 9}},
		ImageFS: Filesystem{&Amount{8, 9}, &Amount{8, 9}}, PIDs: &Amount{8, 9}, Source: SourceProc,
	}
	want := Sample{Memory: &Amount{1, 2}, NodeFS: own.NodeFS, ImageFS: own.ImageFS, PIDs: own.PIDs, Source: SourceBoth}
	if diff := cmp.Diff(want, kubelet.fill(own)); diff != "" {
		t.Errorf("filled sample (-want +got):\n%s", diff)
	}
	own.ImageFS.Inodes = nil
	if diff := cmp.Diff(kubelet.ImageFS, kubelet.fill(own).ImageFS); diff != "" {
		t.Errorf("one file system was replaced by half of another (-want +got):\n%s", diff)
	}
}

// FuzzProc feeds the parsers of /proc and the cgroup files.
func FuzzProc(f *testing.F) {
	for _, seed := range []string{procFiles["meminfo"], procFiles["loadavg"], "max\n", "anon 1\nfile 2\n", "1 2 3 4/", "\x00 / / /"} {
		f.Add([]byte(seed), "MemTotal:")
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		if v, err := parseField(data, name); err == nil && !strings.Contains(string(data), name) {
			t.Errorf("found %q = %d where it does not stand", name, v)
		}
		if v, err := parseTasks(data); err == nil && !strings.Contains(string(data), "/") {
			t.Errorf("found %d tasks in %q", v, data)
		}
		_, _ = parseNumber(data)
		_ = parseOSRelease(data)
	})
}
