package placement

import "time"

// Decision is what the DaemonSet controller would decide for one DaemonSet on one node. ShouldRun without
// ShouldContinueRunning never occurs.
type Decision struct {
	// ShouldRun: a pod is to be created where there is none.
	ShouldRun bool `json:"shouldRun"`
	// ShouldContinueRunning: a pod that runs already may stay.
	ShouldContinueRunning bool `json:"shouldContinueRunning"`
	// Reasons has every predicate in the order in which the controller looks at them, passed ones too; OS is first, and
	// only there where the template sets it.
	Reasons []Reason `json:"reasons"`
}

// Reason is one predicate with its inputs and its result.
type Reason struct {
	// Predicate is OS, NodeName, NodeSelector, NodeAffinity, or TaintToleration.
	Predicate string `json:"predicate"`
	Passed    bool   `json:"passed"`
	// Message names the inputs: `nodeSelector disktype=ssd: the node has disktype=hdd`.
	Message string `json:"message"`
	// Remedy is what would change the answer; empty where the predicate passed.
	Remedy string `json:"remedy,omitempty"`
}

// Eviction is the state of the NoExecute timer of one DaemonSet on one node, as the taint eviction controller keeps it.
// The zero value means that nothing is scheduled. It is kept across restarts.
type Eviction struct {
	// ScheduledAt is when the timer was armed; zero when it is not.
	ScheduledAt time.Time `json:"scheduledAt,omitzero"`
	// At is when the pod has to go. A pod stays away from then on while the taint stays.
	At time.Time `json:"at,omitzero"`
}
