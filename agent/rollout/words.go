package rollout

var phaseWords = [...]string{
	PhaseUnknown: "Unknown", PhaseNotPlaced: "NotPlaced", PhaseAvailable: "Available", PhaseWaiting: "Waiting",
	PhaseHeld: "OnHold", PhaseUpdating: "Updating", PhaseFailed: "Failed", PhaseUnavailable: "Unavailable",
}

// String is a CamelCase word that never changes.
func (p Phase) String() string { return word(phaseWords[:], int(p)) }

var holdWords = [...]string{
	HoldNone:      "not held",
	HoldPaused:    "paused by its annotation daemonsetd.io/paused",
	HoldPartition: "one of those that stay by the annotation daemonsetd.io/partition",
	HoldFailed:    "too many hosts have failed with this revision (annotation daemonsetd.io/max-failed)",
	HoldOnDelete:  "update strategy OnDelete: dsctl rollout replace on the host has the pod replaced",
	HoldNew:       "placed less than 10 minutes ago, so that not everybody may know of it yet",
	HoldKubelet:   "the kubelet is not answering",
	HoldUnsettled: "has not heard enough of the other members yet",
	HoldExhausted: "a member has told a generation so high that none is left above it: dsctl forget it",
	HoldFile:      "its file cannot be used now",
}

// String is a phrase for people.
func (h Hold) String() string { return word(holdWords[:], int(h)) }
