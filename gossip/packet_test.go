package gossip

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

// filler is a delegate that gives memberlist as much as it asks for, to the last byte, in one message or in several, and takes no
// notice of what it gets.
type filler struct {
	*delegate
	parts int
}

func (f filler) NotifyMsg([]byte) {}

func (f filler) LocalState(bool) []byte { return nil }

func (f filler) GetBroadcasts(overhead, limit int) [][]byte {
	var msgs [][]byte
	for left := f.parts; left > 0 && limit > overhead; left-- {
		n := limit/left - overhead
		msgs = append(msgs, make([]byte, n))
		limit -= n + overhead
	}
	return msgs
}

// TestFaultO24EveryPacketFits: packets of 1,405 bytes were seen where 1,400 is the limit. memberlist fills a packet with what the delegate
// gives it, and neither counts the checksum that it puts in front nor the length of the message that others ride on. Here whatever is sent
// is as full as it can be, so that nothing depends on chance.
func TestFaultO24EveryPacketFits(t *testing.T) {
	for _, c := range []struct {
		label string
		keys  [][]byte
		parts int
	}{
		{"a", nil, 1},
		{"a", [][]byte{bytes.Repeat([]byte{1}, 32)}, 1},
		{"fleet", [][]byte{bytes.Repeat([]byte{1}, 32)}, 2},
		{strings.Repeat("x", maxCluster), nil, 1},
		{strings.Repeat("x", maxCluster), [][]byte{bytes.Repeat([]byte{1}, 32)}, 1},
		{strings.Repeat("x", maxCluster), [][]byte{bytes.Repeat([]byte{1}, 32)}, 3},
		{strings.Repeat("x", maxCluster), [][]byte{bytes.Repeat([]byte{1}, 32)}, 100},
	} {
		t.Run(fmt.Sprintf("label of %d, %d keys, %d messages", len(c.label), len(c.keys), c.parts), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { fillPackets(t, c.label, c.keys, c.parts) })
		})
	}
}

func fillPackets(t *testing.T, label string, keys [][]byte, parts int) {
	t.Helper()
	network := memnet.New(memnet.Config{Seed: 1})
	var mu sync.Mutex
	sizes := map[int]int{}
	network.SetTap(func(_, _ netip.AddrPort, packet []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		sizes[len(packet)]++
		return packet
	})
	var lists []*memberlist.Memberlist
	var nodes []*Node
	for i := range 3 {
		id, err := identity.Load(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), DefaultPort)
		n, err := New(Config{Cluster: label, Name: fmt.Sprint(i), Identity: id, Dir: t.TempDir(), Keys: keys, Transport: network.Listen(addr)})
		if err != nil {
			t.Fatal(err)
		}
		conf := n.memberlistConfig()
		conf.Delegate = filler{(*delegate)(n), parts}
		list, err := memberlist.Create(conf)
		if err != nil {
			t.Fatal(err)
		}
		n.list.Store(list)
		if i > 0 {
			if _, err := list.Join([]string{"10.0.0.1:" + fmt.Sprint(DefaultPort)}); err != nil {
				t.Fatal(err)
			}
		}
		lists, nodes = append(lists, list), append(nodes, n)
	}
	time.Sleep(30 * time.Second)
	most := func() (most int) {
		mu.Lock()
		defer mu.Unlock()
		for n := range sizes {
			most = max(most, n)
		}
		clear(sizes)
		return most
	}
	if got := most(); got > maxPacket || got < maxPacket-20 {
		t.Errorf("memberlist's longest packet has %d bytes, want %d to %d", got, maxPacket-20, maxPacket)
	}
	// What steady sends goes past memberlist's own counting.
	synctest.Wait()
	most()
	room := nodes[0].room()
	frames := [][]byte{make([]byte, room-1-wire.PushesOverhead)}
	if err := lists[0].SendBestEffort(lists[1].LocalNode(), wire.PushesFrame(frames)); err != nil {
		t.Error(err)
	}
	if got := most(); got > maxPacket || got < room {
		t.Errorf("a packet of pushes has %d bytes, want %d to %d", got, room, maxPacket)
	}
	for i, list := range lists {
		if err := list.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := nodes[i].table.Close(); err != nil {
			t.Error(err)
		}
	}
	time.Sleep(time.Minute)
}
