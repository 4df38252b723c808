package gossip_test

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// What a fleet has to keep to, in virtual time. A scenario fails when it takes longer.
const (
	// formed is how long a fleet that starts at once may take until all know all.
	formed = 2 * time.Minute
	// told is how long news may take to reach all over a network that works.
	told = 30 * time.Second
	// healed is how long all views may take to be equal after a fault has ended: half a minute until somebody tries those
	// that do not answer, and what memberlist needs until everybody is known to be alive again.
	healed = 3 * time.Minute
	// noticed is after how long members that do not answer have failed in all views.
	noticed = 2 * time.Minute
)

// scenario is what happens to a fleet that has formed, or to one that has not been started where cold is true.
type scenario struct {
	name string
	cold bool
	run  func(c *cluster)
}

// lossy loses a share of all packets.
func lossy(share float64) memnet.Faults {
	f := lan()
	f.Loss, f.Duplicate, f.Reorder = share, share/5, share/5
	return f
}

// everybody publishes something new.
func (c *cluster) everybody() {
	for _, h := range c.running() {
		c.publish(h)
	}
}

// changes: one host has news, then all of them have.
func changes(c *cluster) {
	for range 3 {
		c.publish(c.hosts[c.rng.IntN(len(c.hosts))])
		c.t.Logf("one change is everywhere after %s", c.await(told))
	}
	c.everybody()
	c.t.Logf("a change of everybody is everywhere after %s", c.await(2*told))
}

// long: bodies that fit into no packet, and are hinted at and pulled.
func long(c *cluster) {
	for _, h := range c.hosts {
		h.size = 2000 + c.rng.IntN(record.MaxBody-2000)
	}
	changes(c)
}

// unpushed: no pushed record arrives, and memberlist's own exchanges are an hour apart. What is left are the digests in the answers
// to probes.
func unpushed(c *cluster) {
	c.keys = nil
	c.edit = func(_ *host, cfg *gossip.Config) {
		cfg.Timing = gossip.Default()
		cfg.Timing.PushPull = time.Hour
	}
	c.startAll()
	c.await(formed)
	// Bodies are zeros but for their first bytes.
	zeros := make([]byte, c.hosts[0].size/2)
	c.net.SetTap(func(_, _ netip.AddrPort, packet []byte) []byte {
		if bytes.Contains(packet, zeros) {
			return nil
		}
		return packet
	})
	changes(c)
	c.net.SetTap(nil)
}

// loss makes the network lose packets while things change.
func loss(share float64) func(c *cluster) {
	return func(c *cluster) {
		c.net.SetFaults(lossy(share))
		for range 3 {
			c.publish(c.hosts[c.rng.IntN(len(c.hosts))])
			c.t.Logf("one change is everywhere after %s", c.await(2*told))
		}
		c.everybody()
		c.pass(30 * time.Second)
		c.net.SetFaults(lan())
		c.t.Logf("equal %s after the last loss", c.await(healed))
	}
}

// split cuts half of the members off for some time. Both sides have news.
func split(d time.Duration) func(c *cluster) {
	return func(c *cluster) {
		half := len(c.hosts) / 2
		c.cut(half, false)
		c.everybody()
		c.pass(min(d, noticed))
		for _, h := range c.hosts {
			for i, o := range c.hosts {
				want := gossip.StateAlive
				if (h.i < half) != (i < half) {
					want = gossip.StateFailed
				}
				if m, ok := h.node.View().Member(o.id.ID); !ok || m.State != want {
					c.t.Errorf("split, and %s says that %s is %q, want %q", h.name, o.name, m.State, want)
				}
			}
		}
		c.pass(d - min(d, noticed))
		c.everybody()
		c.heal()
		c.t.Logf("cut for %s, equal %s after the heal", d, c.await(healed))
	}
}

// oneWay: what some members send does not reach the others, who do reach them.
func oneWay(d time.Duration) func(c *cluster) {
	return func(c *cluster) {
		c.cut(1+len(c.hosts)/3, true)
		c.everybody()
		c.pass(d)
		c.everybody()
		c.heal()
		c.t.Logf("cut in one direction for %s, equal %s after the heal", d, c.await(healed))
	}
}

// flapping: the network is cut again and again, each time elsewhere, and loses packets meanwhile.
func flapping(c *cluster) {
	for range 6 {
		c.net.SetFaults(lossy(0.1))
		c.cut(1+c.rng.IntN(len(c.hosts)-1), c.rng.IntN(2) == 0)
		c.everybody()
		c.pass(time.Duration(1+c.rng.IntN(60)) * time.Second)
		c.heal()
		c.pass(time.Duration(1+c.rng.IntN(20)) * time.Second)
	}
	c.net.SetFaults(lan())
	c.t.Logf("equal %s after the last cut", c.await(healed))
}
