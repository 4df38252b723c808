package agent

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip/keyring"
	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// rollout is that of default/logger, with all hosts; empty while there is none.
func (b *bed) rollout() api.Rollout {
	b.t.Helper()
	list, err := b.client.Rollouts(b.t.Context(), api.RolloutRequest{DaemonSet: "logger", Hosts: true})
	if notFound(err) {
		return api.Rollout{}
	}
	if err != nil || len(list.Items) != 1 {
		b.t.Fatalf("%+v, %v", list, err)
	}
	return list.Items[0]
}

// rolledOut says whether the rollout of a revision is over here and its pod is available; empty: of any. That a rollout is over says nothing
// by itself: it is, too, where the node does not qualify, as before the kubelet has answered.
func (b *bed) rolledOut(revision string) bool {
	b.t.Helper()
	r := b.rollout()
	return r.Done && r.Counts.Desired == 1 && r.Counts.Available == 1 && r.Counts.Updated == 1 && (revision == "" || r.Revision == revision)
}

// revisions is its history over the API.
func (b *bed) revisions(number uint64) []api.Revision {
	b.t.Helper()
	list, err := b.client.Revisions(b.t.Context(), api.RevisionRequest{DaemonSet: "default/logger", Revision: number})
	if err != nil || list.DaemonSet != "default/logger" || len(list.Warnings) > 0 {
		b.t.Fatalf("%+v, %v", list, err)
	}
	return list.Items
}

func notFound(err error) bool {
	p, ok := errors.AsType[*api.Error](err)
	return ok && p.Code == api.CodeNotFound
}

// Of one host alone: its rollout, its history, the file that goes back, and going back by it.
func TestUndoOfARollout(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		cause := func(text string) string { return `kubernetes.io/change-cause: "` + text + `"` }
		b.lay("specs.d/logger.yaml", edited(logger("logger:1"), "logger:1", cause("one")))
		b.run()
		b.eventually("the first rollout", func() bool { return b.rolledOut("") && len(b.revisions(0)) == 1 })
		first := b.rollout()
		if _, err := b.client.Undo(t.Context(), api.UndoRequest{DaemonSet: "logger"}); err == nil || !strings.Contains(err.Error(), "no last revision to roll back to") {
			t.Errorf("undo of the only revision: %v", err)
		}
		b.lay("specs.d/logger.yaml", edited(logger("logger:1"), "logger:2", cause("two"), `daemonsetd.io/strict-budget: "true"`))
		b.eventually("the second rollout", func() bool {
			return b.rolledOut("") && b.rollout().Revision != first.Revision && len(b.revisions(0)) == 2
		})
		second := b.rollout()
		if second.Generation <= first.Generation || second.Counts.Updated != 1 || second.Self.Phase != "Available" || len(second.Hosts) != 1 {
			t.Errorf("%+v after %+v", second, first)
		}
		list := b.revisions(0)
		if list[0].ChangeCause != "one" || list[1].ChangeCause != "two" || !list[1].Current || !list[1].Running || list[0].Current || list[0].Template != nil {
			t.Errorf("history %+v", list)
		}
		if one := b.revisions(list[0].Number); len(one) != 1 || !strings.Contains(string(one[0].Template), "logger:1") {
			t.Errorf("revision %d: %+v", list[0].Number, one)
		}
		_, err := b.client.Revisions(t.Context(), api.RevisionRequest{DaemonSet: "logger", Revision: 99})
		_, undoErr := b.client.Undo(t.Context(), api.UndoRequest{DaemonSet: "logger", To: 99})
		_, noSet := b.client.Rollouts(t.Context(), api.RolloutRequest{DaemonSet: "nope"})
		for _, err := range []error{err, undoErr, noSet} {
			if !notFound(err) {
				t.Errorf("%v, want not found", err)
			}
		}
		res, err := b.client.Undo(t.Context(), api.UndoRequest{DaemonSet: "logger"})
		if err != nil || res.To.Number != list[0].Number || res.From.Number != list[1].Number || res.Same || res.Source != b.path("specs.d", "logger.yaml") {
			t.Fatalf("%+v, %v", res, err)
		}
		if !strings.Contains(res.Document, "daemonsetd.io/strict-budget") || !strings.Contains(res.Document, "change-cause: one") {
			t.Errorf("the document does not have what is beside the template, and the cause of the time:\n%s", res.Document)
		}
		if same, err := b.client.Undo(t.Context(), api.UndoRequest{DaemonSet: "logger", To: list[1].Number}); err != nil || !same.Same {
			t.Errorf("undo to what there is: %+v, %v", same, err)
		}
		b.lay("specs.d/logger.yaml", res.Document)
		b.eventually("the way back", func() bool { return b.rolledOut(first.Revision) })
		b.eventually("the old revision under a new number", func() bool {
			now := b.revisions(0)
			return len(now) == 2 && now[1].Revision == first.Revision && now[1].Number > list[1].Number && now[1].ChangeCause == "one"
		})
		plan, err := b.client.Plan(t.Context(), api.PlanRequest{Files: []api.PlanFile{{Name: "logger.yaml", Data: []byte(logger("logger:3"))}}})
		if err != nil || plan.DaemonSets[0].Action != api.PlanReplace || plan.DaemonSets[0].Fleet != nil {
			t.Errorf("a plan without gossip: %+v, %v", plan, err)
		}
	})
}

// With OnDelete a pod stays until somebody asks for its replacement.
func TestReplaceOnThisHost(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		onDelete := func(image string) string {
			return strings.Replace(logger(image), "spec:\n", "spec:\n  updateStrategy: {type: OnDelete}\n", 1)
		}
		replace := func() (*api.ReplaceResult, error) {
			return b.client.Replace(t.Context(), api.ReplaceRequest{DaemonSet: "logger"})
		}
		refused := func(want string) {
			t.Helper()
			if _, err := replace(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.run()
		b.phase(api.PhaseAvailable)
		refused("has the update strategy RollingUpdate")
		b.lay("specs.d/logger.yaml", onDelete("logger:1"))
		b.eventually("the strategy", func() bool { return b.rollout().Strategy == "OnDelete" })
		refused("has the revision of the file")
		b.lay("specs.d/logger.yaml", onDelete("logger:2"))
		b.eventually("the new file", func() bool { return len(b.rollout().Held) == 1 })
		if r := b.rollout(); r.Done || !strings.Contains(r.Held[0].Reason, "dsctl rollout replace") || r.Held[0].Hosts.Count != 1 || r.Self.Hold == "" {
			t.Errorf("%+v", r)
		}
		old := b.daemonSet().CurrentRevision
		res, err := replace()
		if err != nil || !res.Started || res.Node != "node-1" || res.From != old || res.To == old {
			t.Fatalf("%+v, %v", res, err)
		}
		b.runs(res.To)
		if err := os.Remove(b.path("specs.d/logger.yaml")); err != nil {
			t.Fatal(err)
		}
		b.eventually("the DaemonSet to go", func() bool { _, err := replace(); return notFound(err) })
	})
}

// ageRollouts makes a host that has stopped forget that DaemonSets were placed on it lately.
func (b *bed) ageRollouts() {
	b.t.Helper()
	path := b.path("state", "rollouts.json")
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	var f map[string]json.RawMessage
	var states map[string]rollout.State
	if err := json.Unmarshal(data, &f); err != nil {
		b.t.Fatal(err)
	}
	if err := json.Unmarshal(f["daemonsets"], &states); err != nil {
		b.t.Fatal(err)
	}
	for key, st := range states {
		st.HeldUntil = time.Time{}
		states[key] = st
	}
	if f["daemonsets"], err = json.Marshal(states); err != nil {
		b.t.Fatal(err)
	}
	if data, err = json.Marshal(f); err == nil {
		err = atomicfile.WriteFile(path, data, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// Two hosts: what each shows of both, before, during and after a rollout, and what a plan says of it.
func TestRolloutOverTheFleet(t *testing.T) {
	virtually(t, func(t *testing.T) {
		net, key := network(), keyring.Generate()
		a := newMember(t, net, "a", 1, key)
		b := newMember(t, net, "b", 2, key, a)
		stopA, stopB := a.run(), b.run()
		for _, h := range []*bed{a, b} {
			h.lay("specs.d/logger.yaml", logger("logger:1"))
		}
		for _, h := range []*bed{a, b} {
			h.eventually("both are available", func() bool { r := h.rollout(); return r.Done && r.Counts.Desired == 2 && r.Counts.Available == 2 })
		}
		planned := func(text string) *api.FleetPlan {
			t.Helper()
			res, err := a.client.Plan(t.Context(), api.PlanRequest{Files: []api.PlanFile{{Name: "logger.yaml", Data: []byte(text)}}})
			if err != nil || len(res.DaemonSets) == 0 {
				t.Fatalf("%+v, %v", res, err)
			}
			return res.DaemonSets[0].Fleet
		}
		p := planned(logger("logger:2"))
		if p == nil || p.Replace.Count != 2 || p.Budget != 1 || len(p.Waves) != 2 || p.ReplaceSeconds != 0 || p.Blocked ||
			!slices.ContainsFunc(p.Holds, func(s string) bool { return strings.HasPrefix(s, "this host: on hold until ") }) {
			t.Errorf("plan of a replacement of what is new: %+v", p)
		}
		stopA()
		stopB()
		a.ageRollouts()
		b.ageRollouts()
		a.run()
		stopB = b.run()
		a.eventually("both are back", func() bool { r := a.rollout(); return r.Done && r.Counts.Available == 2 && r.Counts.Unknown == 0 })

		if p := planned(logger("logger:1")); p != nil {
			t.Errorf("plan of what there is: %+v", p)
		}
		if p := planned(logger("logger:2")); p == nil || len(p.Holds) != 0 || p.Blocked {
			t.Errorf("plan: %+v", p)
		}
		if p := planned(logger("logger:1", "nodeSelector: {kubernetes.io/hostname: b}")); p == nil || !cmp.Equal(p.Lose.Names, []string{"a"}) || !cmp.Equal(p.Replace.Names, []string{"b"}) {
			t.Errorf("plan of another place: %+v", p)
		}
		if p := planned(strings.ReplaceAll(logger("other:1"), "name: logger", "name: other")); p == nil || !cmp.Equal(p.Lose.Names, []string{"a", "b"}) {
			t.Errorf("plan of a file without it: %+v", p)
		}

		for _, h := range []*bed{a, b} {
			h.eventually("it has heard enough", func() bool {
				list, err := h.client.Rollouts(t.Context(), api.RolloutRequest{})
				return err == nil && list.Fleet && list.Settled
			})
		}
		// The file comes to a alone: b has the older one, and stands in its way.
		a.lay("specs.d/logger.yaml", logger("logger:2"))
		a.eventually("a waits for b", func() bool {
			r := a.rollout()
			return len(r.Blockers) == 1 && r.Blockers[0].Reason == "OlderFile" && strings.HasPrefix(r.Blockers[0].Text, "b has generation ") && cmp.Equal(r.Waiting.Names, []string{"a"})
		})
		fresh := a.rollout().Revision
		b.lay("specs.d/logger.yaml", logger("logger:2"))
		for _, h := range []*bed{a, b} {
			h.eventually("both have the new revision", func() bool {
				r := h.rollout()
				return r.Done && r.Revision == fresh && r.Counts.Updated == 2 && len(r.Hosts) == 2
			})
		}
		a.eventually("the status of the DaemonSet is the fleet's", func() bool {
			list, err := a.client.DaemonSets(t.Context(), client.Selection{})
			return err == nil && list.Items[0].Status.DesiredNumberScheduled == 2 && list.Items[0].Status.UpdatedNumberScheduled == 2 && list.Items[0].Status.NumberAvailable == 2
		})
		if p := planned(logger("logger:3")); p == nil || p.ReplaceSeconds <= 0 || p.EstimateSeconds < 1.9*p.ReplaceSeconds {
			t.Errorf("plan after a rollout: %+v", p)
		}
		stopB()
		a.eventually("b is down", func() bool {
			r := a.rollout()
			return len(r.Unknown) == 1 && r.Unknown[0].Reason == "it is down" && cmp.Equal(r.Unknown[0].Hosts.Names, []string{"b"}) && !r.Done
		})
		if p := planned(logger("logger:3")); p == nil || !p.Blocked || len(p.Blockers) != 1 || p.Blockers[0].Text != "b is down" {
			t.Errorf("plan with a host that is down: %+v", p)
		}
	})
}

// A rollout of which nothing was made yet is not over, though no pod is wanted; one that wants no pod is, as in kubectl.
func TestFaultO24NothingMadeIsNotOver(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/logger.yaml", withEnv(logger("logger:1", "nodeSelector: {no: where}")))
		b.run()
		b.eventually("the DaemonSet", func() bool { return b.rollout().DaemonSet != "" })
		if r := b.rollout(); r.Done || r.Message != "Waiting for daemon set spec update to be observed..." || r.Generation != 0 {
			t.Errorf("done %t: %q, generation %d", r.Done, r.Message, r.Generation)
		}
		b.lay("specs.d/objects.yaml", configObjects)
		b.eventually("the end", func() bool { return b.rollout().Done })
		if r := b.rollout(); r.Counts.Desired != 0 || r.Message != `daemon set "logger" successfully rolled out` || r.Generation == 0 {
			t.Errorf("%+v", r)
		}
	})
}
