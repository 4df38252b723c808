package gossip_test

import (
	"crypto/ed25519"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/screen"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

// TestFaultT6DeclaredDead: somebody with the key tells everybody that two members are dead, or alive, again and again, with incarnations
// that would leave them nothing to say against it. All others see that they answer: they are never shown as failed, none of their records
// is lost, what they say anew is heard, and with nobody restarted they are alive everywhere when it is over; one that really fails then is
// seen to.
func TestFaultT6DeclaredDead(t *testing.T) {
	for name, incarnation := range map[string]uint32{"in turn": 0, "at the limit": screen.MaxIncarnation, "for ever": math.MaxUint32} {
		t.Run(name, func(t *testing.T) {
			attacked(t, 6, 31, func(t *testing.T, c *cluster) {
				a, accused, others := c.attack(1, keyOf(7)), c.hosts[4:], c.hosts[:4]
				failed := 0
				for round := range uint32(120) {
					for _, h := range c.hosts {
						for _, victim := range accused {
							a.packet(h, deadMessage(victim.id.ID, a.id.ID, max(incarnation, 2*round)))
							if incarnation > 0 {
								a.packet(h, aliveMessage(victim.id.ID, victim.addr, incarnation+1))
								a.packet(h, deadMessage(victim.id.ID, a.id.ID, incarnation+1))
							}
						}
					}
					sleep(5 * time.Millisecond)
					if m, _ := others[0].node.View().Member(accused[0].id.ID); m.State == gossip.StateFailed {
						failed++
					}
					c.pass(500 * time.Millisecond)
				}
				t.Logf("an accused was seen failed %d times of 120", failed)
				if failed > 0 {
					t.Error("hearsay beats what a host sees itself")
				}
				if incarnation > screen.MaxIncarnation {
					wantDropped(t, others[0], "absurd", 120)
				} else if got := counted(t, others[0], "daemonsetd_gossip_memberlist_messages_total", "warn"); got == 0 && dropped(t, others[0], "absurd") == 0 {
					t.Logf("memberlist warned of nothing")
				}
				c.bodies(accused, others)
				for _, victim := range accused {
					c.publish(victim)
				}
				c.until(time.Minute, func() []string { return c.unheard(accused, others) })
				t.Logf("alive everywhere %s after the end", c.await(time.Minute))
				accused[0].stop()
				c.wantState(accused[0], gossip.StateFailed, noticed)
				c.start(accused[0], others[0])
				c.await(5 * time.Minute)
			})
		})
	}
}

// bodies: all of them have what the others last said.
func (c *cluster) bodies(of, among []*host) {
	c.t.Helper()
	if missing := c.unheard(of, among); len(missing) > 0 {
		c.t.Errorf("records are lost: %q", missing)
	}
}

// unheard lists what hosts do not have of what others last said, whatever they think of their lives.
func (c *cluster) unheard(of, among []*host) (missing []string) {
	for _, h := range among {
		for _, o := range of {
			m, _ := h.node.View().Member(o.id.ID)
			if counterOf(m) != o.counter {
				missing = append(missing, h.name+" lacks what "+o.name+" said")
			}
		}
	}
	return missing[:min(len(missing), 4)]
}

// invented is where an invented member says that it is.
func invented(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 200, byte(i >> 8), byte(i)}), gossip.DefaultPort)
}

// TestInventedAlive: somebody with the key tells of 10,000 members that there are not. They are let in up to the limit; nobody
// who is real leaves for them, the fleet goes on, and a real one that restarts or that is new is let in by its records.
func TestInventedAlive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, 4, seedOf(t, 32), lan())
		const most = 500
		c.edit = func(_ *host, cfg *gossip.Config) { cfg.Limits = records.Limits{MaxMembers: most} }
		c.startAll()
		c.await(formed)
		a := c.attack(1, keyOf(7))
		for i := range 10_000 {
			message := aliveMessage(identityOf(5_000_000+i).ID, invented(i), 1)
			a.packet(c.hosts[i%4], message)
			if i%100 == 0 {
				c.pass(100 * time.Millisecond)
			}
			if i%2500 == 0 {
				c.unharmed(c.hosts...)
			}
		}
		c.unharmed(c.hosts...)
		for _, h := range c.hosts {
			if got := len(h.node.View().Members); got > most+4 {
				t.Errorf("%s shows %d members, want %d or fewer", h.name, got, most+4)
			}
			wantDropped(t, h, "too-many-members", 100)
		}
		c.hosts[2].stop()
		c.start(c.hosts[2], c.hosts[0])
		young := c.add()
		c.start(young, c.hosts[1], c.hosts[2])
		c.until(2*time.Minute, func() (missing []string) {
			for _, h := range c.hosts {
				missing = append(missing, c.lacks(h, c.hosts)...)
			}
			return missing[:min(len(missing), 4)]
		})
		// The failure detector takes its time, since it takes itself for the one that is ill when so many do not answer.
		c.pass(2 * time.Hour)
		c.unharmed(c.hosts...)
		for _, h := range c.hosts {
			if got := len(h.node.View().Members); got > 100 {
				t.Errorf("%s still shows %d members two hours later", h.name, got)
			}
		}
	})
}

// TestInventedRecords: 10,000 identities that each sign a record. There is no telling them from real hosts without a roster,
// so they are taken up to the limit, and then no more. No member that is there leaves for them; one that the roster lists is
// let in all the same.
func TestInventedRecords(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, 4, seedOf(t, 33), lan())
		const most = 1000
		young := c.add()
		c.edit = func(_ *host, cfg *gossip.Config) {
			cfg.Limits = records.Limits{MaxMembers: most}
			if young.node == nil && cfg.Name == young.name {
				cfg.Limits = records.Limits{}
			}
		}
		for _, h := range c.hosts[:4] {
			c.start(h, c.hosts[0])
		}
		c.await(formed)
		a := c.attack(1, keyOf(7))
		for i := range 10_000 {
			id := identityOf(6_000_000 + i)
			r := sign(t, id, "test", "test", record.Stamp{Generation: 1, Version: 1}, make([]byte, 200))
			a.packet(c.hosts[i%4], pushed(wire.PushFrame(r.Encoded)))
			if i%100 == 0 {
				c.pass(100 * time.Millisecond)
			}
		}
		for _, h := range c.hosts[:4] {
			if got := len(h.node.View().Members); got > most+1 {
				t.Errorf("%s has %d members, want %d or fewer", h.name, got, most+1)
			}
			if got := counted(t, h, "daemonsetd_gossip_records_total", "full"); got < 1000 {
				t.Errorf("%s refused %d, want 1000 or more", h.name, got)
			}
		}
		c.unharmed(c.hosts[:4]...)
		roster := &records.Roster{}
		for _, h := range c.hosts {
			roster.Members = append(roster.Members, records.RosterMember{Name: h.name, Key: ed25519.PublicKey(h.id.Private[ed25519.SeedSize:])})
		}
		for _, h := range c.hosts[:4] {
			if err := h.node.SetRoster(roster); err != nil {
				t.Fatal(err)
			}
			c.watch.expelled(h, c.hosts...)
			if got := len(h.node.View().Members); got > len(c.hosts)+1 {
				t.Errorf("%s still has %d members, want those that are listed", h.name, got)
			}
		}
		c.start(young, c.hosts[1], c.hosts[2])
		c.until(2*time.Minute, func() (missing []string) {
			for _, h := range c.hosts[:4] {
				missing = append(missing, c.lacks(h, c.hosts)...)
			}
			return missing[:min(len(missing), 4)]
		})
	})
}
