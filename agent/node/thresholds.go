package node

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// DefaultTransitionPeriod is how long a pressure condition is held after its last threshold was met, where the
// kubelet's configuration does not say (pkg/kubelet/apis/config/v1beta1/defaults.go).
const DefaultTransitionPeriod = 5 * time.Minute

// Signal is an eviction signal of the kubelet (pkg/kubelet/eviction/api/types.go).
type Signal string

// The signals. The containerfs ones have thresholds and observations copied from nodefs or imagefs in the kubelet
// (UpdateContainerFsThresholds of pkg/kubelet/eviction/helpers.go), so that they can never say anything of their own;
// they are accepted in a configuration and not evaluated.
const (
	MemoryAvailable            Signal = "memory.available"
	AllocatableMemoryAvailable Signal = "allocatableMemory.available"
	NodeFSAvailable            Signal = "nodefs.available"
	NodeFSInodesFree           Signal = "nodefs.inodesFree"
	ImageFSAvailable           Signal = "imagefs.available"
	ImageFSInodesFree          Signal = "imagefs.inodesFree"
	PIDAvailable               Signal = "pid.available"

	containerFSAvailable  Signal = "containerfs.available"
	containerFSInodesFree Signal = "containerfs.inodesFree"
)

// condition returns the node condition that the signal raises; empty for a name that is no signal.
func (s Signal) condition() corev1.NodeConditionType {
	switch s {
	case MemoryAvailable, AllocatableMemoryAvailable:
		return corev1.NodeMemoryPressure
	case NodeFSAvailable, NodeFSInodesFree, ImageFSAvailable, ImageFSInodesFree, containerFSAvailable,
		containerFSInodesFree:
		return corev1.NodeDiskPressure
	case PIDAvailable:
		return corev1.NodePIDPressure
	}
	return ""
}

// ThresholdValue is a quantity, or a share of the capacity where Quantity is nil.
type ThresholdValue struct {
	Quantity *resource.Quantity
	// Percentage is a share: 0.1 is 10 %. It is a float32 as in the kubelet, whose rounding decides at the edge.
	Percentage float32
}

// of returns the value as a quantity, rounded as GetThresholdQuantity of pkg/kubelet/eviction/api/types.go rounds.
func (v ThresholdValue) of(capacity int64) resource.Quantity {
	if v.Quantity != nil {
		return v.Quantity.DeepCopy()
	}
	return *resource.NewQuantity(int64(float64(capacity)*float64(v.Percentage)), resource.BinarySI)
}

// String is the value as it is written in a configuration: 100Mi or 10%.
func (v ThresholdValue) String() string {
	if v.Quantity != nil {
		return v.Quantity.String()
	}
	return strconv.FormatFloat(float64(v.Percentage)*100, 'g', 6, 32) + "%"
}

// Threshold is met while the signal's available amount is strictly below Value.
type Threshold struct {
	Signal Signal
	Value  ThresholdValue
	// GracePeriod is how long a soft threshold has to be met before the kubelet evicts; 0 for a hard one. It does not
	// delay the condition; it only decides when MinReclaim begins to count.
	GracePeriod time.Duration
	// MinReclaim is added to Value for a threshold that was met already; nil for nothing.
	MinReclaim *ThresholdValue
}

// id tells thresholds apart as hasThreshold of pkg/kubelet/eviction/helpers.go does.
func (t Threshold) id() string {
	return string(t.Signal) + "<" + t.Value.String() + "/" + t.GracePeriod.String()
}

// Thresholds is what [Evaluate] compares with. The zero value raises nothing; see [DefaultThresholds].
type Thresholds struct {
	List []Threshold
	// TransitionPeriod is how long a condition is held after it was last observed; 0 means DefaultTransitionPeriod.
	TransitionPeriod time.Duration
}

// ThresholdConfig holds the fields of a KubeletConfiguration that decide about pressure, under their own names.
type ThresholdConfig struct {
	// EvictionHard nil takes the kubelet's defaults for Linux; any other map, an empty one too, replaces them all unless
	// MergeDefaultEvictionSettings is set.
	EvictionHard                     map[string]string
	EvictionSoft                     map[string]string
	EvictionSoftGracePeriod          map[string]string
	EvictionMinimumReclaim           map[string]string
	EvictionPressureTransitionPeriod time.Duration
	MergeDefaultEvictionSettings     bool
	// EnforceNodeAllocatable nil means ["pods"], the kubelet's default: the pods' cgroup is then held to the hard
	// memory.available threshold too.
	EnforceNodeAllocatable []string
}

// DefaultThresholds is what a kubelet without any eviction setting uses. There is none for pid.available.
func DefaultThresholds() Thresholds {
	t, err := ParseThresholds(ThresholdConfig{})
	if err != nil { // the defaults are constants of this file and parsed by a test
		return Thresholds{}
	}
	return t
}

// defaultEvictionHard is DefaultEvictionHard of pkg/kubelet/eviction/defaults_linux.go.
func defaultEvictionHard() map[string]string {
	return map[string]string{
		string(MemoryAvailable): "100Mi", string(NodeFSAvailable): "10%", string(NodeFSInodesFree): "5%",
		string(ImageFSAvailable): "15%", string(ImageFSInodesFree): "5%",
	}
}

// ParseThresholds reads the kubelet's eviction settings by the kubelet's rules (ParseThresholdConfig of
// pkg/kubelet/eviction/helpers.go and the defaulting of cmd/kubelet/app/server.go). The error names every bad setting.
func ParseThresholds(c ThresholdConfig) (Thresholds, error) {
	var errs []error
	hard := parseStatements("evictionHard", effectiveHard(c), &errs)
	soft := parseStatements("evictionSoft", c.EvictionSoft, &errs)
	graces := parseGracePeriods(c.EvictionSoftGracePeriod, &errs)
	for i, t := range soft {
		grace, ok := graces[t.Signal]
		if !ok {
			errs = append(errs, fmt.Errorf("evictionSoft has %s but evictionSoftGracePeriod has not: set both", t.Signal))
		}
		soft[i].GracePeriod = grace
	}
	list := append(hard, soft...)
	reclaims := parseReclaims(c.EvictionMinimumReclaim, &errs)
	for i, t := range list {
		if r, ok := reclaims[t.Signal]; ok {
			list[i].MinReclaim = &r
		}
	}
	if c.EnforceNodeAllocatable == nil || slices.Contains(c.EnforceNodeAllocatable, "pods") {
		list = addAllocatable(list)
	}
	if len(errs) > 0 {
		return Thresholds{}, errors.Join(errs...)
	}
	return Thresholds{List: list, TransitionPeriod: c.EvictionPressureTransitionPeriod}, nil
}

// effectiveHard is evictionHard with the defaults where they apply.
func effectiveHard(c ThresholdConfig) map[string]string {
	if c.EvictionHard == nil {
		return defaultEvictionHard()
	}
	if !c.MergeDefaultEvictionSettings {
		return c.EvictionHard
	}
	merged := defaultEvictionHard()
	maps.Copy(merged, c.EvictionHard)
	return merged
}

// addAllocatable holds the pods' cgroup to the hard memory.available threshold (addAllocatableThresholds upstream).
func addAllocatable(list []Threshold) []Threshold {
	for _, t := range slices.Clone(list) {
		if t.Signal == MemoryAvailable && t.GracePeriod == 0 {
			t.Signal = AllocatableMemoryAvailable
			list = append(list, t)
		}
	}
	return list
}
