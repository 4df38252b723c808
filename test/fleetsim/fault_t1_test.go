package fleetsim_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/agent/rollout/driver"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
	"github.com/daemonsetd/daemonsetd/test/fleetsim"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// madeUp is a member that somebody with the gossip key makes up. It never joins, and its records arrive in packets.
type madeUp struct {
	t      *testing.T
	fleet  *fleetsim.Fleet
	from   *memnet.Transport
	signer record.Signer
	stamp  record.Stamp
}

func makeUp(t *testing.T, f *fleetsim.Fleet, from *memnet.Transport, n int) *madeUp {
	t.Helper()
	id, err := identity.Generate(bytes.NewReader(bytes.Repeat([]byte{byte(n)}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	m := &madeUp{
		t: t, fleet: f, from: from, signer: record.NewSigner("daemonsetd", id.Private),
		stamp: record.Stamp{Generation: uint64(time.Now().Unix())}, //nolint:gosec // it is not negative
	}
	profile, err := records.EncodeProfile(records.Profile{Name: fmt.Sprintf("made-up-%d", n)})
	m.tell(records.SectionMember, profile, err)
	return m
}

// tell sends every host a section.
func (m *madeUp) tell(section string, body []byte, err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
	m.stamp.Version++
	r, err := m.signer.Sign(section, m.stamp, body)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, h := range m.fleet.Hosts {
		m.fleet.Inject(m.from, h, wire.PushFrame(r.Encoded))
	}
}

// stands tells where it stands with the DaemonSet.
func (m *madeUp) stands(state rollout.State) {
	m.t.Helper()
	state.Key = key
	body, _, err := rollout.Encode([]rollout.State{state}, 0)
	m.tell(driver.Section, body, err)
}

// TestFaultT1: four times as many made-up members as there are hosts, who have joined, answer, and tell that all is well, raise
// no budget: a bad image takes no more than that of the hosts that there are.
func TestFaultT1(t *testing.T) {
	file := func(image string) string {
		return strings.Replace(logger(image, ""), "maxUnavailable: 1", `maxUnavailable: "25%"`, 1)
	}
	cfg := fleetsim.Config{
		Hosts: 6, Seed: 5, Log: t.Output(), Faults: memnet.Faults{DelayMin: time.Millisecond, DelayMax: 2 * time.Millisecond},
		Behaviour: func(_ int, pod *corev1.Pod) kubeletsim.Behaviour {
			b := kubeletsim.Behaviour{Start: time.Second, Ready: 2 * time.Second, Stop: time.Second}
			if pod.Spec.Containers[0].Image == "logger:2" {
				b.Ready = -1
			}
			return b
		},
	}
	fleetsim.Run(t, cfg, func(t *testing.T, f *fleetsim.Fleet) {
		f.LayAll("logger.yaml", file("logger:1"))
		f.StartAll()
		watch(t, f, len(f.Hosts), time.Minute, func() bool { return f.Count(key, "logger:1") == len(f.Hosts) })
		f.Step(10 * time.Second)
		f.Age()
		var strangers []*gossip.Node
		for n := range 24 {
			strangers = append(strangers, f.Stranger(n))
		}
		tell := func() { // that they have nothing to replace any more for what the hosts are at
			target := onDisk(t, f.Hosts[0]).Target
			body, _, err := rollout.Encode([]rollout.State{{
				Key: key, Phase: rollout.PhaseAvailable, Target: target, Running: target.Revision,
				Ticket: rollout.Ticket{Generation: target.Generation, Class: 3},
			}}, 0)
			for _, stranger := range strangers {
				if err == nil {
					err = stranger.Publish(driver.Section, body)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		tell()
		f.Step(time.Minute)
		alive := 0
		for _, m := range strangers[23].View().Members {
			if m.State == gossip.StateAlive {
				alive++
			}
		}
		if alive != 6+24 {
			t.Fatalf("%d members live: this shows nothing", alive)
		}
		f.LayAll("logger.yaml", file("logger:2"))
		f.Step(3 * time.Second)
		tell()
		began := time.Now()
		watch(t, f, 2, time.Hour, func() bool { return time.Since(began) > 90*time.Second })
		if down := f.Unavailable(key); len(down) == 0 {
			t.Errorf("no host began: this shows nothing\n%s", strings.Join(f.Rollouts(key), "\n"))
		}
	})
}

// TestFaultT2: a member tells of a generation of which there are no later ones. A new revision goes round after it.
// The liar costs one unit of the budget.
func TestFaultT2(t *testing.T) {
	cfg := fleetsim.Config{
		Hosts: 4, Seed: 6, Log: t.Output(), Faults: memnet.Faults{DelayMin: time.Millisecond, DelayMax: 2 * time.Millisecond},
	}
	two := func(image string) string {
		return strings.Replace(logger(image, ""), "maxUnavailable: 1", "maxUnavailable: 2", 1)
	}
	fleetsim.Run(t, cfg, func(t *testing.T, f *fleetsim.Fleet) {
		f.LayAll("logger.yaml", two("logger:1"))
		f.StartAll()
		watch(t, f, len(f.Hosts), time.Minute, func() bool { return f.Count(key, "logger:1") == len(f.Hosts) })
		f.Step(11 * time.Minute)
		from := f.Net.Listen(netip.MustParseAddrPort("10.9.9.9:7947"))
		defer func() { _ = from.Shutdown() }()
		rev := rollout.Revision{Fleet: "made-up", Local: "made-up"}
		liar := makeUp(t, f, from, 100)
		liar.stands(rollout.State{
			Ticket: rollout.Ticket{Generation: 1 << 53, Class: 1}, Target: rollout.Target{Generation: 1 << 53, Revision: rev},
			Running: rev, Phase: rollout.PhaseAvailable,
		})
		f.Step(30 * time.Second)
		f.LayAll("logger.yaml", two("logger:2"))
		took := watch(t, f, 2, 10*time.Minute, func() bool { return f.Count(key, "logger:2") == len(f.Hosts) })
		t.Logf("%d hosts in %s, one unit of the budget is the liar's", len(f.Hosts), took)
	})
}
