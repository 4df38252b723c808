package memnet

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/memberlist"
)

// inbox is a delegate that keeps what other members sent.
type inbox struct {
	mu   sync.Mutex
	msgs []string
}

func (*inbox) NodeMeta(int) []byte             { return nil }
func (*inbox) GetBroadcasts(int, int) [][]byte { return nil }
func (*inbox) LocalState(bool) []byte          { return nil }
func (*inbox) MergeRemoteState([]byte, bool)   {}

func (b *inbox) NotifyMsg(m []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.msgs = append(b.msgs, string(m))
}

// sorted is what arrived so far.
func (b *inbox) sorted() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(slices.Values(b.msgs))
}

// fleet joins members over the network.
func fleet(t *testing.T, n *Network, size int) (all []*memberlist.Memberlist, boxes []*inbox) {
	t.Helper()
	for i := range size {
		box := &inbox{}
		m := startMember(t, n, i, func(c *memberlist.Config) {
			c.Delegate = box
			c.Label = "test"
			c.SecretKey = slices.Repeat([]byte{7}, 32)
		})
		if i > 0 {
			if _, err := m.Join([]string{at(0).String()}); err != nil {
				t.Fatal(err)
			}
		}
		all, boxes = append(all, m), append(boxes, box)
	}
	waitFor(t, 10*time.Minute, "all see all", func() bool { return everyoneSees(all, size) })
	return all, boxes
}

func everyoneSees(all []*memberlist.Memberlist, size int) bool {
	return !slices.ContainsFunc(all, func(m *memberlist.Memberlist) bool { return m.NumMembers() != size })
}

var lossy = Faults{Loss: 0.25, DelayMin: time.Millisecond, DelayMax: 20 * time.Millisecond}

func TestMembersTalkOverALossyNetwork(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const size, messages = 10, 40
		n := New(Config{Seed: 1, Faults: lossy})
		all, boxes := fleet(t, n, size)
		var want []string
		for i := range messages {
			msg := fmt.Sprintf("message %02d", i)
			want = append(want, msg)
			// One dial in thirty loses a packet four times in memberlist's 10 s.
			waitFor(t, time.Hour, "a stream", func() bool {
				return all[1].SendReliable(nodeOf(at(2)), []byte(msg)) == nil
			})
			if err := all[1].SendBestEffort(nodeOf(at(3)), []byte(msg)); err != nil {
				t.Fatal(err)
			}
		}
		waitFor(t, time.Minute, "all that was sent over streams", func() bool { return len(boxes[2].sorted()) == messages })
		if diff := cmp.Diff(want, boxes[2].sorted()); diff != "" {
			t.Error(diff)
		}
		if got := len(boxes[3].sorted()); got == 0 || got == messages {
			t.Errorf("%d of %d packets arrived, wanted about three of four", got, messages)
		}

		before := n.Stats()
		pass(time.Minute)
		t.Log("idle:", n.Stats().Since(before.Traffic).PerMember(size, time.Minute))
	})
}

// nodeOf is where a member is. It is not what Members returns: memberlist goes on writing into those while a send reads them.
func nodeOf(name netip.AddrPort) *memberlist.Node {
	return &memberlist.Node{Name: name.String(), Addr: name.Addr().AsSlice(), Port: name.Port()}
}

func TestMembersSeeACutAndAKilledOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const size = 6
		n := New(Config{Seed: 1, Faults: Faults{DelayMin: time.Millisecond, DelayMax: 5 * time.Millisecond}})
		all, _ := fleet(t, n, size)
		f := n.Faults()
		f.Cut = Split(Among(at(4), at(5)))
		n.SetFaults(f)
		waitFor(t, 5*time.Minute, "both sides see only themselves", func() bool {
			return everyoneSees(all[:4], 4) && everyoneSees(all[4:], 2)
		})
		f.Cut = nil
		n.SetFaults(f)
		if _, err := all[5].Join([]string{at(0).String()}); err != nil {
			t.Fatal(err)
		}
		waitFor(t, 5*time.Minute, "all see all again", func() bool { return everyoneSees(all, size) })

		if err := all[5].Shutdown(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, 5*time.Minute, "the others see that one is gone", func() bool { return everyoneSees(all[:5], 5) })
	})
}

// memberlist's own MockNetwork hands packets over in the sender's goroutine, for ever if nobody takes them.
func TestMockNetworkBlocksWhereMemnetDrops(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mock memberlist.MockNetwork
		a, b := mock.NewTransport("a"), mock.NewTransport("b")
		_ = b.Shutdown()
		sent := make(chan struct{})
		go func() {
			_, _ = a.WriteToAddress([]byte("x"), memberlist.Address{Name: "b"})
			close(sent)
		}()
		pass(time.Hour)
		synctest.Wait()
		select {
		case <-sent:
			t.Error("memberlist's mock network has learned to drop: is memnet still needed?")
		case <-b.PacketCh():
			<-sent
		}

		_, c, d := pair(t, Config{})
		_ = d.Shutdown()
		sendNumbers(t, c, at(1), 1)
	})
}
