package gossip_test

import (
	"crypto/ed25519"
	"strings"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// standings waits until all running hosts but those left out say so of a member.
func (c *cluster) standings(id record.ID, want records.Standing, except ...*host) {
	c.t.Helper()
	c.until(healed, func() (missing []string) {
		for _, h := range c.running() {
			m, ok := h.node.View().Member(id)
			left := false
			for _, e := range except {
				left = left || e == h
			}
			if !left && (!ok || m.Standing != want) {
				missing = append(missing, h.name+" says that "+id.String()+" is "+string(m.Standing))
			}
		}
		return missing[:min(len(missing), 4)]
	})
}

// reimaged: a host loses its disk and its key. It is held everywhere until an operator trusts the new key, on every host; the
// old one is forgotten with that.
func reimaged(c *cluster) {
	h := c.hosts[c.rng.IntN(len(c.hosts))]
	before := h.id.ID
	h.stop()
	c.reimage(h)
	c.start(h, c.hosts[(h.i+1)%len(c.hosts)], c.hosts[(h.i+2)%len(c.hosts)])
	c.standings(h.id.ID, records.Held, h)
	c.pass(time.Minute)
	for _, o := range c.hosts {
		if o == h {
			c.forget(o, before)
			continue
		}
		if err := o.node.Trust(h.id.ID); err != nil {
			c.t.Errorf("%s: %v", o.name, err)
		}
		c.watch.forgot(o, before)
	}
	c.standings(h.id.ID, records.Trusted)
	c.t.Logf("a host with a new key was trusted, equal after %s", c.await(healed))
	c.absent(before)
}

// forget has one host forget a member.
func (c *cluster) forget(h *host, id record.ID) {
	c.t.Helper()
	if err := h.node.Forget(id); err != nil {
		c.t.Errorf("%s: %v", h.name, err)
	}
	c.watch.forgot(h, id)
}

// absent: nobody has a member any more.
func (c *cluster) absent(id record.ID) {
	c.t.Helper()
	for _, h := range c.running() {
		if m, ok := h.node.View().Member(id); ok {
			c.t.Errorf("%s still has %s, which was forgotten: %s with %d sections", h.name, id, m.State, len(m.Sections))
		}
	}
}

// forgotten: a host that is gone is forgotten by all, one after the other, and stays so, also across restarts; those that have
// not forgotten it yet do not teach the others. When it starts again it is a member again.
func forgotten(c *cluster) {
	gone := c.hosts[c.rng.IntN(len(c.hosts))]
	gone.stop()
	c.wantState(gone, gossip.StateFailed, noticed)
	for _, h := range c.running() {
		c.forget(h, gone.id.ID)
		c.pass(5 * time.Second)
		if m, ok := h.node.View().Member(gone.id.ID); ok {
			c.t.Errorf("%s was taught anew of %s, which it had forgotten: %s", h.name, gone.name, m.State)
		}
	}
	c.pass(5 * time.Minute)
	rest := c.running()
	c.kill(rest...)
	for _, h := range rest {
		c.start(h)
	}
	c.await(healed)
	c.absent(gone.id.ID)
	c.start(gone)
	c.t.Logf("one was forgotten and came back, equal after %s", c.await(healed))
}

// named finds the members that call themselves by a name.
func named(v *gossip.View, name string) []gossip.Member {
	var found []gossip.Member
	for _, m := range v.Members {
		if m.Name == name {
			found = append(found, m)
		}
	}
	return found
}

// twoOfOneName: two hosts call themselves the same. Each is one member, and at most one is trusted; nobody else is disturbed.
func twoOfOneName(c *cluster) {
	twin := c.add()
	twin.name = c.hosts[0].name
	c.start(twin, c.hosts[1])
	c.t.Logf("two have one name, equal after %s", c.await(healed))
	for _, h := range c.hosts[1 : len(c.hosts)-1] {
		if got := named(h.node.View(), twin.name); len(got) != 2 {
			c.t.Errorf("%s has %d members named %q, want both", h.name, len(got), twin.name)
		}
	}
	c.standings(twin.id.ID, records.Held, twin)
	c.standings(c.hosts[0].id.ID, records.Trusted, twin)
	changes(c)
}

// cloned: the disk of a host, with its key, is copied to another host, which runs beside it for some time. All hear of the second
// address; what the two say against each other does not keep the others from hearing each other. When the clone is gone the
// fleet is as before.
func cloned(c *cluster) {
	original, clone := c.hosts[0], c.add()
	c.backup(original, "clone")
	clone.id, clone.name = original.id, original.name
	clone.dir = original.dir + ".clone"
	c.watch.forks[original.id.ID] = true
	c.pass(3 * time.Second)
	c.start(clone, c.hosts[1])
	others := c.hosts[1:clone.i]
	before := c.net.Stats()
	for range 10 {
		for _, h := range others {
			c.publish(h)
		}
		c.pass(30 * time.Second)
		for _, h := range others {
			if missing := c.lacks(h, others); len(missing) > 0 {
				c.t.Errorf("beside a clone others do not hear each other: %q", missing)
			}
		}
	}
	c.t.Log("beside a clone: ", c.net.Stats().Since(before.Traffic).PerMember(len(c.hosts), 5*time.Minute))
	reported := 0
	for _, h := range others {
		if m, _ := h.node.View().Member(original.id.ID); m.Elsewhere.IsValid() {
			reported++
		}
	}
	if reported == 0 {
		c.t.Error("nobody noticed that one key is used from two addresses")
	}
	clone.stop()
	original.seen = seen{} // of its own records the clone's may have been shown, with the same stamps
	c.pass(time.Minute)
	c.publish(original)
	c.t.Logf("equal %s after the clone was gone", c.await(healed))
}

// enrolled: hosts get a roster that leaves one member out and names one that nobody has seen.
func enrolled(c *cluster) {
	out := c.hosts[len(c.hosts)-1]
	roster := &records.Roster{Members: []records.RosterMember{{Name: "never-seen"}}}
	for _, h := range c.hosts[:len(c.hosts)-1] {
		m := records.RosterMember{Name: h.name}
		if h.i%2 == 0 {
			m.Key = h.id.Private.Public().(ed25519.PublicKey)
		}
		roster.Members = append(roster.Members, m)
	}
	listed := c.hosts[:len(c.hosts)-1]
	for _, h := range c.hosts {
		if err := h.node.SetRoster(roster); err != nil {
			c.t.Fatal(err)
		}
		c.watch.expelled(h, listed...)
	}
	c.standings(out.id.ID, records.Excluded)
	for _, h := range c.hosts {
		if got := named(h.node.View(), "never-seen"); len(got) != 1 || got[0].State != gossip.StateUnknown {
			c.t.Errorf("%s has of the listed one that was never seen: %v", h.name, got)
		}
	}
	// Those that are listed hear each other; of the one that is not nothing is kept, whatever it says.
	for range 3 {
		c.publish(out)
		c.unharmed(listed...)
	}
	for _, h := range listed {
		if m, _ := h.node.View().Member(out.id.ID); len(m.Sections) > 0 {
			c.t.Errorf("%s keeps %d sections of one that is excluded", h.name, len(m.Sections))
		}
	}
	for _, h := range c.hosts {
		if err := h.node.SetRoster(nil); err != nil {
			c.t.Fatal(err)
		}
	}
	c.standings(out.id.ID, records.Trusted)
	c.await(told)
}

// rotated: the gossip key is replaced while all run, in the three steps that dsctl keyring has, host by host. News pass at every
// moment; one host that was left out is alone afterwards, and the others say so.
func rotated(c *cluster) {
	before, after := keyOf(7), keyOf(8)
	last := c.hosts[len(c.hosts)-1]
	for i, keys := range [][][]byte{{before, after}, {after, before}, {after}} {
		for _, h := range c.hosts {
			if i == 2 && h == last {
				continue
			}
			if err := h.node.SetKeys(keys); err != nil {
				c.t.Fatal(err)
			}
			c.pass(time.Second)
		}
		c.everybody()
		if i < 2 {
			c.t.Logf("step %d of the rotation, equal after %s", i+1, c.await(told))
		}
	}
	// The last one still sends with the new key and reads both.
	c.await(told)
	if err := last.node.SetKeys([][]byte{before}); err != nil {
		c.t.Fatal(err)
	}
	c.wantStateBy(c.hosts[:len(c.hosts)-1], last, gossip.StateFailed)
	told := 0
	for _, h := range c.hosts[:len(c.hosts)-1] {
		if strings.Contains(h.logged(), "this host's keys do not open") {
			told++
		}
	}
	if told == 0 {
		c.t.Error("nobody told of packets that no key opens")
	}
	if err := last.node.SetKeys([][]byte{after}); err != nil {
		c.t.Fatal(err)
	}
	c.t.Logf("equal %s after the last one had the key", c.await(healed))
}

// wantStateBy waits until some hosts say that of a member.
func (c *cluster) wantStateBy(hosts []*host, o *host, want gossip.State) {
	c.t.Helper()
	c.until(noticed, func() (missing []string) {
		for _, h := range hosts {
			if m, _ := h.node.View().Member(o.id.ID); m.State != want {
				missing = append(missing, h.name+" has "+o.name+" "+string(m.State))
			}
		}
		return missing[:min(len(missing), 4)]
	})
}

// otherFleet: a fleet of another name with the same key, on the same network, is never met.
func otherFleet(c *cluster) {
	a := c.hosts
	c.edit = func(_ *host, cfg *gossip.Config) { cfg.Cluster = "other" }
	stranger := c.add()
	c.start(stranger, a[0], a[1%len(a)])
	c.pass(2 * time.Minute)
	for _, h := range a {
		if _, ok := h.node.View().Member(stranger.id.ID); ok {
			c.t.Errorf("%s has a member of another fleet", h.name)
		}
	}
	if got := len(stranger.node.View().Members); got != 1 {
		c.t.Errorf("the other fleet has %d members, want itself", got)
	}
	stranger.stop()
	c.await(told)
}
