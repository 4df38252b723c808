package agent

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/gossip/keyring"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// member makes a host that gossips on a loopback address of its own with a key that all have.
func member(t *testing.T, name, addr string, key keyring.Key, join string) *bed {
	t.Helper()
	b := newHostBed(t, kubeletsim.Options{NodeName: name})
	b.cfg.Gossip.Bind, b.cfg.Gossip.KeyFile = netip.AddrPortFrom(netip.MustParseAddr(addr), 17947).String(), b.path("gossip.key")
	if join != "" {
		b.cfg.Gossip.Join = []string{join}
	}
	ring := &keyring.Ring{}
	if _, err := ring.Add(key, ""); err != nil {
		t.Fatal(err)
	}
	if err := keyring.Write(b.cfg.Gossip.KeyFile, ring); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFleet: three agents see each other, each other's labels, and each other's absence.
func TestFleet(t *testing.T) {
	t.Parallel()
	key := keyring.Generate()
	a := member(t, "a", "127.77.0.1", key, "")
	b := member(t, "b", "127.77.0.2", key, "127.77.0.1:17947")
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
}

// TestLeave: a host says that it goes for good; the others list it as left, also when its agent has stopped, and a restart takes
// it back.
func TestLeave(t *testing.T) {
	t.Parallel()
	key := keyring.Generate()
	a := member(t, "a", "127.77.1.1", key, "")
	b := member(t, "b", "127.77.1.2", key, "127.77.1.1:17947")
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
	a.eventually("b has still left", state(api.MemberLeft))
	b.run()
	a.eventually("b is back", state(api.MemberAlive))
}

// TestLeaveWithPods: it is refused while somebody counts on what runs here.
func TestLeaveWithPods(t *testing.T) {
	t.Parallel()
	a := member(t, "a", "127.77.2.1", keyring.Generate(), "")
	a.lay("specs.d/logger.yaml", logger("logger:1"))
	a.run()
	a.phase(api.PhaseAvailable)
	if _, err := a.client.Leave(t.Context(), api.LeaveRequest{}); err == nil || !strings.Contains(err.Error(), "default/logger") {
		t.Errorf("error %v, want one that names the DaemonSet", err)
	}
	if res, err := a.client.Leave(t.Context(), api.LeaveRequest{Force: true}); err != nil || len(res.Pods) != 1 {
		t.Errorf("with force: %+v, %v", res, err)
	}
}

// TestBadMembersFile: a list with an error never makes everybody count: at the first start there is no gossip until it is corrected, later
// what it said before stays in effect, and one that this host cannot use is neither shown nor kept.
func TestBadMembersFile(t *testing.T) {
	t.Parallel()
	a := member(t, "a", "127.77.3.1", keyring.Generate(), "")
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
}

// gossip is what the status says of it.
func (b *bed) gossip() api.GossipStatus {
	b.t.Helper()
	if g := b.status().Gossip; g != nil {
		return *g
	}
	return api.GossipStatus{}
}
