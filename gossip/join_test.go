package gossip_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daemonsetd/daemonsetd/gossip"
)

// TestTwoFleetsMeet: two halves that were complete before either could reach the other meet, as the hosts to join are tried for ever; it is
// enough that one host of one of them has one of the other to join.
func TestTwoFleetsMeet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, 10, seedOf(t, 70), lan())
		c.cut(5, false)
		for i, h := range c.hosts {
			first := c.hosts[i/5*5]
			switch {
			case i == 7:
				c.start(h, first, c.hosts[0])
			case h != first:
				c.start(h, first)
			default:
				c.start(h)
			}
		}
		c.pass(5 * time.Minute)
		for _, h := range c.hosts {
			if v := h.node.View(); len(v.Members) != 5 || !v.Settled {
				t.Fatalf("%s knows %d members, settled %t", h.name, len(v.Members), v.Settled)
			}
		}
		c.heal()
		t.Logf("they had met %s after they could", c.await(30*time.Minute))
	})
}

// TestOwnNameToJoin: the first host of a fleet may have itself as the one to join, by a name that the resolver has at other addresses of the
// host. It is alone, and knows it.
func TestOwnNameToJoin(t *testing.T) {
	for name, ip := range map[string]string{"loopback": "127.0.1.1", "what others are told": "10.0.0.0"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newCluster(t, 1, seedOf(t, 71), lan())
				h := c.hosts[0]
				c.edit = func(_ *host, cfg *gossip.Config) {
					cfg.Join = []string{"first.example.com:7947"}
					cfg.Lookup = func(context.Context, string) ([]netip.Addr, error) {
						if ip == "10.0.0.0" {
							return []netip.Addr{h.addr.Addr()}, nil
						}
						return []netip.Addr{netip.MustParseAddr(ip)}, nil
					}
				}
				c.start(h)
				c.pass(time.Minute)
				if !h.node.View().Settled {
					t.Error("it waits for itself")
				}
			})
		})
	}
}

// TestJoinProblem: a member that looks for others in vain says why after some time, until it has found one.
func TestJoinProblem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, 2, seedOf(t, 74), lan())
		h, other := c.hosts[0], c.hosts[1]
		c.start(h, other)
		c.pass(30 * time.Second)
		if err := h.node.JoinProblem(); err != nil {
			t.Errorf("after 30 s already: %v", err)
		}
		c.pass(2 * time.Minute)
		if err := h.node.JoinProblem(); err == nil || !strings.Contains(err.Error(), other.addr.Addr().String()) {
			t.Errorf("%v does not name the host that was tried", err)
		}
		c.start(other)
		c.await(formed)
		if err := h.node.JoinProblem(); err != nil {
			t.Errorf("found, and still: %v", err)
		}
	})
}

// TestForgottenByOne: a member that one host alone has forgotten is not pushed to it over and over.
func TestForgottenByOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, 42, seedOf(t, 72), lan())
		c.startAll()
		c.await(formed)
		gone := c.hosts[2:]
		c.kill(gone...)
		c.pass(3 * time.Minute)
		for _, h := range gone {
			c.forget(c.hosts[0], h.id.ID)
		}
		c.pass(3 * time.Minute)
		before := c.net.Stats()
		const period = 10 * time.Minute
		c.pass(period)
		used := c.net.Stats().Since(before.Traffic)
		t.Logf("at rest: %s", used.PerMember(2, period))
		if rate := float64(used.StreamsDialed) / 2 / period.Seconds(); rate > 0.2 {
			t.Errorf("%.2f streams a second of each member", rate)
		}
	})
}

// TestCollectorIsTakenOut: a node whose counters have moved can be taken out of a registry, and the next one put in.
func TestCollectorIsTakenOut(t *testing.T) {
	attacked(t, 3, 73, func(t *testing.T, c *cluster) {
		registry := prometheus.NewRegistry()
		if err := registry.Register(c.hosts[0].node); err != nil {
			t.Fatal(err)
		}
		c.attack(1, nil).raw(c.hosts[0], []byte("garbage"))
		c.pass(time.Second)
		if !registry.Unregister(c.hosts[0].node) {
			t.Error("it is not known any more")
		}
		if err := registry.Register(c.hosts[1].node); err != nil && !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
			t.Error(err)
		} else if err != nil {
			t.Error("the next one is taken for the same")
		}
	})
}
