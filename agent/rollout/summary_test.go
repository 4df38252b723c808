package rollout

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

func shownAs(s *State, ready, available bool) *State {
	s.Shown = Shown{Pod: true, Ready: ready, Available: available}
	return s
}

// members is a fleet in the middle of a rollout from A to B.
func members() []Peer {
	return []Peer{
		{ID: "1", Name: "done", Counts: true, State: shownAs(at(PhaseAvailable, 6, 1, 10, "B", "B"), true, true)},
		{ID: "2", Name: "updating", Counts: true, State: at(PhaseUpdating, 6, 1, 20, "B", "")},
		{ID: "3", Name: "not-ready-yet", Counts: true, State: shownAs(at(PhaseUpdating, 6, 1, 30, "B", "B"), true, false)},
		{ID: "4", Name: "waiting", Counts: true, State: shownAs(at(PhaseWaiting, 6, 1, 50, "B", "A"), true, true)},
		{ID: "5", Name: "next", Counts: true, State: shownAs(at(PhaseWaiting, 6, 1, 40, "B", "A"), true, true)},
		{ID: "6", Name: "late", Counts: true, State: shownAs(at(PhaseAvailable, 4, 1, 60, "A", "A"), true, true)},
		{ID: "7", Name: "down", Counts: true, Trouble: TroubleDown, State: shownAs(at(PhaseAvailable, 6, 1, 70, "B", "B"), true, true)},
		{ID: "8", Name: "failed", Counts: true, State: shownAs(at(PhaseFailed, 6, 1, 5, "B", "B"), false, false)},
		{ID: "9", Name: "not-placed", Counts: true, State: at(PhaseNotPlaced, 6, 1, 80, "B", "")},
		{ID: "10", Name: "tainted", Counts: true, State: shownAs(at(PhaseNotPlaced, 6, 1, 90, "B", "A"), true, true)},
		{ID: "11", Name: "unknown", Trouble: TroubleUnknown},
		{ID: "12", Name: "other"},
	}
}

func names(peers []Peer) string {
	var out []string
	for _, p := range peers {
		out = append(out, p.Name)
	}
	return strings.Join(out, " ")
}

func TestCount(t *testing.T) {
	want := Counts{Desired: 8, Current: 7, Misscheduled: 1, Ready: 5, Available: 4, Updated: 4, Failed: 1, Unknown: 2}
	got := Count(members(), "B")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Unavailable() != 4 {
		t.Errorf("%d are unavailable", got.Unavailable())
	}
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		counts Counts
		want   string
		done   bool
	}{
		{Counts{Desired: 8, Updated: 4, Available: 8}, `Waiting for daemon set "agent" rollout to finish: 4 out of 8 new pods have been updated...`, false},
		{Counts{Desired: 8, Updated: 8, Available: 7}, `Waiting for daemon set "agent" rollout to finish: 7 of 8 updated pods are available...`, false},
		{Counts{Desired: 8, Updated: 8, Available: 8}, `daemon set "agent" successfully rolled out`, true},
		{Counts{}, `daemon set "agent" successfully rolled out`, true},
	} {
		if got, done := c.counts.Status("agent"); got != c.want || done != c.done {
			t.Errorf("got %q, %v", got, done)
		}
	}
}

func TestQueue(t *testing.T) {
	if got, want := names(Queue(members())), "failed updating not-ready-yet next waiting"; got != want {
		t.Errorf("got %q, wanted %q", got, want)
	}
	if got := Latest(members()); got.Generation != 6 || got.Revision.Fleet != "B" {
		t.Errorf("got %+v", got)
	}
}

func TestWhyNot(t *testing.T) {
	for id, want := range map[string]string{
		"5": "updating is being updated; not-ready-yet is being updated; late has generation 4 of its file, 6 is rolling out; and 3 more",
		"1": "", "2": "", "9": "", "12": "", "nobody": "",
	} {
		b := WhyNot(id, members(), budget(2))
		if got := b.String(); got != want {
			t.Errorf("%s: got %q, wanted %q", id, got, want)
		}
	}
	held := members()
	held[4].State.Phase, held[4].State.Hold = PhaseHeld, HoldPaused
	if b := WhyNot("5", held, budget(20)); b.String() != HoldPaused.String() {
		t.Errorf("got %q", b.String())
	}
}

func TestForesee(t *testing.T) {
	var fleet []Peer
	for i := range 10 {
		fleet = append(fleet, Peer{ID: fmt.Sprint(i), Name: fmt.Sprint(i), Counts: true, State: at(PhaseAvailable, 1, 1, TicketHash("ns/agent", fmt.Sprint(i)), "A", "A")})
	}
	fleet[3].State.Running = fleetRev("B")
	fleet[5].Trouble = TroubleDown
	fleet = append(fleet, Peer{ID: "n", Name: "n", Counts: true, State: at(PhaseNotPlaced, 1, 1, 1, "A", "")}, Peer{ID: "u", Name: "u", Trouble: TroubleUnknown})
	spec := budget(3)
	spec.Partition = intstr.FromInt(2)
	f := Foresee("ns/agent", fleet, spec, func(p *Peer) bool { return p.State.Running.Fleet != "B" }, func(p *Peer) bool { return p.ID == "7" || p.ID == "8" })
	if f.Members != 9 || f.Budget != 3 || len(f.Stay) != 2 || f.Blockers.Count != 2 {
		t.Errorf("got %+v", f)
	}
	if got := names(f.Waves[0]); got != "7 8" && got != "8 7" {
		t.Errorf("the canaries are not first: %q", got)
	}
	var all []string
	for i, w := range f.Waves {
		if len(w) > 3 {
			t.Errorf("wave %d has %d members", i, len(w))
		}
		for j := range w {
			all = append(all, w[j].ID)
			if i > 0 && j > 0 && w[j-1].State.Ticket.Hash > w[j].State.Ticket.Hash {
				t.Error("not in the order of the hashes")
			}
		}
	}
	if slices.Contains(all, "3") || len(all) < 7 || len(all) > 8 {
		t.Errorf("the waves are %v", f.Waves)
	}
	if got, want := f.Blockers.String(), ""; got != want {
		t.Errorf("two do not stand in the way of three, got %q", got)
	}
	spec.Budget = intstr.FromInt(1)
	f = Foresee("ns/agent", fleet, spec, func(*Peer) bool { return true }, func(*Peer) bool { return false })
	if got, want := f.Blockers.String(), "5 is down; u is a known member of which nothing is on record"; got != want {
		t.Errorf("got %q, wanted %q", got, want)
	}
}

func TestPodName(t *testing.T) {
	s := State{Key: "kube-system/kube-proxy", Running: Revision{"bcdfghjklm", "npqrstvwxz"}}
	if got := s.PodName(); got != "kube-proxy-npqrstvwxz" {
		t.Errorf("got %q", got)
	}
	if got := (&State{Key: "a/b"}).PodName(); got != "" {
		t.Errorf("got %q without a pod", got)
	}
}

// TestWords: every value has a word of its own.
func TestWords(t *testing.T) {
	seen := map[string]bool{}
	check := func(word string) {
		t.Helper()
		if word == "" || strings.HasPrefix(word, "Number") || seen[word] {
			t.Errorf("%q is no word of its own", word)
		}
		seen[word] = true
	}
	for p := range phases {
		check("phase " + p.String())
	}
	for h := range holds {
		check("hold " + h.String())
	}
	for r := range ReasonOwn + 1 {
		check("reason " + r.String())
	}
	for e := range EventFailed + 1 {
		check("event " + e.String())
	}
	if got := Phase(200).String(); got != "Number200" {
		t.Errorf("got %q", got)
	}
}

// TestUnawaited: canaries for which nobody waits, since nobody counts them.
func TestUnawaited(t *testing.T) {
	canary := func(id string, p Phase, counts bool, trouble Trouble) Peer {
		s := at(p, 1, 1, 1, "A", "A")
		s.Canary = true
		return Peer{ID: id, Counts: counts, Trouble: trouble, State: s}
	}
	fleet := []Peer{
		canary("counted", PhaseWaiting, true, TroubleNone), canary("new", PhaseWaiting, false, TroubleNone), canary("down", PhaseWaiting, false, TroubleDown),
		canary("no pod", PhaseNotPlaced, false, TroubleNone),
		{ID: "no canary", State: at(PhaseWaiting, 1, 1, 1, "A", "A")},
		{ID: "unknown", Trouble: TroubleUnknown},
	}
	is := func(p *Peer) bool { return p.State.Canary }
	all := labels.Everything()
	for _, c := range []struct {
		spec strategy.Strategy
		want []string
	}{
		{strategy.Strategy{}, nil},
		{strategy.Strategy{Canary: all, OnDelete: true}, nil},
		{strategy.Strategy{Canary: all}, []string{"new"}},
	} {
		var got []string
		for _, p := range Unawaited(fleet, c.spec, is) {
			got = append(got, p.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.spec, got, c.want)
		}
	}
}
