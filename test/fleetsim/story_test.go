package fleetsim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/test/fleetsim"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// story is a rollout, or several, with everything that can go wrong meanwhile, drawn from a seed.
type story struct {
	t *testing.T
	f *fleetsim.Fleet
	// budget is maxUnavailable.
	budget int
	// due are things that happen later.
	due []event
	// revision counts the files that were laid.
	revision int
	begun    time.Time
	told     []string
	cut      bool
}

type event struct {
	at   time.Time
	what string
	do   func()
}

// behave: the image says how its pod behaves. Bad ones start and are never ready.
func behave(_ int, p *corev1.Pod) kubeletsim.Behaviour {
	b := kubeletsim.Behaviour{Start: time.Second, Ready: 2 * time.Second, Stop: time.Second}
	switch image := p.Spec.Containers[0].Image; {
	case strings.Contains(image, "bad"):
		b.Ready = -1
	case strings.Contains(image, "slow"):
		b.Ready = 40 * time.Second
	}
	return b
}

func (s *story) file(image string) string {
	return strings.Replace(logger(image, ""), "maxUnavailable: 1", fmt.Sprintf("maxUnavailable: %d", s.budget), 1)
}

func (s *story) note(format string, args ...any) {
	s.told = append(s.told, fmt.Sprintf("%8s ", time.Since(s.begun).Round(time.Second))+fmt.Sprintf(format, args...))
}

func (s *story) later(d time.Duration, what string, do func()) {
	s.due = append(s.due, event{time.Now().Add(d), what, do})
}

// push lays a new file on every host of a group, on each at a time of its own within spread.
func (s *story) push(kind string, group []*fleetsim.Host, spread time.Duration) {
	s.revision++
	image := fmt.Sprintf("logger:%s-%d", kind, s.revision)
	s.note("push %s to %d hosts over %s", image, len(group), spread)
	for _, h := range group {
		s.later(time.Duration(s.f.Rand.Float64()*float64(spread)), "", func() { h.Lay("logger.yaml", s.file(image)) })
	}
}

// some picks every host with the given chance.
func (s *story) some(chance float64) []*fleetsim.Host {
	return slices.DeleteFunc(slices.Clone(s.f.Hosts), func(*fleetsim.Host) bool { return s.f.Rand.Float64() >= chance })
}

// trouble does one thing that can happen to a fleet.
func (s *story) trouble() {
	h := s.f.Hosts[s.f.Rand.IntN(len(s.f.Hosts))]
	kinds := []string{"good", "bad", "slow"}
	kind := kinds[s.f.Rand.IntN(len(kinds))]
	switch s.f.Rand.IntN(8) {
	case 0:
		s.push(kind, s.f.Hosts, time.Duration(s.f.Rand.IntN(10))*time.Minute)
	case 1: // two operators, two files
		s.push(kind, s.some(0.5), time.Minute)
		s.push("good", s.some(0.5), time.Minute)
	case 2, 3:
		s.stop(h)
	case 4:
		s.note("kubelet of %s is down", h.Name)
		h.Kubelet.SetDown(true)
		s.later(time.Duration(s.f.Rand.IntN(120))*time.Second, "kubelet of "+h.Name+" is up", func() { h.Kubelet.SetDown(false) })
	case 5, 6:
		s.split(s.f.Rand.IntN(3) == 0)
	case 7:
		faults := s.f.Net.Faults()
		faults.Loss = []float64{0, 0.05, 0.25}[s.f.Rand.IntN(3)]
		s.note("loss of %v", faults.Loss)
		s.f.Net.SetFaults(faults)
	}
}

func (s *story) stop(h *fleetsim.Host) {
	if h.Agent == nil {
		return
	}
	s.note("agent of %s stops", h.Name)
	h.Stop()
	s.later(time.Duration(s.f.Rand.IntN(180))*time.Second, "agent of "+h.Name+" starts", func() {
		if h.Agent == nil {
			h.Start()
		}
	})
}

func (s *story) split(oneWay bool) {
	if s.cut {
		return
	}
	side := map[string]bool{}
	for _, h := range s.some(0.5) {
		side[h.Addr.String()] = true
	}
	s.note("cut between %d and the others, one way %v", len(side), oneWay)
	s.cut = true
	s.f.Cut(func(h *fleetsim.Host) bool { return side[h.Addr.String()] }, oneWay)
	s.later(time.Duration(s.f.Rand.IntN(300))*time.Second, "heal", s.heal)
}

func (s *story) heal() {
	s.cut = false
	s.f.Heal()
}

// step lets a second pass, does what is due, and looks whether the budget holds.
func (s *story) step() {
	s.t.Helper()
	s.f.Step(time.Second)
	now := time.Now()
	for i := 0; i < len(s.due); i++ {
		if e := s.due[i]; !e.at.After(now) {
			s.due = slices.Delete(s.due, i, i+1)
			i--
			if e.what != "" {
				s.note("%s", e.what)
			}
			e.do()
		}
	}
	if down := s.f.Unavailable(key); len(down) > s.budget {
		for _, h := range down {
			s.note("%s is down", h.Name)
		}
		s.t.Fatalf("%d pods are down, the budget is %d:\n%s", len(down), s.budget, strings.Join(s.told, "\n"))
	}
	for _, h := range s.f.Hosts {
		for _, v := range h.Kubelet.Violations() {
			s.t.Fatalf("%s: %s\n%s", h.Name, v, strings.Join(s.told, "\n"))
		}
	}
}

// end lets everything heal, lays one good file everywhere, and expects every host to run it within limit.
func (s *story) end(limit time.Duration) time.Duration {
	s.t.Helper()
	for len(s.due) > 0 {
		s.step()
	}
	faults := s.f.Net.Faults()
	faults.Loss = 0
	s.f.Net.SetFaults(faults)
	s.f.StartAll()
	s.push("last", s.f.Hosts, time.Minute)
	image := fmt.Sprintf("logger:last-%d", s.revision)
	begun := time.Now()
	for s.f.Count(key, image) < len(s.f.Hosts) {
		s.step()
		if time.Since(begun) > limit {
			s.t.Fatalf("after %s only %d of %d run the last file:\n%s\n%s", limit, s.f.Count(key, image), len(s.f.Hosts), strings.Join(s.told, "\n"), strings.Join(s.f.Rollouts(key), "\n"))
		}
	}
	return time.Since(begun)
}

// play places the DaemonSet, lets the time after a first placement pass, has troubles happen, and ends it.
func play(t *testing.T, hosts, budget, troubles int, seed uint64) {
	t.Helper()
	cfg := fleetsim.Config{Hosts: hosts, Seed: seed, Behaviour: behave, Faults: memnet.Faults{DelayMin: time.Millisecond, DelayMax: 3 * time.Millisecond}}
	fleetsim.Run(t, cfg, func(t *testing.T, f *fleetsim.Fleet) {
		s := &story{t: t, f: f, budget: budget, begun: time.Now()}
		f.LayAll("logger.yaml", s.file("logger:first"))
		f.StartAll()
		for f.Count(key, "logger:first") < hosts {
			f.Step(time.Second)
		}
		f.Step(11 * time.Minute)
		s.push("good", f.Hosts, 2*time.Minute)
		for range troubles {
			s.trouble()
			for range 5 + f.Rand.IntN(60) {
				s.step()
			}
		}
		// Each host may have to wait for the progress of those before it; late files yield after half a minute.
		limit := 20*time.Minute + time.Duration(hosts)*2*time.Minute/time.Duration(budget)
		t.Logf("%d troubles in %s; the last file was everywhere after %s", troubles, time.Since(s.begun), s.end(limit))
	})
}

// TestStories plays a few.
func TestStories(t *testing.T) {
	for _, c := range []struct {
		hosts, budget, troubles int
		seed                    uint64
	}{{3, 1, 12, 1}, {5, 2, 12, 2}, {4, 1, 12, 3}} {
		t.Run(fmt.Sprintf("%d hosts, budget %d, seed %d", c.hosts, c.budget, c.seed), func(t *testing.T) {
			play(t, c.hosts, c.budget, c.troubles, c.seed)
		})
	}
}
