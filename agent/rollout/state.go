package rollout

import "time"

// Revision names what a pod is made of. Fleet is made of the files alone (render.Revision without resolve's
// NodeDigests) and is the same on every host that has the same files; Local is the pod's own, which differs where
// labels or addresses of the node are in its environment.
type Revision struct {
	Fleet string `json:"fleet,omitempty"`
	Local string `json:"local,omitempty"`
}

// IsZero says that there is none.
func (r Revision) IsZero() bool { return r == Revision{} }

// Target is the revision that a host is to run. On one host a generation belongs to one revision, and a change of the
// revision, whatever it comes from, is a new and higher generation.
type Target struct {
	Generation uint64   `json:"generation"`
	Revision   Revision `json:"revision"`
}

// Phase is where a host stands with a DaemonSet.
type Phase uint8

const (
	// PhaseUnknown: the kubelet does not say how the pod is.
	PhaseUnknown Phase = iota
	// PhaseNotPlaced: no pod belongs here.
	PhaseNotPlaced
	// PhaseAvailable: the pod is of the target's revision and available.
	PhaseAvailable
	// PhaseWaiting: the available pod is of an older revision, and the host waits for its turn.
	PhaseWaiting
	// PhaseHeld: the available pod is of an older revision, and the host does not want a turn now; Hold says why.
	PhaseHeld
	// PhaseUpdating: the rollout has begun to replace the pod and the new one is not available yet.
	PhaseUpdating
	// PhaseFailed: as PhaseUpdating, and the progress deadline is over.
	PhaseFailed
	// PhaseUnavailable: the pod is not available, and the rollout has not taken it down: a first placement or a failure.
	PhaseUnavailable

	phases
)

// Disrupted says whether the host counts against the budget: its pod is not available, or it is not known to be.
func (p Phase) Disrupted() bool {
	switch p {
	case PhaseNotPlaced, PhaseAvailable, PhaseWaiting, PhaseHeld:
		return false
	default:
		return true
	}
}

// Taken says whether the rollout has begun to replace the pod and not finished. While it has, the ticket stays as it
// is.
func (p Phase) Taken() bool { return p == PhaseUpdating || p == PhaseFailed }

// Hold is why a host does not want a turn.
type Hold uint8

const (
	// HoldNone: it is not held.
	HoldNone Hold = iota
	// HoldPaused: the annotation daemonsetd.io/paused.
	HoldPaused
	// HoldPartition: the host is one of those that stay, by daemonsetd.io/partition.
	HoldPartition
	// HoldFailed: daemonsetd.io/max-failed hosts have failed with this revision.
	HoldFailed
	// HoldOnDelete: the update strategy is OnDelete and nobody has asked for the replacement here.
	HoldOnDelete
	// HoldNew: the DaemonSet was placed here less than 10 minutes ago.
	HoldNew
	// HoldKubelet: the kubelet does not answer.
	HoldKubelet
	// HoldUnsettled: the host has not heard enough of the others since it started or was cut off.
	HoldUnsettled
	// HoldExhausted: no generation is left above those that were told.
	HoldExhausted
	// HoldFile: what the file asks for cannot be run now, so that a turn would be wasted.
	HoldFile

	holds
)

// Shown is what display and service discovery need of the pod that serves, the older one during a surge.
type Shown struct {
	// Pod says that there is a pod, Ready and Available are Kubernetes' conditions of it.
	Pod       bool `json:"pod,omitempty"`
	Ready     bool `json:"ready,omitempty"`
	Available bool `json:"available,omitempty"`
	// Addresses are the pod's IP addresses, the first is the primary one.
	Addresses []string `json:"addresses,omitempty"`
	// Restarts is the sum of its containers' restarts.
	Restarts uint32 `json:"restarts,omitempty"`
	// Since is when it was started; whole seconds travel.
	Since time.Time `json:"since,omitzero"`
	// Down is one sentence on why no pod of the DaemonSet is available that should run, of at most MaxWhy bytes; empty:
	// one is, none should run, or it is not down for long enough (package outage).
	Down string `json:"down,omitempty"`
}

// State is what one host keeps on disk and tells of one DaemonSet. The zero value with a Key is that of a DaemonSet
// that was never declared here.
type State struct {
	// Key is namespace/name.
	Key    string `json:"key"`
	Target Target `json:"target"`
	// Running is the revision of the pod whose manifest stands; zero: none stands.
	Running Revision `json:"running,omitzero"`
	Phase   Phase    `json:"phase"`
	Hold    Hold     `json:"hold,omitempty"`
	Ticket  Ticket   `json:"ticket"`
	// Canary: this host goes first.
	Canary bool `json:"canary,omitempty"`
	// Rejected is the target from which the host went back by itself (auto-rollback); zero: none, or the file has changed
	// since.
	Rejected Target `json:"rejected,omitzero"`
	// Why is one sentence on why the host has failed, of at most MaxWhy bytes; empty in other phases. It may be left out
	// of what is told, as Shown.
	Why string `json:"why,omitempty"`
	// Shown may be left out of what is told, where there is no room.
	Shown Shown `json:"shown,omitzero"`

	// HeldUntil is when the time after a first placement is over. It is told while it is what holds the host, in whole
	// seconds.
	HeldUntil time.Time `json:"heldUntil,omitzero"`

	// What follows is not told.

	// Began is when the replacement that is going on began.
	Began time.Time `json:"began,omitzero"`
	// Stood is when the target's manifest was first seen in place in this replacement, from which its progress deadline
	// counts.
	Stood time.Time `json:"stood,omitzero"`
	// Tried is when the target's manifest was first seen in place, also when the pod has been available since: for as long
	// as its progress deadline a new revision is on trial.
	Tried time.Time `json:"tried,omitzero"`
	// Sick: the pod was not available before the target's revision touched it, so that it is not to blame.
	Sick bool `json:"sick,omitempty"`
	// Turn: the rule has given the replacement that is going on its turn. Without, it was begun because the pod was down,
	// or because an operator asked for it, and it lasts no longer than that.
	Turn bool `json:"turn,omitempty"`
	// Returned: that time is for what this host told and has lost (Restore), and nothing ends it earlier.
	Returned bool `json:"returned,omitempty"`
	// Good and GoodBefore are the fleet revisions that were available here last and before that one.
	Good       string `json:"good,omitempty"`
	GoodBefore string `json:"goodBefore,omitempty"`
	// DownSince is since when the pod of DownOf is seen down without a break.
	DownSince time.Time `json:"-"`
	DownOf    Revision  `json:"-"`
	// UnsteadySince is since when the pod of UnsteadyOf has not been available for the rollout, without a break, be it
	// down or up for too short a time.
	UnsteadySince time.Time `json:"-"`
	UnsteadyOf    Revision  `json:"-"`
	// FarSince is since when a member that counts is out of reach; see approach.
	FarSince time.Time `json:"-"`
	// PassedBy is since when another host waits that this one's ticket holds up.
	PassedBy time.Time `json:"-"`
}

// Done says whether the host has nothing to replace any more for this generation, now or later: it is not disrupted,
// runs its target, and the target's generation is not lower. A host without a pod counts as running its target where
// none belongs there, since that is what it would start with.
func (s *State) Done(generation uint64) bool { return without{}.done(s, generation) }

// waits says whether the host waits for its turn: with a pod that is available, or (strict) with one that is not.
func (s *State) waits() bool {
	return s.Phase == PhaseWaiting ||
		s.Phase == PhaseUnavailable && s.Hold == HoldNone && !s.Running.IsZero() && s.Running != s.Target.Revision
}

// WhyDown is one sentence on why the host has no available pod, as far as it says; empty: it does not.
func (s *State) WhyDown() string {
	if s.Phase == PhaseFailed && s.Why != "" {
		return s.Why
	}
	return s.Shown.Down
}

// PodName is the name of the running pod without the node's name that the kubelet appends; empty where there is none.
func (s *State) PodName() string {
	if s.Running.Local == "" {
		return ""
	}
	return nameOf(s.Key) + "-" + s.Running.Local
}

// Restore is the state of a host that has lost its own, made of the newest that the others have of it. It holds as one
// on which the DaemonSet was just placed, so that what was told last and is still on its way comes back, too; give it
// again when something newer does. For the same reason a turn that it had is not its turn any more while the old pod is
// available: it may have told since that it is over.
func Restore(told *State, now time.Time) State {
	s := *told
	s.Turn = false
	s.HeldUntil, s.Returned = now.Add(HoldDown), true
	s.Sick = s.Phase.Taken()
	return s
}

// Promises says whether s must be on disk, for certain, before it is told or acted upon: whether it differs from what
// was on disk in anything that others rely on or that a restart needs.
func (s *State) Promises(onDisk *State) bool {
	return s.Ticket != onDisk.Ticket || s.Target != onDisk.Target || s.Phase.Taken() != onDisk.Phase.Taken() ||
		(s.Phase == PhaseNotPlaced) != (onDisk.Phase == PhaseNotPlaced) ||
		s.Rejected != onDisk.Rejected || s.Sick != onDisk.Sick || s.Turn != onDisk.Turn || !s.Tried.Equal(onDisk.Tried) ||
		s.Good != onDisk.Good || s.GoodBefore != onDisk.GoodBefore ||
		!s.HeldUntil.Equal(onDisk.HeldUntil) || s.Returned != onDisk.Returned
}
