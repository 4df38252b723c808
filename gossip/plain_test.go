package gossip_test

import (
	"encoding/binary"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
)

// plain is a fleet of memberlist alone, as it is set up for a LAN, to show beside ours what ours is for.
type plain struct {
	t    *testing.T
	net  *memnet.Network
	list []*memberlist.Memberlist
	edit func(i int, c *memberlist.Config)
}

func newPlain(t *testing.T, seed uint64) *plain {
	t.Helper()
	p := &plain{t: t, net: memnet.New(memnet.Config{Seed: seed, Faults: lan()})}
	t.Cleanup(func() {
		for _, m := range p.list {
			if err := m.Shutdown(); err != nil {
				t.Error(err)
			}
		}
		sleep(time.Minute)
	})
	return p
}

// addrAt is the address of the i-th host of a fleet, plain or ours.
func addrAt(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), gossip.DefaultPort)
}

// start runs a member at an address.
func (p *plain) start(name string, addr netip.AddrPort) *memberlist.Memberlist {
	p.t.Helper()
	c := memberlist.DefaultLANConfig()
	c.Name, c.Transport, c.LogOutput = name, p.net.Listen(addr), io.Discard
	c.EnableCompression = false
	if p.edit != nil {
		p.edit(len(p.list), c)
	}
	m, err := memberlist.Create(c)
	if err != nil {
		p.t.Fatal(err)
	}
	p.list = append(p.list, m)
	return m
}

// form starts so many members, each of which joins the first, and again when all are there, and waits until all know all.
func (p *plain) form(n int) {
	p.t.Helper()
	for i := range n {
		m := p.start("member-"+strconv.Itoa(i), addrAt(i))
		if i > 0 {
			p.join(m, addrAt(0))
		}
	}
	for _, m := range p.list[1:] {
		p.join(m, addrAt(0))
	}
	p.wait("all know all", func() bool {
		return !slices.ContainsFunc(p.list, func(m *memberlist.Memberlist) bool { return m.NumMembers() != n })
	})
}

func (p *plain) join(m *memberlist.Memberlist, addr netip.AddrPort) {
	p.t.Helper()
	if _, err := m.Join([]string{addr.String()}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *plain) wait(what string, ok func() bool) {
	p.t.Helper()
	for end := time.Now().Add(10 * time.Minute); !ok(); sleep(step) {
		if time.Now().After(end) {
			p.t.Fatalf("not within 10 minutes: %s", what)
		}
	}
}

// finds says whether m takes a member for alive, and where.
func finds(m *memberlist.Memberlist, name string) (netip.AddrPort, bool) {
	for _, n := range m.Members() {
		if n.Name == name {
			addr, _ := netip.AddrFromSlice(n.Addr)
			return netip.AddrPortFrom(addr.Unmap(), n.Port), true
		}
	}
	return netip.AddrPort{}, false
}

// message is one of memberlist's own, of three fields: suspect is type 3, dead is type 5 (memberlist's net.go). Whoever has the
// gossip key can write one about anybody.
func message(kind byte, incarnation uint32, node, from string) []byte {
	text := func(b []byte, s string) []byte { return append(append(b, 0xa0|byte(len(s))), s...) }
	b := []byte{kind, 0x83}
	b = binary.BigEndian.AppendUint32(append(text(b, "Incarnation"), 0xce), incarnation)
	b = text(text(b, "Node"), node)
	return text(text(b, "From"), from)
}

// events are what memberlist told a member of others.
type events struct {
	mu   sync.Mutex
	left []memberlist.Node
}

func (*events) NotifyJoin(*memberlist.Node)   {}
func (*events) NotifyUpdate(*memberlist.Node) {}

func (e *events) NotifyLeave(n *memberlist.Node) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.left = append(e.left, *n)
}

func (e *events) taken() []memberlist.Node {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.left)
}
