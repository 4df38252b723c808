package backend

import (
	"slices"

	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/metrics"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// MetricsOf is what the metrics of DaemonSets and their pods are made of, from one round; nil: there was none yet.
func MetricsOf(v *reconcile.Snapshot) metrics.State {
	s := metrics.State{Problems: map[metrics.Problem]int{}}
	for _, c := range health.Codes() {
		s.Problems[metrics.Problem{Code: c.String(), Severity: c.Severity()}] = 0
	}
	if v == nil {
		return s
	}
	for _, h := range v.Health {
		s.Problems[metrics.Problem{Code: h.Code, Severity: h.Severity}]++
	}
	s.DaemonSets = DaemonSets(v)
	for _, pod := range Pods(v) {
		if pod.Annotations[render.AnnotationDaemonSet] != "" {
			s.Pods = append(s.Pods, pod)
		}
	}
	for _, it := range v.Items {
		h := metrics.Here{
			Namespace: it.DS.Object.Namespace, Name: it.DS.Object.Name, ShouldRun: it.Decision.ShouldRun && !it.Evicted,
		}
		if it.Down != nil {
			h.Down = it.Down.Reason
		}
		if it.State.Key != "" {
			h.Rollout = it.State.Phase.String()
		}
		if st, ok := v.Status(it.Key); ok {
			h.Phase = string(st.Phase)
		}
		h.Available = availableHere(v, it)
		s.Here = append(s.Here, h)
	}
	return s
}

// availableHere says whether the kubelet has an available pod of a DaemonSet.
func availableHere(v *reconcile.Snapshot, it *reconcile.Item) bool {
	return slices.ContainsFunc(it.Present, func(p plan.Present) bool { return v.Answer(it.Key, p.PodName).Available })
}
