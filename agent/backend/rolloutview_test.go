package backend

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// TestQueueBehindOneThatIsDown: where the host whose turn would be next is down, the next one is shown with what it
// waits for.
func TestQueueBehindOneThatIsDown(t *testing.T) {
	waiting := func(id string, hash uint64, trouble rollout.Trouble) rollout.Peer {
		return rollout.Peer{ID: id, Name: "node-" + id, Trouble: trouble, State: &rollout.State{
			Key: "a/web", Phase: rollout.PhaseWaiting, Target: rollout.Target{Generation: 2, Revision: rollout.Revision{Fleet: "new"}},
			Running: rollout.Revision{Fleet: "old"}, Ticket: rollout.Ticket{Generation: 2, Class: 1, Hash: hash},
		}}
	}
	r := fleetRollout{key: "a/web", self: "c", strategy: strategy.Strategy{}, members: []rollout.Peer{
		waiting("c", 3, rollout.TroubleNone), waiting("a", 1, rollout.TroubleDown), waiting("b", 2, rollout.TroubleNone),
	}}
	var out api.Rollout
	r.queue(&out)
	if diff := cmp.Diff([]string{"node-b", "node-c", "node-a"}, out.Waiting.Names); diff != "" {
		t.Errorf("waiting (-want +got):\n%s", diff)
	}
	if len(out.Blockers) != 1 || out.Blockers[0].Host != "node-a" || out.Blockers[0].Reason != "Down" {
		t.Errorf("want node-a to stand in the way, got %+v", out.Blockers)
	}
}

// TestUnawaitedCanary: while a rollout goes on it is told for which canaries no host waits.
func TestUnawaitedCanary(t *testing.T) {
	target := rollout.Target{Generation: 2, Revision: rollout.Revision{Fleet: "new"}}
	waiting := func(id string, counts bool) rollout.Peer {
		return rollout.Peer{ID: id, Name: "node-" + id, Counts: counts, State: &rollout.State{
			Key: "a/web", Phase: rollout.PhaseWaiting, Target: target, Running: rollout.Revision{Fleet: "old"}, Canary: id != "a",
		}}
	}
	r := fleetRollout{key: "a/web", self: "a", latest: target, members: []rollout.Peer{waiting("a", true), waiting("b", false), waiting("c", true)}}
	r.strategy.Canary = labels.Everything()
	if got := r.show(false).Unawaited; got.Count != 1 || got.Names[0] != "node-b" {
		t.Errorf("got %+v, want node-b", got)
	}
	r.strategy.Canary = nil
	if got := r.show(false).Unawaited; got.Count != 0 {
		t.Errorf("got %+v where there are no canaries", got)
	}
}

// TestRolledBack: a rollout that is over because the hosts went back has failed, and says so.
func TestRolledBack(t *testing.T) {
	member := rollout.Peer{ID: "a", Name: "node-a", State: &rollout.State{
		Key: "a/web", Phase: rollout.PhaseAvailable, Target: rollout.Target{Generation: 3, Revision: rollout.Revision{Fleet: "good"}},
		Running: rollout.Revision{Fleet: "good"}, Rejected: rollout.Target{Generation: 2, Revision: rollout.Revision{Fleet: "bad"}},
		Shown: rollout.Shown{Pod: true, Ready: true, Available: true},
	}}
	r := fleetRollout{key: "a/web", self: "a", members: []rollout.Peer{member}, latest: member.State.Target}
	got := r.show(false)
	if want := `daemon set "web" rolled back to revision good: revision bad did not become available`; got.RolledBack != "bad" || !got.Done || got.Message != want {
		t.Errorf("got %+v", got)
	}
	r.members[0].State.Rejected = rollout.Target{}
	if got := r.show(false); got.RolledBack != "" || !got.Done || got.Message != `daemon set "web" successfully rolled out` {
		t.Errorf("with another file: got %+v", got)
	}
}

// What a rollout shows follows from the members' states alone.
func TestShowARollout(t *testing.T) {
	target := func(generation uint64, fleet string) rollout.Target {
		return rollout.Target{Generation: generation, Revision: rollout.Revision{Fleet: fleet, Local: fleet}}
	}
	peer := func(id string, hash uint64, st rollout.State) rollout.Peer {
		st.Ticket = rollout.Ticket{Generation: st.Target.Generation, Class: 1, Hash: hash}
		if st.Phase != rollout.PhaseUpdating {
			st.Shown = rollout.Shown{Pod: true, Ready: true, Available: true}
		}
		return rollout.Peer{ID: id, Name: "node-" + id, State: &st}
	}
	old := rollout.Revision{Fleet: "aaaaaaaaaa", Local: "aaaaaaaaaa"}
	next := target(6, "bbbbbbbbbb")
	down := peer("d", 4, rollout.State{Target: next, Running: old, Phase: rollout.PhaseWaiting})
	down.Trouble = rollout.TroubleDown
	r := fleetRollout{key: "default/web", self: "e", strategy: strategy.Strategy{}, members: []rollout.Peer{
		peer("e", 5, rollout.State{Target: next, Running: old, Phase: rollout.PhaseHeld, Hold: rollout.HoldPaused}),
		peer("a", 9, rollout.State{Target: next, Running: old, Phase: rollout.PhaseWaiting}),
		peer("b", 1, rollout.State{Target: next, Phase: rollout.PhaseUpdating}),
		peer("c", 3, rollout.State{Target: target(4, "aaaaaaaaaa"), Running: old, Phase: rollout.PhaseAvailable, Rejected: next}),
		down,
		{ID: "f", Trouble: rollout.TroubleUnknown},
	}}
	r.latest = rollout.Latest(r.members)
	got := r.show(false)
	if got.Generation != 6 || got.Done || got.Message != `Waiting for daemon set "web" rollout to finish: 0 out of 5 new pods have been updated...` {
		t.Errorf("%+v", got)
	}
	list := func(names ...string) api.NameList { return api.NameList{Count: len(names), Names: names} }
	want := api.Rollout{
		Updating: list("node-b"), Waiting: list("node-a", "node-d"), Failed: list("node-c"),
		Held:    []api.RolloutHold{{Reason: "paused by its annotation daemonsetd.io/paused", Hosts: list("node-e")}},
		Unknown: []api.RolloutHold{{Reason: "it is down", Hosts: list("node-d")}, {Reason: "nothing is on record of it", Hosts: list("f")}},
	}
	if diff := cmp.Diff(want, api.Rollout{Updating: got.Updating, Waiting: got.Waiting, Failed: got.Failed, Held: got.Held, Unknown: got.Unknown}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var texts []string
	for _, b := range got.Blockers {
		texts = append(texts, b.Text)
	}
	// These are in the way of a, which is next: d, whose turn is before, is down.
	inTheWay := []string{"node-b is being updated", "node-c has generation 4 of its file, 6 is rolling out", "node-d is down", "node-e goes first and is on hold: paused by its annotation daemonsetd.io/paused", "member f is a known member of which nothing is on record"}
	slices.Sort(texts)
	slices.Sort(inTheWay)
	if diff := cmp.Diff(inTheWay, texts); diff != "" {
		t.Errorf("in the way (-want +got)\n%s", diff)
	}
}

// A rollout with a partition is over when only those are missing that it keeps back.
func TestPartitionedRolloutIsOver(t *testing.T) {
	r := fleetRollout{}
	r.strategy.Partition.IntVal = 2
	for _, c := range []struct {
		counts rollout.Counts
		want   string
		done   bool
	}{
		{rollout.Counts{Desired: 5, Updated: 2, Available: 5}, `Waiting for daemon set "web" rollout to finish: 2 out of 5 new pods have been updated...`, false},
		{rollout.Counts{Desired: 5, Updated: 3, Available: 4}, `Waiting for daemon set "web" rollout to finish: 3 out of 5 new pods have been updated...`, false},
		{rollout.Counts{Desired: 5, Updated: 3, Available: 5}, "partitioned roll out complete: 3 new pods have been updated...", true},
		{rollout.Counts{Desired: 5, Updated: 5, Available: 5}, `daemon set "web" successfully rolled out`, true},
	} {
		if got, done := r.sentence("web", c.counts); got != c.want || done != c.done {
			t.Errorf("%+v: %q, %v", c.counts, got, done)
		}
	}
}

// TestNumbersOfEpochs: a number is shown without its epoch's bits, and chooses the revision that is shown with it, else the latest that has it.
func TestNumbersOfEpochs(t *testing.T) {
	const epoch = 1 << 53
	list := []history.Revision{{Fleet: "a", Number: 2}, {Fleet: "b", Number: 7}, {Fleet: "c", Number: epoch + 1}, {Fleet: "d", Number: epoch + 2}}
	h := &pastOf{store: &fakeHistory{list: list}, list: list, ds: parsed(t, webText("web:1"))}
	for text, want := range map[string]string{"2": "a", "7": "b", "1": "c", "1/2": "d", "1/7": "", "2/1": "", "3": ""} {
		e, n, err := api.ParseRevision(text)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if r, err := h.numbered(e, n); err != nil {
			t.Error(err)
		} else if r != nil {
			got = r.Fleet
		}
		if got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	if got := h.show(list[3]); got.Number != 2 || got.Epoch != 1 {
		t.Errorf("%+v", got)
	}
	for _, c := range []struct {
		all, own         uint64
		latest, observed int64
	}{
		{0, 0, 1, 1},
		{5, 0, 5, 5},
		{5, 5, 5, 5},
		{5, 4, 5, 4},
		{5, 6, 5, 5},
		{epoch + 2, epoch + 2, 2, 2},
		{epoch + 2, epoch + 1, 2, 1},
		{epoch + 2, 9, 2, 0},
		{epoch + 1, 1, 1, 0},
	} {
		it := &reconcile.Item{Key: "a/web", State: rollout.State{Target: rollout.Target{Generation: c.own}}}
		v := &reconcile.Snapshot{Generations: map[string]uint64{"a/web": c.all}}
		if latest, observed := generations(v, it); latest != c.latest || observed != c.observed {
			t.Errorf("of %d, %d: %d, %d, want %d, %d", c.all, c.own, latest, observed, c.latest, c.observed)
		}
	}
}
