package member

import (
	"testing"
	"testing/synctest"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/gossip"
)

// slow is a fleet that takes as long to look at as the test says.
type slow struct {
	view *gossip.View
	// reached gets a value when somebody looks, goOn lets one go on; nil: at once.
	reached, goOn chan struct{}
}

func (s *slow) View() *gossip.View {
	if s.goOn != nil {
		s.reached <- struct{}{}
		<-s.goOn
	}
	return s.view
}

// TestGlanceDoesNotWait: a round sees what was seen last while a reader looks, and what is new afterwards.
func TestGlanceDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l looker
		node := &slow{view: &gossip.View{Cluster: "one"}}
		if got := l.glance(node); got.Cluster != "one" {
			t.Fatalf("the first look saw %q", got.Cluster)
		}
		node.view = &gossip.View{Cluster: "two"}
		node.reached, node.goOn = make(chan struct{}), make(chan struct{})
		read := make(chan *fleet.View)
		go func() { read <- l.look(node) }()
		<-node.reached
		if got := l.glance(node); got.Cluster != "one" {
			t.Errorf("while a reader looks the round saw %q", got.Cluster)
		}
		close(node.goOn)
		if got := <-read; got.Cluster != "two" {
			t.Errorf("the reader saw %q", got.Cluster)
		}
		node.goOn = nil
		if got := l.glance(node); got.Cluster != "two" {
			t.Errorf("afterwards the round saw %q", got.Cluster)
		}
	})
}

// TestGlanceInANewRun: what an earlier run had settled is never taken for what this one has, whoever looks.
func TestGlanceInANewRun(t *testing.T) {
	var l looker
	l.look(&slow{view: &gossip.View{Settled: true}})
	node := &slow{view: &gossip.View{}, reached: make(chan struct{}, 2), goOn: make(chan struct{})}
	read, glanced := make(chan *fleet.View, 1), make(chan *fleet.View, 1)
	go func() { read <- l.look(node) }()
	<-node.reached
	go func() { glanced <- l.glance(node) }()
	close(node.goOn)
	if v := <-glanced; v.Settled {
		t.Error("settled in a run that is not")
	}
	<-read
}
