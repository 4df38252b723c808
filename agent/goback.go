package agent

import (
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// lastGood gives the revision in which one of the history would run here now.
func (a *Agent) lastGood(*state, *spec.DaemonSet) func(fleet string) rollout.Revision { return nil }

// goBack has an earlier revision wanted in place of the file's.
func (a *Agent) goBack(_ *state, w *plan.Wanted, _ rollout.Revision) {
	w.Hold = "it goes back to an earlier revision"
}
