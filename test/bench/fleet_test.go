package bench

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/keyring"
)

// freeAddr is a loopback address at which nobody listens.
func freeAddr(b *testing.B) netip.AddrPort {
	b.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// BenchmarkFleet is the memory and the processor time of one agent, the real binary, in a fleet of that many members, which
// this process simulates over loopback. Every member has records of some 2 KiB together. First the agent takes all of
// them, then the fleet is at rest.
func BenchmarkFleet(b *testing.B) {
	for _, bar := range []struct {
		members  int
		rss, cpu float64
	}{{1000, 32, 0.3}, {10_000, 64, 0}} {
		b.Run(fmt.Sprintf("members=%d", bar.members), func(b *testing.B) {
			measureFleet(b, bar.members)
			b.ReportMetric(bar.rss, "rss-MiB-bar")
			if bar.cpu > 0 {
				b.ReportMetric(bar.cpu, "cpu-%-bar")
			}
		})
	}
}

func measureFleet(b *testing.B, members int) {
	key := keyring.Generate()
	addr := freeAddr(b)
	s := newSwarm(b, members-1, addr, key)
	files := map[string]string{}
	for i := range 5 {
		name := fmt.Sprintf("ds-%03d", i)
		files[name+".yaml"] = daemonSet(name, "")
	}
	r := newRig(b, files)
	keys := filepath.Join(r.dir, "gossip.key")
	if err := os.WriteFile(keys, []byte(key.Encode()+"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	roster := filepath.Join(r.dir, "members.yaml")
	if err := os.WriteFile(roster, []byte(s.roster("bench")), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := r.process(build(b), "--cluster", swarmCluster, "--members-file", roster, "--gossip-bind", addr.String(), "--gossip-join", s.addr.String(), "--gossip-key-file", keys)
	s.await()
	<-time.After(30 * time.Second) // what it took of memory to get there is given back, and it counts as settled
	const period = 20 * time.Second
	before, probes := cpu(b, cmd.Process.Pid), s.probed.Load()
	<-time.After(period)
	used := cpu(b, cmd.Process.Pid) - before
	if s.probed.Load() == probes {
		b.Error("the agent has probed nobody: this is no fleet at rest")
	}
	s.await() // that it still holds all
	b.Logf("bytes of a member's records: %s", s.describe())
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rss(b, cmd.Process.Pid), "rss-MiB")
	b.ReportMetric(file(b, cmd.Process.Pid), "of-it-file-MiB")
	b.ReportMetric(peak(b, cmd.Process.Pid), "peak-MiB")
	b.ReportMetric(100*used.Seconds()/period.Seconds(), "cpu-%")
}

// await waits until the agent holds what the swarm does.
func (s *swarm) await() {
	s.b.Helper()
	limit := time.After(2 * time.Minute)
	for {
		s.ping()
		select {
		case <-limit:
			s.b.Fatalf("the agent has not taken all records: its digest is %x, want %x", s.root.Load(), s.table.Digest().Root)
		case <-time.After(200 * time.Millisecond):
		}
		if s.equal() && s.table.Digest().Count > uint32(4*len(s.ids)) { //nolint:gosec // its own are there too
			return
		}
	}
}
