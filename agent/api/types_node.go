package api

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Sources of a label or a taint.
const (
	// SourceAutomatic is what the agent finds out by itself: host name, operating system, architecture.
	SourceAutomatic = "automatic"
	// SourceFile is node.yaml or a file of node.d.
	SourceFile = "file"
	// SourceRuntime is what dsctl set; it is kept in the state directory.
	SourceRuntime = "runtime"
	// SourceCondition is a taint that a node condition implies.
	SourceCondition = "condition"
)

// NodeLabel is one label of this node and where it comes from.
type NodeLabel struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	// Source is SourceAutomatic, SourceFile or SourceRuntime.
	Source string `json:"source"`
	// File is the path where Source is SourceFile.
	File string `json:"file,omitempty"`
}

// NodeTaint is one taint of this node and where it comes from.
type NodeTaint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"`
	// TimeAdded is set for NoExecute taints.
	TimeAdded *metav1.Time `json:"timeAdded,omitempty"`
	// Source is SourceFile, SourceRuntime or SourceCondition.
	Source string `json:"source"`
	File   string `json:"file,omitempty"`
}

// Taint is a taint to set.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"`
}

// TaintRef names taints to remove.
type TaintRef struct {
	Key string `json:"key"`
	// Effect is empty for all effects.
	Effect string `json:"effect,omitempty"`
}

// NodePatch is the body of PATCH /v1/node. It is taken over as a whole or not at all.
type NodePatch struct {
	// SetLabels are set; one that has another value already needs Overwrite.
	SetLabels map[string]string `json:"setLabels,omitempty"`
	// RemoveLabels are keys.
	RemoveLabels []string   `json:"removeLabels,omitempty"`
	SetTaints    []Taint    `json:"setTaints,omitempty"`
	RemoveTaints []TaintRef `json:"removeTaints,omitempty"`
	// Overwrite allows to change the value of a label or a taint that there is already. Without it such a patch is a
	// CodeConflict error.
	Overwrite bool `json:"overwrite,omitempty"`
	// Unschedulable cordons or uncordons; nil leaves it as it is.
	Unschedulable *bool `json:"unschedulable,omitempty"`
}

// NodePatchResult answers PATCH /v1/node.
type NodePatchResult struct {
	metav1.TypeMeta `json:",inline"`
	Node            string `json:"node"`
	// Operation is kubectl's word for what was done: labeled, not labeled, tainted, cordoned, already cordoned, ...
	Operation string `json:"operation"`
	// Changed says what is different now, one sentence each; empty when nothing is.
	Changed []string `json:"changed"`
	// Warnings say where the patch has no effect, for example because a file sets the same label.
	Warnings []string `json:"warnings,omitempty"`
	// Labels and Taints are all there are after the patch.
	Labels        []NodeLabel `json:"labels"`
	Taints        []NodeTaint `json:"taints"`
	Unschedulable bool        `json:"unschedulable"`
}
