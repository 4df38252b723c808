package rollout

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// chaos is a random run: a fleet to which everything happens in any order, and which must finish when that is over.
func chaos(seed uint64, w without, forgetful, logging bool) *sim {
	rng := rand.New(rand.NewPCG(seed, 1))
	n := 3 + rng.IntN(6)
	s := newSim(seed, n, chaosSpec(rng), w)
	s.forgetful, s.logging = forgetful, logging
	s.bad["X"] = true
	s.bad["Y/"+strconv.Itoa(rng.IntN(n))] = true
	s.ready = func(*simHost) time.Duration { return time.Duration(s.rng.IntN(60)) * time.Second }
	if s.listed = seed%3 == 0; s.listed {
		s.undeclare(rng)
	}
	if seed%2 == 0 {
		s.lie(rng, n)
	}
	for range 40 + rng.IntN(160) {
		s.disturb()
		if s.found != "" {
			return s
		}
	}
	s.settle()
	return s
}

// lie adds liars: made-up ones, up to five times the fleet, and one that counts. They may lie from the beginning or begin later, and each look of
// each host at one shows something else.
func (s *sim) lie(rng *rand.Rand, n int) {
	if rng.IntN(2) == 0 {
		s.makeUp(1, true)
	}
	if rng.IntN(2) == 0 {
		s.makeUp(1+rng.IntN(5*n), false)
	}
	phases := []Phase{PhaseAvailable, PhaseAvailable, PhaseWaiting, PhaseHeld, PhaseNotPlaced, PhaseUpdating, PhaseFailed, PhaseUnavailable}
	s.madeUp = func(int) *State {
		highest, class := uint64(1), uint32(1)
		for _, h := range s.hosts {
			highest, class = max(highest, h.mem.Ticket.Generation), max(class, h.mem.Ticket.Class)
		}
		generation := 1 + s.rng.Uint64N(highest+1)
		switch s.rng.IntN(12) {
		case 0:
			generation = min(highest+stepGeneration, MaxGeneration) // as far as it is believed, for ever
		case 1:
			generation = MaxGeneration
		case 2:
			class += stepClass
		case 3:
			class = maxClass
		default:
			class = s.rng.Uint32N(class + 2)
		}
		target, running := pick(s, []string{"A", "B", "C", "X", "Z", "W"}), pick(s, []string{"A", "B", "Z", ""})
		st := at(pick(s, phases), generation, class, 0, target, running)
		st.Target.Generation -= min(s.rng.Uint64N(3), st.Target.Generation)
		if s.rng.IntN(8) == 0 {
			st.Rejected = Target{generation, fleetRev(pick(s, []string{"A", "B", "C"}))}
		}
		st.Canary = s.rng.IntN(4) == 0
		return st
	}
}

func chaosSpec(rng *rand.Rand) strategy.Strategy {
	spec := budget(1 + rng.IntN(3))
	if rng.IntN(4) == 0 {
		spec.Budget = intstr.FromString(strconv.Itoa(10+rng.IntN(40)) + "%")
	}
	spec.AutoRollback = rng.IntN(3) == 0
	spec.Strict = rng.IntN(4) == 0
	return spec
}

func pick[T any](s *sim, from []T) T { return from[s.rng.IntN(len(from))] }

// disturb is one thing that happens.
func (s *sim) disturb() {
	h := pick(s, s.hosts)
	switch p := s.rng.IntN(1000); {
	case p < 300:
		s.step(h)
	case p < 400:
		s.act(h)
	case p < 700:
		s.deliver(h, pick(s, s.hosts))
	case p < 840:
		s.pass(time.Duration(s.rng.IntN(20)) * time.Second)
	case p < 900:
		s.roll(h)
	default:
		s.fault(h, p)
	}
}

// undeclare begins with a DaemonSet that only some hosts have.
func (s *sim) undeclare(rng *rand.Rand) {
	for _, h := range s.hosts {
		if rng.IntN(2) == 0 {
			continue
		}
		h.undeclared, h.mem, h.disk, h.running, h.up = true, State{Key: simKey}, State{Key: simKey}, Revision{}, false
		s.members[h.member].told = []*simRecord{{}}
		for _, o := range s.hosts {
			o.heard[h.member] = 0
		}
	}
}

// declare has a host place the DaemonSet, and its pod is up soon.
func (s *sim) declare(h *simHost) {
	h.undeclared, h.file = false, "A"
	s.step(h)
	s.act(h)
	h.readyAt = s.now
	s.kubelet(h)
	s.step(h)
}

// roll gives hosts other files: all of them the same one in the end, or one host a file of its own.
func (s *sim) roll(h *simHost) {
	if h.undeclared {
		s.declare(h)
	}
	if s.rng.IntN(40) == 0 {
		h.reset = true
		s.logf("host %d is to begin a new epoch", h.index)
		return
	}
	h.file = pick(s, []string{"A", "B", "C", "B", "C", "X", "Y"})
	s.logf("host %d gets file %s", h.index, h.file)
}

func (s *sim) fault(h *simHost, p int) {
	other := pick(s, s.hosts)
	switch {
	case p < 912:
		s.restart(h)
	case p < 914:
		h.stuck = !h.stuck
	case p < 915:
		h.typo = !h.typo
	case p < 916:
		h.away = !h.away
	case p < 918:
		h.alive = !h.alive
	case p < 930:
		h.broken = !h.broken
		h.up = h.up && !h.broken
	case p < 931:
		h.undeclared = !h.undeclared
		if h.undeclared {
			s.step(h)
			s.act(h)
		}
	case p < 936:
		h.label = pick(s, []string{"", "1", "2"})
	case p < 944:
		h.placed = !h.placed
	case p < 950:
		h.tainted = !h.tainted
	case p < 970:
		h.down[other.member] = !h.down[other.member]
	case p < 974:
		s.loseDisk(h)
	case p < 978:
		s.loseState(h)
	case p < 984:
		s.pass(time.Duration(s.rng.IntN(15)) * time.Minute)
	case p < 992:
		s.storm()
	default:
		for _, o := range s.hosts {
			s.deliverAll(o, h)
		}
	}
	s.logf("fault %d at host %d", p, h.index)
}

// storm is what happens to many hosts at once: a file or a disk that nothing can be done with, kubelets that are away, pods that
// fail and come back meanwhile, and its end.
func (s *sim) storm() {
	kind := s.rng.IntN(7)
	for _, h := range s.hosts {
		if s.rng.IntN(3) == 0 {
			continue
		}
		switch kind {
		case 0:
			h.stuck = true
		case 1:
			h.typo = true
		case 2:
			h.away = true
		case 3, 4:
			h.broken, h.up = true, false
		case 5:
			h.broken = false
		default:
			h.stuck, h.typo, h.away = false, false, false
		}
		if kind < 5 {
			s.step(h)
		}
	}
	s.logf("storm %d", kind)
}

// deliver brings some record that is newer than the one there.
func (s *sim) deliver(from, to *simHost) {
	m := s.members[from.member]
	least := max(to.heard[from.member], m.floor)
	if newest := len(m.told) - 1; from != to && newest >= least {
		to.heard[from.member] = least + s.rng.IntN(newest-least+1)
	}
}

// restart is an agent killed and started again: what was not on disk is lost.
func (s *sim) restart(h *simHost) {
	old := h.disk
	h.mem, h.decision = old, Decision{}
	s.logf("host %d restarts as %s", h.index, brief(&old))
}

// loseDisk: the host comes back as another member, with its pod or without. The old one stays down.
func (s *sim) loseDisk(h *simHost) {
	s.logf("host %d loses its disk", h.index)
	for _, o := range s.hosts {
		if s.rng.IntN(2) == 0 {
			o.down[h.member] = true
		}
	}
	old := h.heard
	s.members[h.member].host = nil
	s.join(h)
	h.decision = Decision{}
	copy(h.heard, old)
	if s.rng.IntN(2) == 0 {
		h.running, h.up, h.taken = Revision{}, false, h.taken && !h.up
	}
}

// loseState: the key is kept, and what the others have of the host comes back.
func (s *sim) loseState(h *simHost) {
	newest := -1
	for _, o := range s.hosts {
		if o != h {
			newest = max(newest, o.heard[h.member])
		}
	}
	if newest < 0 || h.mem.Key == "" {
		return
	}
	m := s.members[h.member]
	if m.told[newest].Key == "" {
		return
	}
	h.mem = Restore(&m.told[newest].State, s.now)
	h.disk, h.decision = h.mem, Decision{}
	m.floor = len(m.told)
	m.told = append(m.told, &simRecord{State: h.mem})
	s.logf("host %d has back %s", h.index, brief(&h.mem))
}

// settle ends all faults, forgets all liars, gives everybody a file that works, and waits until everybody runs it and nothing moves any more.
func (s *sim) settle() {
	s.liars = nil
	for _, h := range s.hosts {
		h.alive, h.broken, h.tainted, h.undeclared = true, false, false, false
		h.stuck, h.typo, h.away = false, false, false
		h.placed = h.placed || s.rng.IntN(2) == 0
		h.paused = s.rng.IntN(8) == 0 && h.up && !h.mem.Phase.Disrupted()
		h.file = "Z"
		if s.rng.IntN(8) == 0 {
			h.file = "W"
		}
		for m, member := range s.members {
			h.down[m] = member.host == nil
		}
	}
	s.logf("all faults are over, %+v", s.spec)
	rounds := 400 + 60*len(s.hosts)
	for range rounds {
		s.calm(10 * time.Second)
		s.forget()
		s.follow()
		if s.found != "" {
			return
		}
		if s.done() {
			s.rest()
			return
		}
	}
	s.fail("stuck: not everybody has finished %s after the last fault", time.Duration(rounds)*10*time.Second)
}

// follow is the operator, who begins new epochs where one that was begun elsewhere is not believed.
func (s *sim) follow() {
	highest := uint64(0)
	for _, h := range s.hosts {
		highest = max(highest, Epoch(h.mem.Ticket.Generation))
	}
	for _, h := range s.hosts {
		h.reset = h.reset || Epoch(h.mem.Target.Generation) < highest
	}
}

// forget is the operator, who forgets members that nobody has any more when those that the hosts are now have shown up.
func (s *sim) forget() {
	for _, h := range s.hosts {
		for _, o := range s.hosts {
			if h != o && h.heard[o.member] < 0 {
				return
			}
		}
	}
	for _, h := range s.hosts {
		for m, member := range s.members {
			if member.host == nil {
				h.heard[m] = -1
			}
		}
	}
}

// rest: nothing is told any more.
func (s *sim) rest() {
	s.calm(10 * time.Second)
	s.calm(10 * time.Second)
	for range 10_000 {
		if s.holding() && s.found == "" {
			s.calm(time.Minute)
		}
	}
	s.calm(10 * time.Second)
	s.calm(10 * time.Second)
	before := s.tellings()
	for range 12 {
		s.calm(10 * time.Second)
	}
	if s.tellings() != before && s.done() {
		s.fail("%d records were told after all was done", s.tellings()-before)
	}
}

func (s *sim) holding() bool {
	for _, h := range s.hosts {
		if !h.mem.HeldUntil.IsZero() || !h.mem.FarSince.IsZero() { // or comes together with those that were led astray
			return true
		}
	}
	return false
}

func (s *sim) tellings() int {
	n := 0
	for _, m := range s.members {
		n += len(m.told)
	}
	return n
}

// TestRandom runs random fleets: a few thousand, or DAEMONSETD_SIM of them. DAEMONSETD_SEED shows one.
func TestRandom(t *testing.T) {
	if seed, err := strconv.ParseUint(os.Getenv("DAEMONSETD_SEED"), 10, 64); err == nil {
		s := chaos(seed, without{}, false, true)
		for _, line := range s.log {
			t.Log(line)
		}
		if s.found != "" {
			t.Error(s.found)
		}
		return
	}
	runs := 3000
	if n, err := strconv.Atoi(os.Getenv(fullSearch)); err == nil {
		runs = max(n, runs)
	}
	began := time.Now()
	yields, starts, full, early := 0, 0, 0, 0
	first := uint64(1)
	for seed := first; seed < first+uint64(runs); seed++ {
		s := chaos(seed, without{}, false, false)
		yields, starts, full, early = yields+s.yields, starts+s.starts, full+s.full, early+s.early
		if s.found != "" {
			t.Fatalf("seed %d: %s; DAEMONSETD_SEED=%d shows the run", seed, s.found, seed)
		}
		if seed%50_000 == 0 {
			t.Logf("seeds %d to %d: %d available pods replaced, nothing wrong so far", first, seed, starts)
		}
	}
	t.Logf("seeds %d to %d: %d available pods replaced, %d times with the whole budget in use, %d within 10 minutes, %d yields; %s",
		first, first+uint64(runs)-1, starts, full, early, yields, time.Since(began).Round(time.Millisecond))
	if full == 0 || yields == 0 || early == 0 {
		t.Error("the runs never used the whole budget, never yielded, or never went early: they show nothing")
	}
}
