package node

import (
	"math"
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// Sample is one look at the host's resources. A nil part was not observed.
type Sample struct {
	Memory *Amount
	// AllocatableMemory is the memory of the pods' cgroup; nil where that has no limit.
	AllocatableMemory *Amount
	// NodeFS is the file system of the kubelet's root directory, ImageFS that of the container runtime's images. On a
	// host with one disk they are the same one, and the thresholds of both are compared with it.
	NodeFS  Filesystem
	ImageFS Filesystem
	PIDs    *Amount
	// Source says where it came from: kubelet, proc, or kubelet+proc where the kubelet left something out.
	Source string
}

// Amount is what is left of something, in its own unit (bytes, inodes, process ids). Available may be negative.
type Amount struct {
	Available int64
	Capacity  int64
}

// Filesystem is space in bytes and inodes in pieces; a nil part was not observed.
type Filesystem struct {
	Space  *Amount
	Inodes *Amount
}

// The values of Sample.Source.
const (
	SourceKubelet = "kubelet"
	SourceProc    = "proc"
	SourceBoth    = "kubelet+proc"
)

// observation is an Amount with the unit that it is printed in.
type observation struct {
	available, capacity int64
	format              resource.Format
}

func (o observation) below(limit resource.Quantity) bool {
	return limit.Cmp(*resource.NewQuantity(o.available, o.format)) > 0
}

// String rounds down to three digits in binary units, which people can compare at a glance.
func (o observation) String() string {
	if o.format == resource.DecimalSI || o.available < 1<<20 {
		return strconv.FormatInt(o.available, 10)
	}
	return resource.NewQuantity(o.available>>20<<20, o.format).String()
}

// signals returns the observed signals.
func (s Sample) signals() map[Signal]observation {
	all := map[Signal]observation{}
	add := func(signal Signal, a *Amount, format resource.Format) {
		if a != nil {
			all[signal] = observation{a.Available, a.Capacity, format}
		}
	}
	add(MemoryAvailable, s.Memory, resource.BinarySI)
	add(AllocatableMemoryAvailable, s.AllocatableMemory, resource.BinarySI)
	add(NodeFSAvailable, s.NodeFS.Space, resource.BinarySI)
	add(NodeFSInodesFree, s.NodeFS.Inodes, resource.DecimalSI)
	add(ImageFSAvailable, s.ImageFS.Space, resource.BinarySI)
	add(ImageFSInodesFree, s.ImageFS.Inodes, resource.DecimalSI)
	add(PIDAvailable, s.PIDs, resource.DecimalSI)
	return all
}

// complete says that nothing which a sampler of the host could add is missing.
func (s Sample) complete() bool {
	return s.Memory != nil && s.NodeFS.complete() && s.ImageFS.complete() && s.PIDs != nil
}

func (f Filesystem) complete() bool { return f.Space != nil && f.Inodes != nil }

// fill takes from other what s lacks. The two parts of a file system are never mixed from two sources.
func (s Sample) fill(other Sample) Sample {
	if s.Memory == nil {
		s.Memory, s.AllocatableMemory = other.Memory, other.AllocatableMemory
	}
	if !s.NodeFS.complete() && other.NodeFS.complete() {
		s.NodeFS = other.NodeFS
	}
	if !s.ImageFS.complete() && other.ImageFS.complete() {
		s.ImageFS = other.ImageFS
	}
	if s.PIDs == nil {
		s.PIDs = other.PIDs
	}
	s.Source = SourceBoth
	return s
}

// SampleFromSummary reads the kubelet's /stats/summary as makeSignalObservations of pkg/kubelet/eviction/helpers.go
// does, so that the kubelet and this agent see the same.
func SampleFromSummary(summary *statsv1alpha1.Summary) Sample {
	node := summary.Node
	s := Sample{Source: SourceKubelet, Memory: memoryAmount(node.Memory), NodeFS: filesystem(node.Fs)}
	for _, c := range node.SystemContainers {
		if c.Name == statsv1alpha1.SystemContainerPods {
			s.AllocatableMemory = memoryAmount(c.Memory)
			break
		}
	}
	if node.Runtime != nil {
		s.ImageFS = filesystem(node.Runtime.ImageFs)
	}
	if r := node.Rlimit; r != nil && r.MaxPID != nil && r.NumOfRunningProcesses != nil {
		s.PIDs = &Amount{Available: *r.MaxPID - *r.NumOfRunningProcesses, Capacity: *r.MaxPID}
	}
	return s
}

func memoryAmount(m *statsv1alpha1.MemoryStats) *Amount {
	if m == nil || m.AvailableBytes == nil || m.WorkingSetBytes == nil {
		return nil
	}
	return &Amount{Available: clamp(*m.AvailableBytes), Capacity: clamp(*m.AvailableBytes + *m.WorkingSetBytes)}
}

func filesystem(f *statsv1alpha1.FsStats) Filesystem {
	var fs Filesystem
	if f == nil {
		return fs
	}
	if f.AvailableBytes != nil && f.CapacityBytes != nil {
		fs.Space = &Amount{Available: clamp(*f.AvailableBytes), Capacity: clamp(*f.CapacityBytes)}
	}
	if f.InodesFree != nil && f.Inodes != nil {
		fs.Inodes = &Amount{Available: clamp(*f.InodesFree), Capacity: clamp(*f.Inodes)}
	}
	return fs
}

// clamp keeps a count from outside within what can be calculated with.
func clamp(v uint64) int64 { return int64(min(v, math.MaxInt64)) }
