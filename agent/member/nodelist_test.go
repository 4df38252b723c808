package member

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// fleetOf is a fleet of which nothing is known but the names.
func fleetOf(names ...string) *fleet.View {
	v := &gossip.View{Settled: true}
	for i, name := range names {
		v.Members = append(v.Members, gossip.Member{
			ID: record.ID{byte(i + 1)}, Name: name, State: gossip.StateAlive, Standing: records.Trusted, Self: name == "a",
		})
	}
	var tracker fleet.Tracker
	return tracker.Update(v, began)
}

func wantNodes(t *testing.T, l *listed, what string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, l.names()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestReadsNodes: who else is listed follows who reads: from the first reader on until some time after the last.
func TestReadsNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, now := &listed{}, fleetOf("a", "b", "c")
		l := newNodeList("a", nodes, func() *fleet.View { return now })
		done := l.reads()
		wantNodes(t, nodes, "nothing is known of this host yet")
		done()
		time.Sleep(2 * keepNodes)
		l.own.Store(nodeNamed("a"))
		l.refresh()
		wantNodes(t, nodes, "nobody reads", "a")
		watch, list := l.reads(), l.reads()
		wantNodes(t, nodes, "two read", "a", "b", "c")
		list()
		time.Sleep(2 * keepNodes)
		wantNodes(t, nodes, "one of them goes on", "a", "b", "c")
		watch()
		time.Sleep(keepNodes - time.Second)
		wantNodes(t, nodes, "the last one has gone", "a", "b", "c")
		time.Sleep(2 * time.Second)
		wantNodes(t, nodes, "some time after the last one", "a")
	})
}

// TestReadsNodesAgain: a reader who comes in time keeps the list as it is.
func TestReadsNodesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, now := &listed{}, fleetOf("a", "b")
		l := newNodeList("a", nodes, func() *fleet.View { return now })
		l.own.Store(nodeNamed("a"))
		for range 3 {
			l.reads()()
			time.Sleep(keepNodes - time.Second)
			wantNodes(t, nodes, "read lately", "a", "b")
		}
	})
}

// TestNodesFollowTheFleet: members come and go, and when gossip is off this host stands alone.
func TestNodesFollowTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, now := &listed{}, fleetOf("a", "b")
		l := newNodeList("a", nodes, func() *fleet.View { return now })
		l.own.Store(nodeNamed("a"))
		defer l.reads()()
		for _, c := range []struct {
			what string
			now  *fleet.View
			want []string
		}{
			{"one more", fleetOf("a", "b", "c"), []string{"a", "b", "c"}},
			{"one less", fleetOf("a", "c"), []string{"a", "c"}},
			{"this host is not told of", fleetOf("c"), []string{"a", "c"}},
			{"gossip is off", nil, []string{"a"}},
			{"gossip is on again", fleetOf("a", "b"), []string{"a", "b"}},
		} {
			now = c.now
			l.refresh()
			wantNodes(t, nodes, c.what, c.want...)
		}
	})
}

// TestRefreshDoesNotWait: a round that has another node of its own goes on while somebody else lists thousands; who
// lists does it once more.
func TestRefreshDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, now := &listed{}, fleetOf("a", "b")
		reached, goOn := make(chan struct{}), make(chan struct{})
		looks := 0
		l := newNodeList("a", nodes, func() *fleet.View {
			if looks++; looks == 1 {
				close(reached)
				<-goOn
			}
			return now
		})
		l.own.Store(nodeNamed("a"))
		var done func()
		finished := make(chan struct{})
		go func() { done = l.reads(); close(finished) }()
		<-reached
		own := nodeNamed("a")
		own.Labels = map[string]string{"new": "yes"}
		l.own.Store(own)
		l.refresh() // returns, though nobody has gone on
		if got := nodes.names(); len(got) != 0 {
			t.Errorf("%v are listed before the one who lists has gone on", got)
		}
		close(goOn)
		<-finished
		defer done()
		if got := nodes.nodes["a"]; got != own {
			t.Errorf("this host is listed as %v, which is older than what was to be listed", got)
		}
	})
}
