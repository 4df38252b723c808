package records

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// limited is a table in which signatures are taken to hold, as those of an attacker's invented identities do.
func limited(t tester, l Limits) *Table {
	t.Helper()
	return openWith(t, Config{
		Cluster: cluster, Self: newHost(1 << 30).id, Limits: l,
		Verify: func(record.Record, string) error { return nil },
	})
}

// Whoever has the gossip key can invent members. Those that do not fit are refused and counted; those that were there before
// stay, and can still change.
func TestInventedIdentities(t *testing.T) {
	const known, invented, room = 100, 10_000, 200
	table := limited(t, Limits{MaxMembers: room})
	for n := range known {
		offer(t, table, newHost(n).profile(t, at(now(), 1), fmt.Sprint("host-", n)), Newer)
	}
	for n := range invented {
		table.Offer(newHost(known+n).profile(t, at(now(), 1), fmt.Sprint("host-", n%known)).Encoded)
	}
	s := table.Stats()
	if s.Members != room || s.Outcomes[Full] != invented-(room-known) || s.Outcomes[Newer] != room {
		t.Errorf("got %+v", s)
	}
	for n := range known {
		offer(t, table, newHost(n).profile(t, at(now(), 2), fmt.Sprint("host-", n)), Newer)
		offer(t, table, newHost(n).sign(t, "node", at(now(), 1), "x"), Newer)
	}
	trusted := 0
	for _, m := range table.View().Members {
		if m.Standing == Trusted {
			trusted++
		}
	}
	if trusted != known {
		t.Errorf("%d are trusted, want the %d that were there first", trusted, known)
	}
	for n := range known {
		wantStanding(t, table, newHost(n), Trusted)
	}
}

// However large the records of however many identities are, all together are no more than twice MaxBytes.
func TestInventedBytes(t *testing.T) {
	l := Limits{MaxMembers: 100, MaxBytes: 1 << 20}
	table := limited(t, l)
	body := strings.Repeat("x", record.MaxBody)
	real := newHost(1000)
	offer(t, table, real.sign(t, "node", at(now(), 1), body[:l.MaxBytes/l.MaxMembers-200]), Newer)
	for v := range uint64(2) {
		for n := range 200 {
			for s := range DefaultMaxSections {
				size := len(body)
				if v == 0 {
					size = 1
				}
				table.Offer(newHost(n).sign(t, fmt.Sprint("s", s), at(now(), v+1), body[:size]).Encoded)
			}
		}
	}
	if got := table.Stats(); got.Bytes > 2*l.MaxBytes || got.Outcomes[Full] == 0 || got.Members > l.MaxMembers {
		t.Errorf("%d bytes of %d are held: %+v", got.Bytes, l.MaxBytes, got)
	}
	// What is the member's own share nobody can take, not even while it needs little of it.
	offer(t, table, real.sign(t, "node", at(now(), 2), "x"), Newer)
	for size, n := len(body), 60; size > 1; size, n = size/2, n+1 {
		for s := range 2 {
			table.Offer(newHost(n).sign(t, fmt.Sprint("s", s), at(now(), 9), body[:size]).Encoded)
		}
	}
	if got := table.Stats().Bytes; got < l.MaxBytes-100 {
		t.Fatalf("the attacker has not filled the table: %d bytes of %d", got, l.MaxBytes)
	}
	offer(t, table, real.sign(t, "node", at(now(), 3), body[:l.MaxBytes/l.MaxMembers-200]), Newer)
	offer(t, table, real.sign(t, "node", at(now(), 4), body), Full)
	held := 0
	for _, m := range table.View().Members {
		for name := range m.Sections {
			encoded, _ := table.Encoded(m.ID, name)
			held += len(encoded)
		}
	}
	if got := table.Stats().Bytes; got != held {
		t.Errorf("counted %d bytes, held are %d", got, held)
	}
}

// No limit keeps out those whom the operator has listed, nor this host.
func TestLimitsAndTheExpected(t *testing.T) {
	self, a, b := newHost(9), newHost(0), newHost(1)
	table := openWith(t, Config{Cluster: cluster, Self: self.id, Limits: Limits{MaxMembers: 1, MaxSections: 1}})
	offer(t, table, newHost(5).sign(t, "node", at(now(), 1), "x"), Newer)
	offer(t, table, a.sign(t, "node", at(now(), 1), "x"), Full)
	setRoster(t, table, listed(map[string]ed25519.PublicKey{"a": a.public}))
	offer(t, table, a.sign(t, "node", at(now(), 1), "x"), Newer)
	offer(t, table, b.sign(t, "node", at(now(), 1), "x"), Outside)
	offer(t, table, self.sign(t, "node", at(now()-9, 1), "x"), Own)
	put(t, table, self.sign(t, "node", table.NextStamp("node"), "x"))
}

// Members that are on disk are known, even if there are more of them than the limit is now.
func TestLimitsNeverForget(t *testing.T) {
	dir := t.TempDir()
	table := openAs(t, newHost(99), dir)
	for n := range 10 {
		offer(t, table, newHost(n).profile(t, at(now(), 1), fmt.Sprint("host-", n)), Newer)
	}
	want := table.Digest()
	mustClose(t, table)
	table = openWith(t, Config{Cluster: cluster, Self: newHost(99).id, Dir: dir, Limits: Limits{MaxMembers: 2, MaxBytes: 10}})
	if table.Digest() != want {
		t.Errorf("got %+v", table.Stats())
	}
	offer(t, table, newHost(10).profile(t, at(now(), 1), "new"), Full)
	offer(t, table, newHost(3).profile(t, at(now(), 2), "host-3"), Newer)
}

// Names of sections are shared only as far as there are few of them.
func TestInternedSectionsAreBounded(t *testing.T) {
	table := limited(t, Limits{})
	for n := range 3 * maxInterned {
		offer(t, table, newHost(n).sign(t, fmt.Sprint("s", n), at(now(), 1), "x"), Newer)
	}
	if got := len(table.sections); got != maxInterned {
		t.Errorf("%d names are shared, want %d", got, maxInterned)
	}
}
