package backend

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
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
	case plan.Write, plan.PullImages:
		return api.FileWrite
	case plan.Restore:
		return api.FileRestore
	case plan.Remove, plan.EndPull:
		return api.FileRemove
	}
	return string(k)
}

// soakText says how much of its soak a pod of this host has behind it; empty: it has none before it.
func soakText(v *reconcile.Snapshot, it *reconcile.Item, podName string) string {
	since, until := v.Soak(it, podName)
	if until.IsZero() || !time.Now().Before(until) {
		return ""
	}
	return fmt.Sprintf("ready for %s of %s: then the rollout takes it for available (soak)",
		max(time.Since(since), 0).Truncate(time.Second), until.Sub(since))
}

// percentText says what a percentage is taken of, and who is not counted; empty: the value is a number.
func percentText(value intstr.IntOrString, members, others int) string {
	if value.Type != intstr.String {
		return ""
	}
	text := fmt.Sprintf("%s of %s", value.String(), count(members, "member"))
	switch {
	case others == 1:
		text += "; 1 newer than a day is not counted"
	case others > 1:
		text += fmt.Sprintf("; %d newer than a day are not counted", others)
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// haltText is one sentence without a stop on a rollout that does not go on because of hosts that have failed.
func haltText(h *rollout.Halt, spec strategy.Strategy) string {
	names := make([]string, 0, len(h.Failed))
	for i := range h.Failed {
		names = append(names, hostName(&h.Failed[i]))
	}
	slices.Sort(names)
	const few = 3
	hosts := strings.Join(names[:min(few, len(names))], ", ")
	if more := len(names) - few; more > 0 {
		hosts += fmt.Sprintf(" and %d more", more)
	}
	text := fmt.Sprintf("halted: %s failed (%s)", count(len(names), "host"), hosts)
	if len(h.Failed) < h.Limit {
		return text + ", and no other host has anything left to do"
	}
	setting, value := strategy.AnnotationMaxFailed, spec.MaxFailed
	if value == nil {
		setting, value = budgetSetting(spec), &spec.Budget
	}
	if percent := percentText(*value, h.Members, h.Uncounted); percent != "" {
		setting += " " + percent
	}
	return text + fmt.Sprintf(", the limit is %d (%s)", h.Limit, setting)
}

func budgetSetting(spec strategy.Strategy) string {
	if spec.Surge {
		return "maxSurge"
	}
	return "maxUnavailable"
}
