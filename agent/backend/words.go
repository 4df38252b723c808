package backend

import (
	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/plan"
)

// phaseWord is a phase in the word that the API promises for it; empty for none. The plan may name its phases as it
// likes, what scripts read stays.
func phaseWord(p plan.Phase) string {
	switch p {
	case plan.PhaseAvailable:
		return api.PhaseAvailable
	case plan.PhaseStarting:
		return api.PhaseStarting
	case plan.PhaseUpdating:
		return api.PhaseUpdating
	case plan.PhaseRemoving:
		return api.PhaseRemoving
	case plan.PhaseNotPlaced:
		return api.PhaseNotPlaced
	case plan.PhaseMisscheduled:
		return api.PhaseMisscheduled
	case plan.PhaseWaiting:
		return api.PhaseWaiting
	case plan.PhaseBlocked:
		return api.PhaseBlocked
	case plan.PhaseRefused:
		return api.PhaseRefused
	case plan.PhaseUnknown:
		return api.PhaseUnknown
	}
	return string(p)
}

// actionWord is what an act does to a manifest, in the word that the API promises for it.
func actionWord(k plan.Kind) string {
	switch k {
	case plan.Write:
		return api.FileWrite
	case plan.Restore:
		return api.FileRestore
	case plan.Remove:
		return api.FileRemove
	}
	return string(k)
}
