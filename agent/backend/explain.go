package backend

import (
	"cmp"
	"context"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
)

// Explain implements api.Backend.
func (b *Backend) Explain(_ context.Context, req api.ExplainRequest) ([]api.Explanation, error) {
	v, err := b.latest()
	if err != nil {
		return nil, err
	}
	key := v.Key(req.DaemonSet)
	explain, err := b.explainer(v, req.Node)
	if err != nil {
		return nil, err
	}
	out := []api.Explanation{}
	for _, it := range v.Items {
		if key == "" || it.Key == key {
			out = append(out, explain(it))
		}
	}
	if key != "" && len(out) == 0 {
		return nil, b.notFound(v, key)
	}
	return out, nil
}

// explainer is how a DaemonSet is explained for a node: this one with what it does, another one with what it told.
func (b *Backend) explainer(v *reconcile.Snapshot, node string) (func(*reconcile.Item) api.Explanation, error) {
	if node == "" || node == b.cfg.Host {
		return func(it *reconcile.Item) api.Explanation {
			st, _ := v.Status(it.Key)
			e := explanation(b.cfg.Host, it, it.Decision)
			e.Phase, e.Message = phaseWord(st.Phase), cmp.Or(st.Message, soakText(v, it, st.PodName))
			// A taint that is not tolerated at all is among the reasons already, and has no tolerationSeconds.
			if it.Evicted && it.Decision.ShouldContinueRunning {
				e.ShouldRun, e.ShouldContinueRunning = false, false
				e.Reasons = append(e.Reasons, api.Reason{
					Predicate: "TaintEviction", Message: "the tolerationSeconds of a NoExecute taint are over",
					Remedy: "remove the taint, or tolerate it without tolerationSeconds",
				})
			}
			return e
		}, nil
	}
	fleetNow, err := b.fleetView()
	if err != nil {
		return nil, err
	}
	m, err := fleetNow.ForPlacement(node)
	if err != nil {
		return nil, lookupError(err)
	}
	there := m.Node()
	facts := &api.NodeFacts{
		ReceivedAt: m.FactsAt, LastHeard: m.LastHeard, State: memberState(m.State), Standing: memberStanding(m.Standing),
		ID: m.ID.String(), LeftOut: m.Facts.LeftOut.String(),
	}
	return func(it *reconcile.Item) api.Explanation {
		e := explanation(m.Name, it, placement.Decide(it.DS.Object, there))
		e.Facts = facts
		return e
	}, nil
}

// explanation is a decision in words.
func explanation(node string, it *reconcile.Item, d placement.Decision) api.Explanation {
	e := api.Explanation{
		DaemonSet: it.Key, Node: node, ShouldRun: d.ShouldRun, ShouldContinueRunning: d.ShouldContinueRunning,
		Source:  it.DS.Source.File,
		Reasons: []api.Reason{},
	}
	for _, r := range d.Reasons {
		e.Reasons = append(e.Reasons,
			api.Reason{Predicate: r.Predicate, Passed: r.Passed, Message: r.Message, Remedy: r.Remedy})
	}
	return e
}
