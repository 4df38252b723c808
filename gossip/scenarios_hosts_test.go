package gossip_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// restartHalf: half of the hosts lose power and are back at once. They have no hosts to join but those that they remember.
func restartHalf(c *cluster) {
	half := c.shuffled()[:len(c.hosts)/2]
	c.everybody()
	c.pass(5 * time.Second)
	c.kill(half...)
	for _, h := range half {
		c.start(h)
	}
	c.t.Logf("half of them restarted, equal after %s", c.await(healed))
}

// restartHalfLater: half of the hosts are away until the others have given them up.
func restartHalfLater(c *cluster) {
	half := c.shuffled()[:len(c.hosts)/2]
	c.kill(half...)
	c.pass(5 * time.Minute)
	c.everybody()
	for _, h := range half {
		c.start(h)
	}
	c.t.Logf("half of them were away for five minutes, equal after %s", c.await(healed))
}

// reboot: all hosts lose power, and come back within a minute. Nobody has anybody to join.
func reboot(c *cluster) {
	c.everybody()
	c.pass(5 * time.Second)
	c.kill(c.hosts...)
	c.pass(time.Minute)
	for _, h := range c.shuffled() {
		c.start(h)
		c.pass(time.Duration(c.rng.Int64N(int64(time.Minute) / int64(len(c.hosts)))))
	}
	c.t.Logf("all restarted without seeds, equal after %s", c.await(healed))
}

// rebootAtOnce: all agents are restarted in one moment.
func rebootAtOnce(c *cluster) {
	c.pass(5 * time.Second)
	c.kill(c.hosts...)
	for _, h := range c.hosts {
		c.start(h)
	}
	c.t.Logf("all restarted at once without seeds, equal after %s", c.await(healed))
}

// some is a handful of hosts.
func (c *cluster) some() []*host { return c.shuffled()[:max(1, len(c.hosts)/10)] }

// apart is waited for between two starts of a host whose log is lost in between. The first generation of a run is the second of
// its start, so that two runs in one second that know nothing of each other give their records the same stamps.
const apart = 1100 * time.Millisecond

// lostLog: hosts lose what they know and what they have said, but not their keys. They are told whom to join, as they do not
// remember anybody.
func lostLog(c *cluster) {
	lost := c.some()
	c.pass(5 * time.Second)
	c.kill(lost...)
	for _, h := range lost {
		c.wipe(h)
		c.start(h, c.hosts[(h.i+1)%len(c.hosts)], c.hosts[(h.i+2)%len(c.hosts)])
	}
	c.t.Logf("%d disks lost, equal after %s", len(lost), c.await(healed))
	changes(c)
}

// oldDisk: hosts get a disk of some time ago, when they had said less, and whose records others have newer ones of.
func oldDisk(age time.Duration) func(c *cluster) {
	return func(c *cluster) {
		restored := c.some()
		for _, h := range restored {
			c.backup(h, "old")
		}
		for range 3 {
			c.pass(age / 3)
			c.everybody()
		}
		c.await(told)
		c.kill(restored...)
		for _, h := range restored {
			c.restore(h, "old")
			c.start(h)
		}
		c.t.Logf("%d disks of %s ago restored, equal after %s", len(restored), age, c.await(healed))
		changes(c)
	}
}

// clockJump: what a host said before its restart has stamps that a clock off by so much gave it. A bubble has one time for all
// hosts, and a clock does nothing but choose the first generation of a run; so the generations of the run before are what is
// off, on the disk and everywhere in the fleet. With an offset above 0 the clock has gone back since, and with the log lost too
// only the others know.
func clockJump(offset time.Duration, lost bool) func(c *cluster) {
	return func(c *cluster) {
		jumped := c.some()
		c.pass(apart)
		c.kill(jumped...)
		for _, h := range jumped {
			c.seedDisk(h, uint64(time.Now().Add(offset).Unix()))
			c.start(h, c.hosts[(h.i+1)%len(c.hosts)])
		}
		c.await(healed)
		c.pass(apart)
		c.kill(jumped...)
		for _, h := range jumped {
			if lost {
				c.wipe(h)
			}
			c.start(h, c.hosts[(h.i+1)%len(c.hosts)])
		}
		c.t.Logf("%d clocks were off by %s, equal after %s", len(jumped), offset, c.await(healed))
		changes(c)
	}
}

// seedDisk has the log of a host that does not run hold a record of the generation, so that its next run is above it.
func (c *cluster) seedDisk(h *host, generation uint64) {
	c.t.Helper()
	c.wipe(h)
	table, err := records.Open(records.Config{Cluster: "test", Self: h.id.ID, Dir: h.dir})
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := record.NewSigner("test", h.id.Private).Sign("test", record.Stamp{Generation: generation, Version: 1}, make([]byte, 8))
	if err == nil {
		err = table.Put(r)
	}
	if err := errors.Join(err, table.Close()); err != nil {
		c.t.Fatal(err)
	}
}

// slowNames: the hosts to join are given by a name that nobody can resolve for two minutes.
func slowNames(c *cluster) {
	ready := time.Now().Add(2 * time.Minute)
	c.edit = func(h *host, cfg *gossip.Config) {
		cfg.Join = []string{"seeds.example:7947"}
		cfg.Lookup = func(context.Context, string) ([]netip.Addr, error) {
			if time.Now().Before(ready) {
				return nil, errors.New("no such host")
			}
			return []netip.Addr{c.hosts[0].addr.Addr(), c.hosts[1].addr.Addr(), netip.MustParseAddr("10.255.0.1")}, nil
		}
	}
	for _, h := range c.hosts {
		c.start(h)
	}
	c.pass(2 * time.Minute)
	c.t.Logf("equal %s after the name could be resolved", c.await(formed))
}

// arrive: a fleet forms out of nothing, all told of the same two hosts, in one moment.
func arrive(c *cluster) {
	for _, h := range c.hosts {
		c.start(h, c.hosts[0], c.hosts[1])
	}
	c.t.Logf("formed after %s", c.await(formed))
}

// joinSplit: new hosts arrive on either side of a cut, and others lose power there.
func joinSplit(c *cluster) {
	old := len(c.hosts)
	c.cut(old/2, false)
	c.pass(noticed)
	a, b := c.add(), c.add()
	inner := c.net.Faults().Cut
	f := c.net.Faults()
	// The first new host is on the first side.
	f.Cut = func(from, to netip.AddrPort) bool {
		stand := func(p netip.AddrPort) netip.AddrPort {
			if p == a.addr {
				return c.hosts[0].addr
			}
			return p
		}
		return inner(stand(from), stand(to))
	}
	c.net.SetFaults(f)
	c.start(a, c.hosts[0])
	c.start(b, c.hosts[old-1])
	c.pass(time.Minute)
	c.kill(c.hosts[1], c.hosts[old-2])
	c.pass(noticed)
	c.start(c.hosts[1])
	c.start(c.hosts[old-2])
	c.pass(time.Minute)
	c.heal()
	c.t.Logf("two came during the cut and two were restarted, equal %s after the heal", c.await(healed))
}

// moved: hosts come back with their disk and another address.
func moved(c *cluster) {
	away := c.some()
	c.kill(away...)
	for _, h := range away {
		h.addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 99, byte(h.i >> 8), byte(h.i)}), gossip.DefaultPort)
		c.start(h)
	}
	took := c.until(healed, func() (missing []string) {
		for _, h := range c.hosts {
			for _, o := range away {
				if m, _ := h.node.View().Member(o.id.ID); m.Address != o.addr {
					missing = append(missing, h.name+" has "+o.name+" at "+m.Address.String())
				}
			}
		}
		return missing[:min(len(missing), 4)]
	})
	c.t.Logf("%d came back at once with another address, known after %s, equal %s later", len(away), took, c.await(healed))
}

// leave: a host leaves for good, is shown so by all, also after a restart of all, and takes it back when it starts again.
func leave(c *cluster) {
	gone := c.hosts[c.rng.IntN(len(c.hosts))]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := gone.node.Leave(ctx); err != nil {
		c.t.Error(err)
	}
	gone.stop()
	c.wantState(gone, gossip.StateLeft, noticed)
	c.pass(3 * time.Second) // now it is on disk
	rest := c.running()
	c.kill(rest...)
	for _, h := range rest {
		c.start(h)
	}
	c.await(healed)
	c.wantState(gone, gossip.StateLeft, noticed)
	c.start(gone)
	c.t.Logf("one left and came back, equal after %s", c.await(healed))
}

// wantState waits until all running hosts say that of a member.
func (c *cluster) wantState(o *host, want gossip.State, limit time.Duration) {
	c.t.Helper()
	took := c.until(limit, func() (missing []string) {
		for _, h := range c.running() {
			if m, _ := h.node.View().Member(o.id.ID); m.State != want {
				missing = append(missing, h.name+" has "+o.name+" "+string(m.State))
			}
		}
		return missing[:min(len(missing), 4)]
	})
	c.t.Logf("%s is %s everywhere after %s", o.name, want, took)
}

// churn: whatever may happen to hosts happens to some of them, over a network that loses packets, and then it is over.
func churn(c *cluster) {
	c.net.SetFaults(lossy(0.05))
	for range 25 {
		h := c.hosts[c.rng.IntN(len(c.hosts))]
		switch what := c.rng.IntN(6); {
		case h.node == nil:
			c.start(h, c.hosts[c.rng.IntN(len(c.hosts))])
		case what == 0 && len(c.running()) > 2:
			c.kill(h)
		case what == 1 && len(c.running()) > 2:
			h.stop()
		case what == 2:
			c.cut(1+c.rng.IntN(len(c.hosts)-1), c.rng.IntN(2) == 0)
		case what == 3:
			c.heal()
		case what == 4 && len(c.running()) > 2:
			c.pass(apart)
			c.kill(h)
			c.wipe(h)
			c.start(h, c.hosts[(h.i+1)%len(c.hosts)])
		default:
			c.publish(h)
		}
		c.pass(time.Duration(c.rng.Int64N(int64(20 * time.Second))))
	}
	c.heal()
	c.net.SetFaults(lan())
	for _, h := range c.hosts {
		if h.node == nil {
			c.start(h, slices.DeleteFunc(c.running(), func(o *host) bool { return o == h })...)
		}
	}
	c.t.Logf("equal %s after the last of it", c.await(healed))
}
