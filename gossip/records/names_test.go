package records

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// stands is name/standing of every member of a view, in its order.
func stands(table *Table) []string {
	var out []string
	for _, m := range table.View().Members {
		out = append(out, m.Name+"/"+string(m.Standing))
	}
	return out
}

func wantStanding(t *testing.T, table *Table, h host, want Standing) {
	t.Helper()
	if got := standing(table, h.id); got != want {
		t.Errorf("standing of %s: got %q, want %q; all: %v", h.id, got, want, stands(table))
	}
}

// A host that was installed anew has the old name and a new key. It is held until somebody trusts it, also over a restart.
func TestReimagedHost(t *testing.T) {
	dir, self, before, after := t.TempDir(), newHost(9), newHost(0), newHost(1)
	table := openAs(t, self, dir)
	offer(t, table, before.profile(t, at(now()-100, 1), "web"), Newer)
	offer(t, table, after.profile(t, at(now(), 1), "web"), Newer)
	offer(t, table, after.sign(t, "node", at(now(), 1), "x"), Newer)
	wantStanding(t, table, before, Trusted)
	wantStanding(t, table, after, Held)
	mustClose(t, table)

	table = openAs(t, self, dir)
	wantStanding(t, table, before, Trusted)
	wantStanding(t, table, after, Held)
	if err := table.Trust(after.id); err != nil {
		t.Fatal(err)
	}
	wantStanding(t, table, before, "")
	wantStanding(t, table, after, Trusted)
	offer(t, table, before.profile(t, at(now()-100, 2), "web"), Forgotten)
	if err := table.Trust(after.id); err != nil {
		t.Errorf("again: %v", err)
	}

	// What an operator said is on disk without a Close.
	table = openAs(t, self, dir)
	wantStanding(t, table, before, "")
	wantStanding(t, table, after, Trusted)
	offer(t, table, before.profile(t, at(now()-100, 2), "web"), Forgotten)
}

// Two hosts that live have one name. Both are shown, one of them is held, and neither disturbs a third.
func TestTwoHostsWithOneName(t *testing.T) {
	table := openAs(t, newHost(9), "")
	a, b, c := newHost(0), newHost(1), newHost(2)
	for v := range uint64(3) {
		offer(t, table, b.profile(t, at(now(), v+1), "same"), Newer)
		offer(t, table, a.profile(t, at(now(), v+1), "same"), Newer)
		offer(t, table, c.profile(t, at(now(), v+1), "other"), Newer)
	}
	wantStanding(t, table, b, Trusted) // it was first
	wantStanding(t, table, a, Held)
	wantStanding(t, table, c, Trusted)
	same := table.View().Members[1:]
	ids := []record.ID{same[0].ID, same[1].ID}
	if same[0].Name != "same" || same[1].Name != "same" || !slices.IsSortedFunc(ids, record.ID.Compare) {
		t.Errorf("got %v", stands(table))
	}
	// One of them gets a name of its own: all is well.
	offer(t, table, b.profile(t, at(now(), 9), "unique"), Newer)
	wantStanding(t, table, b, Trusted)
	wantStanding(t, table, a, Trusted)
}

// With the pinned one forgotten, the name is free again for the first who comes, if nobody else has claimed it before.
func TestForgetFreesTheName(t *testing.T) {
	table := openAs(t, newHost(9), "")
	first, second := newHost(0), newHost(1)
	offer(t, table, first.profile(t, at(now(), 1), "web"), Newer)
	if err := table.Forget(first.id); err != nil {
		t.Fatal(err)
	}
	offer(t, table, second.profile(t, at(now(), 1), "web"), Newer)
	wantStanding(t, table, second, Trusted)
}

// A name that two have claimed has no heir, whoever waits for it, whoever comes later, and across restarts: it is closed until
// an operator says who is meant, by Trust or by a key in the roster.
func TestFaultT4NoHeirs(t *testing.T) {
	for name, roster := range map[string]*Roster{"without a roster": nil, "listed without a key": listed(map[string]ed25519.PublicKey{"web": nil, "db": nil})} {
		t.Run(name, func(t *testing.T) {
			dir, self := t.TempDir(), newHost(9)
			hosts := []host{newHost(0), newHost(1), newHost(2), newHost(3)}
			table := openAs(t, self, dir)
			setRoster(t, table, roster)
			for _, h := range hosts[:2] {
				offer(t, table, h.profile(t, at(now(), 1), "web"), Newer)
			}
			mustForget(t, table, hosts[0])
			wantStanding(t, table, hosts[1], Held)
			// What an operator did is on disk without a Close.
			table = openAs(t, self, dir)
			setRoster(t, table, roster)
			offer(t, table, hosts[1].profile(t, at(now(), 2), "web"), Newer)
			offer(t, table, hosts[2].profile(t, at(now(), 1), "web"), Newer)
			wantStanding(t, table, hosts[1], Held)
			wantStanding(t, table, hosts[2], Held)
			mustForget(t, table, hosts[1])
			mustForget(t, table, hosts[2])
			offer(t, table, hosts[3].profile(t, at(now(), 1), "web"), Newer)
			wantStanding(t, table, hosts[3], Held)
			mustClose(t, table)
			table = openAs(t, self, dir)
			setRoster(t, table, roster)
			wantStanding(t, table, hosts[3], Held)
			if err := table.Trust(hosts[3].id); err != nil {
				t.Fatal(err)
			}
			wantStanding(t, table, hosts[3], Trusted)
			// With a single one left that was trusted by hand the name is no longer closed.
			mustForget(t, table, hosts[3])
			offer(t, table, hosts[3].profile(t, at(now()+1, 1), "web"), Newer)
			wantStanding(t, table, hosts[3], Trusted)
			table = openAs(t, self, dir)
			setRoster(t, table, roster)
			offer(t, table, hosts[0].profile(t, at(now()+1, 1), "web"), Newer)
			wantStanding(t, table, hosts[0], Trusted)
		})
	}
}

// A key in the roster opens a closed name for whom it belongs to, and nobody else.
func TestFaultT4KeyInTheRoster(t *testing.T) {
	table, a, b, c := openAs(t, newHost(9), ""), newHost(0), newHost(1), newHost(2)
	for _, h := range []host{a, b} {
		offer(t, table, h.profile(t, at(now(), 1), "web"), Newer)
	}
	mustForget(t, table, a)
	wantStanding(t, table, b, Held)
	setRoster(t, table, listed(map[string]ed25519.PublicKey{"web": b.public}))
	wantStanding(t, table, b, Trusted)
	offer(t, table, c.profile(t, at(now(), 1), "web"), Outside)
	setRoster(t, table, nil)
	wantStanding(t, table, b, Trusted)
	offer(t, table, c.profile(t, at(now(), 1), "web"), Newer)
	wantStanding(t, table, c, Held)
}

// A member that gives up a name that several others claim leaves it to none of them.
func TestFaultT4SeveralClaimants(t *testing.T) {
	table := openAs(t, newHost(9), "")
	hosts := []host{newHost(0), newHost(1), newHost(2)}
	for _, h := range hosts {
		offer(t, table, h.profile(t, at(now(), 1), "web"), Newer)
	}
	offer(t, table, hosts[0].profile(t, at(now(), 2), "other"), Newer)
	for _, h := range hosts[1:] {
		wantStanding(t, table, h, Held)
	}
}

// However many claim names that are others', few of them are kept under each, and only so many names can be closed.
func TestFaultT3FewAreHeld(t *testing.T) {
	table := limited(t, Limits{MaxClosed: 2})
	for n := range 3 {
		offer(t, table, newHost(n).profile(t, at(now(), 1), fmt.Sprint("host-", n)), Newer)
	}
	for n := range 10 {
		want := Newer
		if n >= DefaultMaxHeld {
			want = Full
		}
		offer(t, table, newHost(10+n).profile(t, at(now(), 1), "host-0"), want)
	}
	offer(t, table, newHost(20).profile(t, at(now(), 1), "host-1"), Newer)
	offer(t, table, newHost(21).profile(t, at(now(), 1), "host-2"), Full)
	// Nor by taking another name, or when the one to whom it belongs is gone.
	offer(t, table, newHost(20).profile(t, at(now(), 2), "host-0"), Full)
	mustForget(t, table, newHost(0))
	offer(t, table, newHost(22).profile(t, at(now(), 1), "host-0"), Full)
	mustForget(t, table, newHost(10))
	offer(t, table, newHost(22).profile(t, at(now(), 1), "host-0"), Newer)
	wantStanding(t, table, newHost(22), Held)
}

// Of all that claim a name one counts: the pinned one, which is then contested. Beside this host itself another one of its
// name does, since this host is not among the others.
func TestFaultT3OneCounts(t *testing.T) {
	self, a, b, c, d := newHost(9), newHost(0), newHost(1), newHost(2), newHost(3)
	table := openAs(t, self, "")
	put(t, table, self.profile(t, table.NextStamp(SectionMember), "self"))
	offer(t, table, a.profile(t, at(now(), 1), "web"), Newer)
	want := func(ids ...string) {
		t.Helper()
		var got []string
		for _, m := range table.View().Members {
			if m.Counts {
				got = append(got, fmt.Sprintf("%s contested=%v", m.Name, m.Contested))
			}
		}
		if diff := cmp.Diff(ids, got); diff != "" {
			t.Errorf("who counts (-want +got):\n%s", diff)
		}
	}
	want("self contested=false", "web contested=false")
	offer(t, table, b.profile(t, at(now(), 1), "web"), Newer)
	offer(t, table, c.profile(t, at(now(), 1), "web"), Newer)
	want("self contested=false", "web contested=true")
	offer(t, table, d.profile(t, at(now(), 1), "self"), Newer)
	self2 := "self contested=false"
	if d.id.Compare(self.id) < 0 {
		want(self2, "self contested=true", "web contested=true")
	} else {
		want("self contested=true", self2, "web contested=true")
	}
	mustForget(t, table, d)
	mustForget(t, table, a)
	want("self contested=false", "web contested=false") // one of those that are held
	mustForget(t, table, b)
	mustForget(t, table, c)
	setRoster(t, table, listed(map[string]ed25519.PublicKey{"self": nil, "web": nil}))
	offer(t, table, b.profile(t, at(now()+1, 1), "web"), Newer)
	want("self contested=false", "web contested=true") // the name that is listed, which nobody has
}

func mustForget(t *testing.T, table *Table, h host) {
	t.Helper()
	if err := table.Forget(h.id); err != nil {
		t.Fatal(err)
	}
}

// Hosts exchange their names, in two steps, and in either order of arrival.
func TestNamesExchanged(t *testing.T) {
	a, b := newHost(0), newHost(1)
	steps := []record.Record{
		a.profile(t, at(now(), 1), "x"), b.profile(t, at(now(), 1), "y"),
		a.profile(t, at(now(), 2), "y"), b.profile(t, at(now(), 2), "x"),
	}
	for _, order := range [][]int{{0, 1, 2, 3}, {0, 1, 3, 2}, {1, 3, 0, 2}, {0, 2, 1, 3}, {2, 3}, {3, 2}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			table := openAs(t, newHost(9), "")
			for _, i := range order {
				offer(t, table, steps[i], Newer)
			}
			if diff := cmp.Diff([]string{"x/trusted", "y/trusted"}, stands(table)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Who had the name once and took another is not forgotten when somebody else is trusted with it.
func TestTrustForgetsOnlyWhoHasTheName(t *testing.T) {
	table := openAs(t, newHost(9), "")
	a, b, c := newHost(0), newHost(1), newHost(2)
	offer(t, table, a.profile(t, at(now(), 1), "x"), Newer)
	offer(t, table, b.profile(t, at(now(), 1), "y"), Newer)
	offer(t, table, c.profile(t, at(now(), 1), "y"), Newer)
	offer(t, table, a.profile(t, at(now(), 2), "z"), Newer)
	if err := table.Trust(c.id); err != nil {
		t.Fatal(err)
	}
	wantStanding(t, table, a, Trusted)
	wantStanding(t, table, b, "")
	wantStanding(t, table, c, Trusted)
}

// A member whose newest profile cannot be read has no name and permits nothing, but nobody else gets the one that it had.
func TestUnreadableProfile(t *testing.T) {
	table := openAs(t, newHost(9), "")
	a, b := newHost(0), newHost(1)
	offer(t, table, a.sign(t, "node", at(now(), 1), "before its profile"), Newer)
	wantStanding(t, table, a, Held)
	offer(t, table, a.profile(t, at(now(), 1), "x"), Newer)
	wantStanding(t, table, a, Trusted)
	offer(t, table, a.sign(t, SectionMember, at(now(), 2), "garbage"), Newer)
	wantStanding(t, table, a, Held)
	offer(t, table, b.profile(t, at(now(), 1), "x"), Newer)
	wantStanding(t, table, b, Held)
	offer(t, table, a.profile(t, at(now(), 3), "x"), Newer)
	wantStanding(t, table, a, Trusted)
	wantStanding(t, table, b, Held)
}

// This host knows who it is, whoever came first with its name.
func TestOwnName(t *testing.T) {
	dir, self, other := t.TempDir(), newHost(9), newHost(0)
	table := openAs(t, self, dir)
	offer(t, table, other.profile(t, at(now(), 1), "web"), Newer)
	wantStanding(t, table, other, Trusted)
	put(t, table, self.profile(t, table.NextStamp(SectionMember), "web"))
	wantStanding(t, table, self, Trusted)
	wantStanding(t, table, other, Held)
	if err := table.Trust(other.id); err == nil {
		t.Error("another was trusted with this host's own name")
	}
	mustClose(t, table)
	table = openAs(t, self, dir)
	wantStanding(t, table, self, Trusted)
	wantStanding(t, table, other, Held)
}

func TestTrustUnknown(t *testing.T) {
	table, h := openAs(t, newHost(9), ""), newHost(0)
	if err := table.Trust(h.id); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
	offer(t, table, h.sign(t, "node", at(now(), 1), "x"), Newer)
	if err := table.Trust(h.id); !errors.Is(err, ErrUnknown) {
		t.Errorf("without a name: got %v", err)
	}
}

func TestForget(t *testing.T) {
	dir, self, h, other := t.TempDir(), newHost(9), newHost(0), newHost(1)
	table := openAs(t, self, dir)
	empty := table.Digest()
	g := now() - 100
	node, member := h.sign(t, "node", at(g, 5), "x"), h.profile(t, at(g-1, 1), "web")
	offer(t, table, node, Newer)
	offer(t, table, member, Newer)
	if err := table.Forget(h.id); err != nil {
		t.Fatal(err)
	}
	if got := table.Stats(); got.Bytes != 0 || got.Records != 0 || got.Members != 0 {
		t.Errorf("counted: %+v", got)
	}
	if table.Digest() != empty || len(table.View().Members) != 0 || len(table.Heads(everything())) != 0 {
		t.Errorf("something is left: %+v", table.View())
	}
	for range 2 {
		offer(t, table, node, Forgotten)
		offer(t, table, h.sign(t, "node", at(g, 900), "a later version"), Forgotten)
		offer(t, table, h.sign(t, "other", at(1, 1), "another section"), Forgotten)
		if err := table.Forget(self.id); err == nil {
			t.Error("this host forgot itself")
		}
		if got := table.Stats().Tombstones; got != 1 {
			t.Errorf("%d tombstones, want 1", got)
		}
		mustClose(t, table)
		table = openAs(t, self, dir)
	}
	// It was started again: it is a member again, but nothing from before comes back.
	offer(t, table, h.profile(t, at(g+1, 1), "web"), Newer)
	wantStanding(t, table, h, Trusted)
	offer(t, table, node, Forgotten)
	mustClose(t, table)
	table = openAs(t, self, dir)
	wantStanding(t, table, h, Trusted)

	// Of one that is not known, the past is forgotten.
	if err := table.Forget(other.id); err != nil {
		t.Fatal(err)
	}
	offer(t, table, other.sign(t, "node", at(now()-1, 1), "x"), Forgotten)
	offer(t, table, other.sign(t, "node", at(now()+2, 1), "x"), Newer)
}
