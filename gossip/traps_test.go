package gossip_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
)

// Each of these shows what memberlist alone does, and then what a fleet of ours does in its place. Where the first half fails
// after an update of memberlist, it has been mended, and what we do about it may not be needed any more. The traps of its queue
// and of its transport stand beside those packages.

// TestTrapNewAddress: a host that died comes back under its name with another address. memberlist keeps the old address for as
// long as its failure detector takes to go round once, and refuses the new one meanwhile.
func TestTrapNewAddress(t *testing.T) {
	const members = 30
	away, elsewhere := 5, addrAt(1000)
	bubble(t, func(t *testing.T) {
		p := newPlain(t, 1)
		p.form(members)
		_ = p.list[away].Shutdown()
		p.wait("it is dead for the first", func() bool { _, ok := finds(p.list[0], "member-5"); return !ok })
		again := p.start("member-5", elsewhere)
		for _, i := range []int{0, 1, 2} {
			p.join(again, addrAt(i))
		}
		sleep(5 * time.Second)
		if addr, ok := finds(p.list[0], "member-5"); ok {
			t.Errorf("memberlist has it, at %s: it has learned to give a dead member's name away", addr)
		}
	})
	bubble(t, func(t *testing.T) {
		c := newCluster(t, members, seedOf(t, 1), lan())
		c.startAll()
		c.await(formed)
		c.pass(5 * time.Second)
		h := c.hosts[away]
		c.kill(h)
		c.wantStateBy(c.running(), h, gossip.StateFailed)
		h.addr = elsewhere
		c.start(h)
		t.Logf("ours: alive at its new address everywhere %s later", c.await(healed))
		if m, _ := c.hosts[0].node.View().Member(h.id.ID); m.Address != elsewhere {
			t.Errorf("it is at %s, want %s", m.Address, elsewhere)
		}
	})
}

// TestTrapSplit: after a cut that lasted, memberlist's two halves never meet again. Nobody contacts those who are dead.
func TestTrapSplit(t *testing.T) {
	const members, half = 6, 3
	bubble(t, func(t *testing.T) {
		p := newPlain(t, 1)
		p.form(members)
		f := p.net.Faults()
		f.Cut = memnet.Split(memnet.Among(addrAt(0), addrAt(1), addrAt(2)))
		p.net.SetFaults(f)
		sleep(5 * time.Minute)
		p.net.SetFaults(lan())
		sleep(30 * time.Minute)
		for _, m := range p.list {
			if got := m.NumMembers(); got != half {
				t.Errorf("memberlist has %d members half an hour after the heal, and used to have %d for ever", got, half)
			}
		}
	})
	bubble(t, func(t *testing.T) {
		c := newCluster(t, members, seedOf(t, 1), lan())
		c.startAll()
		c.await(formed)
		split(5 * time.Minute)(c)
	})
}

// TestTrapMassJoin: members that join within a moment tell of themselves while they think that the fleet is small, which is too
// seldom. memberlist's views lack some until its push/pulls, which are minutes apart, have made up for it.
func TestTrapMassJoin(t *testing.T) {
	const members = 40
	lacking := func(list []*memberlist.Memberlist) (n int) {
		for _, m := range list {
			if m.NumMembers() != members {
				n++
			}
		}
		return n
	}
	var theirs time.Duration
	bubble(t, func(t *testing.T) {
		p := newPlain(t, 1)
		c := newCluster(t, 0, seedOf(t, 1), lan()) // for its dice
		for i := range members {
			m := p.start(identityOf(i).ID.String(), addrAt(i))
			if i > 0 {
				p.join(m, addrAt(c.rng.IntN(i)))
			}
		}
		begin := time.Now()
		sleep(10 * time.Second)
		t.Logf("memberlist: after 10 s %d of %d members do not know all", lacking(p.list), members)
		p.wait("all know all", func() bool { return lacking(p.list) == 0 })
		theirs = time.Since(begin)
	})
	bubble(t, func(t *testing.T) {
		c := newCluster(t, members, seedOf(t, 1), lan())
		c.startAll()
		ours := c.await(formed)
		t.Logf("all know all after %s with memberlist, %s with ours", theirs, ours)
		if ours >= theirs {
			t.Error("joining more than one member at the start brings nothing")
		}
	})
}

// TestTrapOneSeed: a member serves 127 push/pulls at a time and closes the others with nothing but a line in its log. When more
// hosts start at once than that and all know the same seed, memberlist's Join fails for those that come last, and it is not tried
// again. Here the 127 are connections that say that a push/pull is coming and wait. Ours lets nothing of a stream through to
// memberlist before its message is whole, so that those who wait hold no place, and it tries again for as long as nobody answers;
// `make sim` has a thousand that know the same two.
func TestTrapOneSeed(t *testing.T) {
	const members = 10
	bubble(t, func(t *testing.T) {
		p := newPlain(t, 1)
		for i := range members {
			p.start(identityOf(i).ID.String(), addrAt(i))
		}
		crowd(t, p.net, nil)
		for _, m := range p.list[1:] {
			if _, err := m.Join([]string{addrAt(0).String()}); err == nil {
				t.Error("a Join was served: has memberlist's limit gone?")
			}
		}
		sleep(10 * time.Minute)
		if got := p.list[0].NumMembers(); got != 1 {
			t.Errorf("memberlist has %d members at the seed, and used not to try again", got)
		}
	})
	bubble(t, func(t *testing.T) {
		c := newCluster(t, members, seedOf(t, 1), lan())
		c.keys = nil
		c.start(c.hosts[0])
		crowd(t, c.net, append([]byte{244, byte(len("test"))}, "test"...))
		for _, h := range c.hosts[1:] {
			c.start(h, c.hosts[0])
		}
		t.Logf("ours: formed after %s", c.await(formed))
	})
}

// crowd has the first host serve as many push/pulls as it does at a time.
func crowd(t *testing.T, n *memnet.Network, label []byte) {
	t.Helper()
	from := n.Listen(addrAt(9999))
	t.Cleanup(func() { _ = from.Shutdown() })
	var conns []net.Conn
	for range 127 {
		conn, err := from.DialTimeout(addrAt(0).String(), time.Second)
		if err == nil {
			_, err = conn.Write(append(slices.Clone(label), 6)) // pushPullMsg
		}
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	sleep(step)
	for _, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a connection does not wait: %v", err)
		}
	}
}

// TestTrapUnawareOfAccusation: a member that is accused, and that the accusation does not reach, is dead for all others and does
// not know: nobody talks to it any more, and its own probes are answered. memberlist ends that with the next push/pull that it
// begins itself, which is minutes in large fleets (hashicorp/memberlist#311, after the restart of 4,500 members); here it is
// twenty. In ours, whoever gets a new record of a member that it takes for dead joins that member.
func TestTrapUnawareOfAccusation(t *testing.T) {
	const members, accused, apart = 8, 5, 20 * time.Minute
	bubble(t, func(t *testing.T) {
		p := newPlain(t, 1)
		p.edit = func(_ int, c *memberlist.Config) { c.PushPullInterval = apart }
		p.form(members)
		p.net.SetTap(deaf(addrAt(accused), "member-5"))
		for i := range members {
			if i != accused {
				p.net.Listen(addrAt(9999)).WriteTo(message(5, 1, "member-5", "somebody"), addrAt(i).String()) //nolint:errcheck // a packet
			}
		}
		sleep(30 * time.Second)
		p.net.SetTap(nil)
		sleep(time.Minute)
		for i, m := range p.list {
			if _, ok := finds(m, "member-5"); ok != (i == accused) {
				t.Errorf("memberlist %d has it alive: %t", i, ok)
			}
		}
		if got := p.list[accused].NumMembers(); got != members {
			t.Errorf("it has %d members itself, want all: the test is about one that notices nothing", got)
		}
	})
	bubble(t, func(t *testing.T) {
		c := newCluster(t, members, seedOf(t, 1), lan())
		c.keys = nil
		c.edit = func(_ *host, cfg *gossip.Config) {
			cfg.Timing = gossip.Default()
			cfg.Timing.PushPull, cfg.Timing.Rejoin = apart, apart
		}
		c.startAll()
		c.await(formed)
		h := c.hosts[accused]
		c.net.SetTap(deaf(h.addr, h.id.ID.String()))
		c.lie(message(5, 1, h.id.ID.String(), "somebody"), c.others(h))
		c.wantStateBy(c.others(h), h, gossip.StateFailed)
		c.pass(30 * time.Second)
		c.net.SetTap(nil)
		c.publish(h)
		t.Logf("ours: alive for all %s after it has said something", c.await(told))
	})
}

// deaf keeps packets from a member that have its name in them.
func deaf(to netip.AddrPort, name string) memnet.Tap {
	return func(_, dst netip.AddrPort, packet []byte) []byte {
		if dst == to && bytes.Contains(packet, []byte(name)) {
			return nil
		}
		return packet
	}
}

// TestTrapOverflow: one message of whoever has the gossip key, with the highest incarnation that there is, makes a member dead
// for all; it cannot refute it, as there is no higher one (hashicorp/memberlist#358). Ours drops
// incarnations that nobody could rise above, and asks a member itself that others say is dead.
func TestTrapOverflow(t *testing.T) {
	const members, victim = 6, 2
	bubble(t, func(t *testing.T) {
		p := newPlain(t, 1)
		p.form(members)
		lie := message(5, math.MaxUint32, "member-2", "somebody")
		for i := range members {
			p.net.Listen(addrAt(100)).WriteTo(lie, addrAt(i).String()) //nolint:errcheck // a packet
		}
		sleep(30 * time.Second)
		if _, ok := finds(p.list[0], "member-2"); ok {
			t.Error("memberlist has learned to refute the highest incarnation")
		}
	})
	bubble(t, func(t *testing.T) {
		c := newCluster(t, members, seedOf(t, 1), lan())
		c.keys = nil
		c.startAll()
		c.await(formed)
		h := c.hosts[victim]
		c.lie(message(5, math.MaxUint32, h.id.ID.String(), "somebody"), c.hosts)
		for range 30 {
			c.pass(time.Second)
			for _, o := range c.others(h) {
				if m, _ := o.node.View().Member(h.id.ID); m.State != gossip.StateAlive {
					t.Fatalf("%s has %s as %s", o.name, h.name, m.State)
				}
			}
		}
		c.publish(h)
		took := c.until(told, func() (missing []string) {
			for _, o := range c.others(h) {
				m, _ := o.node.View().Member(h.id.ID)
				if counterOf(m) != h.counter {
					missing = append(missing, o.name)
				}
			}
			return missing
		})
		t.Logf("ours: it stays alive for all, and what it says arrives after %s", took)
	})
}

// others are the running hosts but one.
func (c *cluster) others(h *host) []*host {
	return slices.DeleteFunc(c.running(), func(o *host) bool { return o == h })
}

// lie sends one of memberlist's messages to hosts of a fleet that does not encrypt.
func (c *cluster) lie(message []byte, to []*host) {
	c.t.Helper()
	liar := c.net.Listen(addrAt(9999))
	defer liar.Shutdown() //nolint:errcheck // it never fails
	for _, h := range to {
		// In front stands the label of the fleet (memberlist's label.go).
		packet := append(append([]byte{244, byte(len("test"))}, "test"...), message...)
		if _, err := liar.WriteTo(packet, h.addr.String()); err != nil {
			c.t.Fatal(err)
		}
	}
}

// TestTrapState: memberlist's Node has a State that is never set: who left and who died look the same to an application. Ours are
// told by the member's own record.
func TestTrapState(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p, seen := newPlain(t, 1), &events{}
		p.edit = func(i int, c *memberlist.Config) {
			if i == 0 {
				c.Events = seen
			}
		}
		p.form(4)
		if err := p.list[1].Leave(time.Minute); err != nil {
			t.Fatal(err)
		}
		_ = p.list[2].Shutdown()
		p.wait("one has left and one is dead", func() bool { return len(seen.taken()) == 2 })
		for _, n := range seen.taken() {
			if n.State != memberlist.StateAlive {
				t.Errorf("%s has state %d: memberlist has learned to tell", n.Name, n.State)
			}
		}
	})
	bubble(t, func(t *testing.T) {
		c := newCluster(t, 4, seedOf(t, 1), lan())
		c.startAll()
		c.await(formed)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.hosts[1].node.Leave(ctx); err != nil {
			t.Fatal(err)
		}
		c.hosts[1].stop()
		c.kill(c.hosts[2])
		c.wantState(c.hosts[1], gossip.StateLeft, noticed)
		c.wantState(c.hosts[2], gossip.StateFailed, noticed)
	})
}

// TestTrapOrder: on the member that is asked, LocalState comes before MergeRemoteState, so an answer to what the other one has is
// not possible in one exchange. Ours sends what it has in a few bytes and goes on in streams of its own.
func TestTrapOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p, order := newPlain(t, 1), &ordered{}
		p.edit = func(i int, c *memberlist.Config) {
			if i == 0 {
				c.Delegate = order
			} else {
				c.Delegate = &ordered{}
			}
		}
		p.form(2)
		order.mu.Lock()
		defer order.mu.Unlock()
		if len(order.calls) < 2 || order.calls[0] != "LocalState" || order.calls[1] != "MergeRemoteState" {
			t.Errorf("called in another order than before: %q", order.calls)
		}
	})
}

// ordered notes in which order it is called.
type ordered struct {
	mu    sync.Mutex
	calls []string
}

func (o *ordered) note(call string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, call)
}

func (*ordered) NodeMeta(int) []byte             { return nil }
func (*ordered) NotifyMsg([]byte)                {}
func (*ordered) GetBroadcasts(int, int) [][]byte { return nil }
func (o *ordered) LocalState(bool) []byte        { o.note("LocalState"); return []byte("state") }
func (o *ordered) MergeRemoteState([]byte, bool) { o.note("MergeRemoteState") }
