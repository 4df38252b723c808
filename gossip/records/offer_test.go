package records

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// counting gives a table and how often it has verified a signature.
func counting(t tester, c Config) (*Table, *atomic.Int64) {
	t.Helper()
	n := &atomic.Int64{}
	c.Cluster, c.Self = cluster, newHost(99).id
	c.Verify = func(r record.Record, cluster string) error {
		n.Add(1)
		return r.Verify(cluster)
	}
	return openWith(t, c), n
}

// What cannot become part of the table is dropped before its signature is looked at.
func TestOfferVerifiesLast(t *testing.T) {
	table, verified := counting(t, Config{Limits: Limits{MaxMembers: 1, MaxSections: 2}})
	h, gone := newHost(0), newHost(1)
	g := now()
	if err := table.Forget(gone.id); err != nil {
		t.Fatal(err)
	}
	forged := bytes.Clone(h.sign(t, "node", at(g, 3), "body").Encoded)
	forged[len(forged)-1] ^= 1
	steps := []struct {
		name    string
		encoded []byte
		want    Outcome
		verify  int64
	}{
		{"nothing", nil, Malformed, 0},
		{"garbage", []byte("garbage"), Malformed, 0},
		{"forgotten", gone.sign(t, "node", at(g-10, 1), "x").Encoded, Forgotten, 0},
		{"first", h.sign(t, "node", at(g, 1), "x").Encoded, Newer, 1},
		{"the same", h.sign(t, "node", at(g, 1), "x").Encoded, Duplicate, 0},
		{"the same stamp, another body", h.sign(t, "node", at(g, 1), "y").Encoded, Duplicate, 0},
		{"newer", h.sign(t, "node", at(g, 2), "x").Encoded, Newer, 1},
		{"older", h.sign(t, "node", at(g, 1), "x").Encoded, Older, 0},
		{"forged", forged, Forged, 1},
		{"future", h.sign(t, "node", at(g+maxAhead+100, 1), "x").Encoded, Future, 0},
		{"another section", h.sign(t, "rollout", at(g, 1), "x").Encoded, Newer, 1},
		{"too many sections", h.sign(t, "third", at(g, 1), "x").Encoded, Full, 0},
		{"too many members", newHost(2).sign(t, "node", at(g, 1), "x").Encoded, Full, 0},
	}
	want := map[Outcome]uint64{Own: 0, Outside: 0, TooFast: 0}
	for _, s := range steps {
		verified.Store(0)
		rec, got := table.Offer(s.encoded)
		if got != s.want || verified.Load() != s.verify {
			t.Errorf("%s: got %s after %d verifications, want %s after %d", s.name, got, verified.Load(), s.want, s.verify)
		}
		if got.Kept() != (rec.Encoded != nil) {
			t.Errorf("%s: %s, with the record %+v", s.name, got, rec)
		}
		want[s.want]++
	}
	if diff := cmp.Diff(want, table.Stats().Outcomes); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

func TestTakes(t *testing.T) {
	table := openWith(t, Config{Cluster: cluster, Self: newHost(99).id, Limits: Limits{MaxMembers: 1}})
	h, gone := newHost(0), newHost(1)
	offer(t, table, h.sign(t, "node", at(now(), 5), "x"), Newer)
	if err := table.Forget(gone.id); err != nil {
		t.Fatal(err)
	}
	for head, want := range map[Head]bool{
		{ID: h.id, Section: "node", Stamp: at(now(), 6)}:             true,
		{ID: h.id, Section: "node", Stamp: at(now(), 5)}:             false,
		{ID: h.id, Section: "node", Stamp: at(now(), 4)}:             false,
		{ID: h.id, Section: "rollout", Stamp: at(1, 1)}:              true,
		{ID: gone.id, Section: "node", Stamp: at(1, 1)}:              false,
		{ID: newHost(2).id, Section: "node", Stamp: at(1, 1)}:        false, // full
		{ID: newHost(99).id, Section: "node", Stamp: at(1, 1)}:       true,  // this host itself
		{ID: h.id, Section: "x", Stamp: at(now()+maxAhead+1000, 1)}:  false,
		{ID: h.id, Section: "node", Stamp: at(now()+maxAhead+99, 1)}: false,
	} {
		if got := table.Takes(head); got != want {
			t.Errorf("%+v: got %t, want %t", head, got, want)
		}
	}
}

// The caller's buffer is its own again as soon as Offer returns.
func TestOfferCopies(t *testing.T) {
	table, h := openAs(t, newHost(9), ""), newHost(0)
	want := h.profile(t, at(now(), 1), "name")
	buffer := bytes.Clone(want.Encoded)
	rec, _ := table.Offer(buffer)
	clear(buffer)
	got, ok := table.Encoded(h.id, SectionMember)
	if !ok || !bytes.Equal(got, want.Encoded) || !bytes.Equal(rec.Encoded, want.Encoded) {
		t.Error("the record changed with the buffer")
	}
	section := table.View().Members[0].Sections[SectionMember]
	if !bytes.Equal(section.Body, want.Body) || !bytes.Equal(table.Key(h.id), h.public) {
		t.Error("the view changed with the buffer")
	}
	// One buffer holds all of the record.
	if &section.Body[len(section.Body)-1] != &got[len(got)-1] || &rec.Encoded[0] != &got[0] {
		t.Error("the body is held twice")
	}
	if _, ok := table.Encoded(h.id, "node"); ok {
		t.Error("a record of a section that was never offered")
	}
	if table.Key(newHost(1).id) != nil {
		t.Error("a key of a member that was never seen")
	}
}

// With Keep all tables of a simulation share one copy, which is what is held.
func TestKeep(t *testing.T) {
	h := newHost(0)
	rec := h.sign(t, "node", at(now(), 1), "x")
	shared := func([]byte) []byte { return rec.Encoded }
	table := openWith(t, Config{Cluster: cluster, Self: newHost(9).id, Keep: shared})
	table.Offer(bytes.Clone(rec.Encoded))
	if got, _ := table.Encoded(h.id, "node"); &got[0] != &rec.Encoded[0] {
		t.Error("it was copied")
	}
}

func TestOpenChecksItsConfig(t *testing.T) {
	h := newHost(0)
	for name, c := range map[string]Config{
		"no self":        {Cluster: cluster},
		"another's key":  {Cluster: cluster, Self: h.id, SelfKey: newHost(1).public},
		"negative limit": {Cluster: cluster, Self: h.id, Limits: Limits{MaxMembers: -1}},
	} {
		if _, err := Open(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestOutcomeString(t *testing.T) {
	seen := map[string]bool{}
	for o := range outcomeCount {
		seen[o.String()] = true
	}
	if len(seen) != int(outcomeCount) || seen[""] {
		t.Errorf("got %v", seen)
	}
	if got := outcomeCount.String(); got != "outcome 11" {
		t.Errorf("got %q", got)
	}
}

// Everything at once, for the race detector; what comes out is what one after the other gives.
func TestConcurrently(t *testing.T) {
	self, dir := newHost(99), t.TempDir()
	table := openAs(t, self, dir)
	var wg sync.WaitGroup
	for n := range 8 {
		name := "host"
		if n > DefaultMaxHeld {
			name = fmt.Sprint("host-", n)
		}
		wg.Go(func() {
			for v := range 20 {
				for _, h := range []host{newHost(n), newHost((n + 1) % 8)} {
					table.Offer(h.sign(t, "node", at(now()-1000, uint64(v)+1), "x").Encoded)
				}
				table.Offer(newHost(n).profile(t, at(now()-1000, uint64(v)+1), name).Encoded)
				table.View()
				table.Heads(everything())
				table.Digest()
			}
		})
	}
	wg.Go(func() {
		for range 10 {
			self.publish(t, table, "node", "x")
			if err := table.flushNow(); err != nil {
				t.Errorf("flush: %v", err)
			}
		}
	})
	wg.Go(func() {
		if err := table.Forget(newHost(50).id); err != nil {
			t.Errorf("forget: %v", err)
		}
		if err := table.Trust(newHost(51).id); !errors.Is(err, ErrUnknown) {
			t.Errorf("trust: %v", err)
		}
		if err := table.SetRoster(nil); err != nil {
			t.Errorf("roster: %v", err)
		}
	})
	wg.Wait()
	trusted := 0
	for _, m := range table.View().Members {
		for _, s := range m.Sections {
			if m.ID != self.id && s.Stamp.Version != 20 {
				t.Errorf("%s is at %s", m.ID, s.Stamp)
			}
		}
		if m.Name == "host" && m.Standing == Trusted {
			trusted++
		}
	}
	if got := table.Stats(); got.Records != 17 || got.Members != 9 || trusted != 1 {
		t.Errorf("got %+v, and %d trusted with one name", got, trusted)
	}
	mustClose(t, table)
	again := openAs(t, self, dir)
	sameView(t, table, again)
}
