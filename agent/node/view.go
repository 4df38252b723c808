package node

import (
	"maps"
	"runtime"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// The beta forms of the machine labels, which the kubelet still sets.
const (
	labelBetaOS   = "beta.kubernetes.io/os"
	labelBetaArch = "beta.kubernetes.io/arch"
)

// AutomaticLabels are those that the kubelet gives to every node (initialNode of pkg/kubelet/kubelet_node_status.go).
// A node name that is too long for a label's value gives no hostname label, which no API server would take either.
func AutomaticLabels(name string) map[string]string {
	labels := map[string]string{
		corev1.LabelOSStable: runtime.GOOS, corev1.LabelArchStable: runtime.GOARCH,
		labelBetaOS: runtime.GOOS, labelBetaArch: runtime.GOARCH,
	}
	if len(validation.IsValidLabelValue(name)) == 0 {
		labels[corev1.LabelHostname] = name
	}
	return labels
}

// machineLabel says whether the label follows the machine. Setting one by hand is refused: the kubelet would overwrite
// it at its next start, and a wrong one would put binaries of the wrong kind on the host. The hostname label may be
// set: the kubelet's --node-labels allows it, and hosts whose cloud name is not their host name need it.
func machineLabel(key string) bool {
	switch key {
	case corev1.LabelOSStable, corev1.LabelArchStable, labelBetaOS, labelBetaArch:
		return true
	}
	return false
}

// view is labels, taints and unschedulable as they are in effect, with origins, and what lies below them.
type view struct {
	name      string
	automatic map[string]string
	declared  declared
	runtime   runtimeState

	labels map[string]sourced
	// taints are the declared ones, the runtime ones, then those that conditions imply, each part sorted.
	taints        []sourcedTaint
	unschedulable sourced // value "true" or "false"; origin empty when nothing says anything
}

// newView lays a file's word over a runtime change over what is automatic. conditions may be nil.
func newView(name string, d declared, r runtimeState, conditions []corev1.NodeCondition) view {
	v := view{name: name, automatic: AutomaticLabels(name), declared: d, runtime: r}
	v.labels = v.labelsWith(r.Labels)
	v.unschedulable = cordonOf(d, r)
	v.taints = slices.Clone(d.taints)
	for _, t := range r.Taints {
		if _, shadowed := d.findTaint(t); !shadowed {
			v.taints = append(v.taints, sourcedTaint{t, OriginRuntime})
		}
	}
	for _, t := range ConditionTaints(conditions, v.unschedulable.value == "true") {
		v.taints = append(v.taints, sourcedTaint{t, OriginCondition})
	}
	return v
}

// labelsWith is the labels in effect if the runtime ones were these.
func (v view) labelsWith(runtimeLabels map[string]string) map[string]sourced {
	labels := make(map[string]sourced, len(v.automatic)+len(runtimeLabels)+len(v.declared.labels))
	for key, value := range v.automatic {
		labels[key] = sourced{value, OriginAutomatic}
	}
	for key, value := range runtimeLabels {
		labels[key] = sourced{value, OriginRuntime}
	}
	maps.Copy(labels, v.declared.labels)
	return labels
}

// labelBelow is what the label would be without any runtime change.
func (v view) labelBelow(key string) (sourced, bool) {
	if s, ok := v.declared.labels[key]; ok {
		return s, true
	}
	value, ok := v.automatic[key]
	return sourced{value, OriginAutomatic}, ok
}

func cordonOf(d declared, r runtimeState) sourced {
	switch {
	case d.unschedulable != nil && *d.unschedulable:
		return sourced{"true", d.cordonOrigin}
	case d.unschedulable != nil:
		return sourced{"false", d.cordonOrigin}
	case r.Unschedulable:
		return sourced{"true", OriginRuntime}
	}
	return sourced{"false", ""}
}
