package fleetsim_test

import (
	"fmt"
	"os"
	"path/filepath"
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
	// worse: acts fail, too, pods fail by themselves, and disks are set back.
	worse bool
	// sick are hosts whose pod has failed by itself and was not available since. They are no act of the rollout.
	sick map[*fleetsim.Host]bool
	// kept are directories that hold what a host had on its disk earlier.
	kept map[*fleetsim.Host]string
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
	if s.worse && s.f.Rand.IntN(2) == 0 {
		s.worsen(h)
		return
	}
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

// worsen does one thing that keeps acts from being done, or ends the reason for which they were allowed.
func (s *story) worsen(h *fleetsim.Host) {
	soon := func(most int) time.Duration { return time.Duration(1+s.f.Rand.IntN(most)) * time.Second }
	switch s.f.Rand.IntN(6) {
	case 0:
		group := s.some(0.7)
		s.note("disks of %d are full", len(group))
		for _, o := range group {
			o.SetFull(true)
			s.later(soon(150), o.Name+" has room", func() { o.SetFull(false) })
		}
	case 1, 2:
		group := s.some(0.7)
		s.note("pods of %d fail", len(group))
		for _, o := range group {
			s.fail(o, soon(30))
		}
	case 3: // a file that cannot be used before its ConfigMap comes
		s.revision++
		name := fmt.Sprintf("config-%d", s.revision)
		file := strings.Replace(s.file(fmt.Sprintf("logger:good-%d", s.revision)), "- {name: main, ", "- {name: main, envFrom: [{configMapRef: {name: "+name+"}}], ", 1)
		s.note("push of a file without its ConfigMap")
		for _, o := range s.some(0.8) {
			o.Lay("logger.yaml", file)
			s.later(soon(120), "ConfigMap of "+o.Name, func() {
				o.Lay(name+".yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "+name+"}\ndata: {a: b}\n")
			})
		}
	case 4: // kubelets come up, and their pods are not ready for a moment
		group := s.some(0.7)
		s.note("kubelets of %d restart", len(group))
		for _, o := range group {
			o.Kubelet.SetDown(true)
			s.later(soon(20), "", func() { o.Kubelet.SetDown(false); s.fail(o, time.Second) })
		}
	case 5:
		s.setBack(h)
	}
}

// fail has the pod of a host fail, and come back if it is still there.
func (s *story) fail(h *fleetsim.Host, after time.Duration) {
	for _, p := range h.Kubelet.Pods() {
		if !h.Available(key, "") {
			return
		}
		s.sick[h] = true
		h.Kubelet.SetReady(p.Namespace, p.Name, false)
		s.later(after, "", func() { h.Kubelet.SetReady(p.Namespace, p.Name, true) })
	}
}

// setBack sets the state directory of a host back to what it kept of it earlier, and starts its agent while it is cut off; or keeps it.
func (s *story) setBack(h *fleetsim.Host) {
	if h.Agent == nil || s.cut {
		return
	}
	h.Stop()
	old, known := s.kept[h]
	if !known {
		s.note("disk of %s is kept", h.Name)
		s.kept[h] = filepath.Join(s.t.TempDir(), h.Name)
		copied(s.t, h.Path("state"), s.kept[h])
		h.Start()
		return
	}
	s.note("%s is set back to its older disk, and cut off", h.Name)
	if err := os.RemoveAll(h.Path("state")); err != nil {
		s.t.Fatal(err)
	}
	copied(s.t, old, h.Path("state"))
	s.cut = true
	s.f.Cut(func(o *fleetsim.Host) bool { return o == h }, false)
	s.later(time.Duration(s.f.Rand.IntN(120))*time.Second, "heal", s.heal)
	h.Start()
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
	down := slices.DeleteFunc(s.f.Unavailable(key), func(h *fleetsim.Host) bool { return s.sick[h] })
	for h := range s.sick {
		if h.Available(key, "") {
			delete(s.sick, h)
		}
	}
	if len(down) > s.budget {
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
	for _, h := range s.f.Hosts {
		h.SetFull(false)
	}
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
func play(t *testing.T, hosts, budget, troubles int, seed uint64, worse bool) {
	t.Helper()
	cfg := fleetsim.Config{Hosts: hosts, Seed: seed, Behaviour: behave, Faults: memnet.Faults{DelayMin: time.Millisecond, DelayMax: 3 * time.Millisecond}}
	fleetsim.Run(t, cfg, func(t *testing.T, f *fleetsim.Fleet) {
		s := &story{
			t: t, f: f, budget: budget, begun: time.Now(), worse: worse,
			sick: map[*fleetsim.Host]bool{}, kept: map[*fleetsim.Host]string{},
		}
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
			play(t, c.hosts, c.budget, c.troubles, c.seed, false)
		})
	}
}
