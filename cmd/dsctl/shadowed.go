package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// shadowed names what a patch asked for and a file of the node says otherwise, with the file. The agent keeps such a
// change, and it takes effect when the file no longer speaks of it; until then nothing has happened.
func shadowed(patch api.NodePatch, res *api.NodePatchResult) []string {
	var out []string
	labels := map[string]api.NodeLabel{}
	for _, l := range res.Labels {
		if l.Source == api.SourceFile {
			labels[l.Key] = l
		}
	}
	for _, key := range slices.Sorted(maps.Keys(patch.SetLabels)) {
		if l, ok := labels[key]; ok && l.Value != patch.SetLabels[key] {
			out = append(out, fmt.Sprintf("label %s stays %q: %s sets it", key, l.Value, l.File))
		}
	}
	for _, key := range patch.RemoveLabels {
		if l, ok := labels[key]; ok {
			out = append(out, fmt.Sprintf("label %s stays %q: %s sets it", key, l.Value, l.File))
		}
	}
	for _, t := range res.Taints {
		if t.Source == api.SourceFile && contradicts(patch, t) {
			out = append(out, fmt.Sprintf("taint %s stays: %s sets it", taintText(t.Key, t.Value, t.Effect), t.File))
		}
	}
	refused := res.Operation == "not cordoned" || res.Operation == "not uncordoned"
	if want := patch.Unschedulable; want != nil && refused {
		out = append(out, fmt.Sprintf("spec.unschedulable stays %t: a file of the node sets it", !*want))
	}
	return out
}

// contradicts says whether a patch sets another value for a taint, or removes it.
func contradicts(patch api.NodePatch, t api.NodeTaint) bool {
	return slices.ContainsFunc(patch.SetTaints, func(s api.Taint) bool {
		return s.Key == t.Key && s.Effect == t.Effect && s.Value != t.Value
	}) || slices.ContainsFunc(patch.RemoveTaints, func(r api.TaintRef) bool {
		return r.Key == t.Key && (r.Effect == "" || r.Effect == t.Effect)
	})
}
