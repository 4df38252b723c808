package records

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// fleet is what n members have published: a profile, a node section of 1 KiB and a rollout section of 200 bytes each.
func fleet(b *testing.B, n int) [][]byte {
	b.Helper()
	var all [][]byte
	for i := range n {
		h := newHost(i)
		body, err := EncodeProfile(Profile{
			Name:    fmt.Sprintf("host-%05d.example.org", i),
			Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 7947),
		})
		if err != nil {
			b.Fatal(err)
		}
		all = append(all,
			h.sign(b, SectionMember, at(now(), 1), string(body)).Encoded,
			h.sign(b, "node", at(now(), 1), strings.Repeat("n", 1024)).Encoded,
			h.sign(b, "rollout", at(now(), 1), strings.Repeat("r", 200)).Encoded)
	}
	return all
}

// filled is a table that holds n members; no signature is verified while it is filled.
func filled(b *testing.B, n int) *Table {
	b.Helper()
	verify := false
	table := openWith(b, Config{
		Cluster: cluster, Self: newHost(1 << 30).id, Limits: Limits{NewAtOnce: DefaultMaxMembers},
		Verify: func(r record.Record, cluster string) error {
			if !verify {
				return nil
			}
			return r.Verify(cluster)
		},
	})
	for _, encoded := range fleet(b, n) {
		table.Offer(encoded)
	}
	if got := table.Stats().Members; got != n {
		b.Fatalf("%d members, want %d", got, n)
	}
	verify = true
	return table
}

// A record that is new: verifying it takes nearly all of the time.
func BenchmarkOfferNew(b *testing.B) {
	table, h := filled(b, 10_000), newHost(0)
	body := strings.Repeat("n", 1024)
	var list [][]byte
	for v := range 1000 {
		list = append(list, h.sign(b, "node", at(now()+1, uint64(v)+1), body).Encoded)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n == len(list) {
			b.StopTimer()
			if err := table.Forget(h.id); err != nil {
				b.Fatal(err)
			}
			delete(table.tombstones, h.id)
			n = 0
			b.StartTimer()
		}
		if _, outcome := table.Offer(list[n]); outcome != Newer {
			b.Fatal(outcome)
		}
		n++
	}
}

// Every record reaches a member some dozen times; all but the first of them cost this.
func BenchmarkOfferDuplicate(b *testing.B) {
	table := filled(b, 10_000)
	encoded := newHost(5).sign(b, "node", at(now(), 1), strings.Repeat("n", 1024)).Encoded
	table.Offer(encoded)
	b.ReportAllocs()
	for b.Loop() {
		if _, outcome := table.Offer(encoded); outcome != Duplicate {
			b.Fatal(outcome)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	table := filled(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		table.Digest()
	}
}

func BenchmarkVector(b *testing.B) {
	table := filled(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		table.Vector()
	}
}

// The heads of one bucket of 256.
func BenchmarkHeads(b *testing.B) {
	table := filled(b, 10_000)
	var one BucketSet
	one.Add(7)
	b.ReportAllocs()
	for b.Loop() {
		table.Heads(one)
	}
}

func BenchmarkView(b *testing.B) {
	for name, disturb := range map[string]func(*Table){
		"unchanged": func(*Table) {},
		"one body changed": func(t *Table) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.order[len(t.order)/2].shown = nil
			t.changed()
		},
		"a name changed": func(t *Table) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.reshape = true
			t.changed()
		},
	} {
		b.Run(name, func(b *testing.B) {
			table := filled(b, 10_000)
			table.View()
			b.ReportAllocs()
			for b.Loop() {
				disturb(table)
				table.View()
			}
		})
	}
}

// What one member of 10,000 costs in memory, as its records are encoded, in the table, and with a View of all.
func BenchmarkMemory(b *testing.B) {
	const n = 10_000
	all := fleet(b, n)
	for b.Loop() {
		before := heap()
		table := limited(b, Limits{NewAtOnce: n})
		for _, encoded := range all {
			table.Offer(encoded)
		}
		b.ReportMetric(float64(table.Stats().Bytes)/n, "encoded-B/member")
		b.ReportMetric(float64(heap()-before)/n, "table-B/member")
		view := table.View()
		b.ReportMetric(float64(heap()-before)/n, "with-view-B/member")
		runtime.KeepAlive(view)
		runtime.KeepAlive(table)
	}
	runtime.KeepAlive(all)
}

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// A start with 10,000 members on disk.
func BenchmarkOpen(b *testing.B) {
	dir, self := b.TempDir(), newHost(1<<30)
	const n = 10_000
	c := Config{
		Cluster: cluster, Self: self.id, Dir: dir, Limits: Limits{NewAtOnce: n},
		Verify: func(record.Record, string) error { return nil },
	}
	table := openWith(b, c)
	for _, encoded := range fleet(b, n) {
		table.Offer(encoded)
	}
	if err := table.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		table, err := Open(c)
		if err != nil || table.Stats().Members != n {
			b.Fatal(err, table.Stats())
		}
		if err := table.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(table.Stats().LogBytes)/1e6, "log-MB")
}
