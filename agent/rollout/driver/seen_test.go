package driver

import (
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// The shared revision of a manifest is remembered for as long as the manifest stands, or is wanted.
func TestFleetRevisions(t *testing.T) {
	turns := mustLoad(t, t.TempDir())
	one, two := rollout.Revision{Fleet: "aaaaaaaaaa", Local: "bbbbbbbbbb"}, rollout.Revision{Fleet: "cccccccccc", Local: "dddddddddd"}
	turns.noteFleets(key, nil, one, rollout.Revision{Fleet: "same", Local: "same"}, rollout.Revision{})
	turns.noteFleets(key, []string{one.Local}, two)
	for _, want := range []rollout.Revision{one, two, {Fleet: "unknown", Local: "unknown"}, {}} {
		if got := turns.Revision(key, want.Local); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	turns.noteFleets(key, []string{two.Local})
	if got := turns.Revision(key, one.Local); got.Fleet != one.Local {
		t.Errorf("a manifest that is gone is still known as %+v", got)
	}
}

func TestPlaced(t *testing.T) {
	for name, c := range map[string]struct {
		seen  Seen
		phase rollout.Phase
		want  bool
	}{
		"it belongs here":                          {Seen{ShouldRun: true, ShouldContinueRunning: true}, rollout.PhaseAvailable, true},
		"it does not":                              {Seen{}, rollout.PhaseAvailable, false},
		"its time is over":                         {Seen{ShouldRun: true, ShouldContinueRunning: true, Evicted: true}, rollout.PhaseAvailable, false},
		"it stays, and stands":                     {Seen{ShouldContinueRunning: true, Stand: []Stand{{Revision: "r"}}}, rollout.PhaseAvailable, true},
		"it would stay, and does not stand":        {Seen{ShouldContinueRunning: true}, rollout.PhaseAvailable, false},
		"it would stay, and was taken for the new": {Seen{ShouldContinueRunning: true}, rollout.PhaseUpdating, true},
	} {
		turns := newTurns(Config{})
		turns.states[""] = rollout.State{Phase: c.phase}
		if got := turns.observe(&c.seen, lately).Placed; got != c.want {
			t.Errorf("%s: placed %t", name, got)
		}
	}
}

// Of several manifests the pod that serves is the older one, and the target's is the one beside it.
func TestWhatRuns(t *testing.T) {
	stand := func(revs ...string) []Stand {
		var out []Stand
		for _, r := range revs {
			out = append(out, Stand{Revision: r, Pod: rollout.PodUp, Shown: rollout.Shown{Addresses: []string{r}}})
		}
		return out
	}
	for name, c := range map[string]struct {
		stand           []Stand
		file            string
		running, beside string
	}{
		"nothing":                 {nil, "new", "", ""},
		"the old one":             {stand("old"), "new", "old", ""},
		"the new one":             {stand("new"), "new", "new", ""},
		"both, the new one last":  {stand("old", "new"), "new", "old", "new"},
		"both, the new one first": {stand("new", "old"), "new", "old", "new"},
		"three":                   {stand("old", "older", "new"), "new", "old", "new"},
		"neither is the file's":   {stand("old", "older"), "new", "old", "older"},
	} {
		turns := newTurns(Config{})
		turns.states[key] = rollout.State{Target: rollout.Target{Revision: rollout.Revision{Fleet: "new", Local: "new"}}}
		o := turns.observe(&Seen{Key: key, File: c.file, Stand: c.stand}, lately)
		if o.Running.Local != c.running || o.Beside.Local != c.beside {
			t.Errorf("%s: %q runs, %q beside it", name, o.Running.Local, o.Beside.Local)
		}
		if c.running != "" && (o.Pod != rollout.PodUp || o.Shown.Addresses[0] != c.running) {
			t.Errorf("%s: another pod is shown: %+v", name, o.Shown)
		}
	}
}

// Of two older manifests, as after a surge that another file has overtaken, the pod that serves is the available one, whatever its name.
func TestWhichOlderOneServes(t *testing.T) {
	for name, c := range map[string]struct {
		first, second, file rollout.Pod
		want                string
	}{
		"the first is available":              {rollout.PodUp, rollout.PodDown, rollout.PodDown, "a"},
		"the second is available":             {rollout.PodDown, rollout.PodUp, rollout.PodDown, "b"},
		"both are":                            {rollout.PodUp, rollout.PodUp, rollout.PodUp, "a"},
		"neither is":                          {rollout.PodDown, rollout.PodDown, rollout.PodUp, "a"},
		"nothing is known of the second":      {rollout.PodDown, rollout.PodUnknown, rollout.PodUp, "b"},
		"nothing is known of the available":   {rollout.PodUnknown, rollout.PodUp, rollout.PodUp, "b"},
		"nothing is known of the first alone": {rollout.PodUnknown, rollout.PodDown, rollout.PodDown, "a"},
	} {
		turns := newTurns(Config{})
		for _, stand := range [][]Stand{
			{{Revision: "a", Pod: c.first}, {Revision: "b", Pod: c.second}, {Revision: "new", Pod: c.file}},
			{{Revision: "a", Pod: c.first}, {Revision: "b", Pod: c.second}},
		} {
			if o := turns.observe(&Seen{Key: key, File: "new", Stand: stand}, lately); o.Running.Local != c.want {
				t.Errorf("%s: %q serves, want %q", name, o.Running.Local, c.want)
			}
		}
	}
}

// A host that has left replaces nothing; one whose only other member has left does not wait for it.
func TestSettled(t *testing.T) {
	self, left := &gossip.Member{Name: "a", Self: true, State: gossip.StateAlive}, &gossip.Member{Name: "b", State: gossip.StateLeft, Standing: records.Trusted}
	view := &fleet.View{Settled: true, Members: []fleet.Member{{Member: self}, {Member: left}}}
	if !settled(view, lately) {
		t.Error("a host whose only other member has left waits for it")
	}
	self.State = gossip.StateLeft
	if settled(view, lately) {
		t.Error("a host that has left goes on")
	}
	if settled(nil, lately) {
		t.Error("with gossip that is wanted and not there it is settled")
	}
	turns := newTurns(Config{})
	for _, alone := range []bool{true, false} {
		turns.heard = Fleet{Alone: alone}
		if got := turns.observe(&Seen{}, lately); got.Settled != alone || got.Alone != alone {
			t.Errorf("alone %t: %+v", alone, got)
		}
	}
	self.State = gossip.StateAlive
	turns.heard = Fleet{View: view}
	if turns.observe(&Seen{}, lately).Settled {
		t.Error("it is not sure of what it told, and settled")
	}
	if turns.unsure = false; !turns.observe(&Seen{}, lately).Settled {
		t.Error("it is sure of what it told, and not settled")
	}
}

// TestFaultT14Sure: a host that knows others is not sure of what it told before one of them answers, however long that
// takes.
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
		if got := sure(&fleet.View{Members: c.members, Settled: c.settled}, lately); got != c.want {
			t.Errorf("%s: sure %t, want %t", name, got, c.want)
		}
	}
}

// TestFaultT1Sure: where there are members that count, nobody else's answer is one that this host has heard what it told
// before. Anybody with the gossip key makes up one that answers.
func TestFaultT1Sure(t *testing.T) {
	of := func(state gossip.State, listed bool) fleet.Member {
		return fleet.Member{Member: &gossip.Member{Name: "b", State: state, Standing: records.Trusted, Listed: listed}}
	}
	for name, c := range map[string]struct {
		members []fleet.Member
		want    bool
	}{
		"one that does not count, where none does": {[]fleet.Member{of(gossip.StateFailed, false), of(gossip.StateAlive, false)}, true},
		"one that does not count, where one does":  {[]fleet.Member{of(gossip.StateFailed, true), of(gossip.StateAlive, false)}, false},
		"one that counts":                          {[]fleet.Member{of(gossip.StateFailed, true), of(gossip.StateAlive, true)}, true},
		"those that count have left":               {[]fleet.Member{of(gossip.StateLeft, true), of(gossip.StateAlive, false)}, true},
	} {
		if got := sure(&fleet.View{Members: c.members, Settled: true}, lately); got != c.want {
			t.Errorf("%s: sure %t, want %t", name, got, c.want)
		}
	}
}
