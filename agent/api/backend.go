package api

import (
	"context"
	"io"
	"net/http"

	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// Backend is the agent as the API sees it. Its methods are called from several goroutines. An error that is an *Error
// is told to the client as it is; any other one becomes a 500 with its text.
type Backend interface {
	// Status is everything that an operator wants to see on one screen. It reports what is known and asks nobody, so
	// that it answers at once.
	Status(ctx context.Context) (*Status, error)
	// Explain says for one DaemonSet, or all, why it is or is not on a node. A DaemonSet or a node that does not exist is
	// a CodeNotFound error. Of another node, the phase is what that host says of itself, empty where it says nothing.
	Explain(ctx context.Context, req ExplainRequest) ([]Explanation, error)
	// Diff says what the agent would write, remove or restore in the manifests directory if it acted now. Nothing is
	// changed.
	Diff(ctx context.Context) ([]FileChange, error)
	// Logs reads the log of a container of this host's kubelet; whoever calls it closes what it returns. A pod or a
	// container that the kubelet does not list, and a log that is not there, are CodeNotFound errors.
	Logs(ctx context.Context, req LogRequest) (io.ReadCloser, error)
	// Settle waits until the agent has taken up every spec and node file as it is now, for SettleLimit at most: what is
	// asked afterwards is answered from the files that were installed before. Nothing is changed by it.
	Settle(ctx context.Context) (*Settled, error)
	// Plan says what the given spec files would do here if they were in the specs directory, in place of the ones of the
	// same base name. Nothing is changed.
	Plan(ctx context.Context, req PlanRequest) (*PlanResult, error)
	// Reload reads the configuration, the node files and the spec files again and returns when the agent has acted on
	// them.
	Reload(ctx context.Context) (*ReloadResult, error)
	// PatchNode changes the labels, taints and the schedulability that are kept in the state directory.
	PatchNode(ctx context.Context, patch NodePatch) (*NodePatchResult, error)
	// Configs lists the files that are laid for ConfigMap, Secret and projected volumes, with digests and never contents.
	Configs(ctx context.Context) ([]ConfigTree, error)
	// Members is every member of the fleet, this host among them, sorted by name and id. It asks nobody. While gossip is
	// off it is a CodeUnavailable error that says why, as are those of the next three.
	Members(ctx context.Context) (*MemberList, error)
	// Specs is what every trusted host has in its specs directory, this host among them, held against each other.
	Specs(ctx context.Context) (*SpecFileList, error)
	// Forget forgets a member on this host alone. One that does not exist is a CodeNotFound error; this host itself, a
	// name that several have and, without Force, a member that is alive are CodeConflict errors.
	Forget(ctx context.Context, req ForgetRequest) (*ForgetResult, error)
	// Leave tells the fleet that this host has left it for good. Where DaemonSets have pods here it is a CodeConflict
	// error without Force.
	Leave(ctx context.Context, req LeaveRequest) (*LeaveResult, error)
	// Trust pins a name to the id of an untrusted member, on this host alone. One that does not exist is a CodeNotFound
	// error; a name that several held members have is a CodeConflict error that lists their ids.
	Trust(ctx context.Context, req TrustRequest) (*TrustResult, error)
	// FleetChanged returns a channel that is closed when what Members or Specs say changes after the call, by more than
	// times and round trips; nil, which never is, while gossip is off.
	FleetChanged() <-chan struct{}
	// Rollouts is where rollouts stand, sorted by DaemonSet. It asks nobody. A DaemonSet that does not exist is a
	// CodeNotFound error, as in the next three.
	Rollouts(ctx context.Context, req RolloutRequest) (*RolloutList, error)
	// RolloutsChanged returns a channel that is closed when what Rollouts says changes after the call.
	RolloutsChanged() <-chan struct{}
	// Revisions is the history of a DaemonSet on this host. A revision that is not in it is a CodeNotFound error.
	Revisions(ctx context.Context, req RevisionRequest) (*RevisionList, error)
	// Undo makes the spec file that goes back to an earlier revision. Nothing is changed. A revision that is not in the
	// history is a CodeNotFound error; one that is not accepted any more is a CodeConflict error.
	Undo(ctx context.Context, req UndoRequest) (*UndoResult, error)
	// Replace has this host replace the pod of a DaemonSet whose update strategy is OnDelete. It is a CodeConflict error
	// where the strategy is another one or there is nothing to replace.
	Replace(ctx context.Context, req ReplaceRequest) (*ReplaceResult, error)
	// Release ends the hold of this host after a DaemonSet came to it, and Reset begins a new epoch of the DaemonSet's
	// generations on it. Each is a CodeConflict error where there is no reason for it.
	Release(ctx context.Context, req RolloutActRequest) (*ReleaseResult, error)
	Reset(ctx context.Context, req RolloutActRequest) (*ResetResult, error)
	// Registry is what is listed and watched.
	Registry() *registry.Registry
	// Reads is called before a resource of the Registry is listed or watched, which sees to it that all of it is there,
	// and what it returns when that is over.
	Reads(res registry.Resource) (done func())
	// Metrics serves the Prometheus text format.
	Metrics() http.Handler
	// Version is what runs.
	Version() VersionInfo
}
