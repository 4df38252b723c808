package gossip_test

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

// public is a host's key as a roster lists it.
func (h *host) public() ed25519.PublicKey { return ed25519.PublicKey(h.id.Private[ed25519.SeedSize:]) }

// enroll gives all running hosts a roster of all hosts, with their keys where keyed.
func (c *cluster) enroll(keyed bool) {
	c.t.Helper()
	roster := &records.Roster{}
	for _, h := range c.hosts {
		m := records.RosterMember{Name: h.name}
		if keyed {
			m.Key = h.public()
		}
		roster.Members = append(roster.Members, m)
	}
	for _, h := range c.running() {
		if err := h.node.SetRoster(roster); err != nil {
			c.t.Fatal(err)
		}
		c.watch.expelled(h, c.hosts...)
	}
}

// pose pushes profiles under names of others, each signed by an identity that was made up for it; nobody joins.
func (a *attacker) pose(first, each int, names ...string) (ids []identity.Identity) {
	for i, name := range names {
		for n := range each {
			id := identityOf(7_000_000 + first + 1000*i + n)
			body, err := records.EncodeProfile(records.Profile{Name: name, Address: invented(n)})
			if err != nil {
				a.c.t.Fatal(err)
			}
			r := sign(a.c.t, id, "test", records.SectionMember, record.Stamp{Generation: uint64(time.Now().Unix()), Version: 1}, body)
			for _, h := range a.c.running() {
				a.packet(h, pushed(wire.PushFrame(r.Encoded)))
			}
			ids = append(ids, id)
		}
	}
	return ids
}

// counting is how many members of a view count, this host apart.
func counting(h *host) (n int) {
	for _, m := range h.node.View().Members {
		if m.Counts && !m.Self {
			n++
		}
	}
	return n
}

// TestFaultT3Keyed: profiles that somebody with the gossip key pushes under names that the members files list with their keys
// change nothing: nobody is held, nothing of them is kept.
func TestFaultT3Keyed(t *testing.T) {
	attacked(t, 6, 51, func(t *testing.T, c *cluster) {
		c.enroll(true)
		a := c.attack(1, keyOf(7))
		a.pose(0, 2, c.hosts[1].name, c.hosts[2].name)
		c.pass(45 * time.Second)
		for _, h := range c.hosts {
			for _, m := range h.node.View().Members {
				if m.Standing != records.Trusted || m.Contested || !m.Counts || !m.Listed {
					t.Errorf("%s has %q as %s, contested %v, counts %v", h.name, m.Name, m.Standing, m.Contested, m.Counts)
				}
			}
			if got := counting(h); got != len(c.hosts)-1 {
				t.Errorf("for %s %d others count, want %d", h.name, got, len(c.hosts)-1)
			}
			if got := counted(t, h, "daemonsetd_gossip_records_total", "outside"); got == 0 {
				t.Errorf("%s refused nothing: this shows nothing", h.name)
			}
		}
		c.unharmed(c.hosts...)
	})
}

// TestFaultT3Unkeyed: without keys for the names they are contested, each is one member for all that, and at most four are kept
// beside whom it belongs to.
func TestFaultT3Unkeyed(t *testing.T) {
	for name, listed := range map[string]bool{"without a members file": false, "names alone": true} {
		t.Run(name, func(t *testing.T) {
			attacked(t, 6, 52, func(t *testing.T, c *cluster) {
				if listed {
					c.enroll(false)
				}
				a := c.attack(1, keyOf(7))
				a.pose(0, 20, c.hosts[1].name, c.hosts[2].name)
				c.pass(10 * time.Second)
				for _, h := range c.hosts {
					if h == c.hosts[1] || h == c.hosts[2] {
						continue // its own name is another matter
					}
					if got := counting(h); got != len(c.hosts)-1 {
						t.Errorf("for %s %d others count, want %d", h.name, got, len(c.hosts)-1)
					}
					for _, o := range c.hosts[1:3] {
						if got := len(named(h.node.View(), o.name)); got != 1+records.DefaultMaxHeld {
							t.Errorf("%s keeps %d members named %s, want %d", h.name, got, o.name, 1+records.DefaultMaxHeld)
						}
						if m, _ := h.node.View().Member(o.id.ID); !m.Contested || m.Standing != records.Trusted {
							t.Errorf("%s has %s as %s, contested %v", h.name, o.name, m.Standing, m.Contested)
						}
					}
				}
				c.unharmed(c.hosts...)
			})
		})
	}
}

// TestFaultT4Squatter: a host whose name the members file lists without a key dies. Somebody who waits for its name does not get
// it when the dead one is forgotten, and neither does anybody who comes later.
func TestFaultT4Squatter(t *testing.T) {
	attacked(t, 4, 53, func(t *testing.T, c *cluster) {
		c.enroll(false)
		gone := c.hosts[3]
		gone.stop()
		a := c.attack(1, keyOf(7))
		squatter := a.pose(0, 1, gone.name)[0]
		c.standings(squatter.ID, records.Held)
		for _, h := range c.running() {
			c.forget(h, gone.id.ID)
		}
		late := a.pose(10, 1, gone.name)[0]
		c.pass(time.Minute)
		c.standings(squatter.ID, records.Held)
		c.standings(late.ID, records.Held)
		c.kill(c.running()...)
		for _, h := range c.hosts[:3] {
			c.start(h)
		}
		roster := c.running()
		c.enroll(false)
		for _, h := range roster {
			for _, m := range named(h.node.View(), gone.name) {
				if m.Standing == records.Trusted && !m.ID.IsZero() {
					t.Errorf("%s trusts %s as %s after a restart", h.name, m.ID, m.Name)
				}
			}
		}
		// An operator says who is meant.
		for _, h := range roster {
			if err := h.node.Trust(late.ID); err != nil {
				t.Error(err)
			}
		}
		c.standings(late.ID, records.Trusted)
	})
}

// TestFaultT5MadeUp: thousands of identities over UDP in a minute. With a members file nothing of them is in memory or on disk; without
// one a few are, as a token bucket lets in, and they can be forgotten in one go. The hosts hear each other all the while.
// BenchmarkMadeUp has the figures of 100,000 with the limits that an agent has.
func TestFaultT5MadeUp(t *testing.T) {
	const many, atOnce, perSecond = 3_000, 200, 4
	const limit = atOnce + 80*perSecond
	for name, file := range map[string]bool{"with a members file": true, "without one": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newCluster(t, 3, seedOf(t, 54), lan())
				c.edit = func(_ *host, cfg *gossip.Config) {
					cfg.Limits = records.Limits{NewAtOnce: atOnce, NewPerSecond: perSecond}
				}
				c.startAll()
				c.await(formed)
				if file {
					c.enroll(true)
				}
				a := c.attack(1, keyOf(7))
				for i := range many {
					id := identityOf(8_000_000 + i)
					r := sign(t, id, "test", "test", record.Stamp{Generation: 1, Version: 1}, make([]byte, 200))
					a.packet(c.hosts[i%3], pushed(wire.PushFrame(r.Encoded)))
					if i%30 == 0 {
						c.pass(600 * time.Millisecond)
					}
				}
				c.unharmed(c.hosts...)
				c.pass(5 * time.Second)
				for _, h := range c.hosts {
					members, disk := len(h.node.View().Members), logSize(t, h)
					t.Logf("%s: %d members, %d bytes on disk, settled %v", h.name, members, disk, h.node.View().Settled)
					switch {
					case file && (members != 3 || disk > 64<<10):
						t.Errorf("%s has %d members and %d bytes on disk", h.name, members, disk)
					case !file && (members > limit || disk > 1<<20 || members < atOnce || h.node.View().Settled):
						t.Errorf("%s has %d members, want some, and %d or fewer, and %d bytes on disk", h.name, members, limit, disk)
					}
				}
				// A host that has not forgotten them yet may give some back, and so may a packet that was on its way.
				c.until(time.Minute, func() (missing []string) {
					c.forgetMadeUp(c.hosts...)
					c.pass(5 * time.Second)
					for _, h := range c.hosts {
						if got := len(h.node.View().Members); got != 3 {
							missing = append(missing, fmt.Sprintf("%s has %d members after those were forgotten that were never seen", h.name, got))
						}
					}
					return missing
				})
				c.pass(time.Minute)
				for _, h := range c.hosts {
					if v := h.node.View(); !v.Settled || len(v.Members) != 3 {
						t.Errorf("%s has %d members a minute after the flood, settled %v", h.name, len(v.Members), v.Settled)
					}
				}
				c.unharmed(c.hosts...)
			})
		})
	}
}

// forgetMadeUp has hosts forget everybody who was never seen, as an operator does it.
func (c *cluster) forgetMadeUp(hosts ...*host) {
	c.t.Helper()
	for _, h := range hosts {
		ids := h.node.View().NeverSeen(time.Now())
		if err := h.node.ForgetAll(ids); err != nil {
			c.t.Error(err)
		}
		for _, id := range ids {
			c.watch.forgot(h, id)
		}
	}
}

// logSize is how long a host's log is.
func logSize(t *testing.T, h *host) int64 {
	t.Helper()
	info, err := os.Stat(fmt.Sprint(h.dir, "/members.log"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestNeverSeen: who was made up, and nobody else: not this host, nor who lives, who was seen in an earlier run, whom the members
// file lists, whom an operator trusts, nor who is younger than was asked for.
func TestNeverSeen(t *testing.T) {
	attacked(t, 4, 55, func(t *testing.T, c *cluster) {
		c.pass(time.Minute)
		a := c.attack(1, keyOf(7))
		a.pose(0, 3, "made-up", "trusted-by-hand")
		c.pass(time.Hour)
		a.pose(10, 1, "young")
		c.hosts[3].stop()
		c.pass(time.Second)
		h := c.hosts[0]
		for _, m := range named(h.node.View(), "trusted-by-hand") {
			if m.Standing == records.Trusted {
				if err := h.node.Trust(m.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		c.kill(h)
		c.start(h, c.hosts[1])
		c.pass(time.Minute)
		check := func(when time.Time, want int) {
			t.Helper()
			v := h.node.View()
			got := v.NeverSeen(when)
			if len(got) != want {
				t.Errorf("%d were never seen, want %d", len(got), want)
			}
			for _, id := range got {
				if m, _ := v.Member(id); m.Name != "made-up" && m.Name != "trusted-by-hand" && m.Name != "young" || m.ByHand {
					t.Errorf("%s was seen: %+v", id, m)
				}
			}
		}
		check(time.Now().Add(-time.Hour), 5)
		check(time.Now(), 6)
		if m, _ := h.node.View().Member(c.hosts[3].id.ID); !m.Seen || m.State == gossip.StateAlive {
			t.Errorf("one that was seen before the restart: %+v", m)
		}
	})
}
