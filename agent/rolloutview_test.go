package agent

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// TestQueueBehindOneThatIsDown: where the host whose turn would be next is down, the next one is shown with what it waits for.
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
