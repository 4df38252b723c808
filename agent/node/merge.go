package node

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Origin says where a label, an annotation, a taint or a condition comes from: OriginAutomatic, OriginRuntime,
// OriginCondition, OriginKubelet, or file:<path>:<line>.
type Origin string

const (
	// OriginAutomatic is for the labels that every node has.
	OriginAutomatic Origin = "automatic"
	// OriginRuntime is for changes made with dsctl.
	OriginRuntime Origin = "runtime"
	// OriginCondition is for taints that follow a condition or spec.unschedulable.
	OriginCondition Origin = "condition"
	// OriginKubelet is for the conditions that this agent works out as the kubelet would.
	OriginKubelet Origin = "kubelet"
)

func fileOrigin(path string, line int) Origin {
	return Origin(fmt.Sprintf("file:%s:%d", path, line))
}

// fileFacts is what one node file says. It is kept on disk as the last good version of the file, so its JSON names are
// there to stay.
type fileFacts struct {
	Path        string          `json:"path"`
	Labels      map[string]fact `json:"labels,omitempty"`
	Annotations map[string]fact `json:"annotations,omitempty"`
	Taints      []taintFact     `json:"taints,omitempty"`
	Cordon      *cordonFact     `json:"unschedulable,omitempty"`
}

type fact struct {
	Value string `json:"value"`
	Line  int    `json:"line"`
}

type taintFact struct {
	corev1.Taint
	Line int `json:"line"`
}

type cordonFact struct {
	Value bool `json:"value"`
	Line  int  `json:"line"`
}

// sourced is a value with its origin.
type sourced struct {
	value  string
	origin Origin
}

type sourcedTaint struct {
	taint  corev1.Taint
	origin Origin
}

// declared is what all node files say together.
type declared struct {
	labels      map[string]sourced
	annotations map[string]sourced
	// taints is sorted by key and effect, each of which stands once.
	taints []sourcedTaint
	// unschedulable is nil when no file says anything.
	unschedulable *bool
	cordonOrigin  Origin
}

// merge joins files in their order: a later file wins a label or annotation key, a taint's key and effect, and
// spec.unschedulable.
func merge(files []fileFacts) declared {
	d := declared{labels: map[string]sourced{}, annotations: map[string]sourced{}}
	taints := map[string]sourcedTaint{}
	for _, f := range files {
		addFacts(d.labels, f.Path, f.Labels)
		addFacts(d.annotations, f.Path, f.Annotations)
		for _, t := range f.Taints {
			taints[taintID(t.Taint)] = sourcedTaint{t.Taint, fileOrigin(f.Path, t.Line)}
		}
		if f.Cordon != nil {
			d.unschedulable, d.cordonOrigin = &f.Cordon.Value, fileOrigin(f.Path, f.Cordon.Line)
		}
	}
	d.taints = slices.SortedFunc(maps.Values(taints), func(a, b sourcedTaint) int {
		return compareTaints(a.taint, b.taint)
	})
	return d
}

func addFacts(into map[string]sourced, path string, facts map[string]fact) {
	for key, f := range facts {
		into[key] = sourced{f.Value, fileOrigin(path, f.Line)}
	}
}

// findTaint returns the declared taint with the key and effect of t.
func (d declared) findTaint(t corev1.Taint) (sourcedTaint, bool) {
	i := slices.IndexFunc(d.taints, func(s sourcedTaint) bool { return sameTaint(s.taint, t) })
	if i < 0 {
		return sourcedTaint{}, false
	}
	return d.taints[i], true
}

// checkLimits says what is too much of all files together; nil when nothing is.
func (d declared) checkLimits() error {
	if n := len(d.labels); n > maxLabels {
		return fmt.Errorf("the node files together have %d labels, more than the %d allowed", n, maxLabels)
	}
	if n := len(d.taints); n > maxTaints {
		return fmt.Errorf("the node files together have %d taints, more than the %d allowed", n, maxTaints)
	}
	size := 0
	for key, a := range d.annotations {
		size += len(key) + len(a.value)
	}
	if size > maxAnnotationBytes {
		return fmt.Errorf("the annotations of the node files together have %d bytes, more than the %d allowed", size,
			maxAnnotationBytes)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
