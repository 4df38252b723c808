package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

func rolloutQuery(req api.RolloutRequest) url.Values {
	q := queryOf(map[string]string{"daemonset": req.DaemonSet})
	if req.Hosts {
		q.Set("hosts", "1")
	}
	return q
}

// Rollouts asks where rollouts stand.
func (c *Client) Rollouts(ctx context.Context, req api.RolloutRequest) (*api.RolloutList, error) {
	return get[api.RolloutList](ctx, c, "/v1/rollouts", rolloutQuery(req))
}

// WatchRollouts gives rollouts as WatchMembers gives the members.
func WatchRollouts(
	ctx context.Context, c *Client, req api.RolloutRequest, version string,
) iter.Seq2[WatchEvent[api.Rollout], error] {
	return watchPath[api.Rollout](ctx, c, "/v1/rollouts", since(version, rolloutQuery(req)))
}

// Revisions asks for the history of a DaemonSet on this host, or for one revision of it.
func (c *Client) Revisions(ctx context.Context, req api.RevisionRequest) (*api.RevisionList, error) {
	q := numberQuery(req.DaemonSet, "revision", req.Epoch, req.Revision)
	return get[api.RevisionList](ctx, c, "/v1/rollouts/history", q)
}

// Undo asks for the spec file that goes back to an earlier revision.
func (c *Client) Undo(ctx context.Context, req api.UndoRequest) (*api.UndoResult, error) {
	return get[api.UndoResult](ctx, c, "/v1/rollouts/undo", numberQuery(req.DaemonSet, "to", req.Epoch, req.To))
}

func numberQuery(daemonset, name string, epoch, number uint64) url.Values {
	q := queryOf(map[string]string{"daemonset": daemonset})
	if number > 0 {
		q.Set(name, api.RevisionText(epoch, number))
	}
	return q
}

// Replace has this host replace the pod of a DaemonSet with the update strategy OnDelete.
func (c *Client) Replace(ctx context.Context, req api.ReplaceRequest) (*api.ReplaceResult, error) {
	return call[api.ReplaceResult](ctx, c, http.MethodPost, "/v1/rollouts/replace", nil, req)
}

// Release ends the hold of this host after a DaemonSet came to it.
func (c *Client) Release(ctx context.Context, req api.RolloutActRequest) (*api.ReleaseResult, error) {
	return call[api.ReleaseResult](ctx, c, http.MethodPost, "/v1/rollouts/release", nil, req)
}

// Reset begins a new epoch of a DaemonSet's generations on this host.
func (c *Client) Reset(ctx context.Context, req api.RolloutActRequest) (*api.ResetResult, error) {
	return call[api.ResetResult](ctx, c, http.MethodPost, "/v1/rollouts/reset", nil, req)
}
