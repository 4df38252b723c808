package memnet

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// A thousand members with the idle traffic of memberlist: what it costs is printed, that nothing is lost is checked.
func TestAThousandMembersAreCheap(t *testing.T) {
	const members, perSecond, packetSize = 1000, 4, 200
	const span = 30 * time.Second
	bubble(t, func(t *testing.T) {
		n := New(Config{Seed: 7, Faults: Faults{DelayMin: time.Millisecond, DelayMax: 30 * time.Millisecond}})
		var work sync.WaitGroup
		stop := make(chan struct{})
		for i := range members {
			tr := n.Listen(at(i))
			work.Go(func() { drain(tr, stop) })
		}
		before := runtime.NumGoroutine()
		for i := range members {
			work.Go(func() { chatter(n.nodeAt(i), i, members, perSecond, packetSize, span) })
		}
		pass(span / 2)
		if now := runtime.NumGoroutine(); now > before+members+10 {
			t.Errorf("%d goroutines while %d members talk, %d before", now, members, before)
		}
		pass(span/2 + time.Second)
		close(stop)
		work.Wait()
		sum := n.Stats()
		if want := uint64(members * perSecond * int(span.Seconds())); sum.PacketsSent != want || sum.PacketsReceived != want {
			t.Errorf("sent %d and received %d packets, wanted %d", sum.PacketsSent, sum.PacketsReceived, want)
		}
		t.Log(sum.PerMember(members, span))
	})
}

func (n *Network) nodeAt(i int) *Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nodes[at(i)]
}

func drain(tr *Transport, stop <-chan struct{}) {
	for {
		select {
		case <-tr.PacketCh():
		case <-stop:
			return
		}
	}
}

// chatter sends to one member after the other, at even intervals.
func chatter(tr *Transport, i, members, perSecond, size int, span time.Duration) {
	pass(time.Duration(i) * time.Second / time.Duration(members*perSecond))
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	b := make([]byte, size)
	for k := range perSecond * int(span.Seconds()) {
		_, _ = tr.WriteTo(b, at((i+k+1)%members).String())
		<-tick.C
	}
}

func BenchmarkPacket(b *testing.B) {
	for _, c := range []struct {
		name   string
		faults Faults
	}{
		{"at once", Faults{}},
		{"delayed", Faults{DelayMin: time.Microsecond, DelayMax: time.Millisecond, Loss: 0.01}},
	} {
		b.Run(c.name, func(b *testing.B) {
			n := New(Config{Queue: 1 << 16, Faults: c.faults})
			from, to := n.Listen(at(0)), n.Listen(at(1))
			stop := make(chan struct{})
			defer close(stop)
			go drain(to, stop)
			packet, addr := make([]byte, 200), at(1).String()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = from.WriteTo(packet, addr)
			}
		})
	}
}
