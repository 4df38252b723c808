package rollout

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files")

const otherID = "k7q2w5x9"

func toldState(key string) State {
	s := State{
		Key: key, Target: Target{6, Revision{"bcdfghjklm", "bcdfghjklm"}}, Running: Revision{"npqrstvwxz", "npqrstvwxz"}, Phase: PhaseWaiting,
		Shown: Shown{Pod: true, Ready: true, Available: true, Addresses: []string{"10.244.17.203"}, Restarts: 3, Since: time.Unix(1767225600, 0).UTC()},
	}
	s.Ticket = Ticket{6, classMember, TicketHash(key, otherID)}
	return s
}

func roundTrip(t testing.TB, states []State) Section {
	t.Helper()
	data, _, err := Encode(states, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > MaxSection {
		t.Fatalf("%d bytes", len(data))
	}
	out, err := Decode(otherID, data)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestGolden pins the bytes: other versions read them.
func TestGolden(t *testing.T) {
	plain := toldState("monitoring/node-exporter")
	full := toldState("kube-system/fluent-bit")
	full.Running = Revision{"npqrstvwxz", "2456789bcd"}
	full.Phase, full.Hold, full.Canary = PhaseHeld, HoldPaused, true
	full.Rejected = Target{5, Revision{"xxxxxxxxxx", "xxxxxxxxxx"}}
	full.Ticket.Class = 2
	done := toldState("kube-system/kube-proxy")
	done.Running, done.Phase, done.Shown = done.Target.Revision, PhaseAvailable, Shown{}
	renewed := toldState("monitoring/renewed")
	renewed.Target.Generation, renewed.Ticket.Generation = firstOf(6), firstOf(6)
	renewed.Phase, renewed.Hold, renewed.HeldUntil = PhaseHeld, HoldNew, time.Unix(1767225900, 0).UTC()
	data, _, err := Encode([]State{plain, full, done, renewed}, 0)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "section.hex")
	got := hex.EncodeToString(data) + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("other bytes than before, which other versions cannot read:\n got %s\nwant %s", got, want)
	}
}

func revisions(t *rapid.T, label string) Revision {
	name := rapid.StringMatching("[b-z2-9]{10}")
	switch rapid.IntRange(0, 2).Draw(t, label) {
	case 0:
		return Revision{}
	case 1:
		r := name.Draw(t, label)
		return Revision{r, r}
	}
	return Revision{name.Draw(t, label), name.Draw(t, label)}
}

func drawState(t *rapid.T, key string) State {
	s := State{
		Key:     key,
		Target:  Target{rapid.Uint64Range(0, MaxGeneration).Draw(t, "generation"), revisions(t, "target")},
		Running: revisions(t, "running"),
		Phase:   Phase(rapid.IntRange(0, int(phases)-1).Draw(t, "phase")),
		Hold:    Hold(rapid.IntRange(0, int(holds)-1).Draw(t, "hold")),
		Canary:  rapid.Bool().Draw(t, "canary"),
	}
	s.Ticket = Ticket{rapid.Uint64Range(s.Target.Generation, MaxGeneration).Draw(t, "ticket"), rapid.Uint32Range(0, maxClass).Draw(t, "class"), TicketHash(key, otherID)}
	if rapid.Bool().Draw(t, "rejected") {
		s.Rejected = Target{rapid.Uint64Range(1, MaxGeneration).Draw(t, "from"), revisions(t, "rejected revision")}
	}
	s.Shown = Shown{Pod: rapid.Bool().Draw(t, "pod"), Ready: rapid.Bool().Draw(t, "ready"), Available: rapid.Bool().Draw(t, "available")}
	if rapid.Bool().Draw(t, "shown") {
		s.Shown.Addresses = rapid.SliceOfN(rapid.StringMatching("[0-9.]{7,15}"), 1, maxAddresses).Draw(t, "addresses")
		s.Shown.Restarts = rapid.Uint32().Draw(t, "restarts")
		s.Shown.Since = time.Unix(rapid.Int64Range(1, 1<<40).Draw(t, "since"), 0).UTC()
	}
	if s.Hold == HoldNew && rapid.Bool().Draw(t, "held") {
		s.HeldUntil = time.Unix(rapid.Int64Range(1, 1<<40).Draw(t, "until"), 0).UTC()
	}
	if s.Phase == PhaseFailed {
		s.Why = rapid.StringMatching("[a-z]{0,9}").Draw(t, "why")
	}
	if s.Shown.Down = rapid.StringMatching("[A-Za-z ]{0,160}").Draw(t, "down"); s.Shown.Down == s.Why {
		s.Shown.Down = ""
	}
	return s
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var states []State
		for i := range rapid.IntRange(0, 8).Draw(t, "n") {
			states = append(states, drawState(t, fmt.Sprintf("ns/ds-%03d", i)))
		}
		knows := rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64()).Draw(t, "knows")
		data, told, err := Encode(states, knows)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(otherID, data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(told.States, got.States, cmpopts.EquateEmpty()); diff != "" || got.Omitted != 0 || told.Plain != 0 {
			t.Fatal(diff)
		}
		if got.Asks != told.Asks || got.Knows != knows {
			t.Fatalf("asks %d and knows %d, told %d and %d", got.Asks, got.Knows, told.Asks, knows)
		}
		again, _, err := Encode(got.States, knows)
		if err != nil || string(again) != string(data) {
			t.Fatalf("the same states give other bytes: %v", err)
		}
	})
}

// TestSizes: what a DaemonSet takes, and what is left out when 256 do not fit.
func TestSizes(t *testing.T) {
	one, done := toldState("monitoring/node-exporter"), toldState("monitoring/node-exporter")
	done.Running, done.Phase = done.Target.Revision, PhaseAvailable
	for name, s := range map[string]State{"waiting": one, "done": done} {
		data, _, err := Encode([]State{s}, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("one DaemonSet that is %s: %d bytes", name, len(data))
		if len(data) > 110 {
			t.Errorf("%d bytes are more than 110", len(data))
		}
	}
	var many []State
	for i := range MaxDaemonSets {
		many = append(many, toldState(fmt.Sprintf("some-team-%03d/node-daemon", i)))
	}
	data, told, err := Encode(many, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d DaemonSets: %d bytes, %d without addresses, %d left out", len(many), len(data), told.Plain, told.Omitted)
	if told.Omitted > 0 || told.Plain == 0 || told.Plain == len(many) {
		t.Error("256 should fit, the last of them without what is only shown")
	}
}

func TestLeavesOut(t *testing.T) {
	long := strings.Repeat("n", 200)
	var many []State
	for i := range MaxDaemonSets + 10 {
		many = append(many, toldState(fmt.Sprintf("team-%03d/%s", i, long)))
	}
	got := roundTrip(t, many)
	if got.Omitted == 0 || len(got.States)+got.Omitted != len(many) {
		t.Fatalf("%d told, %d omitted of %d", len(got.States), got.Omitted, len(many))
	}
	for i, s := range got.States {
		if s.Key != many[i].Key || s.Ticket != many[i].Ticket || s.Target != many[i].Target || s.Running != many[i].Running {
			t.Fatalf("DaemonSet %d of those that are told is not as it was", i)
		}
	}
	var short []State
	for i := range MaxDaemonSets + 10 {
		s := State{Key: fmt.Sprintf("n/%03d", i), Phase: PhaseNotPlaced}
		s.Ticket.Hash = TicketHash(s.Key, otherID)
		short = append(short, s)
	}
	if got := roundTrip(t, short); got.Omitted != 10 {
		t.Errorf("%d omitted of %d short ones, 10 are too many", got.Omitted, len(short))
	}
}

// TestFaultO1Told: why a pod is down travels, within its bounds, and a sentence never takes the room of an address.
func TestFaultO1Told(t *testing.T) {
	var many []State
	for i := range MaxDaemonSets / 2 {
		s := toldState(fmt.Sprintf("team-%03d/node-daemon", i))
		s.Phase, s.Shown.Available = PhaseUnavailable, false
		s.Shown.Down = "container web: ImagePullBackOff\x1b[2J: " + strings.Repeat("é", MaxWhy)
		many = append(many, s)
	}
	got := roundTrip(t, many)
	told := 0
	for _, s := range got.States {
		if len(s.Shown.Addresses) != 1 || s.Shown.Since.IsZero() {
			t.Errorf("%s has lost its address for a sentence", s.Key)
		}
		if s.Shown.Down == "" {
			continue
		}
		told++
		if len(s.Shown.Down) > MaxWhy || !strings.HasPrefix(s.Shown.Down, "container web: ImagePullBackOff [2J: é") {
			t.Errorf("%s is down for %q", s.Key, s.Shown.Down)
		}
	}
	if told == 0 || told == len(many) || got.Omitted > 0 {
		t.Errorf("%d of %d say why, %d are left out: want some that say it, and none left out", told, len(many), got.Omitted)
	}

	failed := toldState("a/b")
	failed.Phase, failed.Why, failed.Shown.Down = PhaseFailed, "container web: CrashLoopBackOff", "container web: CrashLoopBackOff"
	data, _, err := Encode([]State{failed}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), "CrashLoopBackOff"); n != 1 {
		t.Errorf("one sentence is told %d times", n)
	}
}

// TestDecodeBounds: an honest host never tells these, and none of them is used.
func TestDecodeBounds(t *testing.T) {
	for name, change := range map[string]func(*State){
		"generation":           func(s *State) { s.Target.Generation, s.Ticket.Generation = MaxGeneration+1, MaxGeneration+1 },
		"ticket":               func(s *State) { s.Ticket.Generation = MaxGeneration + 1 },
		"class":                func(s *State) { s.Ticket.Class = maxClass + 1 },
		"ticket behind target": func(s *State) { s.Ticket.Generation = s.Target.Generation - 1 },
		"phase":                func(s *State) { s.Phase = phases },
		"no key":               func(s *State) { s.Key = "" },
		"no name":              func(s *State) { s.Key = "namespace" },
		"long key":             func(s *State) { s.Key = "a/" + strings.Repeat("b", maxKey) },
		"long revision":        func(s *State) { s.Running = Revision{strings.Repeat("b", maxRevision+1), "b"} },
		"half a revision":      func(s *State) { s.Running = Revision{"", "b"} },
		"long address":         func(s *State) { s.Shown.Addresses = []string{strings.Repeat("1", maxAddress+1)} },
		"time":                 func(s *State) { s.Shown.Since = time.Unix(1<<41, 0) },
	} {
		s := toldState("a/b")
		change(&s)
		data, _, err := Encode([]State{s}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(otherID, data); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	twice, _, err := Encode([]State{toldState("a/b"), toldState("a/b")}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(otherID, twice); !errors.Is(err, ErrMalformed) {
		t.Errorf("a DaemonSet twice: got %v", err)
	}
	if _, err := Decode(otherID, make([]byte, MaxSection+1)); !errors.Is(err, ErrMalformed) {
		t.Errorf("too long: got %v", err)
	}
}

// TestEpochs: what agents of before take of a host in a later epoch is never further than it is, and nobody can tell a
// generation in two ways.
func TestEpochs(t *testing.T) {
	c, err := theCodec()
	if err != nil {
		t.Fatal(err)
	}
	fieldsOf := func(s State) []any {
		data, _, err := Encode([]State{s}, 0)
		if err != nil {
			t.Fatal(err)
		}
		var section []any
		if err := c.dec.Unmarshal(data, &section); err != nil {
			t.Fatal(err)
		}
		return section[2].([]any)[0].([]any)
	}
	decoded := func(fields []any) (Section, error) {
		data, err := c.enc.Marshal([]any{sectionVersion, 0, []any{fields}})
		if err != nil {
			t.Fatal(err)
		}
		return Decode(otherID, data)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := drawState(t, "a/b")
		fields := fieldsOf(s)
		before, err := decoded(fields[:11]) // as an agent of before reads it
		if err != nil {
			if s.Phase.Taken() || s.Ticket.Generation >= s.Target.Generation {
				t.Fatal(err)
			}
			return
		}
		old := before.States[0]
		if old.Target.Generation > s.Target.Generation || old.Ticket.Above(s.Ticket) || old.Rejected.Generation > s.Rejected.Generation {
			t.Errorf("told %+v and %+v, agents of before take it for %+v and %+v", s.Target, s.Ticket, old.Target, old.Ticket)
		}
	})
	s := toldState("a/b")
	s.Target.Generation, s.Ticket.Generation = firstOf(0), firstOf(0)
	for name, change := range map[string]func(fields []any){
		"another below":     func(fields []any) { fields[1] = uint64(7) },
		"below the first":   func(fields []any) { fields[11] = []any{uint64(lastPlain), 0, 0, 0} },
		"too far":           func(fields []any) { fields[11] = []any{uint64(MaxGeneration + 1), 0, 0, 0} },
		"too few":           func(fields []any) { fields[11] = []any{firstOf(0)} },
		"no array":          func(fields []any) { fields[11] = "epochs" },
		"the ticket behind": func(fields []any) { fields[11] = []any{firstOf(0), 0, 0, 0} },
	} {
		fields := fieldsOf(s)
		change(fields)
		if _, err := decoded(fields); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestFaultT11Unseen: texts with something in them that a terminal would obey are no honest host's, and the record is not used.
func TestFaultT11Unseen(t *testing.T) {
	for name, change := range map[string]func(*State){
		"revision": func(s *State) { s.Running = Revision{"\x1b[2J", "b"} },
		"key":      func(s *State) { s.Key = "a/b\x07" },
		"address":  func(s *State) { s.Shown.Addresses = []string{"10.0.0.1\u009b1m"} },
	} {
		s := toldState("a/b")
		change(&s)
		data, _, err := Encode([]State{s}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(otherID, data); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestNewer: what a newer agent may have added does not make its record unreadable.
func TestNewer(t *testing.T) {
	c, err := theCodec()
	if err != nil {
		t.Fatal(err)
	}
	s := toldState("a/b")
	data, _, err := Encode([]State{s}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var section []any
	if err := c.dec.Unmarshal(data, &section); err != nil {
		t.Fatal(err)
	}
	states := section[2].([]any)
	states[0] = append(states[0].([]any), "something new")
	data, err = c.enc.Marshal(section)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(otherID, data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]State{s}, got.States); diff != "" {
		t.Error(diff)
	}
	section[0] = sectionVersion + 1
	data, err = c.enc.Marshal(section)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(otherID, data); !errors.Is(err, ErrMalformed) {
		t.Errorf("another version: got %v", err)
	}
}

// TestOlderAgentsUnderstand: agents from before hosts asked each other take a section of three fields, and of a state what they know of
// it. A host that asks is not one whose record cannot be understood there, which would stop the rollouts of a fleet of both versions.
func TestOlderAgentsUnderstand(t *testing.T) {
	c, err := theCodec()
	if err != nil {
		t.Fatal(err)
	}
	const fieldsBefore = 11
	s := toldState("a/b")
	quiet, _, err := Encode([]State{s}, 0)
	if err != nil {
		t.Fatal(err)
	}
	asks, _, err := Encode([]State{s}, 77)
	if err != nil {
		t.Fatal(err)
	}
	var before, after []any
	if err := errors.Join(c.dec.Unmarshal(quiet, &before), c.dec.Unmarshal(asks, &after)); err != nil {
		t.Fatal(err)
	}
	if len(after) != 3 {
		t.Fatalf("the section has %d fields, want 3", len(after))
	}
	first := func(section []any) []any { return section[2].([]any)[0].([]any)[:fieldsBefore] }
	if diff := cmp.Diff(first(before), first(after)); diff != "" {
		t.Errorf("what older agents read of the state (-quiet +asks):\n%s", diff)
	}
}

func FuzzDecode(f *testing.F) {
	data, _, err := Encode([]State{toldState("monitoring/node-exporter"), toldState("kube-system/fluent-bit")}, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{0x83, 1, 0, 0x80})
	renewed := toldState("a/b")
	renewed.Target.Generation, renewed.Ticket.Generation = firstOf(6), firstOf(6)
	renewed.Phase, renewed.Hold, renewed.HeldUntil = PhaseHeld, HoldNew, time.Unix(1767225900, 0).UTC()
	if data, _, err = Encode([]State{renewed}, 0); err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		section, err := Decode(otherID, data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		again := roundTrip(t, section.States)
		if diff := cmp.Diff(section.States, again.States); diff != "" && section.Omitted == 0 && again.Omitted == 0 && len(data) < MaxSection-16 {
			t.Fatal(diff)
		}
	})
}
