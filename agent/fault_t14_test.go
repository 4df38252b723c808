package agent

import (
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// TestFaultT14Sure: a host that knows others is not sure of what it told before one of them answers, however long that takes.
func TestFaultT14Sure(t *testing.T) {
	self := fleet.Member{Member: &gossip.Member{Name: "a", Self: true, State: gossip.StateAlive}}
	other := func(state gossip.State, standing records.Standing) fleet.Member {
		return fleet.Member{Member: &gossip.Member{Name: "b", State: state, Standing: standing}}
	}
	for name, c := range map[string]struct {
		members []fleet.Member
		settled bool
		want    bool
	}{
		"nobody is known":          {[]fleet.Member{self}, true, true},
		"it has just started":      {[]fleet.Member{self, other(gossip.StateAlive, records.Trusted)}, false, false},
		"another answers":          {[]fleet.Member{self, other(gossip.StateAlive, records.Trusted)}, true, true},
		"another does not":         {[]fleet.Member{self, other(gossip.StateFailed, records.Trusted)}, true, false},
		"nor was it ever seen":     {[]fleet.Member{self, other(gossip.StateUnknown, records.Trusted)}, true, false},
		"one with another key":     {[]fleet.Member{self, other(gossip.StateFailed, records.Held)}, true, false},
		"the other has left":       {[]fleet.Member{self, other(gossip.StateLeft, records.Trusted)}, true, true},
		"the other does not count": {[]fleet.Member{self, other(gossip.StateFailed, records.Excluded)}, true, true},
		"who does not count answers": {[]fleet.Member{
			self, other(gossip.StateAlive, records.Excluded), other(gossip.StateFailed, records.Trusted),
		}, true, false},
	} {
		a := inFleet()
		a.rollouts.unsure = true
		if got := sure(&fleet.View{Members: c.members, Settled: c.settled}); got != c.want {
			t.Errorf("%s: sure %t, want %t", name, got, c.want)
		}
	}
}

// TestFaultT14Fallen: a member whose ticket is lower than one that it told before shows nothing until it is not any more.
func TestFaultT14Fallen(t *testing.T) {
	self := &gossip.Member{Name: "a", Self: true, State: gossip.StateAlive}
	member := &gossip.Member{ID: record.ID{1}, Name: "b", State: gossip.StateAlive, Standing: records.Trusted}
	view := &fleet.View{Settled: true, Members: []fleet.Member{{Member: self}, {Member: member}}}
	a := inFleet()
	var seq uint64
	for _, c := range []struct {
		name   string
		states []rollout.State
		state  gossip.State
		want   rollout.Trouble
	}{
		{"it begins", []rollout.State{rolled(5, rollout.PhaseAvailable)}, gossip.StateAlive, rollout.TroubleNone},
		{"it goes on", []rollout.State{rolled(6, rollout.PhaseAvailable)}, gossip.StateAlive, rollout.TroubleNone},
		{"it falls", []rollout.State{rolled(5, rollout.PhaseAvailable)}, gossip.StateAlive, rollout.TroubleFallen},
		{"it is down, too", []rollout.State{rolled(5, rollout.PhaseNotPlaced)}, gossip.StateFailed, rollout.TroubleFallen},
		{"it tells nothing of it", nil, gossip.StateAlive, rollout.TroubleNone},
		{"it comes with the old one again", []rollout.State{rolled(5, rollout.PhaseAvailable)}, gossip.StateAlive, rollout.TroubleFallen},
		{"it has it back", []rollout.State{rolled(6, rollout.PhaseAvailable)}, gossip.StateAlive, rollout.TroubleNone},
		{"and goes on", []rollout.State{rolled(7, rollout.PhaseAvailable)}, gossip.StateAlive, rollout.TroubleNone},
	} {
		body, _, err := rollout.Encode(c.states)
		if err != nil {
			t.Fatal(err)
		}
		seq++
		member.State = c.state
		member.Sections = map[string]records.Section{sectionRollout: {Body: body, Stamp: record.Stamp{Version: seq}}}
		ps := a.peersOf(view).of("a/b", nil)
		if len(c.states) == 0 {
			if len(ps) != 0 {
				t.Errorf("%s: %+v", c.name, ps)
			}
			continue
		}
		if len(ps) != 1 || ps[0].Trouble != c.want {
			t.Errorf("%s: %+v, want the trouble %d", c.name, ps, c.want)
		}
	}
}
