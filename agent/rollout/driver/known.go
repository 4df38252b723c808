package driver

import (
	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// roll is who all others are where a members file says so, and what they have heard of each other; see rollout.Asks.
type roll struct {
	// listed: a members file is in effect here and lists this host.
	listed bool
	// heard stands for the questions of all others.
	heard uint64
	// open: one of them cannot be understood, is untrusted, or was not heard yet, so that nobody can have heard from all.
	open bool
	// knows are the different numbers that they tell.
	knows map[uint64]bool
}

// rollOf calls the roll. Whoever left is not waited for: it stands in nobody's way. Whoever is down is: it may be up
// for others, and has to have told that it knows.
func rollOf(view *fleet.View, sections map[record.ID]peerSection) roll {
	r := roll{knows: map[uint64]bool{}}
	if view == nil {
		return r
	}
	for _, m := range view.Members {
		if m.Self {
			r.listed = m.Listed
			continue
		}
		_, told := m.Sections[Section]
		if m.Standing == records.Excluded || m.State == gossip.StateLeft && told {
			continue
		}
		s := sections[m.ID]
		if !told || s.err != nil || m.Contested || !m.Listed {
			r.open = true
			continue
		}
		r.heard ^= rollout.Heard(s.id, s.asks)
		r.knows[s.knows] = true
	}
	return r
}

// answered says whether all others have heard what this host asks, and tell so.
func (r *roll) answered(self string, asks uint64) bool {
	if r.open || asks == 0 {
		return false
	}
	want := r.heard ^ rollout.Heard(self, asks)
	return len(r.knows) == 0 || len(r.knows) == 1 && r.knows[want]
}

// known says whether all others know that the DaemonSet of a state was placed here.
func (t *Turns) known(state *rollout.State) bool {
	told, decided := t.turns[state.Key]
	return decided && t.roll.listed && state.Asked(&told.State) && t.roll.answered(t.heard.Self, t.asks)
}
