package agent

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/registry"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// splitKey cuts namespace/name.
func splitKey(key string) (namespace, name string) {
	namespace, name, _ = strings.Cut(key, "/")
	return namespace, name
}

// event records something that happened to a DaemonSet.
func (a *Agent) event(key, kind, reason, message string) {
	namespace, name := splitKey(key)
	a.record(registry.EventInput{
		Type: kind, Reason: reason, Message: message,
		Object: corev1.ObjectReference{APIVersion: "apps/v1", Kind: "DaemonSet", Namespace: namespace, Name: name},
	})
}

// nodeEvent records something that happened to this node.
func (a *Agent) nodeEvent(kind, reason, message string) {
	a.record(registry.EventInput{
		Type: kind, Reason: reason, Message: message,
		Object: corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: a.cfg.NodeName},
	})
}

func (a *Agent) record(in registry.EventInput) {
	a.metrics.Events.WithLabelValues(in.Type).Inc()
	a.registry.Record(in)
}

// tell records the event of an act, in the words that the DaemonSet controller has for it.
func (a *Agent) tell(act plan.Act) {
	pod := act.PodName + "-" + a.cfg.NodeName
	switch {
	case act.Kind == plan.Write:
		a.event(act.Key, corev1.EventTypeNormal, plan.ReasonCreate, "Created pod: "+pod)
	case act.Kind == plan.Restore:
		a.event(act.Key, corev1.EventTypeWarning, plan.ReasonRestored, "Restored "+act.FileName+": "+act.Message)
	case act.Reason == plan.ReasonFailed:
		a.event(act.Key, corev1.EventTypeWarning, plan.ReasonFailed, fmt.Sprintf("Found failed daemon pod %s on node %s, will try to kill it: %s", pod, a.cfg.NodeName, act.Message))
	default:
		a.event(act.Key, corev1.EventTypeNormal, "SuccessfulDelete", fmt.Sprintf("Deleted pod: %s (%s)", pod, act.Message))
	}
}

// report puts an item on the health list. It is logged and becomes an event when it is new or says something else.
func (a *Agent) report(code, severity, text, remedy string) {
	item := api.HealthItem{Code: code, Severity: severity, Text: text, Remedy: remedy}
	if a.health[code] == item {
		return
	}
	a.health[code] = item
	if severity == api.SeverityInfo {
		return
	}
	level := zerolog.WarnLevel
	if severity == api.SeverityError {
		level = zerolog.ErrorLevel
	}
	a.log.WithLevel(level).Str(logfield.Reason, code).Str(logfield.Error, text).Str(logfield.Hint, remedy).Msg("health problem")
	a.nodeEvent(corev1.EventTypeWarning, code, text)
}

// clear takes an item off the health list.
func (a *Agent) clear(code string) {
	if _, ok := a.health[code]; !ok {
		return
	}
	delete(a.health, code)
	a.log.Info().Str(logfield.Reason, code).Msg("health problem is over")
}

// healthItems is the list, the worst first.
func (a *Agent) healthItems() []api.HealthItem {
	return slices.SortedFunc(maps.Values(a.health), func(x, y api.HealthItem) int {
		return cmp.Or(cmp.Compare(severityOrder(x.Severity), severityOrder(y.Severity)), cmp.Compare(x.Code, y.Code))
	})
}

func severityOrder(s string) int {
	return slices.Index([]string{api.SeverityError, api.SeverityWarning, api.SeverityInfo}, s)
}

// transitions logs the DaemonSets whose phase is another one than in the last round.
func (a *Agent) transitions(statuses []plan.Status) {
	next := make(map[string]plan.Phase, len(statuses))
	for _, s := range statuses {
		next[s.Key] = s.Phase
		if old := a.phases[s.Key]; old != s.Phase {
			a.log.Info().Str(logfield.DaemonSet, s.Key).Str(logfield.From, string(old)).Str(logfield.To, string(s.Phase)).Str(logfield.Revision, s.Current).Str(logfield.Reason, s.Message).Msg("daemonset phase changed")
			if s.Phase == plan.PhaseBlocked {
				a.event(s.Key, corev1.EventTypeWarning, "Blocked", s.Message)
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
