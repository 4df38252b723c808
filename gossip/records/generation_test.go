package records

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// publish does what a member does to say something: the next stamp, signed and put.
func (h host) publish(t tester, table *Table, section, body string) record.Record {
	t.Helper()
	rec := h.sign(t, section, table.NextStamp(section), body)
	put(t, table, rec)
	return rec
}

func wantNext(t *testing.T, table *Table, section string, want record.Stamp) {
	t.Helper()
	if got := table.NextStamp(section); got != want {
		t.Errorf("next stamp of %q: got %s, want %s", section, got, want)
	}
}

// Each start begins a generation: the clock's, or where that is used up, the next one.
func TestGenerationOfAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, self := t.TempDir(), newHost(0)
		start := now()
		a := openAs(t, self, dir)
		wantNext(t, a, "node", at(start, 1))
		wantNext(t, a, "node", at(start, 1)) // asking changes nothing
		self.publish(t, a, "node", "1")
		wantNext(t, a, "node", at(start, 2))
		wantNext(t, a, "rollout", at(start, 1))
		<-time.After(time.Hour)
		self.publish(t, a, "node", "2")
		wantNext(t, a, "node", at(start, 3)) // one generation a start
		mustClose(t, a)

		b := openAs(t, self, dir)
		wantNext(t, b, "node", at(start+3600, 1))
		wantNext(t, b, "rollout", at(start+3600, 1)) // the generation is the member's, not the section's
		self.publish(t, b, "rollout", "3")
		mustClose(t, b)

		c := openAs(t, self, dir) // in the same second
		wantNext(t, c, "node", at(start+3601, 1))
		mustClose(t, c)
	})
}

func mustClose(t *testing.T, table *Table) {
	t.Helper()
	if err := table.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// The clock of a start is an hour behind or ahead of that of the one before.
func TestClockJumps(t *testing.T) {
	for name, before := range map[string]time.Duration{"back": time.Hour, "forward": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, self := t.TempDir(), newHost(0)
				then := uint64(time.Now().Add(before).Unix())
				a := openAs(t, self, dir)
				put(t, a, self.sign(t, "node", at(then, 7), "before"))
				mustClose(t, a)
				peer := openAs(t, newHost(1), "")
				pull(peer, a)

				b := openAs(t, self, dir)
				wantNext(t, b, "node", at(max(then+1, now()), 1))
				offer(t, peer, self.publish(t, b, "node", "after"), Newer)
				mustClose(t, b)
			})
		})
	}
}

// A host whose disk was lost together with its key is another member; the old one stays until it is forgotten.
func TestLostDisk(t *testing.T) {
	peer := openAs(t, newHost(9), "")
	before, after := newHost(0), newHost(1)
	old := openAs(t, before, t.TempDir())
	offer(t, peer, before.publish(t, old, "node", "before"), Newer)
	anew := openAs(t, after, t.TempDir())
	offer(t, peer, after.publish(t, anew, "node", "after"), Newer)
	if n := len(peer.View().Members); n != 2 {
		t.Errorf("got %d members, want both", n)
	}
}

// The key is there, but members.log is not, or it is an old one; the clock is behind, too. What peers show of this host is above
// what it has: it goes above that, and nothing that it says is muted.
func TestRestoredDisk(t *testing.T) {
	for name, restored := range map[string]record.Stamp{"no log": {}, "old log": at(now()-9000, 1)} {
		t.Run(name, func(t *testing.T) {
			self, dir := newHost(0), t.TempDir()
			peer := openAs(t, newHost(1), "")
			ahead := now() + 3600
			latest := self.sign(t, "node", at(ahead, 40), "latest")
			offer(t, peer, latest, Newer)
			offer(t, peer, self.sign(t, "rollout", at(ahead-1, 3), "earlier"), Newer)

			if !restored.IsZero() {
				old := openAs(t, self, dir)
				put(t, old, self.sign(t, "node", restored, "old"))
				mustClose(t, old)
			}
			table := openAs(t, self, dir)
			offer(t, peer, self.publish(t, table, "node", "muted"), Older)
			offer(t, table, latest, Own)
			offer(t, table, latest, Duplicate)
			wantNext(t, table, "node", at(ahead+1, 1))
			wantNext(t, table, "rollout", at(ahead+1, 1))
			offer(t, peer, self.publish(t, table, "node", "heard"), Newer)
			offer(t, peer, self.publish(t, table, "rollout", "heard"), Newer)
			pull(table, peer)
			if table.Digest() != peer.Digest() {
				t.Error("the digests differ after the bump")
			}
			mustClose(t, table)
			wantNext(t, openAs(t, self, dir), "node", at(ahead+2, 1))
		})
	}
}

// The same generation with a higher version is above as well: a virtual machine that was set back while it ran.
func TestVersionSetBack(t *testing.T) {
	self := newHost(0)
	table := openAs(t, self, "")
	g := table.NextStamp("node").Generation
	self.publish(t, table, "node", "1")
	offer(t, table, self.sign(t, "node", at(g, 5), "from before it was set back"), Own)
	wantNext(t, table, "node", at(g+1, 1))
	offer(t, table, self.sign(t, "node", at(g, 2), "also from before"), Older)
	wantNext(t, table, "node", at(g+1, 1))
}

// A section of this host that it does not write any more is kept as others show it, or digests would differ for ever.
func TestOwnSectionOfEarlierVersions(t *testing.T) {
	self, peer := newHost(0), openAs(t, newHost(1), "")
	abandoned := self.sign(t, "abandoned", at(now()-100, 1), "x")
	offer(t, peer, abandoned, Newer)
	table := openAs(t, self, "")
	offer(t, table, abandoned, Own)
	if table.Digest() != peer.Digest() {
		t.Error("the digests differ")
	}
}

// Only what is more than ten years ahead of the own clock is refused; the distance to what is held does not matter, and neither
// does any distance into the past.
func TestFutureIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, h := openAs(t, newHost(9), ""), newHost(0)
		offer(t, table, h.sign(t, "node", at(1, 1), "a clock of 1970"), Newer)
		offer(t, table, h.sign(t, "node", at(now()-5*365*24*3600, 1), "up for five years"), Newer)
		offer(t, table, h.sign(t, "node", at(now()+3600, 1), "an hour ahead"), Newer)
		edge := now() + maxAhead
		offer(t, table, h.sign(t, "node", at(edge+1, 1), "too far ahead"), Future)
		offer(t, table, h.sign(t, "node", at(math.MaxUint64, 1), "as far as possible"), Future)
		offer(t, table, h.sign(t, "node", at(edge, 1), "just not too far"), Newer)
		<-time.After(time.Second)
		offer(t, table, h.sign(t, "node", at(edge+1, 1), "not too far any more"), Newer)
		if got := table.Stats().Outcomes[Future]; got != 2 {
			t.Errorf("counted %d from the future, want 2", got)
		}
	})
}

// With a clock that fell back to 1970 this host refuses what others say, until it has the time; what it signed itself it
// believes nevertheless, since it must go above it.
func TestOwnRecordIsNeverFromTheFuture(t *testing.T) {
	self := newHost(0)
	table := openAs(t, self, "")
	far := now() + 2*maxAhead
	offer(t, table, self.sign(t, "node", at(far, 1), "x"), Own)
	wantNext(t, table, "node", at(far+1, 1))
}

func TestGenerationsRunOut(t *testing.T) {
	self := newHost(0)
	table := openAs(t, self, "")
	offer(t, table, self.sign(t, "node", at(math.MaxUint64, 1), "x"), Own)
	wantNext(t, table, "node", at(math.MaxUint64, 2))
}

func TestPutRefuses(t *testing.T) {
	self, other := newHost(0), newHost(1)
	table := openAs(t, self, "")
	self.publish(t, table, "node", "1")
	digest := table.Digest()
	forged := self.sign(t, "node", table.NextStamp("node"), "2")
	forged.Stamp = forged.Stamp.Next()
	for name, rec := range map[string]record.Record{
		"another's": other.sign(t, "node", at(now(), 1), "x"),
		"older":     self.sign(t, "node", at(1, 1), "x"),
		"the same":  self.sign(t, "node", at(table.NextStamp("node").Generation, 1), "1"),
		"forged":    forged,
		"empty":     {Owner: self.id, Section: "node"},
	} {
		if err := table.Put(rec); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if table.Digest() != digest {
		t.Error("something has changed")
	}
	for i := range DefaultMaxSections - 1 {
		self.publish(t, table, string(rune('a'+i)), "x")
	}
	if err := table.Put(self.sign(t, "z", at(now(), 1), "x")); err == nil {
		t.Error("one section too many was put")
	}
}
