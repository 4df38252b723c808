package member

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/pace"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/internal/base/signal"
)

// looker makes Views of the fleet, one at a time.
type looker struct {
	// mu is held while somebody looks: some milliseconds where there are thousands of members.
	mu      sync.Mutex
	tracker fleet.Tracker
	// last is what was seen last. A new run begins with nothing: what an earlier one had settled proves nothing in it.
	last atomic.Pointer[seen]
	// changed is fired when there is something new.
	changed signal.Signal
}

// seen is a View and the run that it was seen in.
type seen struct {
	node viewer
	view *fleet.View
}

// viewer is the part of gossip.Node that is looked at.
type viewer interface{ View() *gossip.View }

// look waits for others who look, then looks.
func (l *looker) look(node viewer) *fleet.View {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.update(node)
}

// glance looks, or gives what was seen last in this run where somebody else is just looking.
func (l *looker) glance(node viewer) *fleet.View {
	if !l.mu.TryLock() {
		if last := l.last.Load(); last != nil && last.node == node {
			return last.view
		}
		l.mu.Lock() // The first look in a run: there is nothing else to be had.
	}
	defer l.mu.Unlock()
	return l.update(node)
}

func (l *looker) update(node viewer) *fleet.View {
	v := l.tracker.Update(node.View(), time.Now())
	l.last.Store(&seen{node, v})
	return v
}

// watch looks at the fleet when something in it has changed. The round that follows counts as part of a look.
func (m *Member) watch(ctx context.Context, node *gossip.Node) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-node.Changed():
		}
		begin := time.Now()
		m.reportName(m.looker.look(node))
		m.show()
		cost := time.Since(begin)
		m.Poke()
		select {
		case <-ctx.Done():
			return
		case <-time.After(pace.Look(cost + time.Duration(m.lastRound.Load()))):
		}
	}
}

// reportName tells of another identity under this host's own name: that of this host before it was installed anew, or
// another host's. The others know the name by one of the two and hold the other one back.
func (m *Member) reportName(view *fleet.View) {
	text := ""
	for i := range view.Members {
		o := &view.Members[i]
		if o.Self || o.Standing != records.Held || o.Name == "" || o.Name != m.cfg.Name {
			continue
		}
		text = fmt.Sprintf("the fleet knows %s with another key (member %s): if this host was installed anew, that is its "+
			"old identity, and hosts that know it do not trust this one; else another host has this name", o.Name, o.ID)
		break
	}
	m.cfg.Board.When(text != "", health.NameTaken, text)
}

// show puts the fleet's nodes where they are listed and watched, and wakes who waits for a change.
func (m *Member) show() {
	m.list.refresh()
	m.looker.changed.Fire()
}
