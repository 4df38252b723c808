package apitest

import (
	"context"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// SetRollouts changes the rollouts and says so to who waits for it.
func (b *Backend) SetRollouts(rollouts ...api.Rollout) {
	b.change(func() { b.RolloutsAnswer.Items = rollouts })
}

// Rollouts implements api.Backend. Of a DaemonSet that is named it gives those with that key or name.
func (b *Backend) Rollouts(ctx context.Context, req api.RolloutRequest) (*api.RolloutList, error) {
	b.note(ctx, req)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Err != nil {
		return nil, b.Err
	}
	out := b.RolloutsAnswer
	out.Items = nil
	for _, r := range b.RolloutsAnswer.Items {
		if req.DaemonSet != "" && r.DaemonSet != req.DaemonSet && r.DaemonSet != "default/"+req.DaemonSet {
			continue
		}
		if !req.Hosts {
			r.Hosts = nil
		}
		out.Items = append(out.Items, r)
	}
	if req.DaemonSet != "" && len(out.Items) == 0 {
		return nil, api.Errorf(api.CodeNotFound, "no DaemonSet %s is declared", req.DaemonSet)
	}
	return &out, nil
}

// RolloutsChanged implements api.Backend.
func (b *Backend) RolloutsChanged() <-chan struct{} { return b.FleetChanged() }

// Revisions implements api.Backend. With a number it gives the revision with it, and without one all without templates.
func (b *Backend) Revisions(ctx context.Context, req api.RevisionRequest) (*api.RevisionList, error) {
	b.note(ctx, req)
	if b.Err != nil {
		return nil, b.Err
	}
	out := b.RevisionsAnswer
	out.Items = nil
	for _, r := range b.RevisionsAnswer.Items {
		if req.Revision == 0 {
			r.Template = nil
		}
		if req.Revision == 0 || r.Number == req.Revision && r.Epoch == req.Epoch {
			out.Items = append(out.Items, r)
		}
	}
	if req.Revision != 0 && len(out.Items) == 0 {
		return nil, api.Errorf(api.CodeNotFound, "unable to find the specified revision")
	}
	return &out, nil
}

// Undo implements api.Backend.
func (b *Backend) Undo(ctx context.Context, req api.UndoRequest) (*api.UndoResult, error) {
	b.note(ctx, req)
	return &b.UndoAnswer, b.Err
}

// Replace implements api.Backend.
func (b *Backend) Replace(ctx context.Context, req api.ReplaceRequest) (*api.ReplaceResult, error) {
	b.note(ctx, req)
	return &b.ReplaceAnswer, b.Err
}

// Release implements api.Backend.
func (b *Backend) Release(ctx context.Context, req api.RolloutActRequest) (*api.ReleaseResult, error) {
	b.note(ctx, req)
	return &b.ReleaseAnswer, b.Err
}

// Reset implements api.Backend.
func (b *Backend) Reset(ctx context.Context, req api.RolloutActRequest) (*api.ResetResult, error) {
	b.note(ctx, req)
	return &b.ResetAnswer, b.Err
}
