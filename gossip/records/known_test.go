package records

import (
	"crypto/ed25519"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// memberOf finds a member.
func memberOf(t *testing.T, table *Table, h host) Member {
	t.Helper()
	for _, m := range table.View().Members {
		if m.ID == h.id {
			return m
		}
	}
	t.Fatalf("%s is not there", h.id)
	return Member{}
}

// Since when a member is known, whether it was trusted by hand and whether it was seen outlive restarts, newer records and its
// silence, and end when it is forgotten.
func TestKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, self, a, b := t.TempDir(), newHost(9), newHost(0), newHost(1)
		table := openAs(t, self, dir)
		begin := time.Now().Truncate(time.Second)
		offer(t, table, a.profile(t, at(now(), 1), "a"), Newer)
		time.Sleep(time.Hour)
		offer(t, table, a.profile(t, at(now(), 1), "a"), Newer)
		offer(t, table, b.profile(t, at(now(), 1), "a"), Newer)
		table.Seen(a.id)
		table.Seen(newHost(5).id)
		check := func(h host, since time.Time, byHand, seen, listed bool) {
			t.Helper()
			if m := memberOf(t, table, h); !m.KnownSince.Equal(since) || m.ByHand != byHand || m.Seen != seen || m.Listed != listed {
				t.Errorf("known since %s, by hand %v, seen %v, listed %v; want %s, %v, %v, %v", m.KnownSince, m.ByHand, m.Seen, m.Listed, since, byHand, seen, listed)
			}
		}
		reopen := func() {
			mustClose(t, table)
			table = openAs(t, self, dir)
		}
		for range 2 {
			check(a, begin, false, true, false)
			check(b, begin.Add(time.Hour), false, false, false)
			reopen()
		}
		if err := table.Trust(b.id); err != nil {
			t.Fatal(err)
		}
		table = openAs(t, self, dir) // as after a crash
		check(b, begin.Add(time.Hour), true, false, false)
		if got := len(table.known); got != 1 {
			t.Errorf("%d are known, want one", got)
		}
		time.Sleep(time.Hour)
		// One that comes back after it was forgotten is new.
		offer(t, table, a.profile(t, at(now()+10, 1), "c"), Newer)
		check(a, begin.Add(2*time.Hour), false, false, false)
		setRoster(t, table, listed(map[string]ed25519.PublicKey{"a": nil, "c": a.public}))
		check(a, begin.Add(2*time.Hour), false, false, true)
		check(b, begin.Add(time.Hour), true, false, true)
		mustClose(t, table)
	})
}

// New identities are admitted as a token bucket allows; those that are there change as often as they like, and those whom a roster
// lists are always let in. What was refused may come again.
func TestFaultT5NewIdentitiesByRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := limited(t, Limits{NewAtOnce: 100, NewPerSecond: 2})
		for n := range 1000 {
			want := Newer
			if n >= 100 {
				want = TooFast
			}
			offer(t, table, newHost(n).profile(t, at(now(), 1), fmt.Sprint("host-", n)), want)
		}
		if table.Throttled(time.Second) != true {
			t.Error("it does not say that it lacks some")
		}
		offer(t, table, newHost(0).profile(t, at(now(), 2), "host-0"), Newer)
		if table.Takes(Head{ID: newHost(500).id, Section: "node", Stamp: at(now(), 1)}) {
			t.Error("more is asked for than is taken")
		}
		time.Sleep(10 * time.Second)
		for n := range 30 {
			want := Newer
			if n >= 20 {
				want = TooFast
			}
			offer(t, table, newHost(200+n).profile(t, at(now(), 1), fmt.Sprint("host-", 200+n)), want)
		}
		setRoster(t, table, listed(map[string]ed25519.PublicKey{"key": newHost(900).public, "name": nil}))
		offer(t, table, newHost(900).sign(t, "node", at(now(), 1), "x"), Newer)
		offer(t, table, newHost(901).profile(t, at(now(), 1), "name"), Newer)
		offer(t, table, newHost(902).profile(t, at(now(), 1), "name"), TooFast) // it is the second one
		time.Sleep(time.Minute)
		offer(t, table, newHost(902).profile(t, at(now(), 1), "name"), Newer)
		wantStanding(t, table, newHost(902), Held)
		if table.Throttled(time.Second) {
			t.Error("nothing was refused for a minute")
		}
	})
}

// The log is as long as what is kept, soon after a flood has been forgotten, also after a crash.
func TestFaultT5LogAfterAFlood(t *testing.T) {
	dir, self := t.TempDir(), newHost(99)
	table := openWith(t, Config{Cluster: cluster, Self: self.id, Dir: dir})
	body := fmt.Sprintf("%02000d", 1)
	offer(t, table, newHost(0).sign(t, "node", at(now(), 1), body), Newer)
	var crowd []host
	for n := range 1000 {
		h := newHost(100 + n)
		crowd = append(crowd, h)
		offer(t, table, h.sign(t, "node", at(now(), 1), body), Newer)
	}
	if err := table.disk.lockedFlush(); err != nil {
		t.Fatal(err)
	}
	before := table.Stats().LogBytes
	if err := table.ForgetAll(idsOf(append(crowd, self))); err != nil {
		t.Fatal(err)
	}
	if err := table.disk.lockedFlush(); err != nil {
		t.Fatal(err)
	}
	// A tombstone of each is left.
	if got := table.Stats(); got.LogBytes > before/20+slack || got.Members != 1 || got.Tombstones != len(crowd) {
		t.Errorf("%d bytes before, now %+v", before, got)
	}
	table = openWith(t, Config{Cluster: cluster, Self: self.id, Dir: dir})
	if got := table.Stats(); got.Members != 1 || got.Tombstones != len(crowd) {
		t.Errorf("after a crash: %+v", got)
	}
}
