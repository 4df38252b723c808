package api

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// States of the agent.
const (
	// StateStarting: the first reconcile is not over yet.
	StateStarting = "Starting"
	// StateReady: everything is as the files say.
	StateReady = "Ready"
	// StateDegraded: at least one item of Health is an error or a warning.
	StateDegraded = "Degraded"
)

// States of the kubelet.
const (
	KubeletAnswering    = "Answering"
	KubeletUnreachable  = "Unreachable"
	KubeletUnauthorized = "Unauthorized"
	KubeletWrongVersion = "WrongVersion"
	KubeletUnhealthy    = "Unhealthy"
	KubeletOtherNode    = "OtherNode"
	KubeletAssumedReady = "AssumedReady"
	KubeletNotAskedYet  = "NotAskedYet"
)

// Phases of a DaemonSet on this node.
const (
	// PhaseAvailable: the pod runs and has been ready for minReadySeconds.
	PhaseAvailable = "Available"
	// PhaseStarting: the manifest is written and the pod is not available yet.
	PhaseStarting = "Starting"
	// PhaseUpdating: the pod of the old revision is going, the new manifest is not written yet.
	PhaseUpdating = "Updating"
	// PhaseRemoving: the manifest is removed and the pod still runs.
	PhaseRemoving = "Removing"
	// PhaseNotPlaced: the DaemonSet does not belong on this node, and there is no pod.
	PhaseNotPlaced = "NotPlaced"
	// PhaseMisscheduled: it does not belong on this node, but its running pod may stay.
	PhaseMisscheduled = "Misscheduled"
	// PhaseWaiting: something has to happen first; the message says what.
	PhaseWaiting = "Waiting"
	// PhaseBlocked: somebody has to do something first; the message says what.
	PhaseBlocked = "Blocked"
	// PhaseRefused: the kubelet refused the pod, or the pod ended; it is written again after a back-off.
	PhaseRefused = "Refused"
	// PhaseUnknown: the kubelet cannot be asked.
	PhaseUnknown = "Unknown"
)

// Severities of a HealthItem.
const (
	SeverityError   = "error"
	SeverityInfo    = "info"
	SeverityWarning = "warning"
)

// Status answers GET /v1/status.
type Status struct {
	metav1.TypeMeta `json:",inline"`
	Node            NodeStatus `json:"node"`
	// Version is the agent's.
	Version string `json:"version"`
	// State is StateStarting, StateReady or StateDegraded.
	State string `json:"state"`
	// Message is one sentence on State; empty when there is nothing to add.
	Message       string        `json:"message,omitempty"`
	StartedAt     time.Time     `json:"startedAt"`
	LastReconcile time.Time     `json:"lastReconcile,omitzero"`
	Kubelet       KubeletStatus `json:"kubelet"`
	// Gossip is how this host stands in the fleet; nil from agents that know none.
	Gossip *GossipStatus `json:"gossip,omitempty"`
	// Config is the agent's configuration file; nil when there is none.
	Config *FileStatus `json:"config,omitempty"`
	// NodeFiles are node.yaml and the files of node.d; SpecFiles those of specs.d.
	NodeFiles []FileStatus `json:"nodeFiles"`
	SpecFiles []FileStatus `json:"specFiles"`
	// SpecsProblem is set when the specs directory as a whole cannot be read.
	SpecsProblem string            `json:"specsProblem,omitempty"`
	DaemonSets   []DaemonSetStatus `json:"daemonsets"`
	Manifests    []ManifestStatus  `json:"manifests"`
	// Health is everything that an operator should know of, the worst first. Empty means healthy.
	Health []HealthItem `json:"health"`
	// Elsewhere are DaemonSets that are down on other hosts, by host, as those say; at most MaxElsewhere of them. They do
	// not make this host unhealthy. ElsewhereMore is how many more there are.
	Elsewhere     []DownElsewhere `json:"elsewhere,omitempty"`
	ElsewhereMore int             `json:"elsewhereMore,omitempty"`
	Paths         Paths           `json:"paths"`
}

// Healthy tells whether no item of Health is worse than information.
func (s *Status) Healthy() bool {
	for _, h := range s.Health {
		if h.Severity != SeverityInfo {
			return false
		}
	}
	return s.State != StateDegraded
}

// NodeStatus is what this host is.
type NodeStatus struct {
	Name          string          `json:"name"`
	Unschedulable bool            `json:"unschedulable,omitempty"`
	Labels        []NodeLabel     `json:"labels"`
	Taints        []NodeTaint     `json:"taints"`
	Conditions    []NodeCondition `json:"conditions"`
}

// NodeCondition is one condition of the node.
type NodeCondition struct {
	Type    string    `json:"type"`
	Status  string    `json:"status"`
	Reason  string    `json:"reason,omitempty"`
	Message string    `json:"message,omitempty"`
	Since   time.Time `json:"since,omitzero"`
}

// KubeletStatus is what came of asking the kubelet.
type KubeletStatus struct {
	// State is one of the Kubelet constants.
	State string `json:"state"`
	// URL is what was asked; Answer what came back, in one line.
	URL    string `json:"url,omitempty"`
	Answer string `json:"answer,omitempty"`
	// Since is when State was entered.
	Since   time.Time `json:"since,omitzero"`
	Version string    `json:"version,omitempty"`
	// Remedy is what to set or do; empty while it answers.
	Remedy string `json:"remedy,omitempty"`
}

// FileStatus is one file that the agent reads.
type FileStatus struct {
	File string `json:"file"`
	// Bad is set while the bytes on disk cannot be used.
	Bad bool `json:"bad,omitempty"`
	// LastGood is set while what is in effect comes from an earlier version of the file.
	LastGood bool `json:"lastGood,omitempty"`
	// Pending is set while the file is being written.
	Pending bool `json:"pending,omitempty"`
	// Objects counts the objects in effect that came from the file.
	Objects  int       `json:"objects"`
	Problems []Problem `json:"problems,omitempty"`
}

// DaemonSetStatus is one DaemonSet on this node.
type DaemonSetStatus struct {
	// Name is namespace/name.
	Name                  string `json:"name"`
	ShouldRun             bool   `json:"shouldRun"`
	ShouldContinueRunning bool   `json:"shouldContinueRunning"`
	// DesiredRevision is the spec file's; CurrentRevision that of the manifest, empty when there is none.
	DesiredRevision string `json:"desiredRevision"`
	CurrentRevision string `json:"currentRevision,omitempty"`
	// Phase is one of the Phase constants.
	Phase   string `json:"phase"`
	Message string `json:"message,omitempty"`
	// Manifest is the manifest's path; empty when there is none.
	Manifest string `json:"manifest,omitempty"`
	// Source is the spec file.
	Source string `json:"source"`
	// Pod is the pod as the kubelet tells; nil when it tells of none.
	Pod *PodStatus `json:"pod,omitempty"`
}

// PodStatus is one pod as the kubelet tells.
type PodStatus struct {
	Name     string `json:"name"`
	Phase    string `json:"phase"`
	Ready    bool   `json:"ready"`
	Restarts int32  `json:"restarts,omitempty"`
	// Message is the reason why it is not running or not ready, where the kubelet gives one.
	Message   string    `json:"message,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
}

// States of a ManifestStatus.
const (
	// ManifestInSync: ours and as written.
	ManifestInSync = "InSync"
	// ManifestDrifted: ours and changed by somebody else.
	ManifestDrifted = "Drifted"
	// ManifestForeign: not ours; it is never touched.
	ManifestForeign = "Foreign"
	// ManifestConflict: not ours, and in the way of one of ours.
	ManifestConflict = "Conflict"
)

// ManifestStatus is one file of the kubelet's directory.
type ManifestStatus struct {
	File string `json:"file"`
	// State is one of the Manifest constants.
	State     string `json:"state"`
	DaemonSet string `json:"daemonset,omitempty"`
	Revision  string `json:"revision,omitempty"`
	Message   string `json:"message,omitempty"`
}

// MaxElsewhere is how many of Status.Elsewhere are told.
const MaxElsewhere = 100

// DownElsewhere is a DaemonSet that should run on another host and is not available there.
type DownElsewhere struct {
	// Node is the host's name, ID its identity.
	Node string `json:"node"`
	ID   string `json:"id"`
	// DaemonSet is namespace/name; this host may not declare it.
	DaemonSet string `json:"daemonset"`
	// Why is one sentence without a stop.
	Why string `json:"why"`
}

// HealthItem is one thing that an operator should know of.
type HealthItem struct {
	// Code is stable and CamelCase: KubeletUnreachable.
	Code string `json:"code"`
	// Severity is SeverityError, SeverityWarning or SeverityInfo.
	Severity string `json:"severity"`
	// Object is the DaemonSet that it is about, as namespace/name; empty: it is about this host. Reason is what the
	// kubelet says of it in a CamelCase word, as ImagePullBackOff; empty: nothing.
	Object string `json:"object,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Text is one sentence; Remedy what to do.
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"`
}

// Paths are the files and directories in use.
type Paths struct {
	Config     string `json:"config,omitempty"`
	Specs      string `json:"specs"`
	NodeFile   string `json:"nodeFile,omitempty"`
	NodeDir    string `json:"nodeDir,omitempty"`
	Manifests  string `json:"manifests"`
	State      string `json:"state"`
	Runtime    string `json:"runtime,omitempty"`
	Socket     string `json:"socket"`
	Conditions string `json:"conditions,omitempty"`
}
