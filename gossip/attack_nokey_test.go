package gossip_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

// garbage is what somebody without the key may send: no memberlist at all, the right label with bytes behind it, another
// key, plaintext, the old encryption.
func (a *attacker) garbage() [][]byte {
	other := &attacker{c: a.c, key: keyOf(99), label: a.label}
	return [][]byte{
		[]byte("GET / HTTP/1.1\r\n\r\n"), bytes.Repeat([]byte{0}, 1400),
		{labelled},
		{labelled, 200, 1},
		a.header(),
		append(a.header(), bytes.Repeat([]byte{1}, 600)...), append(a.header(), make([]byte, 100)...),
		append(a.header(), other.seal([]byte(a.label), pushed(wire.PushFrame(make([]byte, 200))))...),
		append(a.header(), aliveMessage(a.id.ID, a.net.Addr(), 1)...),
		append(append(a.header(), encrypted, 0xff, 0xff, 0xff, 0xff), make([]byte, 50)...),
		append(append(a.header(), encrypted, 0, 0, 0, 29), make([]byte, 29)...),
	}
}

// TestStrangers: for five minutes, three addresses without the key send packets and streams of garbage, 200 a second each. All
// of it is counted, each address is named once a minute, and the fleet goes on as if they were not there.
func TestStrangers(t *testing.T) {
	attacked(t, 5, 11, func(t *testing.T, c *cluster) {
		strangers := []*attacker{c.attack(1, nil), c.attack(2, nil), c.attack(3, nil)}
		victim := c.hosts[0]
		before, seconds := len(victim.node.View().Members), 300
		for second := range seconds {
			for _, a := range strangers {
				for i, b := range a.garbage() {
					for range 18 {
						a.raw(victim, b)
					}
					if second%10 == i%10 {
						a.rawStream(victim, b)
					}
				}
			}
			c.pass(time.Second)
			if second%60 == 30 {
				c.unharmed(c.hosts...)
			}
		}
		wantDropped(t, victim, "not-opened", 200*seconds)
		wantDropped(t, victim, "other-cluster", 200*seconds)
		wantDropped(t, victim, "cut-off", 50)
		wantDropped(t, victim, "too-long", 50)
		for _, a := range strangers {
			lines := logs(victim, `"level":"warn"`, fmt.Sprintf(`"address":"%s:`, a.net.Addr().Addr()))
			if len(lines) < 4 || len(lines) > 7 {
				t.Errorf("%s was named %d times in %d s, want once a minute: %q", a, len(lines), seconds, lines)
			}
		}
		if got := len(victim.node.View().Members); got != before {
			t.Errorf("there are %d members, before there were %d", got, before)
		}
	})
}

// TestManyStrangers: a thousand addresses, which anybody can write on packets, fill neither the log nor the memory.
func TestManyStrangers(t *testing.T) {
	attacked(t, 3, 12, func(t *testing.T, c *cluster) {
		victim := c.hosts[0]
		var strangers []*attacker
		for i := range 1000 {
			strangers = append(strangers, c.attack(i, nil))
		}
		const minutes = 3
		for range minutes * 6 {
			for _, a := range strangers {
				a.raw(victim, []byte("garbage"))
			}
			c.pass(10 * time.Second)
		}
		c.unharmed(c.hosts...)
		wantDropped(t, victim, "other-cluster", 1000*minutes*6)
		if lines := logs(victim, "somebody sends"); len(lines) < 8 || len(lines) > 8*(minutes+1) {
			t.Errorf("%d lines in %d minutes", len(lines), minutes)
		}
	})
}

// TestOtherCluster: a fleet with the same key and another name is not heard, and is named.
func TestOtherCluster(t *testing.T) {
	attacked(t, 3, 13, func(t *testing.T, c *cluster) {
		a, victim := c.attack(1, keyOf(7)), c.hosts[0]
		a.label = "prod"
		a.packet(victim, aliveMessage(a.id.ID, a.net.Addr(), 1))
		a.frame(victim, a.sealed(wire.Want, victim.id.ID, nil))
		c.pass(time.Second)
		wantDropped(t, victim, "other-cluster", 2)
		if lines := logs(victim, "another cluster", a.net.Addr().String()); len(lines) != 1 {
			t.Errorf("it was named %d times, want once", len(lines))
		}
		c.unharmed(c.hosts...)
	})
}

// TestReplayedPackets: somebody without the key who has kept all packets of the fleet's first minutes sends them again and
// again. Nothing goes back, nobody dies of it, and every record is where it was.
func TestReplayedPackets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, 5, seedOf(t, 14), lan())
		kept := c.keepPackets(5000)
		c.startAll()
		c.await(formed)
		for range 20 {
			c.unharmed(c.hosts...)
			c.pass(5 * time.Second)
		}
		c.net.SetTap(nil)
		a := c.attack(1, nil)
		packets := kept()
		t.Logf("%d packets were kept", len(packets))
		if len(packets) < 500 {
			t.Fatal("too few packets: this shows nothing")
		}
		for range 5 {
			for i, p := range packets {
				a.raw(c.hosts[i%len(c.hosts)], p)
				if i%500 == 0 {
					c.pass(time.Second)
				}
			}
			c.unharmed(c.hosts...)
		}
		c.pass(time.Minute)
		c.await(heard)
		for _, h := range c.hosts {
			if lines := logs(h, "writing it anew"); len(lines) > 0 {
				t.Errorf("%s took an old record of its own for a newer one: %q", h.name, lines)
			}
		}
	})
}
