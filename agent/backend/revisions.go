package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// Revisions implements api.Backend.
func (b *Backend) Revisions(_ context.Context, req api.RevisionRequest) (*api.RevisionList, error) {
	v, err := b.latest()
	if err != nil {
		return nil, err
	}
	it, err := b.declared(v, req.DaemonSet)
	if err != nil {
		return nil, err
	}
	ds, h := it.DS, b.historyOf(it)
	out := &api.RevisionList{DaemonSet: ds.Key(), Items: []api.Revision{}, Warnings: h.warnings}
	if req.Revision != 0 {
		r, err := h.numbered(req.Epoch, req.Revision)
		if err != nil {
			return nil, err
		}
		if r == nil {
			return nil, api.Errorf(api.CodeNotFound, "unable to find the specified revision").
				WithRemedy("dsctl rollout history " + ds.Key() + " lists those that this host keeps")
		}
		out.Items = append(out.Items, h.show(*r))
		return out, nil
	}
	for _, r := range h.list {
		out.Items = append(out.Items, h.show(r))
	}
	return out, nil
}

// pastOf is the history of one DaemonSet, as one view has it.
type pastOf struct {
	store    History
	ds       *spec.DaemonSet
	state    rollout.State
	list     []history.Revision
	warnings []string
}

func (b *Backend) historyOf(it *reconcile.Item) *pastOf {
	ds := it.DS
	h := &pastOf{store: b.cfg.History, ds: ds, state: it.State}
	var err error
	if h.list, err = h.store.List(ds.Object.Namespace, ds.Object.Name); err != nil {
		h.warnings = append(h.warnings, fmt.Sprintf("a revision cannot be shown: %v", err))
	}
	return h
}

// numbered is the revision with a number, whole; nil: there is none. Without an epoch it is the latest that has the
// number, unless it is as the number is shown.
func (h *pastOf) numbered(epoch, number uint64) (*history.Revision, error) {
	var found *history.Revision
	for i := range slices.Backward(h.list) {
		r := &h.list[i]
		if rollout.Number(r.Number) != number {
			continue
		}
		if rollout.Epoch(r.Number) == epoch {
			return h.whole(r.Fleet)
		}
		if found == nil && epoch == 0 {
			found = r
		}
	}
	if found == nil {
		return nil, nil
	}
	return h.whole(found.Fleet)
}

// whole reads a revision with its template; nil: it has gone in the meantime.
func (h *pastOf) whole(fleet string) (*history.Revision, error) {
	r, err := h.store.Get(h.ds.Object.Namespace, h.ds.Object.Name, fleet)
	if errors.Is(err, history.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// before is the latest revision whose template is not the file's; nil: there is none.
func (h *pastOf) before() (*history.Revision, error) {
	for _, listed := range slices.Backward(h.list) {
		r, err := h.whole(listed.Fleet)
		if err != nil {
			return nil, err
		}
		if r != nil && !bytes.Equal(r.Template, h.ds.Template) {
			return r, nil
		}
	}
	return nil, nil
}

// current is the latest revision with the file's template, which is not recorded yet where the file is new.
func (h *pastOf) current() (history.Revision, error) {
	for _, listed := range slices.Backward(h.list) {
		r, err := h.whole(listed.Fleet)
		if err != nil {
			return history.Revision{}, err
		}
		if r != nil && bytes.Equal(r.Template, h.ds.Template) {
			return *r, nil
		}
	}
	return history.Of(h.ds, ""), nil
}

func (h *pastOf) show(r history.Revision) api.Revision {
	st := h.state
	return api.Revision{
		Number: rollout.Number(r.Number), Epoch: rollout.Epoch(r.Number), Revision: r.Fleet,
		ChangeCause: r.ChangeCause, First: r.First, Last: r.Last, Source: r.Source,
		Current: r.Fleet == st.Target.Revision.Fleet, Running: r.Fleet == st.Running.Fleet,
		Template: json.RawMessage(r.Template),
	}
}

// Undo implements api.Backend.
func (b *Backend) Undo(_ context.Context, req api.UndoRequest) (*api.UndoResult, error) {
	v, err := b.latest()
	if err != nil {
		return nil, err
	}
	it, err := b.declared(v, req.DaemonSet)
	if err != nil {
		return nil, err
	}
	ds, h := it.DS, b.historyOf(it)
	to, err := h.target(req.Epoch, req.To)
	if err != nil {
		return nil, err
	}
	from, err := h.current()
	if err != nil {
		return nil, err
	}
	res := &api.UndoResult{
		DaemonSet: ds.Key(), Source: ds.Source.File, From: h.show(from), To: h.show(*to),
		Same: bytes.Equal(to.Template, ds.Template),
	}
	document, err := undoDocument(ds, *to)
	if err != nil {
		return nil, api.Errorf(api.CodeConflict, "%v", err).
			WithRemedy("dsctl rollout history " + ds.Key() + " --revision shows its template")
	}
	res.Document = string(document)
	return res, nil
}

// target is the revision to go back to.
func (h *pastOf) target(epoch, number uint64) (*history.Revision, error) {
	remedy := "dsctl rollout history " + h.ds.Key() + " lists those that this host keeps"
	if number == 0 {
		r, err := h.before()
		if r == nil && err == nil {
			err = api.Errorf(api.CodeNotFound, "no last revision to roll back to").WithRemedy(remedy)
		}
		return r, err
	}
	r, err := h.numbered(epoch, number)
	if r == nil && err == nil {
		err = api.Errorf(api.CodeNotFound, "unable to find specified revision %s in history",
			api.RevisionText(epoch, number)).WithRemedy(remedy)
	}
	return r, err
}

// undoDocument is the DaemonSet with the template of a revision, as one YAML document. What was said of why the
// template was changed goes with it, as in the rollback of a Deployment.
func undoDocument(ds *spec.DaemonSet, r history.Revision) ([]byte, error) {
	restored, err := history.Restore(ds, r)
	if err != nil {
		return nil, err
	}
	o := restored.Object
	annotations := maps.Clone(o.Annotations)
	delete(annotations, history.AnnotationChangeCause)
	if r.ChangeCause != "" {
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[history.AnnotationChangeCause] = r.ChangeCause
	}
	metadata := map[string]any{"name": o.Name, "namespace": o.Namespace}
	if len(o.Labels) > 0 {
		metadata["labels"] = o.Labels
	}
	if len(annotations) > 0 {
		metadata["annotations"] = annotations
	}
	fields := map[string]any{
		"selector": o.Spec.Selector, "template": json.RawMessage(r.Template), "updateStrategy": o.Spec.UpdateStrategy,
		"revisionHistoryLimit": o.Spec.RevisionHistoryLimit,
	}
	if o.Spec.MinReadySeconds != 0 {
		fields["minReadySeconds"] = o.Spec.MinReadySeconds
	}
	data, err := yaml.Marshal(map[string]any{
		"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": fields,
	})
	if err != nil {
		return nil, fmt.Errorf("revision %s of DaemonSet %q cannot be written as YAML: %w", r.Fleet, ds.Key(), err)
	}
	return data, checkDocument(ds, r, data)
}

// checkDocument is an error where a document does not give the template again.
func checkDocument(ds *spec.DaemonSet, r history.Revision, data []byte) error {
	parsed := spec.Parse(ds.Source.File, data)
	if errs := parsed.Problems.Errors(); len(errs) > 0 {
		return fmt.Errorf("revision %s of DaemonSet %q cannot be written as YAML: %s", r.Fleet, ds.Key(), errs[0].Message)
	}
	if len(parsed.DaemonSets) != 1 || parsed.DaemonSets[0].Key() != ds.Key() ||
		!bytes.Equal(parsed.DaemonSets[0].Template, r.Template) {
		return fmt.Errorf("revision %s of DaemonSet %q cannot be written as YAML: it would be another one", r.Fleet,
			ds.Key())
	}
	return nil
}
