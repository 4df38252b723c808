package agent

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/keyring"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// network is what the hosts of one test gossip over, in virtual time.
func network() *memnet.Network {
	return memnet.New(memnet.Config{Seed: 1, Faults: memnet.Faults{DelayMin: time.Millisecond, DelayMax: 2 * time.Millisecond}})
}

// newMember makes a host that gossips on an address of its own, 10.0.0.N, with a key that all have.
func newMember(t *testing.T, net *memnet.Network, name string, n byte, key keyring.Key, join ...*bed) *bed {
	t.Helper()
	b := newBed(t, kubeletsim.Options{NodeName: name})
	b.joins(net, n, key, join...)
	return b
}

// joins makes a host one of several that gossip.
func (b *bed) joins(net *memnet.Network, n byte, key keyring.Key, join ...*bed) {
	b.t.Helper()
	b.net = net
	b.cfg.Gossip.Bind, b.cfg.Gossip.KeyFile = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, n}), gossip.DefaultPort).String(), b.path("gossip.key")
	for _, other := range join {
		b.cfg.Gossip.Join = append(b.cfg.Gossip.Join, other.cfg.Gossip.Bind)
	}
	b.writeKey(key)
}

// writeKey writes the key file, with one key.
func (b *bed) writeKey(key keyring.Key) {
	b.t.Helper()
	ring := &keyring.Ring{}
	_, err := ring.Add(key, "")
	if err == nil {
		err = keyring.Write(b.cfg.Gossip.KeyFile, ring)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestFleet: three agents see each other, each other's labels, and each other's absence.
func TestFleet(t *testing.T) {
	virtually(t, func(t *testing.T) {
		net, key := network(), keyring.Generate()
		a := newMember(t, net, "a", 1, key)
		b := newMember(t, net, "b", 2, key, a)
		a.run()
		stop := b.run()
		a.eventually("b is alive", func() bool {
			list, err := a.client.Members(t.Context(), "")
			return err == nil && len(list.Items) == 2 && list.Items[1].State == api.MemberAlive && list.Items[1].Name == "b"
		})
		stop()
		a.eventually("b has failed", func() bool {
			list, err := a.client.Members(t.Context(), "")
			return err == nil && len(list.Items) == 2 && list.Items[1].State == api.MemberFailed
		})
	})
}

// On machines: two agents see each other over real sockets, and that one of them leaves.
func TestMembersOnMachines(t *testing.T) {
	t.Parallel()
	key := keyring.Generate()
	var hosts []*bed
	for i, name := range []string{"a", "b"} {
		h := newMachine(t)
		h.cfg.NodeName, h.cfg.Gossip.KeyFile = name, h.path("gossip.key")
		h.cfg.Gossip.Bind = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 77, 0, byte(i + 1)}), 17947).String()
		h.writeKey(key)
		hosts = append(hosts, h)
	}
	a, b := hosts[0], hosts[1]
	b.cfg.Gossip.Join = []string{a.cfg.Gossip.Bind}
	state := func(of *bed, name, want string) func() bool {
		return func() bool {
			list, err := of.client.Members(t.Context(), name)
			return err == nil && len(list.Items) == 1 && list.Items[0].State == want
		}
	}
	a.run()
	b.run()
	a.eventually("b is alive", state(a, "b", api.MemberAlive))
	b.eventually("a is alive", state(b, "a", api.MemberAlive))
	if _, err := b.client.Leave(t.Context(), api.LeaveRequest{}); err != nil {
		t.Fatal(err)
	}
	a.eventually("b has left", state(a, "b", api.MemberLeft))
}

// TestLeave: a host says that it goes for good; the others list it as left, also when its agent has stopped, and a restart takes
// it back.
func TestLeave(t *testing.T) {
	virtually(t, func(t *testing.T) {
		net, key := network(), keyring.Generate()
		a := newMember(t, net, "a", 1, key)
		b := newMember(t, net, "b", 2, key, a)
		a.run()
		stop := b.run()
		state := func(want string) func() bool {
			return func() bool {
				list, err := a.client.Members(t.Context(), "b")
				return err == nil && len(list.Items) == 1 && list.Items[0].State == want
			}
		}
		a.eventually("b is alive", state(api.MemberAlive))
		if _, err := b.client.Leave(t.Context(), api.LeaveRequest{}); err != nil {
			t.Fatal(err)
		}
		a.eventually("b has left", state(api.MemberLeft))
		stop()
		sleep(time.Minute) // in which an agent that has stopped would be seen as failed
		if !state(api.MemberLeft)() {
			t.Error("b has not left any more, as its agent has stopped")
		}
		b.run()
		a.eventually("b is back", state(api.MemberAlive))
	})
}

// TestLeaveWithPods: it is refused while somebody counts on what runs here.
func TestLeaveWithPods(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := newMember(t, network(), "a", 1, keyring.Generate())
		a.lay("specs.d/logger.yaml", logger("logger:1"))
		a.run()
		a.phase(api.PhaseAvailable)
		if _, err := a.client.Leave(t.Context(), api.LeaveRequest{}); err == nil || !strings.Contains(err.Error(), "default/logger") {
			t.Errorf("error %v, want one that names the DaemonSet", err)
		}
		if res, err := a.client.Leave(t.Context(), api.LeaveRequest{Force: true}); err != nil || len(res.Pods) != 1 {
			t.Errorf("with force: %+v, %v", res, err)
		}
	})
}

// TestBadMembersFile: a list with an error never makes everybody count: at the first start there is no gossip until it is corrected, later
// what it said before stays in effect, and one that this host cannot use is neither shown nor kept.
func TestBadMembersFile(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := newMember(t, network(), "a", 1, keyring.Generate())
		a.cfg.MembersFile = a.path("members.yaml")
		a.lay("members.yaml", "members: [{nme: a}]\n")
		stop := a.run()
		a.eventually("gossip to be off", func() bool { return a.health("Gossip") && !strings.Contains(a.gossip().Roster, "members") })
		good := "members: [{name: a}, {name: b}]\n"
		a.lay("members.yaml", good)
		if _, err := a.client.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.eventually("gossip to be on", func() bool { return !a.health("Gossip") && a.gossip().Roster == a.cfg.MembersFile })

		a.lay("members.yaml", good+"forgotten: ["+a.gossip().ID+"]\n")
		a.eventually("the list to be refused", func() bool { return a.health("MembersFile") })
		stop()
		a.lay("members.yaml", "members: [{nme: a}]\n")
		a.run()
		a.eventually("the last good list to be in effect", func() bool {
			return a.health("MembersFile") && !a.health("Gossip") && a.gossip().Roster == a.cfg.MembersFile
		})
	})
}

// gossip is what the status says of it.
func (b *bed) gossip() api.GossipStatus {
	b.t.Helper()
	if g := b.status().Gossip; g != nil {
		return *g
	}
	return api.GossipStatus{}
}
