package records

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

func setRoster(t *testing.T, table *Table, r *Roster) {
	t.Helper()
	if err := table.SetRoster(r); err != nil {
		t.Fatal(err)
	}
}

func listed(hosts map[string]ed25519.PublicKey) *Roster {
	r := &Roster{}
	for name, key := range hosts {
		r.Members = append(r.Members, RosterMember{Name: name, Key: key})
	}
	return r
}

// The members of the roster, what they call themselves, and how they stand.
func TestRosterStanding(t *testing.T) {
	a, b := newHost(0), newHost(1)
	tests := []struct {
		name   string
		roster map[string]ed25519.PublicKey
		// says is what a and b call themselves, in this order of arrival; empty: they say nothing.
		says [2]string
		want []string
	}{
		{"no roster", nil, [2]string{"x", "y"}, []string{"x/trusted", "y/trusted"}},
		{"both with keys", map[string]ed25519.PublicKey{"x": a.public, "y": b.public}, [2]string{"x", "y"}, []string{"x/trusted", "y/trusted"}},
		{"one is not listed", map[string]ed25519.PublicKey{"x": a.public}, [2]string{"x", "y"}, []string{"x/trusted"}},
		{"one is not listed, without keys", map[string]ed25519.PublicKey{"x": nil}, [2]string{"x", "y"}, []string{"x/trusted"}},
		{"another key", map[string]ed25519.PublicKey{"x": b.public}, [2]string{"x", ""}, []string{"x/trusted"}},
		{"the listed one came second", map[string]ed25519.PublicKey{"x": b.public}, [2]string{"x", "x"}, []string{"x/trusted"}},
		{"without a key the first one has it", map[string]ed25519.PublicKey{"x": nil}, [2]string{"x", "x"}, []string{"x/trusted", "x/held"}},
		{"a listed key under another name", map[string]ed25519.PublicKey{"x": a.public, "y": nil}, [2]string{"y", ""}, []string{"y/held"}},
		{"a listed key under another's name", map[string]ed25519.PublicKey{"x": a.public, "y": b.public}, [2]string{"y", "y"}, []string{"y/held", "y/trusted"}},
		{"nobody was seen", map[string]ed25519.PublicKey{"x": a.public, "y": nil}, [2]string{"", ""}, []string{"x/trusted", "y/trusted"}},
	}
	for _, test := range tests {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprint(test.name, " late=", late), func(t *testing.T) {
				table := openAs(t, newHost(9), "")
				if !late {
					setRoster(t, table, listed(test.roster))
				}
				for i, h := range []host{a, b} {
					if test.says[i] != "" {
						// How many are kept shows in the view.
						table.Offer(h.profile(t, at(now(), 1), test.says[i]).Encoded)
					}
				}
				if late {
					setRoster(t, table, listed(test.roster))
				}
				got := stands(table)
				if diff := cmp.Diff(count(test.want), count(got)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				setRoster(t, table, nil)
				for _, s := range stands(table) {
					if strings.HasSuffix(s, string(Excluded)) {
						t.Errorf("without a roster: %s", s)
					}
				}
			})
		}
	}
}

func count(list []string) map[string]int {
	n := map[string]int{}
	for _, s := range list {
		n[s]++
	}
	return n
}

// Listed members of which nothing was heard stand among the others, each at its place; a pin tells the id.
func TestRosterUnknownMembers(t *testing.T) {
	a, b, c := newHost(0), newHost(1), newHost(2)
	table := openAs(t, newHost(9), "")
	setRoster(t, table, listed(map[string]ed25519.PublicKey{"b": b.public, "a": nil, "d": c.public, "c": nil}))
	offer(t, table, a.profile(t, at(now(), 1), "c"), Newer)
	offer(t, table, c.sign(t, "node", at(now(), 1), "no name yet"), Newer)
	type entry struct {
		name     string
		id       record.ID
		key      string
		sections int
	}
	want := []entry{
		{"a", record.ID{}, "", 0},
		{"b", b.id, string(b.public), 0},
		{"c", a.id, string(a.public), 1},
		{"d", c.id, string(c.public), 1},
	}
	var got []entry
	for _, m := range table.View().Members {
		got = append(got, entry{m.Name, m.ID, string(m.Key), len(m.Sections)})
		if m.Standing != Trusted {
			t.Errorf("%s is %s", m.Name, m.Standing)
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(entry{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A roster that does not list this host is news for this host too.
func TestRosterWithoutThisHost(t *testing.T) {
	self := newHost(9)
	table := openAs(t, self, "")
	put(t, table, self.profile(t, table.NextStamp(SectionMember), "self"))
	setRoster(t, table, listed(map[string]ed25519.PublicKey{"x": newHost(0).public}))
	wantStanding(t, table, self, Excluded)
	setRoster(t, table, listed(map[string]ed25519.PublicKey{"self": nil}))
	wantStanding(t, table, self, Trusted)
	setRoster(t, table, listed(map[string]ed25519.PublicKey{"self": newHost(0).public}))
	wantStanding(t, table, self, Held)
}

// What the roster says about a key cannot be overruled by Trust.
func TestTrustAgainstTheRoster(t *testing.T) {
	a, b := newHost(0), newHost(1)
	table := openAs(t, newHost(9), "")
	setRoster(t, table, listed(map[string]ed25519.PublicKey{"x": a.public}))
	offer(t, table, b.profile(t, at(now(), 1), "x"), Outside)
	if err := table.Trust(b.id); err == nil || !strings.Contains(err.Error(), "roster") {
		t.Errorf("got %v", err)
	}
	wantStanding(t, table, b, "")
}

// Whoever is excluded is neither kept nor on disk: not another key under a name that has one, nor an unlisted name, nor whoever has
// not told a name; nor those that were there before the roster was. A few are remembered for people to see.
func TestFaultT5ExcludedAreNotKept(t *testing.T) {
	dir, self, a, b := t.TempDir(), newHost(9), newHost(0), newHost(1)
	table := openAs(t, self, dir)
	const crowd = 500
	for n := range crowd {
		offer(t, table, newHost(100+n).profile(t, at(now(), 1), fmt.Sprint("made-up-", n)), Newer)
		offer(t, table, newHost(100+n).sign(t, "node", at(now(), 1), strings.Repeat("x", 4000)), Newer)
	}
	offer(t, table, a.profile(t, at(now(), 1), "a"), Newer)
	offer(t, table, a.sign(t, "node", at(now(), 1), "x"), Newer)
	if err := table.disk.lockedFlush(); err != nil {
		t.Fatal(err)
	}
	if got := table.Stats().LogBytes; got < crowd*4000 {
		t.Fatalf("the log has %d bytes: this shows nothing", got)
	}
	roster := listed(map[string]ed25519.PublicKey{"a": a.public, "b": nil, "self": nil})
	setRoster(t, table, roster)
	for n := range 2 * crowd {
		h := newHost(100 + n)
		offer(t, table, h.profile(t, at(now()+1, 1), "a"), Outside)
		offer(t, table, h.profile(t, at(now()+1, 1), fmt.Sprint("made-up-", n)), Outside)
		offer(t, table, h.sign(t, "node", at(now()+1, 1), "x"), Outside)
		if table.Takes(Head{ID: h.id, Section: "node", Stamp: at(now()+1, 1)}) {
			t.Fatal("it would be asked for")
		}
	}
	offer(t, table, b.sign(t, "node", at(now(), 1), "before its name"), Outside)
	offer(t, table, b.profile(t, at(now(), 1), "b"), Newer)
	offer(t, table, b.sign(t, "node", at(now(), 1), "x"), Newer)
	wantStanding(t, table, a, Trusted)
	wantStanding(t, table, b, Trusted)
	if err := table.disk.lockedFlush(); err != nil {
		t.Fatal(err)
	}
	if got := table.Stats(); got.Members != 2 || got.Records != 4 || got.LogBytes > 4096 {
		t.Errorf("kept: %+v", got)
	}
	if got := len(table.View().Members); got != 3 { // and this host's name, of which there is no record yet
		t.Errorf("%d members are shown: %v", got, stands(table))
	}
	if got := len(table.outside); got == 0 || got > maxOutside {
		t.Errorf("%d are remembered, want 1 to %d", got, maxOutside)
	}
	mustClose(t, table)
	table = openAs(t, self, dir)
	if got := table.Stats(); got.Members != 2 || len(table.pins.byID) != 2 || len(table.known) != 2 {
		t.Errorf("on disk: %+v, %d pins, %d known", got, len(table.pins.byID), len(table.known))
	}
}

// A roster with a key under every name: nothing of anybody else is asked for, whatever its section.
func TestFaultT5NothingIsAskedFor(t *testing.T) {
	a, b := newHost(0), newHost(1)
	table := openAs(t, newHost(9), "")
	setRoster(t, table, listed(map[string]ed25519.PublicKey{"a": a.public}))
	for section, h := range map[string]host{SectionMember: b, "node": b} {
		if table.Takes(Head{ID: h.id, Section: section, Stamp: at(now(), 1)}) {
			t.Errorf("section %s of one that is excluded would be asked for", section)
		}
		if !table.Takes(Head{ID: a.id, Section: section, Stamp: at(now(), 1)}) {
			t.Errorf("section %s of one that is listed would not be asked for", section)
		}
	}
}

func TestRosterForgotten(t *testing.T) {
	dir, self, h, unseen := t.TempDir(), newHost(9), newHost(0), newHost(1)
	table := openAs(t, self, dir)
	offer(t, table, h.profile(t, at(now()-100, 1), "x"), Newer)
	setRoster(t, table, &Roster{Forgotten: []record.ID{h.id, unseen.id}})
	wantStanding(t, table, h, "")
	offer(t, table, h.profile(t, at(now(), 1), "x"), Forgotten) // whatever its generation
	offer(t, table, unseen.profile(t, at(now(), 1), "y"), Forgotten)
	// It stays buried when it is not listed any more, also after a crash, as by Forget.
	table = openAs(t, self, dir)
	offer(t, table, h.profile(t, at(now()-100, 2), "x"), Forgotten)
	offer(t, table, h.profile(t, at(now(), 1), "x"), Newer)
	offer(t, table, unseen.profile(t, at(now()-100, 1), "y"), Newer)
}

func TestRosterRefused(t *testing.T) {
	self, a := newHost(9), newHost(0)
	table := openAs(t, self, "")
	offer(t, table, a.profile(t, at(now(), 1), "x"), Newer)
	for name, r := range map[string]*Roster{
		"forgets this host":    {Forgotten: []record.ID{self.id}},
		"a name twice":         {Members: []RosterMember{{Name: "x"}, {Name: "x"}}},
		"a key twice":          {Members: []RosterMember{{Name: "x", Key: a.public}, {Name: "y", Key: a.public}}},
		"a bad key":            {Members: []RosterMember{{Name: "x", Key: a.public[:31]}}},
		"no name":              {Members: []RosterMember{{Key: a.public}}},
		"a bad name":           {Members: []RosterMember{{Name: "x\x1b"}}},
		"listed and forgotten": {Members: []RosterMember{{Name: "x", Key: a.public}}, Forgotten: []record.ID{a.id}},
	} {
		if err := table.SetRoster(r); err == nil {
			t.Errorf("%s: no error", name)
		}
		wantStanding(t, table, a, Trusted)
	}
}
