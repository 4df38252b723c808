package agent

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// splitKey cuts namespace/name.
func splitKey(key string) (namespace, name string) {
	namespace, name, _ = strings.Cut(key, "/")
	return namespace, name
}

// tell records the event of an act, in the words that the DaemonSet controller has for it.
func (a *Agent) tell(act plan.Act) {
	pod := act.PodName + "-" + a.cfg.NodeName
	switch {
	case act.Kind == plan.Write:
		a.events.OfDaemonSet(act.Key, corev1.EventTypeNormal, plan.ReasonCreate, "Created pod: "+pod)
	case act.Kind == plan.Restore:
		a.events.OfDaemonSet(act.Key, corev1.EventTypeWarning, plan.ReasonRestored, "Restored "+act.FileName+": "+act.Message)
	case act.Reason == plan.ReasonFailed:
		a.events.OfDaemonSet(act.Key, corev1.EventTypeWarning, plan.ReasonFailed, fmt.Sprintf("Found failed daemon pod %s on node %s, will try to kill it: %s", pod, a.cfg.NodeName, act.Message))
	default:
		a.events.OfDaemonSet(act.Key, corev1.EventTypeNormal, "SuccessfulDelete", fmt.Sprintf("Deleted pod: %s (%s)", pod, act.Message))
	}
}

// transitions logs the DaemonSets whose phase is another one than in the last round.
func (a *Agent) transitions(statuses []plan.Status) {
	next := make(map[string]plan.Phase, len(statuses))
	for _, s := range statuses {
		next[s.Key] = s.Phase
		if old := a.phases[s.Key]; old != s.Phase {
			a.log.Info().Str(logfield.DaemonSet, s.Key).Str(logfield.From, string(old)).Str(logfield.To, string(s.Phase)).Str(logfield.Revision, s.Current).Str(logfield.Reason, s.Message).Msg("daemonset phase changed")
			if s.Phase == plan.PhaseBlocked {
				a.events.OfDaemonSet(s.Key, corev1.EventTypeWarning, "Blocked", s.Message)
			}
		}
	}
	for key, old := range a.phases {
		if _, ok := next[key]; !ok {
			a.log.Info().Str(logfield.DaemonSet, key).Str(logfield.From, string(old)).Msg("daemonset is gone")
		}
	}
	a.phases = next
}
