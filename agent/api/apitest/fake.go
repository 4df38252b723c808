// Package apitest has a Backend whose answers a test chooses, for the tests of the API, of its client and of dsctl.
package apitest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// Backend answers with what its fields say, and notes what it was asked. Its fields are set before it is used.
type Backend struct {
	StatusAnswer api.Status
	Explanations []api.Explanation
	Changes      []api.FileChange
	PlanAnswer   api.PlanResult
	ReloadAnswer api.ReloadResult
	Trees        []api.ConfigTree
	// Log is what every log says.
	Log string
	// Unsettled are the files that Settle waits for in vain.
	Unsettled     []string
	PatchAnswer   api.NodePatchResult
	VersionAnswer api.VersionInfo
	// Err is what every method that can fail fails with, when it is set.
	Err error
	Reg *registry.Registry

	// Fleet, FleetSpecs, ForgetAnswer and TrustAnswer are what is said of the fleet. SetMembers and SetSpecs change the
	// first two while the backend is in use.
	Fleet        api.MemberList
	FleetSpecs   api.SpecFileList
	ForgetAnswer api.ForgetResult
	LeaveAnswer  api.LeaveResult
	TrustAnswer  api.TrustResult

	// RolloutsAnswer, RevisionsAnswer, UndoAnswer and ReplaceAnswer, ReleaseAnswer and ResetAnswer are what is said of
	// rollouts. SetRollouts changes the first while the backend is in use.
	RolloutsAnswer  api.RolloutList
	RevisionsAnswer api.RevisionList
	UndoAnswer      api.UndoResult
	ReplaceAnswer   api.ReplaceResult
	ReleaseAnswer   api.ReleaseResult
	ResetAnswer     api.ResetResult

	mu      sync.Mutex
	changed chan struct{}
	asked   []any
	settled int
	onEntry func(context.Context)
}

// New is a backend of a healthy host named edge-1 with one DaemonSet.
func New() *Backend {
	reg := registry.New(registry.Config{FirstVersion: 100, Host: "edge-1"})
	reg.SetNodes([]*corev1.Node{{ObjectMeta: metav1.ObjectMeta{
		Name: "edge-1", Labels: map[string]string{"disktype": "ssd"}, CreationTimestamp: metav1.NewTime(Start()),
	}}})
	reg.SetDaemonSets([]*appsv1.DaemonSet{
		{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", Labels: map[string]string{"tier": "front"}}},
		{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "proxy"}},
	})
	return &Backend{StatusAnswer: Status(), VersionAnswer: api.VersionInfo{Version: "v0.1.0"}, Reg: reg}
}

// Start is when everything of the fake began.
func Start() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }

// Status is that of a healthy host.
func Status() api.Status {
	return api.Status{
		Node: api.NodeStatus{
			Name:   "edge-1",
			Labels: []api.NodeLabel{{Key: "disktype", Value: "ssd", Source: api.SourceRuntime}},
			Taints: []api.NodeTaint{{Key: "tier", Value: "gold", Effect: "NoSchedule", Source: api.SourceRuntime}},
			Conditions: []api.NodeCondition{
				{Type: "Ready", Status: "True", Reason: "KubeletReady", Since: Start()},
				{Type: "DiskPressure", Status: "False", Reason: "KubeletHasNoDiskPressure", Since: Start()},
			},
		},
		Version:       "v0.1.0",
		State:         api.StateReady,
		StartedAt:     Start(),
		LastReconcile: Start().Add(time.Minute),
		Kubelet: api.KubeletStatus{
			State: api.KubeletAnswering, URL: "https://127.0.0.1:10250/healthz", Answer: "200 OK", Version: "v1.37.2",
			Since: Start(),
		},
		SpecFiles: []api.FileStatus{{File: "/etc/daemonsetd/specs.d/web.yaml", Objects: 1}},
		DaemonSets: []api.DaemonSetStatus{{
			Name: "default/web", ShouldRun: true, ShouldContinueRunning: true,
			DesiredRevision: "lcv7nc65w8", CurrentRevision: "lcv7nc65w8", Phase: api.PhaseAvailable,
			Manifest: "/etc/kubernetes/manifests/daemonsetd-default-web-lcv7nc65w8.yaml",
			Source:   "/etc/daemonsetd/specs.d/web.yaml",
			Pod:      &api.PodStatus{Name: "default/web-lcv7nc65w8-edge-1", Phase: "Running", Ready: true, StartedAt: Start()},
		}},
		Manifests: []api.ManifestStatus{{
			File:  "/etc/kubernetes/manifests/daemonsetd-default-web-lcv7nc65w8.yaml",
			State: api.ManifestInSync, DaemonSet: "default/web", Revision: "lcv7nc65w8",
		}},
		Health: []api.HealthItem{},
		Paths: api.Paths{
			Specs: "/etc/daemonsetd/specs.d", Manifests: "/etc/kubernetes/manifests", State: "/var/lib/daemonsetd",
			Socket: "/run/daemonsetd/agent.sock", Config: "/etc/daemonsetd/daemonsetd.yaml",
		},
	}
}

// OnEntry makes every call run f first, with the call's context.
func (b *Backend) OnEntry(f func(context.Context)) { b.onEntry = f }

// Asked is the requests that came, in order: an api.ExplainRequest, api.PlanRequest, api.NodePatch, api.ForgetRequest
// or another of the request types, or a string.
func (b *Backend) Asked() []any {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]any(nil), b.asked...)
}

func (b *Backend) note(ctx context.Context, what any) {
	b.mu.Lock()
	b.asked = append(b.asked, what)
	b.mu.Unlock()
	if b.onEntry != nil {
		b.onEntry(ctx)
	}
}

// Status implements api.Backend.
func (b *Backend) Status(ctx context.Context) (*api.Status, error) {
	b.note(ctx, "status")
	return &b.StatusAnswer, b.Err
}

// Explain implements api.Backend.
func (b *Backend) Explain(ctx context.Context, req api.ExplainRequest) ([]api.Explanation, error) {
	b.note(ctx, req)
	return b.Explanations, b.Err
}

// Diff implements api.Backend.
func (b *Backend) Diff(ctx context.Context) ([]api.FileChange, error) {
	b.note(ctx, "diff")
	return b.Changes, b.Err
}

// Plan implements api.Backend.
func (b *Backend) Plan(ctx context.Context, req api.PlanRequest) (*api.PlanResult, error) {
	b.note(ctx, req)
	return &b.PlanAnswer, b.Err
}

// Logs implements api.Backend.
func (b *Backend) Logs(ctx context.Context, req api.LogRequest) (io.ReadCloser, error) {
	b.note(ctx, req)
	return io.NopCloser(strings.NewReader(b.Log)), b.Err
}

// Settle implements api.Backend. It is no question of its own, so that Asked does not have it.
func (b *Backend) Settle(context.Context) (*api.Settled, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settled++
	return &api.Settled{Pending: b.Unsettled}, nil
}

// Settles is how often Settle was called.
func (b *Backend) Settles() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.settled
}

// Configs implements api.Backend.
func (b *Backend) Configs(ctx context.Context) ([]api.ConfigTree, error) {
	b.note(ctx, "configs")
	return b.Trees, b.Err
}

// Reload implements api.Backend.
func (b *Backend) Reload(ctx context.Context) (*api.ReloadResult, error) {
	b.note(ctx, "reload")
	return &b.ReloadAnswer, b.Err
}

// PatchNode implements api.Backend.
func (b *Backend) PatchNode(ctx context.Context, patch api.NodePatch) (*api.NodePatchResult, error) {
	b.note(ctx, patch)
	return &b.PatchAnswer, b.Err
}

// Reads does nothing: all is there.
func (b *Backend) Reads(registry.Resource) func() { return func() {} }

// Registry implements api.Backend.
func (b *Backend) Registry() *registry.Registry { return b.Reg }

// Metrics implements api.Backend.
func (b *Backend) Metrics() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "# metrics\n")
	})
}

// Version implements api.Backend.
func (b *Backend) Version() api.VersionInfo { return b.VersionAnswer }
