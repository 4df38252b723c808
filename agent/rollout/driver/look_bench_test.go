package driver

import (
	"crypto/sha256"
	"fmt"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/pace"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// lookedAt is how many DaemonSets the hosts of BenchmarkLook have.
const lookedAt = 20

// toldOf is the rollout section of one host: every DaemonSet waits for its turn. Another version is another state of
// one of them.
func toldOf(b *testing.B, id string, version int) []byte {
	b.Helper()
	old, next := rollout.Revision{Fleet: "7f9c6d5b48", Local: "7f9c6d5b48"}, rollout.Revision{Fleet: "596mmntpxd", Local: "596mmntpxd"}
	var states []rollout.State
	for k := range lookedAt {
		key := fmt.Sprintf("monitoring/ds-%03d", k)
		states = append(states, rollout.State{
			Key: key, Target: rollout.Target{Generation: 3, Revision: next}, Running: old, Phase: rollout.PhaseWaiting,
			Ticket: rollout.Ticket{Generation: 3, Class: 1, Hash: rollout.TicketHash(key, id)},
			Shown:  rollout.Shown{Pod: true, Ready: true, Available: true, Addresses: []string{"10.244.1.17"}},
		})
	}
	states[0].Shown.Restarts = uint32(version) //nolint:gosec // it counts
	body, _, err := rollout.Encode(states, 0)
	if err != nil {
		b.Fatal(err)
	}
	return body
}

func membersTold(b *testing.B, n int) []gossip.Member {
	b.Helper()
	members := make([]gossip.Member, n)
	for i := range members {
		sum := sha256.Sum256(fmt.Append(nil, i))
		m := &members[i]
		copy(m.ID[:], sum[:])
		m.Name, m.State, m.Standing = fmt.Sprintf("node-%05d", i), gossip.StateAlive, records.Trusted
		m.Sections = map[string]records.Section{Section: {Stamp: record.Stamp{Generation: 1, Version: 1}, Body: toldOf(b, m.ID.String(), 1)}}
	}
	return members
}

// used is the processor time of this process, as a machine that does something else makes the time on the clock longer.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLook is what a host makes of news of one other member's pod during a rollout of all its 20 DaemonSets: it
// looks at the fleet and asks the rule for each of them. One figure is how much of a core it takes where there is news
// all the time.
func BenchmarkLook(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			turns := newTurns(Config{})
			var tracker fleet.Tracker
			members := membersTold(b, n)
			spec := strategy.Strategy{Budget: intstr.FromString("10%"), Deadline: strategy.DefaultDeadline}
			own, others := make([]rollout.State, lookedAt), make([][]rollout.Peer, lookedAt)
			now := time.Now()
			step := func() {
				ps := turns.PeersOf(tracker.Update(&gossip.View{Members: members, Settled: true}, now), now)
				for k := range own {
					own[k].Key = fmt.Sprintf("monitoring/ds-%03d", k)
					others[k] = ps.of(own[k].Key, others[k])
					own[k], _ = rollout.Next(rollout.Input{State: own[k], Peers: others[k], Strategy: spec, Seen: rollout.Observation{
						Now: now, ID: "self", Placed: true, Wanted: rollout.Revision{Fleet: "596mmntpxd", Local: "596mmntpxd"},
						Running: rollout.Revision{Fleet: "7f9c6d5b48", Local: "7f9c6d5b48"}, Pod: rollout.PodUp, Answers: true, Settled: true,
					}})
				}
			}
			step()
			now = now.Add(time.Hour)
			step()
			if own[0].Phase != rollout.PhaseWaiting {
				b.Fatalf("it is %s and should wait", own[0].Phase)
			}
			bodies := [2][]byte{toldOf(b, members[7].ID.String(), 2), toldOf(b, members[7].ID.String(), 3)}
			version := uint64(1)
			b.ReportAllocs()
			begin := used()
			for b.Loop() {
				version++
				members[7].Sections = map[string]records.Section{Section: {Stamp: record.Stamp{Generation: 1, Version: version}, Body: bodies[version%2]}}
				step()
			}
			cost := (used() - begin) / time.Duration(b.N)
			b.ReportMetric(float64(cost.Microseconds())/1000, "cpu-ms/look")
			b.ReportMetric(100*cost.Seconds()/(cost+pace.Look(cost)).Seconds(), "core-%")
			b.ReportMetric(pace.Look(cost).Seconds()*1000, "wait-ms")
		})
	}
}
