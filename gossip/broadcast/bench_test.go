package broadcast

import (
	"encoding/binary"
	"strconv"
	"testing"

	"github.com/hashicorp/memberlist"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// filled is how many slots are taken in the benchmarks.
var filled = []int{100, 10_000}

func idOf(n int) record.ID {
	var id record.ID
	binary.BigEndian.PutUint32(id[:], uint32(n)) //nolint:gosec // a small number
	return id
}

// fill makes a queue with that many messages of a rollout section's length.
func fill(n int) *Queue {
	q := New(Config{Members: members(10_000), MaxSlots: n})
	for i := range n {
		q.Push(idOf(i), "rollout", stamp(1), make([]byte, 230))
	}
	return q
}

// BenchmarkPush replaces the messages of a full queue, one after another.
func BenchmarkPush(b *testing.B) {
	for _, n := range filled {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			q, msg, version := fill(n), make([]byte, 230), uint64(1)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%n == 0 {
					version++
				}
				q.Push(idOf(i%n), "rollout", stamp(version), msg)
			}
		})
	}
}

// BenchmarkTake fills packets from a queue; whatever is sent often enough comes back as a newer record.
func BenchmarkTake(b *testing.B) {
	for _, n := range filled {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			q := fill(n)
			b.ReportAllocs()
			for b.Loop() {
				if len(q.Take(overhead, packetRoom)) == 0 {
					b.StopTimer()
					q = fill(n)
					b.StartTimer()
				}
			}
		})
	}
}

// BenchmarkTakeNothingFits is the worst case: every message is too long for what room there is.
func BenchmarkTakeNothingFits(b *testing.B) {
	for _, n := range filled {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			q := fill(n)
			for b.Loop() {
				q.Take(overhead, 200)
			}
		})
	}
}

// BenchmarkMemberlistTake is memberlist's queue doing what BenchmarkTake does.
func BenchmarkMemberlistTake(b *testing.B) {
	for _, n := range filled {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			refill := func() *memberlist.TransmitLimitedQueue {
				q := &memberlist.TransmitLimitedQueue{NumNodes: members(10_000), RetransmitMult: 2}
				for i := range n {
					q.QueueBroadcast(named{name: idOf(i).String(), msg: string(make([]byte, 230)), finished: new([]string)})
				}
				return q
			}
			q := refill()
			b.ReportAllocs()
			for b.Loop() {
				if len(q.GetBroadcasts(overhead, packetRoom)) == 0 {
					b.StopTimer()
					q = refill()
					b.StartTimer()
				}
			}
		})
	}
}
