package driver

import (
	stdcmp "cmp"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// A member that left without a word of what it runs blocks; one that told it and left does not count.
func TestThoseWhoLeft(t *testing.T) {
	self, left := &gossip.Member{Name: "a", Self: true, State: gossip.StateAlive}, &gossip.Member{Name: "b", State: gossip.StateLeft, Standing: records.Trusted}
	view := &fleet.View{Settled: true, Members: []fleet.Member{{Member: self}, {Member: left}}}
	turns := newTurns(Config{})
	if ps := turns.PeersOf(view, lately); len(ps) != 1 || ps[0].trouble != rollout.TroubleLeft {
		t.Errorf("left without a word: %+v", ps)
	}
	left.Sections = map[string]records.Section{Section: {Body: encoded(t, rolled(1, rollout.PhaseNotPlaced))}}
	if ps := turns.PeersOf(view, lately); len(ps) != 0 {
		t.Errorf("left, and told it: %+v", ps)
	}
}

func TestTrouble(t *testing.T) {
	bad := errors.New("no section")
	for name, c := range map[string]struct {
		member gossip.Member
		told   bool
		err    error
		want   rollout.Trouble
	}{
		"all is well":                    {gossip.Member{State: gossip.StateAlive, Standing: records.Trusted}, true, nil, rollout.TroubleNone},
		"it is down":                     {gossip.Member{State: gossip.StateFailed, Standing: records.Trusted}, true, nil, rollout.TroubleDown},
		"it has told nothing":            {gossip.Member{State: gossip.StateAlive, Standing: records.Trusted}, false, nil, rollout.TroubleUnknown},
		"it left and has told nothing":   {gossip.Member{State: gossip.StateLeft, Standing: records.Trusted}, false, nil, rollout.TroubleLeft},
		"what it tells cannot be read":   {gossip.Member{State: gossip.StateAlive, Standing: records.Trusted}, true, bad, rollout.TroubleUnreadable},
		"another key, whatever it tells": {gossip.Member{State: gossip.StateAlive, Standing: records.Held}, true, nil, rollout.TroubleKey},
	} {
		p := peerOf{told: c.told, section: peerSection{err: c.err}}
		if got := troubleOf(fleet.Member{Member: &c.member}, p); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// Who is a member of a DaemonSet: who declares it, and who cannot be said not to.
func TestMembersOfADaemonSet(t *testing.T) {
	st := rolled(1, rollout.PhaseAvailable)
	has := map[string]*rollout.State{key: &st}
	for name, c := range map[string]struct {
		peer    peerOf
		member  bool
		trouble rollout.Trouble
	}{
		"it declares it":           {peerOf{told: true, section: peerSection{states: has}}, true, rollout.TroubleNone},
		"it does not":              {peerOf{told: true}, false, rollout.TroubleNone},
		"it had no room for all":   {peerOf{told: true, section: peerSection{omitted: true}}, true, rollout.TroubleUnreadable},
		"it has told nothing":      {peerOf{trouble: rollout.TroubleUnknown}, true, rollout.TroubleUnknown},
		"it cannot be read":        {peerOf{told: true, trouble: rollout.TroubleUnreadable, section: peerSection{err: errors.New("bad")}}, true, rollout.TroubleUnreadable},
		"it is down, and declares": {peerOf{told: true, trouble: rollout.TroubleDown, section: peerSection{states: has}}, true, rollout.TroubleDown},
	} {
		got := Peers{c.peer}.Of(key)
		if len(got) == 1 != c.member || c.member && got[0].Trouble != c.trouble {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// What stayed as it was keeps its place in memory: the list, and the states in it.
func TestPeersKeepTheirPlace(t *testing.T) {
	a := &gossip.Member{ID: record.ID{1}, Name: "a", State: gossip.StateAlive, Standing: records.Trusted}
	b := &gossip.Member{ID: record.ID{2}, Name: "b", State: gossip.StateAlive, Standing: records.Trusted}
	view := &fleet.View{Members: []fleet.Member{{Member: a}, {Member: b}}}
	tell := func(m *gossip.Member, version uint64, s rollout.State) {
		m.Sections = map[string]records.Section{Section: {Body: encoded(t, s), Stamp: record.Stamp{Version: version}}}
	}
	tell(a, 1, rolled(1, rollout.PhaseAvailable))
	tell(b, 1, rolled(1, rollout.PhaseAvailable))
	turns := newTurns(Config{})
	first := turns.PeersOf(view, lately).of(key, nil)
	if len(first) != 2 {
		t.Fatalf("%+v", first)
	}
	tell(a, 2, rolled(1, rollout.PhaseAvailable)) // the same under another stamp
	if again := turns.PeersOf(view, lately).of(key, first); &again[0] != &first[0] {
		t.Error("nothing has changed, and the list is another one")
	}
	tell(a, 3, rolled(2, rollout.PhaseAvailable))
	before := *first[0].State
	changed := turns.PeersOf(view, lately).of(key, first)
	if &changed[0] == &first[0] || changed[0].State.Ticket.Generation != 2 || changed[1].State != first[1].State {
		t.Errorf("%+v", changed)
	}
	if diff := cmp.Diff(before, *first[0].State); diff != "" {
		t.Errorf("what was given out has changed: %s", diff)
	}
	b.State = gossip.StateFailed
	if got := turns.PeersOf(view, lately).of(key, changed); got[1].Trouble != rollout.TroubleDown || changed[1].Trouble != rollout.TroubleNone {
		t.Errorf("%+v, and before %+v", got, changed)
	}
	b.Standing = records.Excluded
	if got := turns.PeersOf(view, lately).Of(key); len(got) != 1 {
		t.Errorf("one that does not count is a member: %+v", got)
	}
}

// TestFaultT14Fallen: a member whose ticket is lower than one that it told before shows nothing until it is not any
// more.
func TestFaultT14Fallen(t *testing.T) {
	self := &gossip.Member{Name: "a", Self: true, State: gossip.StateAlive}
	member := &gossip.Member{ID: record.ID{1}, Name: "b", State: gossip.StateAlive, Standing: records.Trusted}
	view := &fleet.View{Settled: true, Members: []fleet.Member{{Member: self}, {Member: member}}}
	turns := newTurns(Config{})
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
		seq++
		member.State = c.state
		member.Sections = map[string]records.Section{Section: {Body: encoded(t, c.states...), Stamp: record.Stamp{Version: seq}}}
		ps := turns.PeersOf(view, lately).Of(key)
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

// TestFaultT3ContestedName: whoever claims the name of another makes that name one member in trouble, and never a
// second one; what it declares counts as declared by that name.
func TestFaultT3ContestedName(t *testing.T) {
	state := rolled(1, rollout.PhaseAvailable)
	sections := map[string]records.Section{Section: {Stamp: record.Stamp{Generation: 1}, Body: encoded(t, state)}}
	member := func(n byte, m gossip.Member) fleet.Member {
		m.ID, m.State = record.ID{n}, gossip.StateAlive
		return fleet.Member{Member: &m}
	}
	empty := map[string]records.Section{Section: {Stamp: record.Stamp{Generation: 1}, Body: encoded(t)}}
	self := member(9, gossip.Member{Name: "a", Self: true})
	for name, c := range map[string]struct {
		members []fleet.Member
		want    []rollout.Trouble
	}{
		"a name that two claim": {[]fleet.Member{
			self, member(1, gossip.Member{Name: "b", Standing: records.Held, Sections: sections}),
			member(2, gossip.Member{Name: "b", Standing: records.Trusted, Counts: true, Contested: true, Sections: sections}),
			member(3, gossip.Member{Name: "b", Standing: records.Held, Sections: sections}),
		}, []rollout.Trouble{rollout.TroubleKey}},
		"only who claims it declares the DaemonSet": {[]fleet.Member{
			self, member(2, gossip.Member{Name: "b", Standing: records.Trusted, Counts: true, Contested: true, Sections: empty}),
			member(3, gossip.Member{Name: "b", Standing: records.Held, Sections: sections}),
		}, []rollout.Trouble{rollout.TroubleKey}},
		"nobody declares it": {[]fleet.Member{
			self, member(2, gossip.Member{Name: "b", Standing: records.Trusted, Counts: true, Contested: true, Sections: empty}),
			member(3, gossip.Member{Name: "b", Standing: records.Held, Sections: empty}),
		}, nil},
		"nobody is trusted": {[]fleet.Member{
			self, member(2, gossip.Member{Name: "b", Standing: records.Held, Counts: true, Sections: sections}),
			member(3, gossip.Member{Name: "b", Standing: records.Held, Sections: sections}),
		}, []rollout.Trouble{rollout.TroubleKey}},
		"excluded": {[]fleet.Member{
			self, member(2, gossip.Member{Name: "b", Standing: records.Trusted, Counts: true, Sections: sections}),
			member(3, gossip.Member{Name: "b", Standing: records.Excluded, Sections: sections}),
		}, []rollout.Trouble{rollout.TroubleNone}},
	} {
		turns := newTurns(Config{})
		var got []rollout.Trouble
		for _, p := range turns.PeersOf(&fleet.View{Settled: true, Members: c.members}, lately).Of(state.Key) {
			got = append(got, p.Trouble)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestFaultT1 has somebody with the gossip key make up two dozen members: who counts is who the members file lists, who
// was trusted by hand, and who is known for a day.
func TestFaultT1(t *testing.T) {
	day := lately.Add(-rollout.CountAfter)
	for name, c := range map[string]struct {
		member gossip.Member
		want   bool
	}{
		"nothing is kept of it":  {gossip.Member{}, false},
		"known for almost a day": {gossip.Member{KnownSince: day.Add(time.Second)}, false},
		"known for a day":        {gossip.Member{KnownSince: day}, true},
		"the clock was set back": {gossip.Member{KnownSince: lately.Add(time.Hour)}, false},
		"listed":                 {gossip.Member{Listed: true}, true},
		"trusted by hand":        {gossip.Member{ByHand: true}, true},
		"its name is claimed":    {gossip.Member{Listed: true, Contested: true}, false},
		"another key":            {gossip.Member{KnownSince: day, Standing: records.Held, Counts: true}, false},
	} {
		c.member.Name, c.member.State = "b", gossip.StateAlive
		c.member.Standing = stdcmp.Or(c.member.Standing, records.Trusted)
		c.member.Sections = map[string]records.Section{Section: {Stamp: record.Stamp{Version: 1}, Body: encoded(t, rolled(1, rollout.PhaseAvailable))}}
		turns := newTurns(Config{})
		ps := turns.PeersOf(&fleet.View{Settled: true, Members: []fleet.Member{{Member: &c.member}}}, lately).Of(key)
		if len(ps) != 1 || ps[0].Counts != c.want {
			t.Errorf("%s: %+v, want it to count: %t", name, ps, c.want)
		}
	}
}

// TestFaultT1Budget: made-up members raise no percentage.
func TestFaultT1Budget(t *testing.T) {
	sections := map[string]records.Section{Section: {Stamp: record.Stamp{Version: 1}, Body: encoded(t, rolled(1, rollout.PhaseAvailable))}}
	view := &fleet.View{Settled: true}
	add := func(n byte, listed bool) {
		view.Members = append(view.Members, fleet.Member{Member: &gossip.Member{
			ID: record.ID{n}, Name: string(rune('a' + n)), State: gossip.StateAlive, Standing: records.Trusted, Counts: true,
			Listed: listed, KnownSince: lately.Add(-time.Hour), Sections: sections,
		}})
	}
	for n := range byte(24) {
		add(n, n < 5)
	}
	own := rolled(1, rollout.PhaseAvailable)
	_, b := rollout.MayStart(&own, newTurns(Config{}).PeersOf(view, lately).Of(key), strategy.Strategy{
		Budget: intstr.FromString("25%"),
	})
	if b.Budget != 2 || b.Members != 6 || b.Uncounted != 19 {
		t.Errorf("budget %d of %d, %d do not count; want 2 of 6, and 19", b.Budget, b.Members, b.Uncounted)
	}
}
