package backend

import (
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/plan"
)

// What scripts read of phases and acts is spelt out: it stays when the plan names them otherwise.
func TestWordsOfTheAPI(t *testing.T) {
	for phase, want := range map[plan.Phase]string{
		plan.PhaseAvailable: "Available", plan.PhaseStarting: "Starting", plan.PhaseUpdating: "Updating", plan.PhaseRemoving: "Removing",
		plan.PhaseNotPlaced: "NotPlaced", plan.PhaseMisscheduled: "Misscheduled", plan.PhaseWaiting: "Waiting",
		plan.PhaseBlocked: "Blocked", plan.PhaseRefused: "Refused", plan.PhaseUnknown: "Unknown", "": "",
	} {
		if got := phaseWord(phase); got != want {
			t.Errorf("phase %q is %q, want %q", phase, got, want)
		}
	}
	for kind, want := range map[plan.Kind]string{plan.Write: "write", plan.Restore: "restore", plan.Remove: "remove"} {
		if got := actionWord(kind); got != want {
			t.Errorf("act %q is %q, want %q", kind, got, want)
		}
	}
}
