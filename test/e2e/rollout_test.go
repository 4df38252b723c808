//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// turned is how long a rollout over a few hosts may take.
const turned = 2 * time.Minute

var (
	budget  = workload{name: "budget", rev: "1", strategy: "{type: RollingUpdate, rollingUpdate: {maxUnavailable: 1}}"}
	surge   = workload{name: "surge", rev: "1", strategy: "{type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}"}
	failing = workload{name: "failing", rev: "1", strategy: "{type: RollingUpdate, rollingUpdate: {maxUnavailable: 1}}", annotations: []string{
		`daemonsetd.io/auto-rollback: "true"`, "daemonsetd.io/progress-deadline: 10s",
	}}
	byHand = workload{name: "by-hand", rev: "1", strategy: "{type: OnDelete}"}
)

// TestRollout: three hosts, each with a kubelet and a containerd in a network namespace of its own. A new template reaches all of
// them; never is more than one pod down by it, with a link cut and an agent killed on the way.
func TestRollout(t *testing.T) {
	r := newRack(t, 3)
	all := []workload{budget, surge, failing, byHand}
	for _, w := range all {
		r.lay(t, w.name, w.yaml())
	}
	r.start(t, r.agents, r.seed.String())
	r.all(t, formed, "all see all alive", r.agents, sees(states(r.agents)))
	for _, w := range all {
		r.all(t, turned, w.name+" runs on all hosts", r.agents, placed(w.name, len(r.agents)))
	}
	r.endHoldDown(t)
	r.all(t, formed, "all agents have heard enough to replace a pod", r.agents, settled)
	// Who is known for less than a day is followed nowhere when it goes back, unless somebody trusts it.
	for _, a := range r.agents {
		for _, other := range r.agents {
			if other != a {
				a.must(t, "trust", other.node)
			}
		}
	}

	if !t.Run("CutAndKilled", r.cutAndKilled) {
		return
	}
	t.Run("Beside", func(t *testing.T) {
		t.Run("Surge", func(t *testing.T) { t.Parallel(); r.surge(t) })
		t.Run("Failing", func(t *testing.T) { t.Parallel(); r.failing(t) })
		t.Run("ByHand", func(t *testing.T) { t.Parallel(); r.byHand(t) })
	})
	t.Run("Undo", r.undo)
}

// placed gives a check that a DaemonSet's pod is available on all hosts.
func placed(name string, hosts int) func(context.Context, *agent) error {
	return func(ctx context.Context, a *agent) error {
		r, err := a.rollout(ctx, name)
		if err == nil && r.Counts.Available != hosts {
			err = fmt.Errorf("rollout %+v", r)
		}
		return err
	}
}

func settled(ctx context.Context, a *agent) error {
	status, err := a.status(ctx)
	if err == nil && !status.Gossip.Settled {
		err = fmt.Errorf("gossip %+v", status.Gossip)
	}
	return err
}

// cutAndKilled: while the first host is replacing its pod its agent is killed, and the link of another is cut. The killed one
// finishes what it began, the third waits for the one that is cut off, and after the heal all finish.
func (r *rack) cutAndKilled(t *testing.T) {
	marks := r.marks(t)
	next := budget
	next.rev = "2"
	r.lay(t, next.name, next.yaml())
	first := r.firstUpdating(t, next.name)
	var rest []*agent
	for _, a := range r.agents {
		if a != first {
			rest = append(rest, a)
		}
	}
	cut, third := rest[0], rest[1]
	if err := r.network.Cut(t.Context(), slices.Index(r.agents, cut)); err != nil {
		t.Fatal(err)
	}
	first.kill(t)
	if state := first.rolloutStates(t, &map[string]json.RawMessage{})[namespace+"/"+next.name]; state.Phase != rollout.PhaseUpdating {
		t.Errorf("the agent of %s was not killed in the middle of it: %+v", first.node, state)
	}
	r.start(t, []*agent{first})

	r.all(t, turned, "the one that was killed has finished what it began", []*agent{first}, func(ctx context.Context, a *agent) error {
		got, err := a.rollout(ctx, next.name)
		if err == nil && got.Self.Phase != rollout.PhaseAvailable.String() {
			err = fmt.Errorf("it is %+v", got.Self)
		}
		return err
	})
	r.all(t, noticed, "the third waits for the one that is cut off", []*agent{third}, waitsFor(next.name, cut))
	host.Throughout(t, 5*time.Second, func(ctx context.Context) error {
		if pods := third.podTimes(t, next.name, 1); len(pods) != 1 || !pods[0].End.IsZero() {
			return fmt.Errorf("with %s cut off the pod of %s was touched: %+v", cut.node, third.node, pods)
		}
		return waitsFor(next.name, cut)(ctx, third)
	})
	if err := r.network.Mend(t.Context(), slices.Index(r.agents, cut)); err != nil {
		t.Fatal(err)
	}
	healedAt := time.Now()
	out := third.must(t, "rollout", "status", namespace+"/"+next.name, "--timeout", healed.String())
	t.Logf("healed -> rolled out: %s\n%s", time.Since(healedAt).Round(time.Millisecond), out)
	if !strings.Contains(out, fmt.Sprintf("daemon set %q successfully rolled out", next.name)) {
		t.Errorf("dsctl rollout status does not say that it is over:\n%s", out)
	}
	r.all(t, told, "all say so", r.agents, rolledOut(next.name, len(r.agents)))
	oneAtATime(t, r.gaps(t, next.name), len(r.agents))
	for _, a := range r.agents {
		noTwo(t, a.podTimes(t, next.name, 2))
		noParseErrors(t, a.host, marks[a.node])
	}
}

// firstUpdating waits until a host replaces its pod.
func (r *rack) firstUpdating(t *testing.T, name string) *agent {
	t.Helper()
	var first *agent
	host.Eventually(t, turned, func(ctx context.Context) error {
		for _, a := range r.agents {
			got, err := a.rollout(ctx, name)
			if err != nil {
				return err
			}
			if got.Self.Phase == rollout.PhaseUpdating.String() {
				first = a
				return nil
			}
		}
		return fmt.Errorf("nobody replaces the pod of %s", name)
	})
	return first
}

// waitsFor gives a check that the host waits for its turn, and that it is the other one alone that stands in its way.
func waitsFor(name string, other *agent) func(context.Context, *agent) error {
	return func(ctx context.Context, a *agent) error {
		got, err := a.rollout(ctx, name)
		if err != nil {
			return err
		}
		if got.Waiting.Count == 0 || got.Waiting.Names[0] != a.node || len(got.Blockers) != 1 || got.Blockers[0].Host != other.node || got.Blockers[0].Reason != "Down" {
			return fmt.Errorf("want it to wait for %s alone, got %+v", other.node, got)
		}
		return nil
	}
}

// surge: with maxSurge the new pod is ready before the old one goes, one host after the other.
func (r *rack) surge(t *testing.T) {
	next := surge
	next.rev = "2"
	r.lay(t, next.name, next.yaml())
	r.all(t, turned, "rolled out", r.agents, func(ctx context.Context, a *agent) error {
		if err := rolledOut(next.name, len(r.agents))(ctx, a); err != nil {
			return err
		}
		return onePod(ctx, a, next.name)
	})
	var starting []gap
	for _, a := range r.agents {
		pods := a.podTimes(t, next.name, 2)
		spans, err := a.host.Ready(namespace+"/"+next.name+"-", 0)
		if err != nil || len(spans) != 2 || len(pods) != 2 {
			t.Fatalf("%s: want two pods that were ready, got %+v, %v", a.node, spans, err)
		}
		if gaps := host.Gaps(spans); gaps != nil {
			t.Errorf("%s had no ready pod: %+v", a.node, gaps)
		}
		starting = append(starting, gap{Span: host.Span{Start: pods[1].Start, End: spans[1].Start}, node: a.node})
	}
	oneAtATime(t, starting, len(r.agents))
}

// onePod returns an error unless the kubelet has one pod of the DaemonSet and nothing else of it runs.
func onePod(ctx context.Context, a *agent, name string) error {
	pods, err := a.pods(ctx, name)
	if err != nil || len(pods) != 1 {
		return fmt.Errorf("%d pods of %s, %w", len(pods), name, err)
	}
	return nil
}

// failing: a template that never becomes ready takes down one host, which goes back by itself; the others follow, without having
// touched their pods. The status says that it failed, and the old template is put back with dsctl.
func (r *rack) failing(t *testing.T) {
	bad := failing
	bad.rev, bad.command = "2", "[/bin/false]"
	r.lay(t, bad.name, bad.yaml())
	r.all(t, turned, "the template is rejected everywhere", r.agents, func(ctx context.Context, a *agent) error {
		got, err := a.rollout(ctx, bad.name)
		if err == nil && (!got.Done || got.RolledBack == "" || got.Self.Rejected != got.RolledBack || got.Counts.Available != len(r.agents) || got.Failed.Count != len(r.agents)) {
			err = fmt.Errorf("rollout %+v", got)
		}
		return err
	})
	const said = "did not become available with revision"
	if out, err := r.agents[0].dsctl(t.Context(), "rollout", "status", namespace+"/"+bad.name); err == nil || !strings.Contains(err.Error(), said) {
		t.Errorf("dsctl rollout status of a rollout that failed: %v, %s", err, out)
	}
	oneAtATime(t, r.gaps(t, bad.name), 1)
	total := 0
	for _, a := range r.agents {
		total += len(a.sandboxes(t, bad.name))
	}
	if want := len(r.agents) + 2; total != want {
		t.Errorf("want %d pods to have run, the failing one on one host alone and the old one there again, got %d", want, total)
	}
	r.writeUndo(t, bad.name)
	r.all(t, turned, "the old template is back", r.agents, rolledOut(bad.name, len(r.agents)))
	if out := r.agents[0].must(t, "rollout", "status", namespace+"/"+bad.name); !strings.Contains(out, "successfully rolled out") {
		t.Errorf("dsctl rollout status: %s", out)
	}
	oneAtATime(t, r.gaps(t, bad.name), 1)
}

// writeUndo puts the template before the latest back on all hosts, as an operator does.
func (r *rack) writeUndo(t *testing.T, name string) {
	t.Helper()
	r.each(t, r.agents, func(ctx context.Context, a *agent) error {
		out, err := a.dsctl(ctx, "rollout", "undo", namespace+"/"+name, "--write")
		if err == nil && !strings.Contains(string(out), "rolled back") {
			err = fmt.Errorf("dsctl rollout undo: %s", out)
		}
		return err
	})
}

// byHand: with OnDelete nothing happens until the operator asks for it, and then on that host alone.
func (r *rack) byHand(t *testing.T) {
	next := byHand
	next.rev = "2"
	r.lay(t, next.name, next.yaml())
	r.all(t, turned, "all hold", r.agents, func(ctx context.Context, a *agent) error {
		got, err := a.rollout(ctx, next.name)
		if err == nil && (got.Self.Hold != rollout.HoldOnDelete.String() || got.Counts.Available != len(r.agents)) {
			err = fmt.Errorf("rollout %+v", got)
		}
		return err
	})
	asked := r.agents[1]
	asked.must(t, "rollout", "replace", namespace+"/"+next.name)
	r.all(t, turned, "one is replaced", r.agents, func(ctx context.Context, a *agent) error {
		got, err := a.rollout(ctx, next.name)
		if err == nil && (got.Counts.Updated != 1 || got.Counts.Available != len(r.agents)) {
			err = fmt.Errorf("rollout %+v", got)
		}
		return err
	})
	for _, a := range r.agents {
		pods := 1
		if a == asked {
			pods = 2
		}
		a.podTimes(t, next.name, pods)
	}
	if out, err := asked.dsctl(t.Context(), "rollout", "replace", namespace+"/"+next.name); err == nil {
		t.Errorf("there is nothing to replace, and dsctl ended well: %s", out)
	}
}

// undo: the history has both revisions; undo prints the old file and changes nothing; with --write on all hosts the rollout goes
// back, within the budget.
func (r *rack) undo(t *testing.T) {
	a := r.agents[0]
	var history api.RevisionList
	if err := a.ask(t.Context(), &history, "rollout", "history", namespace+"/"+budget.name); err != nil {
		t.Fatal(err)
	}
	var causes []string
	for _, revision := range history.Items {
		causes = append(causes, revision.ChangeCause)
	}
	if !slices.Equal(causes, []string{"revision 1", "revision 2"}) || history.Items[0].Number >= history.Items[1].Number || !history.Items[1].Running {
		t.Errorf("want two revisions in the history, the second running, got %+v", history.Items)
	}
	spec := stat(t, a.path("specs.d/"+budget.name+".yaml"))
	if out := a.must(t, "rollout", "undo", namespace+"/"+budget.name); !strings.Contains(out, "value: \"1\"") {
		t.Errorf("dsctl rollout undo does not print the old template:\n%s", out)
	}
	if after := stat(t, a.path("specs.d/"+budget.name+".yaml")); after != spec {
		t.Errorf("dsctl rollout undo without --write changed the file:\n%s", after.Content)
	}
	r.writeUndo(t, budget.name)
	out := a.must(t, "wait", "ds/"+budget.name, "-n", namespace, "--for=rollout", "--timeout", turned.String())
	t.Log(out)
	r.all(t, told, "all say that it is over", r.agents, rolledOut(budget.name, len(r.agents)))
	oneAtATime(t, r.gaps(t, budget.name), 2*len(r.agents))
	for _, a := range r.agents {
		noTwo(t, a.podTimes(t, budget.name, 3))
		if pods, err := a.pods(t.Context(), budget.name); err != nil || len(pods) != 1 || pods[0].Spec.Containers[0].Env[0].Value != "1" {
			t.Errorf("%s: want one pod of the old template, got %+v, %v", a.node, pods, err)
		}
	}
}
