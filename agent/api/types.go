package api

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// APIVersion is the version of the types below. Fields are added within it; none is renamed, removed or given another
// meaning.
const APIVersion = "daemonsetd.io/v1"

// Problem is one finding in one file, as in package diag.
type Problem struct {
	// Severity is error, warning or info.
	Severity string `json:"severity"`
	File     string `json:"file,omitempty"`
	// Line and Column count from 1; 0 means that the place is not known.
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Problems turns the findings of a parser into what goes over the wire.
func Problems(list diag.List) []Problem {
	out := make([]Problem, 0, len(list))
	for _, p := range list {
		out = append(out, Problem{
			Severity: string(p.Severity), File: p.File, Line: p.Line, Column: p.Column,
			Path: p.Path, Message: p.Message, Hint: p.Hint,
		})
	}
	return out
}

// VersionInfo says what runs.
type VersionInfo struct {
	metav1.TypeMeta `json:",inline"`
	// Version is the release, such as v0.3.0, or "devel".
	Version string `json:"version"`
	// Commit is the revision it was built from; empty when it is not known.
	Commit string `json:"commit,omitempty"`
	// GoVersion is the compiler's.
	GoVersion string `json:"goVersion,omitempty"`
	// Kubernetes is the version of the upstream code that validates and defaults.
	Kubernetes string `json:"kubernetes,omitempty"`
	// Platform is os/arch.
	Platform string `json:"platform,omitempty"`
}

// ExplainRequest asks why DaemonSets are or are not on a node.
type ExplainRequest struct {
	// DaemonSet is namespace/name, or name alone for the namespace default or for the only one of that name; empty means
	// all.
	DaemonSet string
	// Node is the name of any node of the fleet, or a member's id; empty means this host's. Another node is held against
	// the DaemonSets that this host has.
	Node string
}

// Explanation is the decision on one DaemonSet for one node.
type Explanation struct {
	// DaemonSet is namespace/name.
	DaemonSet             string   `json:"daemonset"`
	Node                  string   `json:"node"`
	ShouldRun             bool     `json:"shouldRun"`
	ShouldContinueRunning bool     `json:"shouldContinueRunning"`
	Reasons               []Reason `json:"reasons"`
	// Phase is what the agent is doing about it, as in DaemonSetStatus; empty without an agent.
	Phase string `json:"phase,omitempty"`
	// Message is one sentence on that; empty when there is nothing to add.
	Message string `json:"message,omitempty"`
	// Source is the spec file.
	Source string `json:"source,omitempty"`
	// Facts say how old what is known of the node is; nil for this host's own node.
	Facts *NodeFacts `json:"facts,omitempty"`
}

// Reason is one predicate with its result, as in package placement.
type Reason struct {
	Predicate string `json:"predicate"`
	Passed    bool   `json:"passed"`
	Message   string `json:"message"`
	// Remedy is what would change the answer; empty where the predicate passed.
	Remedy string `json:"remedy,omitempty"`
}

// ExplanationList answers GET /v1/explain.
type ExplanationList struct {
	metav1.TypeMeta `json:",inline"`
	Items           []Explanation `json:"items"`
}

// Actions of a FileChange.
const (
	FileWrite   = "write"
	FileRemove  = "remove"
	FileRestore = "restore"
)

// FileChange is one manifest file that would be written, removed or restored.
type FileChange struct {
	// Action is FileWrite, FileRemove or FileRestore.
	Action string `json:"action"`
	// File is the manifest's path.
	File string `json:"file"`
	// DaemonSet is namespace/name.
	DaemonSet string `json:"daemonset,omitempty"`
	// Reason says why, in one sentence.
	Reason string `json:"reason"`
	// Old and New are the file's text before and after; empty where there is no file.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// FileChangeList answers GET /v1/diff.
type FileChangeList struct {
	metav1.TypeMeta `json:",inline"`
	Items           []FileChange `json:"items"`
}

// PlanFile is one spec file that is not (yet) in the specs directory.
type PlanFile struct {
	// Name is its path as whoever asks knows it, which problems name; where the file would be, only the base name counts.
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// PlanRequest is the body of POST /v1/plan.
type PlanRequest struct {
	Files []PlanFile `json:"files"`
}

// Actions of a DaemonSetPlan.
const (
	PlanCreate  = "create"
	PlanReplace = "replace"
	PlanRemove  = "remove"
	PlanNone    = "none"
	PlanBlocked = "blocked"
)

// DaemonSetPlan is what would happen to one DaemonSet on this node.
type DaemonSetPlan struct {
	// DaemonSet is namespace/name.
	DaemonSet string `json:"daemonset"`
	// Action is PlanCreate, PlanReplace, PlanRemove, PlanNone or PlanBlocked.
	Action string `json:"action"`
	// Reasons say why, one sentence each.
	Reasons []string `json:"reasons,omitempty"`
	// FromRevision and ToRevision are the revisions before and after; empty where there is none.
	FromRevision string `json:"fromRevision,omitempty"`
	ToRevision   string `json:"toRevision,omitempty"`
	// Anyway: it would happen without the files too, for what is declared already.
	Anyway bool `json:"anyway,omitempty"`
	// InPlaceOf is the spec file that declares the DaemonSet now, where none of the files has that base name: the file has
	// to be installed in its place.
	InPlaceOf string `json:"inPlaceOf,omitempty"`
	// Changes are the manifest files that this comes to.
	Changes []FileChange `json:"changes,omitempty"`
	// Fleet is what it would do to the other hosts; nil while gossip is off, and where nothing changes.
	Fleet *FleetPlan `json:"fleet,omitempty"`
}

// PlanResult answers POST /v1/plan.
type PlanResult struct {
	metav1.TypeMeta `json:",inline"`
	Node            string `json:"node"`
	// Valid is unset when a file has an error; then DaemonSets says what the valid files would do.
	Valid      bool            `json:"valid"`
	Problems   []Problem       `json:"problems"`
	DaemonSets []DaemonSetPlan `json:"daemonsets"`
}

// ReloadResult answers POST /v1/reload.
type ReloadResult struct {
	metav1.TypeMeta `json:",inline"`
	// Changed says what is different now, one sentence each; empty when nothing is.
	Changed []string `json:"changed"`
	// Problems are those of every file that was read. One with an error was not taken over.
	Problems []Problem `json:"problems"`
	// RestartRequired names the settings that changed and that only a restart of the agent takes over.
	RestartRequired []string  `json:"restartRequired,omitempty"`
	At              time.Time `json:"at"`
}
