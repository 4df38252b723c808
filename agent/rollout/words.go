package rollout

import (
	"fmt"
	"time"
)

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
	HoldFailed:    "halted: too many hosts have failed with this revision",
	HoldOnDelete:  "update strategy OnDelete: dsctl rollout replace on the host has the pod replaced",
	HoldNew:       "on hold, since the DaemonSet came to this host less than 10 minutes ago",
	HoldKubelet:   "the kubelet is not answering",
	HoldUnsettled: "has not heard enough of the other members yet",
	HoldExhausted: "a member has told a generation so high that none is left above it: dsctl forget it",
	HoldFile:      "its file cannot be used now",
}

// Text is a phrase for people, with the time at which the hold ends, where that is known: in the time zone of this
// process.
func (h Hold) Text(until time.Time) string {
	if h != HoldNew || until.IsZero() {
		return h.String()
	}
	return fmt.Sprintf("on hold until %s, since the DaemonSet came to this host less than 10 minutes ago",
		until.Local().Format(time.TimeOnly))
}

// String is a phrase for people.
func (h Hold) String() string { return word(holdWords[:], int(h)) }
