package fleetsim_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
	"github.com/daemonsetd/daemonsetd/test/fleetsim"
)

// TestFaultT3Rollout: two packets with profiles under names that all members files list with their keys, from somebody with the
// gossip key who never joins, stop no rollout.
func TestFaultT3Rollout(t *testing.T) {
	cfg := fleetsim.Config{
		Hosts: 6, Seed: 3, MembersFile: true, Log: t.Output(), Faults: memnet.Faults{DelayMin: time.Millisecond, DelayMax: 2 * time.Millisecond},
	}
	fleetsim.Run(t, cfg, func(t *testing.T, f *fleetsim.Fleet) {
		f.LayAll("logger.yaml", logger("logger:1", ""))
		f.StartAll()
		watch(t, f, len(f.Hosts), time.Minute, func() bool { return f.Count(key, "logger:1") == len(f.Hosts) })
		f.Step(11 * time.Minute)
		from := f.Net.Listen(netip.MustParseAddrPort("10.9.9.9:7947"))
		defer func() { _ = from.Shutdown() }()
		for n, name := range []string{f.Hosts[1].Name, f.Hosts[2].Name} {
			id, err := identity.Generate(bytes.NewReader(bytes.Repeat([]byte{byte(100 + n)}, 32)))
			if err != nil {
				t.Fatal(err)
			}
			body, err := records.EncodeProfile(records.Profile{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			r, err := record.NewSigner("daemonsetd", id.Private).Sign(records.SectionMember, record.Stamp{Generation: uint64(time.Now().Unix()), Version: 1}, body)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range f.Hosts {
				f.Inject(from, h, wire.PushFrame(r.Encoded))
			}
		}
		f.Step(5 * time.Second)
		f.LayAll("logger.yaml", logger("logger:2", ""))
		took := watch(t, f, 1, 3*time.Minute, func() bool { return f.Count(key, "logger:2") == len(f.Hosts) })
		t.Logf("%d hosts one by one in %s", len(f.Hosts), took)
	})
}
