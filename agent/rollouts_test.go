package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

var lately = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// rolled is a state of a/b with a ticket of the given generation.
func rolled(generation uint64, phase rollout.Phase) rollout.State {
	rev := rollout.Revision{Fleet: "aaaaaaaaaa", Local: "bbbbbbbbbb"}
	return rollout.State{
		Key: "a/b", Target: rollout.Target{Generation: generation, Revision: rev}, Running: rev, Phase: phase,
		Ticket: rollout.Ticket{Generation: generation, Class: 1},
	}
}

func mustLoadRollouts(t *testing.T, dir string) *rollouts {
	t.Helper()
	r, err := loadRollouts(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRolloutsOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	r := mustLoadRollouts(t, dir)
	if err := r.save(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was written of nothing: %v", err)
	}
	r.states["a/b"], r.took["a/b"], r.alone = rolled(3, rollout.PhaseUpdating), 5*time.Second, true
	r.noteFleets("a/b", nil, r.states["a/b"].Running)
	if err := r.save(); err != nil {
		t.Fatal(err)
	}
	again := mustLoadRollouts(t, dir)
	if !again.alone || again.took["a/b"] != 5*time.Second {
		t.Errorf("alone %t, took %v", again.alone, again.took)
	}
	if diff := cmp.Diff(r.states, again.states); diff != "" {
		t.Error(diff)
	}
	if got := again.fleetOf("a/b", "bbbbbbbbbb"); got.Fleet != "aaaaaaaaaa" {
		t.Errorf("the revision that hosts share is %+v", got)
	}
}

// What others rely on is written, for each kind of it; what only follows from the kubelet's answers is not.
func TestOnlyPromisesAreWritten(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *rollouts, s *rollout.State)
		want   bool
	}{
		"ticket":            {func(_ *rollouts, s *rollout.State) { s.Ticket.Class++ }, true},
		"target":            {func(_ *rollouts, s *rollout.State) { s.Target.Generation++ }, true},
		"replacement":       {func(_ *rollouts, s *rollout.State) { s.Phase = rollout.PhaseUpdating }, true},
		"nothing placed":    {func(_ *rollouts, s *rollout.State) { s.Phase = rollout.PhaseNotPlaced }, true},
		"rejected":          {func(_ *rollouts, s *rollout.State) { s.Rejected = s.Target }, true},
		"held":              {func(_ *rollouts, s *rollout.State) { s.HeldUntil = lately }, true},
		"alone":             {func(r *rollouts, _ *rollout.State) { r.alone = true }, true},
		"the pod fails":     {func(_ *rollouts, s *rollout.State) { s.Phase = rollout.PhaseUnavailable }, false},
		"the pod's restart": {func(_ *rollouts, s *rollout.State) { s.Shown.Restarts++ }, false},
	} {
		r := mustLoadRollouts(t, t.TempDir())
		r.states["a/b"] = rolled(1, rollout.PhaseAvailable)
		if err := r.save(); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(r.path)
		if err != nil {
			t.Fatal(err)
		}
		s := r.states["a/b"]
		c.change(r, &s)
		r.states["a/b"] = s
		if err := r.save(); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(r.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(after) != string(before); got != c.want {
			t.Errorf("%s: written: %t, want %t", name, got, c.want)
		}
	}
}

// A file that cannot be understood is kept, and nothing is told until it is known what was.
func TestBadRolloutsAreSetAside(t *testing.T) {
	for name, data := range map[string]string{"no JSON": `{"version":1`, "of a newer agent": `{"version":2,"daemonsets":{}}`} {
		dir := t.TempDir()
		path := filepath.Join(dir, "rollouts.json")
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := loadRollouts(dir)
		if err == nil || !strings.Contains(err.Error(), "set aside") || len(r.states) != 0 {
			t.Errorf("%s: states %v, error %v", name, r.states, err)
		}
		aside, _ := filepath.Glob(path + ".bad-*")
		if len(aside) != 1 {
			t.Fatalf("%s: set aside as %q", name, aside)
		}
		if kept, err := os.ReadFile(aside[0]); err != nil || string(kept) != data {
			t.Errorf("%s: kept %q, %v", name, kept, err)
		}
	}
}

// inFleet is an agent of which only what stands with its rollouts is there.
func inFleet() *Agent { return &Agent{rollouts: &rollouts{states: map[string]rollout.State{}}} }

// When gossip is switched on, those who are met have not heard of this host: what is placed waits as if it had been placed now.
func TestMeetingAFleetHolds(t *testing.T) {
	a := inFleet()
	a.rollouts.states["a/b"] = rolled(1, rollout.PhaseAvailable)
	a.rollouts.states["a/c"] = rolled(1, rollout.PhaseNotPlaced)
	a.holdAll(true, lately)
	if got := a.rollouts.states["a/b"].HeldUntil; !a.rollouts.alone || !got.IsZero() {
		t.Fatalf("alone %t, held until %s", a.rollouts.alone, got)
	}
	a.holdAll(false, lately)
	if got := a.rollouts.states["a/b"].HeldUntil; !got.Equal(lately.Add(rollout.HoldDown)) {
		t.Errorf("what is placed is held until %s", got)
	}
	if got := a.rollouts.states["a/c"].HeldUntil; !got.IsZero() {
		t.Errorf("what is not placed is held until %s", got)
	}
	a.holdAll(false, lately.Add(time.Minute))
	if got := a.rollouts.states["a/b"].HeldUntil; !got.Equal(lately.Add(rollout.HoldDown)) {
		t.Errorf("it is held once more, until %s", got)
	}
}

// What others have of this host, and its disk has forgotten, counts where it is newer, and only there.
func TestToldStatesComeBack(t *testing.T) {
	told := rolled(5, rollout.PhaseUpdating)
	body, _, err := rollout.Encode([]rollout.State{told})
	if err != nil {
		t.Fatal(err)
	}
	section, err := rollout.Decode("node-1", body) // which knows the host's place in the order
	if err != nil {
		t.Fatal(err)
	}
	own := func(ticket, target uint64) rollout.State {
		s := section.States[0]
		s.Ticket.Generation, s.Target.Generation, s.Phase = ticket, target, rollout.PhaseAvailable
		return s
	}
	for name, c := range map[string]struct {
		own  []rollout.State
		want uint64
		sick bool
	}{
		"all is lost":      {nil, 5, true},
		"an older ticket":  {[]rollout.State{own(4, 5)}, 5, true},
		"a newer one":      {[]rollout.State{own(6, 6)}, 6, false},
		"just the same":    {[]rollout.State{own(5, 5)}, 5, false},
		"an older target":  {[]rollout.State{own(5, 4)}, 5, true},
		"not what is told": {[]rollout.State{{Key: "a/c"}}, 5, true},
	} {
		a := inFleet()
		for _, s := range c.own {
			a.rollouts.states[s.Key] = s
		}
		a.restoreRollouts("node-1", body, lately)
		s := a.rollouts.states["a/b"]
		if s.Ticket.Generation != c.want || s.Sick != c.sick || c.sick && !s.HeldUntil.Equal(lately.Add(rollout.HoldDown)) {
			t.Errorf("%s: ticket %+v, sick %t, held until %s", name, s.Ticket, s.Sick, s.HeldUntil)
		}
	}
	a := inFleet()
	a.restoreRollouts("node-1", []byte("no section"), lately)
	if len(a.rollouts.states) != 0 {
		t.Errorf("states of nothing: %v", a.rollouts.states)
	}
}

// The shared revision of a manifest is remembered for as long as the manifest stands, or is wanted.
func TestFleetRevisions(t *testing.T) {
	r := mustLoadRollouts(t, t.TempDir())
	one, two := rollout.Revision{Fleet: "aaaaaaaaaa", Local: "bbbbbbbbbb"}, rollout.Revision{Fleet: "cccccccccc", Local: "dddddddddd"}
	r.noteFleets("a/b", nil, one, rollout.Revision{Fleet: "same", Local: "same"}, rollout.Revision{})
	r.noteFleets("a/b", []string{one.Local}, two)
	for _, want := range []rollout.Revision{one, two, {Fleet: "unknown", Local: "unknown"}, {}} {
		if got := r.fleetOf("a/b", want.Local); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	r.noteFleets("a/b", []string{two.Local})
	if got := r.fleetOf("a/b", one.Local); got.Fleet != one.Local {
		t.Errorf("a manifest that is gone is still known as %+v", got)
	}
}

// A member that left without a word of what it runs blocks; one that told it and left does not count; a host that has left itself replaces nothing.
func TestThoseWhoLeft(t *testing.T) {
	self, left := &gossip.Member{Name: "a", Self: true, State: gossip.StateAlive}, &gossip.Member{Name: "b", State: gossip.StateLeft, Standing: records.Trusted}
	view := &fleet.View{Settled: true, Members: []fleet.Member{{Member: self}, {Member: left}}}
	a := inFleet()
	if ps := a.peersOf(view); len(ps) != 1 || ps[0].trouble != rollout.TroubleLeft {
		t.Errorf("left without a word: %+v", ps)
	}
	body, _, err := rollout.Encode([]rollout.State{rolled(1, rollout.PhaseNotPlaced)})
	if err != nil {
		t.Fatal(err)
	}
	left.Sections = map[string]records.Section{sectionRollout: {Stamp: record.Stamp{Generation: 1}, Body: body}}
	if ps := a.peersOf(view); len(ps) != 0 {
		t.Errorf("left, and told it: %+v", ps)
	}
	if !settledEnough(view) {
		t.Error("a host whose only other member has left waits for it")
	}
	self.State = gossip.StateLeft
	if settledEnough(view) {
		t.Error("a host that has left goes on")
	}
}

// TestFaultT3ContestedName: whoever claims the name of another makes that name one member in trouble, and never a second one; what it
// declares counts as declared by that name.
func TestFaultT3ContestedName(t *testing.T) {
	body, _, err := rollout.Encode([]rollout.State{rolled(1, rollout.PhaseAvailable)})
	if err != nil {
		t.Fatal(err)
	}
	state := rolled(1, rollout.PhaseAvailable)
	sections := map[string]records.Section{sectionRollout: {Stamp: record.Stamp{Generation: 1}, Body: body}}
	nothing, _, err := rollout.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	member := func(n byte, m gossip.Member) fleet.Member {
		m.ID, m.State = record.ID{n}, gossip.StateAlive
		return fleet.Member{Member: &m}
	}
	empty := map[string]records.Section{sectionRollout: {Stamp: record.Stamp{Generation: 1}, Body: nothing}}
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
		a := inFleet()
		var got []rollout.Trouble
		for _, p := range a.peersOf(&fleet.View{Settled: true, Members: c.members}).of(state.Key, nil) {
			got = append(got, p.Trouble)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What could not be saved is not on disk, so that it is tried again and nothing is told of it.
func TestUntoldStepsWait(t *testing.T) {
	r := mustLoadRollouts(t, t.TempDir())
	r.path = filepath.Join(t.TempDir(), "missing", "rollouts.json")
	r.states["a/b"] = rolled(1, rollout.PhaseUpdating)
	if err := r.save(); err == nil {
		t.Error("it cannot have been saved")
	}
	if _, ok := r.onDisk["a/b"]; ok {
		t.Error("what could not be saved counts as on disk")
	}
}
