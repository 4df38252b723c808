package rollout

import (
	"fmt"
	"strings"
	"testing"
	"testing/quick"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// at is a state with a ticket, of which the target is the running revision where they have one name.
func at(phase Phase, generation uint64, class uint32, hash uint64, target, running string) *State {
	s := &State{Key: "ns/agent", Phase: phase, Target: Target{generation, fleetRev(target)}, Ticket: Ticket{generation, class, hash}}
	if running != "" {
		s.Running = fleetRev(running)
	}
	return s
}

func TestBlocks(t *testing.T) {
	self := Ticket{6, classMember, 100}
	for name, c := range map[string]struct {
		peer Peer
		want Reason
		text string
	}{
		"not declared":            {Peer{}, ReasonNone, ""},
		"unknown":                 {Peer{Trouble: TroubleUnknown}, ReasonUnknown, "node-17 is a known member of which nothing is on record"},
		"unreadable":              {Peer{Trouble: TroubleUnreadable}, ReasonUnreadable, "node-17 has a record that cannot be understood here"},
		"left":                    {Peer{Trouble: TroubleLeft}, ReasonLeft, "node-17 left without saying what it runs"},
		"down, nothing on record": {Peer{Trouble: TroubleDown}, ReasonDown, "node-17 is down"},
		"down and done":           {Peer{Trouble: TroubleDown, State: at(PhaseAvailable, 6, 1, 1, "B", "B")}, ReasonDown, "node-17 is down"},
		"down, not placed":        {Peer{Trouble: TroubleDown, State: at(PhaseNotPlaced, 1, 1, 1, "A", "")}, ReasonNone, ""},
		"fallen ticket":           {Peer{Trouble: TroubleFallen, State: at(PhaseAvailable, 6, 1, 1, "B", "B")}, ReasonFallen, "node-17 has forgotten what it told: its disk was set back"},
		"another key":             {Peer{Trouble: TroubleKey, State: at(PhaseAvailable, 6, 1, 1, "B", "B")}, ReasonKey, "node-17 has another key than it is known with"},
		"done":                    {Peer{State: at(PhaseAvailable, 6, 1, 1, "B", "B")}, ReasonNone, ""},
		"done with a newer one":   {Peer{State: at(PhaseAvailable, 7, 1, 1, "C", "C")}, ReasonNone, ""},
		"done with another file":  {Peer{State: at(PhaseAvailable, 6, 1, 1, "C", "C")}, ReasonNone, ""},
		"older file":              {Peer{State: at(PhaseAvailable, 4, 1, 1, "A", "A")}, ReasonOlderFile, "node-17 has generation 4 of its file, 6 is rolling out"},
		"older file, has yielded": {Peer{State: &State{Phase: PhaseAvailable, Target: Target{4, fleetRev("A")}, Running: fleetRev("A"), Ticket: Ticket{6, 2, 1}}}, ReasonNone, ""},
		"waits, lower ticket":     {Peer{State: at(PhaseWaiting, 6, 1, 99, "B", "A")}, ReasonFirst, "node-17 goes first"},
		"waits, higher ticket":    {Peer{State: at(PhaseWaiting, 6, 1, 101, "B", "A")}, ReasonNone, ""},
		"waits, canary":           {Peer{State: at(PhaseWaiting, 6, 0, 101, "B", "A")}, ReasonFirst, "node-17 goes first"},
		"waits, newer target":     {Peer{State: at(PhaseWaiting, 7, 1, 1, "C", "A")}, ReasonNone, ""},
		"held, lower ticket":      {Peer{State: at(PhaseHeld, 6, 1, 99, "B", "A")}, ReasonHeld, "node-17 goes first and is on hold: not held"},
		"held, higher ticket":     {Peer{State: at(PhaseHeld, 6, 1, 101, "B", "A")}, ReasonNone, ""},
		"updating, higher ticket": {Peer{State: at(PhaseUpdating, 6, 1, 101, "B", "B")}, ReasonUpdating, "node-17 is being updated"},
		"failed":                  {Peer{State: at(PhaseFailed, 6, 1, 1, "B", "B")}, ReasonFailed, "node-17 failed to become available with its new revision"},
		"down by itself":          {Peer{State: at(PhaseUnavailable, 6, 1, 1, "B", "B")}, ReasonUnavailable, "node-17 has a pod that is not available"},
		"no kubelet":              {Peer{State: at(PhaseUnknown, 6, 1, 1, "B", "B")}, ReasonKubelet, "node-17 does not know how its pod is, its kubelet does not answer"},
		"not placed, newest file": {Peer{State: at(PhaseNotPlaced, 6, 1, 1, "B", "")}, ReasonNone, ""},
		"not placed, older file":  {Peer{State: at(PhaseNotPlaced, 5, 1, 1, "A", "")}, ReasonOlderFile, "node-17 has generation 5 of its file, 6 is rolling out"},
		"tainted, older pod":      {Peer{State: at(PhaseNotPlaced, 6, 1, 1, "B", "A")}, ReasonFirst, "node-17 goes first"},
	} {
		c.peer.Name = "node-17"
		got := without{}.blocks(&self, &c.peer)
		if got != c.want {
			t.Errorf("%s: got %s, wanted %s", name, got, c.want)
			continue
		}
		if got == ReasonNone {
			continue
		}
		b := blocker(&c.peer, got, self.Generation)
		if b.String() != c.text {
			t.Errorf("%s: got %q, wanted %q", name, b.String(), c.text)
		}
	}
}

func TestMayStart(t *testing.T) {
	self := at(PhaseWaiting, 2, 1, 50, "B", "A")
	peers := []Peer{
		{ID: "1", Name: "one", Counts: true, State: at(PhaseWaiting, 2, 1, 10, "B", "A")},
		{ID: "2", Name: "two", Counts: true, State: at(PhaseUpdating, 2, 1, 90, "B", "B")},
		{ID: "3", Name: "three", Counts: true, State: at(PhaseAvailable, 2, 1, 20, "B", "B")},
		{ID: "4", Name: "four", Counts: true, State: at(PhaseNotPlaced, 2, 1, 30, "B", "")},
		{ID: "5", Name: "five"},
	}
	for k, want := range map[int]bool{1: false, 2: false, 3: true} {
		may, b := MayStart(self, peers, budget(k))
		if may != want || b.Count != 2 || b.Members != 4 || b.Budget != k {
			t.Errorf("K=%d: got %v, %+v", k, may, b)
		}
	}
	_, b := MayStart(self, peers, budget(1))
	if got, want := b.String(), "one goes first; two is being updated"; got != want {
		t.Errorf("got %q, wanted %q", got, want)
	}
	if may, b := MayStart(self, peers, budget(3)); !may || b.String() != "" || len(b.All()) != 0 {
		t.Errorf("nothing stands in the way, got %q", b.String())
	}
	percent := strategy.Strategy{Budget: intstr.FromString("51%")} // 3 of the 4 on which the pod belongs
	if may, b := MayStart(self, peers, percent); !may || b.Budget != 3 {
		t.Errorf("51%%: got %v, %+v", may, b)
	}
	behind := *self
	behind.Target.Generation++
	if may, _ := MayStart(&behind, nil, budget(1)); may {
		t.Error("started with a ticket that is older than its target")
	}
}

func TestBlockersAreBounded(t *testing.T) {
	self := at(PhaseWaiting, 2, 1, 1<<63, "B", "A")
	var peers []Peer
	for i := range 1000 {
		peers = append(peers, Peer{ID: fmt.Sprint(i), Name: fmt.Sprintf("node-%d", i), State: at(PhaseWaiting, 2, 1, uint64(i), "B", "A")})
	}
	may, b := MayStart(self, peers, budget(10))
	if may || b.Count != 1000 || len(b.List) != maxListed {
		t.Errorf("got %v, %d counted, %d listed", may, b.Count, len(b.List))
	}
	if got := b.String(); !strings.HasSuffix(got, "; and 997 more") {
		t.Errorf("got %q", got)
	}
}

func TestTicketOrder(t *testing.T) {
	if err := quick.Check(func(a, b, c Ticket) bool {
		total := a.Compare(b) == -b.Compare(a) && (a.Compare(b) == 0) == (a == b)
		transitive := a.Compare(b) > 0 || b.Compare(c) > 0 || a.Compare(c) <= 0
		return total && transitive && a.Above(b) == (a.Compare(b) > 0)
	}, nil); err != nil {
		t.Error(err)
	}
	for _, c := range [][2]Ticket{{{1, 9, 9}, {2, 0, 0}}, {{1, 0, 9}, {1, 1, 0}}, {{1, 1, 1}, {1, 1, 2}}} {
		if !c[1].Above(c[0]) || c[0].Above(c[1]) {
			t.Errorf("%v is not above %v", c[1], c[0])
		}
	}
}

// TestTicketHashNeverChanges: hosts of different versions must agree.
func TestTicketHashNeverChanges(t *testing.T) {
	if got := TicketHash("kube-system/kube-proxy", "abcdefgh"); got != 0x513828cf8a57f76e {
		t.Errorf("got %#x", got)
	}
	if TicketHash("a/b", "c") == TicketHash("a/bc", "") {
		t.Error("key and id run together")
	}
}

func BenchmarkMayStart10000(b *testing.B) {
	self, peers := fleet(10_000)
	for b.Loop() {
		MayStart(self, peers, budget(100))
	}
}

func BenchmarkNext10000(b *testing.B) {
	self, peers := fleet(10_000)
	in := Input{State: *self, Peers: peers, Strategy: budget(100)}
	in.Seen = Observation{Now: modelStart, ID: "self", Placed: true, Wanted: fleetRev("B"), Running: fleetRev("A"), Pod: PodUp, Answers: true, Settled: true}
	for b.Loop() {
		Next(in)
	}
}

func fleet(n int) (*State, []Peer) {
	var peers []Peer
	for i := range n {
		hash := TicketHash("ns/agent", fmt.Sprint(i))
		s := at(PhaseWaiting, 2, 1, hash, "B", "A")
		if i%2 == 0 {
			s = at(PhaseAvailable, 2, 1, hash, "B", "B")
		}
		peers = append(peers, Peer{ID: fmt.Sprint(i), Name: fmt.Sprint(i), Counts: true, State: s})
	}
	return at(PhaseWaiting, 2, 1, 1<<63, "B", "A"), peers
}
