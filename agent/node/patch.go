package node

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Patch is a set of runtime changes, made together or not at all.
type Patch struct {
	// Labels are set, RemoveLabels removed.
	Labels       map[string]string `json:"labels,omitempty"`
	RemoveLabels []string          `json:"removeLabels,omitempty"`
	// Taints are added. Of RemoveTaints only key and effect count; an empty effect removes every taint of the key.
	Taints       []corev1.Taint `json:"taints,omitempty"`
	RemoveTaints []corev1.Taint `json:"removeTaints,omitempty"`
	// Unschedulable cordons (true) or uncordons (false); nil leaves it.
	Unschedulable *bool `json:"unschedulable,omitempty"`
	// Overwrite allows changing what has another value already, as kubectl's --overwrite.
	Overwrite bool `json:"overwrite,omitempty"`
}

// Result is what became of a Patch.
type Result struct {
	// Changed is false when the runtime changes that are kept are the same as before.
	Changed bool `json:"changed"`
	// Operation is kubectl's word for it: labeled, unlabeled, modified, not labeled, tainted, untainted, cordoned,
	// already cordoned, uncordoned, already uncordoned. Where a file says otherwise it is "not cordoned" or "not
	// uncordoned", for which kubectl has no word.
	Operation string `json:"operation"`
	// NotFound has the labels to be removed that were not there, which is no error in kubectl either.
	NotFound []string `json:"notFound,omitempty"`
	// Shadowed has the changes that were kept but have no effect now, because a file says otherwise.
	Shadowed []Shadow `json:"shadowed,omitempty"`
}

// Shadow is a runtime change without effect.
type Shadow struct {
	// Kind is label, taint or unschedulable. Key is the label's key or the taint's key:Effect.
	Kind string `json:"kind"`
	Key  string `json:"key,omitempty"`
	// Wanted is the value asked for, empty for a removal; Effective the one in effect, from Origin.
	Wanted    string `json:"wanted,omitempty"`
	Effective string `json:"effective"`
	Origin    Origin `json:"origin"`
}

// String is the shadow in one sentence for an operator.
func (s Shadow) String() string {
	place := strings.TrimPrefix(string(s.Origin), "file:")
	name := s.Kind
	if s.Key != "" {
		name = fmt.Sprintf("%s %q", s.Kind, s.Key)
	}
	return fmt.Sprintf("%s stays %q as set at %s, which wins over runtime changes; change it there", name, s.Effective,
		place)
}

// PatchError is a Patch that is refused. Conflict is true when it would be taken if the node, or Overwrite, were
// otherwise, and false when it is invalid in itself.
type PatchError struct {
	Conflict bool
	// NeedsOverwrite is true when Overwrite alone would make it taken.
	NeedsOverwrite bool
	Err            error
}

func (e *PatchError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *PatchError) Unwrap() error { return e.Err }

// runtimeState is the runtime changes in effect, as kept on disk; its JSON names are there to stay.
type runtimeState struct {
	Labels map[string]string `json:"labels,omitempty"`
	Taints []corev1.Taint    `json:"taints,omitempty"`
	// Unschedulable is set by cordon and taken back by uncordon.
	Unschedulable bool `json:"unschedulable,omitempty"`
}

func (r runtimeState) clone() runtimeState {
	return runtimeState{Labels: maps.Clone(r.Labels), Taints: slices.Clone(r.Taints), Unschedulable: r.Unschedulable}
}

func (r runtimeState) equal(o runtimeState) bool {
	return maps.Equal(r.Labels, o.Labels) && slices.Equal(r.Taints, o.Taints) && r.Unschedulable == o.Unschedulable
}
