package backend

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/node"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// nodeStatus is the node as the API shows it.
func nodeStatus(v *reconcile.Snapshot) api.NodeStatus {
	d := v.Origins
	st := api.NodeStatus{
		Name: d.Name, Unschedulable: d.Unschedulable.Value == "true", Labels: []api.NodeLabel{},
		Taints: []api.NodeTaint{}, Conditions: []api.NodeCondition{},
	}
	for _, l := range d.Labels {
		source, file := place(l.Origin)
		st.Labels = append(st.Labels, api.NodeLabel{Key: l.Key, Value: l.Value, Source: source, File: file})
	}
	for _, t := range d.Taints {
		source, file := place(t.Origin)
		st.Taints = append(st.Taints, api.NodeTaint{
			Key: t.Key, Value: t.Value, Effect: string(t.Effect), TimeAdded: t.TimeAdded, Source: source, File: file,
		})
	}
	for _, c := range d.Conditions {
		st.Conditions = append(st.Conditions, api.NodeCondition{
			Type: string(c.Type), Status: string(c.Status), Reason: c.Reason, Message: c.Message,
			Since: c.LastTransitionTime.Time,
		})
	}
	return st
}

func place(o node.Origin) (source, file string) {
	if path, ok := o.File(); ok {
		return api.SourceFile, path
	}
	switch o {
	case node.OriginRuntime:
		return api.SourceRuntime, ""
	case node.OriginCondition:
		return api.SourceCondition, ""
	}
	return api.SourceAutomatic, ""
}

func nodeFiles(v *reconcile.Snapshot) []api.FileStatus {
	out := []api.FileStatus{}
	for _, f := range v.Origins.Files {
		st := api.FileStatus{
			File: f.Path, Bad: f.Status == node.FileLastGood || f.Status == node.FileNotInEffect,
			LastGood: f.Status == node.FileLastGood, Pending: f.Status == node.FileChanging,
		}
		if f.Status != node.FileNotInEffect {
			st.Objects = 1
		}
		st.Problems = api.Problems(of(v.Origins.Problems, f.Path))
		out = append(out, st)
	}
	return out
}

// of is the findings of one file.
func of(list diag.List, path string) diag.List {
	return slices.DeleteFunc(slices.Clone(list), func(p diag.Problem) bool { return p.File != path })
}

// PatchNode implements api.Backend.
func (b *Backend) PatchNode(ctx context.Context, p api.NodePatch) (*api.NodePatchResult, error) {
	patch := nodePatch(p)
	var result *api.NodePatchResult
	var failed error
	err := b.cfg.Do(ctx, func(r Round) {
		changed, err := r.Patch(patch)
		if err != nil {
			failed = patchError(err)
			return
		}
		result = patchResult(p, changed)
	})
	if err != nil {
		return nil, unavailable(err) // the loop may still be at it: nothing that it writes may be read
	}
	if failed != nil {
		return nil, failed
	}
	v, err := b.latest()
	if err != nil {
		return nil, err
	}
	node := nodeStatus(v)
	result.Node = node.Name
	result.Labels, result.Taints, result.Unschedulable = node.Labels, node.Taints, node.Unschedulable
	return result, nil
}

func nodePatch(p api.NodePatch) node.Patch {
	out := node.Patch{
		Labels: p.SetLabels, RemoveLabels: p.RemoveLabels, Unschedulable: p.Unschedulable, Overwrite: p.Overwrite,
	}
	for _, t := range p.SetTaints {
		out.Taints = append(out.Taints, corev1.Taint{Key: t.Key, Value: t.Value, Effect: corev1.TaintEffect(t.Effect)})
	}
	for _, t := range p.RemoveTaints {
		out.RemoveTaints = append(out.RemoveTaints, corev1.Taint{Key: t.Key, Effect: corev1.TaintEffect(t.Effect)})
	}
	return out
}

func patchError(err error) error {
	refused, ok := errors.AsType[*node.PatchError](err)
	if !ok {
		return err
	}
	code := api.CodeInvalid
	if refused.Conflict {
		code = api.CodeConflict
	}
	problem := api.Errorf(code, "%v", err)
	if refused.NeedsOverwrite {
		return problem.WithRemedy("--overwrite changes a value that is there already")
	}
	return problem
}

// patchResult says what a patch came to: kubectl's word, and what was changed.
func patchResult(p api.NodePatch, r node.Result) *api.NodePatchResult {
	out := &api.NodePatchResult{Operation: r.Operation, Changed: []string{}}
	if r.Changed {
		out.Changed = append(out.Changed, patched(p)...)
	}
	for _, s := range r.Shadowed {
		out.Warnings = append(out.Warnings, s.String())
	}
	if len(r.NotFound) > 0 {
		out.Warnings = append(out.Warnings, "not there: "+strings.Join(r.NotFound, ", "))
	}
	return out
}

// patched is what a patch sets and removes, as it would be written on the command line.
func patched(p api.NodePatch) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(p.SetLabels)) {
		out = append(out, key+"="+p.SetLabels[key])
	}
	for _, key := range p.RemoveLabels {
		out = append(out, key+"-")
	}
	for _, t := range p.SetTaints {
		out = append(out, (&corev1.Taint{Key: t.Key, Value: t.Value, Effect: corev1.TaintEffect(t.Effect)}).ToString())
	}
	for _, t := range p.RemoveTaints {
		out = append(out, (&corev1.Taint{Key: t.Key, Effect: corev1.TaintEffect(t.Effect)}).ToString()+"-")
	}
	return out
}
