package bench

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/test/fleetsim"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
	"github.com/daemonsetd/daemonsetd/test/virtual"
)

const (
	// toReady is how long a host's pod is away, from the signal to stop until the new one is ready.
	toReady = 5 * time.Second
	// rolloutBar is what a rollout may take, in ideals.
	rolloutBar = 1.15
)

// lanDelays are those of a local network.
func lanDelays() memnet.Faults {
	return memnet.Faults{DelayMin: 200 * time.Microsecond, DelayMax: 2 * time.Millisecond}
}

// rolled is what a rollout took.
type rolled struct {
	hosts, budget int
	took          time.Duration
	// first is when the first pod was taken down.
	first time.Duration
	// most is how many pods were down at one moment, away for how long all of them were together.
	most    int
	away    time.Duration
	traffic memnet.Stats
	cpu     time.Duration
}

// glance is how often it is looked at how many pods are down.
const glance = 50 * time.Millisecond

// see takes in how many pods are down at one of the moments at which that is looked at.
func (r *rolled) see(down int, since time.Duration) {
	r.away += time.Duration(down) * glance
	r.most = max(r.most, down)
	if down > 0 && r.first == 0 {
		r.first = since
	}
}

// ideal is how long it takes where nobody ever waits for news.
func (r rolled) ideal() time.Duration {
	return time.Duration((r.hosts+r.budget-1)/r.budget) * toReady
}

func (r rolled) report(b *testing.B) {
	n := float64(r.hosts)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(r.took.Seconds(), "virtual-s")
	b.ReportMetric(r.took.Seconds()/r.ideal().Seconds(), "ideals")
	b.ReportMetric(rolloutBar, "ideals-bar")
	b.ReportMetric(r.first.Seconds(), "first-s")
	b.ReportMetric(float64(r.most), "most-down")
	b.ReportMetric(r.away.Seconds()/n, "away-s")
	b.ReportMetric(float64(r.traffic.PacketsSent)/n, "packets/host")
	b.ReportMetric(float64(r.traffic.StreamsDialed)/n, "streams/host")
	b.ReportMetric(float64(r.traffic.PacketBytesSent+r.traffic.StreamBytesSent)/n/1024, "KiB/host")
	b.ReportMetric(1000*r.cpu.Seconds()/n/r.took.Seconds(), "cpu-ms/host/s")
}

func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRollout is how long a new template takes to be on every host, a tenth of them at a time, with files that arrive
// everywhere at once, in virtual time over a simulated local network. Whole agents with simulated kubelets and real files.
//
// The real controller cannot be run beside it for so many hosts in minutes. It needs no news from hosts to hosts: after a pod is
// ready come two calls to the API server, of the 18 to 63 ms that one was measured to take to show, so that by arithmetic a
// wave takes 5.04 to 5.13 s, 1.01 to 1.03 ideals, where it may call as often as it wants.
func BenchmarkRollout(b *testing.B) {
	for _, hosts := range []int{40, 200} {
		b.Run(fmt.Sprintf("agents/hosts=%d", hosts), func(b *testing.B) {
			var r rolled
			virtual.Run(b, func(t *testing.T) { r = rollAgents(t, hosts) })
			r.report(b)
		})
	}
}

// BenchmarkRolloutLight is BenchmarkRollout with lighter hosts, see lightFleet: with 40 and 200 to be compared with whole agents,
// with a thousand because so many of those are too much for one machine. There a look is taken to cost 5 ms; BenchmarkLook of
// package agent measures 3 ms with 20 DaemonSets.
func BenchmarkRolloutLight(b *testing.B) {
	for _, c := range []struct {
		hosts int
		look  time.Duration
	}{{40, 0}, {200, 0}, {1000, 5 * time.Millisecond}} {
		b.Run(fmt.Sprintf("hosts=%d/look=%s", c.hosts, c.look), func(b *testing.B) {
			var r rolled
			virtual.Run(b, func(t *testing.T) { r = rollLight(t, c.hosts, c.look) })
			r.report(b)
		})
	}
}

func rollAgents(t *testing.T, hosts int) rolled {
	r := rolled{hosts: hosts, budget: (hosts + 9) / 10}
	cfg := fleetsim.Config{
		Hosts: hosts, Seed: 1, MembersFile: true, Faults: lanDelays(), Scan: 50 * time.Millisecond, RunningAge: -1,
		Behaviour: func(int, *corev1.Pod) kubeletsim.Behaviour {
			// With the kubelet's looks at its directory and the agent's at the kubelet, toReady.
			return kubeletsim.Behaviour{Stop: time.Second, Start: time.Second, Ready: toReady - 2100*time.Millisecond}
		},
	}
	fleetsim.Run(t, cfg, func(t *testing.T, f *fleetsim.Fleet) {
		f.LayAll("ds.yaml", rolledFile("image:1"))
		f.StartAll()
		for f.Count("default/ds", "image:1") < hosts {
			f.Step(time.Second)
		}
		f.Step(10 * time.Second)
		f.Age()
		f.Step(time.Minute)
		before, cpu, begin := f.Net.Stats(), processor(), time.Now()
		f.LayAll("ds.yaml", rolledFile("image:2"))
		for f.Count("default/ds", "image:2") < hosts {
			f.Step(glance)
			r.see(len(f.Unavailable("default/ds")), time.Since(begin))
			if time.Since(begin) > 10*time.Minute {
				t.Fatalf("after %s %d of %d run the new revision", time.Since(begin), f.Count("default/ds", "image:2"), hosts)
			}
		}
		r.took, r.cpu = time.Since(begin), processor()-cpu
		r.traffic = f.Net.Stats()
		r.traffic.Traffic = r.traffic.Since(before.Traffic)
	})
	return r
}

func rolledFile(image string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ds, annotations: {daemonsetd.io/soak: 0s}}
spec:
  selector: {matchLabels: {app: ds}}
  updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 10%%}}
  template:
    metadata: {labels: {app: ds}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - {name: main, image: "%s"}
`, image)
}
