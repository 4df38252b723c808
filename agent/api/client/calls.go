package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// call is one request whose answer is a T.
func call[T any](ctx context.Context, c *Client, method, path string, query url.Values, in any) (*T, error) {
	out := new(T)
	if err := c.do(ctx, method, path, query, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (*T, error) {
	return call[T](ctx, c, http.MethodGet, path, query, nil)
}

// Version asks what runs.
func (c *Client) Version(ctx context.Context) (*api.VersionInfo, error) {
	return get[api.VersionInfo](ctx, c, "/v1/version", nil)
}

// Status asks for everything on one screen.
func (c *Client) Status(ctx context.Context) (*api.Status, error) {
	return get[api.Status](ctx, c, "/v1/status", nil)
}

// Explain asks why a DaemonSet, or all, is or is not on a node.
func (c *Client) Explain(ctx context.Context, req api.ExplainRequest) (*api.ExplanationList, error) {
	q := queryOf(map[string]string{"daemonset": req.DaemonSet, "node": req.Node})
	return get[api.ExplanationList](ctx, c, "/v1/explain", q)
}

// Diff asks what the agent would do to the manifests now.
func (c *Client) Diff(ctx context.Context) (*api.FileChangeList, error) {
	return get[api.FileChangeList](ctx, c, "/v1/diff", nil)
}

// Settle waits until the agent has taken up its files as they are now, or for api.SettleLimit.
func (c *Client) Settle(ctx context.Context) (*api.Settled, error) {
	return get[api.Settled](ctx, c, "/v1/settled", nil)
}

// MaxLog is how many bytes the agent sends of a log that is not followed.
const MaxLog = 64 << 20

// Logs reads a log; whoever calls it closes what it returns, or ends ctx.
func (c *Client) Logs(ctx context.Context, req api.LogRequest) (io.ReadCloser, error) {
	q := queryOf(map[string]string{"namespace": req.Namespace, "pod": req.Pod, "container": req.Container})
	for name, on := range map[string]bool{
		"follow": req.Follow, "previous": req.Previous, "timestamps": req.Timestamps,
	} {
		if on {
			q.Set(name, "true")
		}
	}
	if req.Tail >= 0 {
		q.Set("tail", strconv.FormatInt(req.Tail, 10))
	}
	if req.Since > 0 {
		q.Set("since", strconv.FormatInt(int64(req.Since.Round(time.Second)/time.Second), 10))
	}
	res, err := c.send(ctx, http.MethodGet, "/v1/logs", q, nil)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

// Configs asks which files are laid for ConfigMaps and Secrets.
func (c *Client) Configs(ctx context.Context) (*api.ConfigTreeList, error) {
	return get[api.ConfigTreeList](ctx, c, "/v1/configs", nil)
}

// Plan asks what spec files would do.
func (c *Client) Plan(ctx context.Context, req api.PlanRequest) (*api.PlanResult, error) {
	return call[api.PlanResult](ctx, c, http.MethodPost, "/v1/plan", nil, req)
}

// Reload makes the agent read its files again, and waits until it has acted on them.
func (c *Client) Reload(ctx context.Context) (*api.ReloadResult, error) {
	return call[api.ReloadResult](ctx, c, http.MethodPost, "/v1/reload", nil, nil)
}

// PatchNode changes labels, taints and schedulability.
func (c *Client) PatchNode(ctx context.Context, patch api.NodePatch) (*api.NodePatchResult, error) {
	return call[api.NodePatchResult](ctx, c, http.MethodPatch, "/v1/node", nil, patch)
}

// Members asks for the members of the fleet; of those with a name or an id, which may be none, unless member is empty.
func (c *Client) Members(ctx context.Context, member string) (*api.MemberList, error) {
	return get[api.MemberList](ctx, c, "/v1/members", memberQuery(member))
}

func memberQuery(member string) url.Values { return queryOf(map[string]string{"member": member}) }

// Specs asks which host has which spec file.
func (c *Client) Specs(ctx context.Context) (*api.SpecFileList, error) {
	return get[api.SpecFileList](ctx, c, "/v1/specs", nil)
}

// Leave makes this host tell the fleet that it has left for good.
func (c *Client) Leave(ctx context.Context, req api.LeaveRequest) (*api.LeaveResult, error) {
	return call[api.LeaveResult](ctx, c, http.MethodPost, "/v1/members/leave", nil, req)
}

// Forget makes this host forget a member.
func (c *Client) Forget(ctx context.Context, req api.ForgetRequest) (*api.ForgetResult, error) {
	return call[api.ForgetResult](ctx, c, http.MethodPost, "/v1/members/forget", nil, req)
}

// Trust makes this host trust a member that is held.
func (c *Client) Trust(ctx context.Context, req api.TrustRequest) (*api.TrustResult, error) {
	return call[api.TrustResult](ctx, c, http.MethodPost, "/v1/members/trust", nil, req)
}

// Selection says which objects of a resource are wanted. The zero value wants all.
type Selection struct {
	Namespace, LabelSelector, FieldSelector string
}

func (s Selection) values() url.Values {
	return queryOf(map[string]string{
		"namespace": s.Namespace, "labelSelector": s.LabelSelector, "fieldSelector": s.FieldSelector,
	})
}

// queryOf leaves out what is empty.
func queryOf(values map[string]string) url.Values {
	q := url.Values{}
	for name, value := range values {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// Nodes lists nodes.
func (c *Client) Nodes(ctx context.Context, sel Selection) (*corev1.NodeList, error) {
	return get[corev1.NodeList](ctx, c, "/v1/nodes", sel.values())
}

// DaemonSets lists DaemonSets.
func (c *Client) DaemonSets(ctx context.Context, sel Selection) (*appsv1.DaemonSetList, error) {
	return get[appsv1.DaemonSetList](ctx, c, "/v1/daemonsets", sel.values())
}

// Pods lists the pods of this host.
func (c *Client) Pods(ctx context.Context, sel Selection) (*corev1.PodList, error) {
	return get[corev1.PodList](ctx, c, "/v1/pods", sel.values())
}

// Events lists events.
func (c *Client) Events(ctx context.Context, sel Selection) (*corev1.EventList, error) {
	return get[corev1.EventList](ctx, c, "/v1/events", sel.values())
}
