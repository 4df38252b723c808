package transport

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/memberlist"
)

// inbox is a delegate that keeps what other members sent.
type inbox struct {
	state []byte

	mu     sync.Mutex
	msgs   []string
	merged []string
}

func (*inbox) NodeMeta(int) []byte             { return nil }
func (*inbox) GetBroadcasts(int, int) [][]byte { return nil }
func (b *inbox) LocalState(bool) []byte        { return b.state }

func (b *inbox) MergeRemoteState(s []byte, _ bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.merged = append(b.merged, string(s))
}

func (b *inbox) NotifyMsg(m []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.msgs = append(b.msgs, string(m))
}

// merges tells whether the state was merged.
func (b *inbox) merges(state string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.merged, state)
}

// sorted is what arrived so far.
func (b *inbox) sorted() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(slices.Values(b.msgs))
}

func TestMembersJoinAndTalk(t *testing.T) {
	// More than one segment of every kind of buffer on the way.
	large := string(bytes.Repeat([]byte("large "), 50_000))
	var trs []*Transport
	var all []*memberlist.Memberlist
	var boxes []*inbox
	for i := range 2 {
		tr, box := start(t, Config{}), &inbox{state: fmt.Appendf(nil, "state of %d", i)}
		m := startMember(t, fmt.Sprint("member ", i), tr, func(c *memberlist.Config) {
			c.Delegate = box
			c.Label = "test"
			c.SecretKey = slices.Repeat([]byte{7}, 32)
		})
		trs, all, boxes = append(trs, tr), append(all, m), append(boxes, box)
	}
	if n, err := all[1].Join([]string{trs[0].Addr().String()}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	eventually(t, "both see both", func() bool { return all[0].NumMembers() == 2 && all[1].NumMembers() == 2 })
	for i, box := range boxes {
		eventually(t, "each has the other's state", func() bool { return box.merges(fmt.Sprint("state of ", 1-i)) })
	}
	for i, m := range all {
		to := m.Members()[slices.IndexFunc(m.Members(), func(n *memberlist.Node) bool { return n.Name != fmt.Sprint("member ", i) })]
		if err := m.SendReliable(to, []byte(large)); err != nil {
			t.Error(err)
		}
		if err := m.SendBestEffort(to, []byte("small")); err != nil {
			t.Error(err)
		}
	}
	for i, box := range boxes {
		eventually(t, "both messages arrived", func() bool { return len(box.sorted()) == 2 })
		if diff := cmp.Diff([]string{large, "small"}, box.sorted()); diff != "" {
			t.Errorf("member %d: %s", i, diff)
		}
	}
	checkTraffic(t, trs[0].Stats(), trs[1].Stats())
}

// checkTraffic compares what one sent with what the other received.
func checkTraffic(t *testing.T, a, b Stats) {
	t.Helper()
	if a.StreamsDialed != b.StreamsAccepted || b.StreamsDialed != a.StreamsAccepted || b.StreamsDialed != 2 {
		t.Errorf("one push/pull and a message each way:\n%+v\n%+v", a.Traffic, b.Traffic)
	}
	if a.StreamBytesReceived < 300_000 || b.StreamBytesReceived < 300_000 || a.PacketsReceived == 0 || b.PacketsReceived == 0 {
		t.Errorf("something was not counted:\n%+v\n%+v", a.Traffic, b.Traffic)
	}
	if a.StreamWriteErrors+b.StreamWriteErrors+a.PacketsQueueFull+b.PacketsQueueFull+a.PacketsTooLong+b.PacketsTooLong != 0 {
		t.Errorf("something was dropped:\n%+v\n%+v", a, b)
	}
	t.Log(a.PerMember(1, time.Second))
}
