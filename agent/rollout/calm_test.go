package rollout

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// The calm runs are fleets in which all works but for what a run is about. Each says what was wrong, and each is run with
// the rule, here, and without one of its clauses, by TestEveryClause.
var calmRuns = map[string]func(w without) string{
	"late files": func(w without) string {
		s := newSim(1, 8, budget(1), w)
		for _, h := range s.hosts {
			h.file = "B"
			s.calm(time.Second)
		}
		s.until(8*12*time.Second, "one revision on 8 hosts, one at a time, 5 seconds each", s.done)
		if s.yields > 0 {
			s.fail("%d yields, though all hosts have the same file", s.yields)
		}
		return s.found
	},
	"a bad file that was late": func(w without) string {
		// One host is slow with a revision that works, with the whole budget; one has a bad file and a history of its own, the
		// others the file that mends it. When the first is done, the mended revision goes first.
		s := newSim(1, 6, budget(1), w)
		bad, slow := s.first(), s.last()
		for _, file := range []string{"B", "C", "D"} {
			bad.file = file
			s.until(10*time.Minute, "a host's own files", s.done)
		}
		s.ready = func(h *simHost) time.Duration {
			if h == slow {
				return 2 * time.Minute
			}
			return 5 * time.Second
		}
		s.bad["X"] = true
		slow.file = "E"
		s.until(time.Minute, "the slow host starts", func() bool { return slow.mem.Phase.Taken() })
		bad.file = "X"
		s.calm(time.Second)
		for _, h := range s.hosts {
			if h != bad && h != slow {
				h.file = "F"
			}
		}
		s.until(30*time.Minute, "all but the one with the bad file", func() bool {
			for _, h := range s.hosts {
				if h != bad && !s.finished(h) {
					return false
				}
			}
			return true
		})
		return s.found
	},
	"rolled back by itself": func(w without) string {
		spec := budget(2)
		spec.AutoRollback = true
		s := newSim(1, 8, spec, w)
		s.bad["X/"+fmt.Sprint(s.last().index)] = true
		s.files("X")
		s.until(time.Hour, "everybody goes back", func() bool {
			back := 0
			for _, h := range s.hosts {
				back += one(h.mem.Phase == PhaseAvailable && h.running.Fleet == "A" && h.mem.Rejected.Revision.Fleet == "X")
			}
			return back == len(s.hosts)
		})
		s.files("B")
		s.until(10*time.Minute, "the file has changed", s.done)
		return s.found
	},
	"canaries": func(w without) string {
		spec := budget(4)
		spec.Canary = labels.SelectorFromSet(labels.Set{"canary": "true"})
		s := newSim(1, 8, spec, w)
		canary := s.last()
		canary.canary = true
		s.calm(time.Second)
		s.onStart = func(h *simHost) string {
			if h != canary && !s.finished(canary) {
				return "before the canary was available"
			}
			return ""
		}
		s.files("B")
		s.until(10*time.Minute, "all", s.done)
		return s.found
	},
	"canaries, declared late": func(w without) string {
		// The revision is paused, and the last of the order is made a canary then: it goes first all the same.
		s := newSim(1, 8, budget(4), w)
		s.spec.Paused = true
		s.files("B")
		s.calm(time.Second)
		s.calm(time.Second)
		canary := s.last()
		canary.canary = true
		s.spec.Canary = labels.SelectorFromSet(labels.Set{"canary": "true"})
		s.calm(time.Second)
		s.calm(time.Second)
		s.spec.Paused = false
		s.onStart = func(h *simHost) string {
			if h != canary && !s.finished(canary) {
				return "before the canary was available"
			}
			return ""
		}
		s.until(10*time.Minute, "all", s.done)
		if s.yields > 0 {
			s.fail("%d yields, though all hosts have the same file", s.yields)
		}
		return s.found
	},
	"partition": func(w without) string {
		spec := budget(3)
		spec.Partition = intstr.FromString("50%")
		s := newSim(1, 8, spec, w)
		s.files("B")
		for range 300 {
			s.calm(time.Second)
		}
		if n := s.running("A"); n != 4 {
			s.fail("%d stay, 4 should", n)
		}
		s.spec.Partition = intstr.FromInt(0)
		s.until(10*time.Minute, "the others", s.done)
		return s.found
	},
	"halt": func(w without) string {
		spec, one := budget(3), intstr.FromInt(1)
		spec.MaxFailed = &one
		s := newSim(1, 30, spec, w)
		s.ready = func(*simHost) time.Duration { return 3 * time.Minute }
		s.bad[fmt.Sprintf("X/%d", s.first().index)] = true
		s.files("X")
		s.until(time.Hour, "one fails", func() bool { return s.first().mem.Phase == PhaseFailed })
		s.calm(time.Second)
		s.onStart = func(*simHost) string { return "after as many had failed as may" }
		for range 60 {
			s.calm(10 * time.Second)
		}
		if n := s.running("A"); n < 5 {
			s.fail("only %d had not started when one failed: the run shows nothing", n)
		}
		s.onStart = nil
		s.files("B")
		s.until(2*time.Hour, "another file", s.done)
		return s.found
	},
	"down at once": func(w without) string {
		s := newSim(1, 4, budget(1), w)
		for _, h := range s.hosts {
			h.up, h.readyAt = false, s.now.Add(time.Hour)
		}
		s.calm(time.Second)
		s.calm(DownFor)
		s.files("B")
		s.until(12*time.Second, "all at once", s.done)
		return s.found
	},
	"kubelets restart": func(w without) string {
		// A bad revision has come to a halt. The kubelets restart one after the other: each pod is not ready for a second.
		s := newSim(1, 6, budget(2), w)
		s.bad["X"] = true
		s.files("X")
		for range 60 {
			s.calm(time.Second)
		}
		for _, h := range s.hosts {
			if !h.up {
				continue
			}
			h.up, h.readyAt = false, s.now.Add(2*time.Second)
			s.calm(time.Second)
			s.calm(time.Second)
		}
		for range 60 {
			s.calm(time.Second)
		}
		if n := s.running("A"); n != 4 {
			s.fail("%d hosts were not touched, 4 should not be", n)
		}
		s.files("B")
		s.until(10*time.Minute, "the file that works", s.done)
		return s.found
	},
	"strict": func(w without) string {
		spec := budget(1)
		spec.Strict = true
		s := newSim(1, 4, spec, w)
		for _, h := range s.hosts[:3] {
			h.up, h.readyAt = false, s.now.Add(time.Hour)
		}
		s.calm(time.Second)
		s.files("B")
		s.until(2*time.Minute, "one after the other", func() bool {
			updating := 0
			for _, h := range s.hosts {
				updating += one(h.mem.Phase.Taken())
			}
			if updating > 1 {
				s.fail("%d at a time", updating)
			}
			return s.done()
		})
		return s.found
	},
	"strict, one is down": func(w without) string {
		// The last of the order is down and waits, the first is available and goes before it, but counts it.
		spec := budget(1)
		spec.Strict = true
		s := newSim(1, 2, spec, w)
		s.last().up, s.last().readyAt = false, s.now.Add(time.Hour)
		s.calm(time.Second)
		s.files("B")
		s.until(2*time.Minute, "both", s.done)
		return s.found
	},
	"made-up members": func(w without) string {
		// Somebody has the gossip key: four made-up members for each host, all of them well and done.
		spec := strategy.Strategy{Budget: intstr.FromString("25%"), Deadline: strategy.DefaultDeadline}
		s := newSim(1, 6, spec, w)
		s.madeUp = func(i int) *State {
			st := at(PhaseAvailable, 2, 1, uint64(i), "X", "X")
			st.Rejected = Target{2, fleetRev("A")}
			return st
		}
		s.makeUp(24, false)
		s.bad["X"] = true
		s.files("X")
		for range 60 {
			s.calm(time.Second)
		}
		if n := s.running("A"); n != 4 {
			s.fail("%d hosts were not touched, 4 should not be", n)
		}
		s.liars = nil // forgotten
		s.files("B")
		s.until(10*time.Minute, "the file that works", s.done)
		return s.found
	},
	"a generation far above all": func(w without) string {
		// One member that counts tells the last generation of the present revision, and waits with its ticket.
		s := newSim(1, 4, budget(2), w)
		s.madeUp = func(int) *State { return at(PhaseWaiting, MaxGeneration, maxClass, 1, "A", "O") }
		s.makeUp(1, true)
		for range 90 {
			s.calm(time.Second)
		}
		s.files("B")
		s.until(10*time.Minute, "a new file", s.done)
		for _, h := range s.hosts {
			if h.mem.Ticket.Generation > 1<<30 || h.mem.Ticket.Class > 1<<20 {
				s.fail("host %d has taken over %+v", h.index, h.mem.Ticket)
			}
		}
		return s.found
	},
	"a program that exits after 1s":  exits(time.Second, 1),
	"a program that exits after 5s":  exits(5*time.Second, 1),
	"a program that exits after 30s": exits(30*time.Second, 5),
	"a program that exits, rolled back by itself": func(w without) string {
		spec := budget(1)
		spec.Soak, spec.AutoRollback = strategy.DefaultSoak, true
		s := newSim(1, 12, spec, w)
		s.exits = map[string]time.Duration{"E": 30 * time.Second}
		s.files("E")
		s.until(30*time.Minute, "everybody goes back", func() bool { return s.running("A") == 12 && s.last().mem.Rejected.Generation > 0 })
		return s.found
	},
	"led astray": func(w without) string {
		// A liar that counts leads one honest host away, step by step, and shows the others nothing of that.
		s := newSim(1, 4, budget(2), w)
		for _, h := range s.hosts {
			h.file = "B"
		}
		s.until(10*time.Minute, "the first file", s.done)
		h := s.last()
		h.mem.Target.Generation += 5 * stepGeneration
		h.mem.Ticket.Generation = h.mem.Target.Generation
		s.files("C")
		s.until(30*time.Minute, "when the liar is forgotten", s.done)
		return s.found
	},
	"a contested name": func(w without) string {
		// Somebody has the name of a host, and tells under it that all is well. It costs one unit of the budget.
		s := newSim(1, 8, budget(2), w)
		s.contested = s.first().index
		s.files("B")
		s.until(10*time.Minute, "all", s.done)
		return s.found
	},
	"hosts without the pod go down": func(w without) string {
		s := newSim(1, 6, budget(1), w)
		for _, h := range s.hosts[:3] {
			h.placed = false
		}
		s.calm(time.Second)
		s.calm(time.Second)
		for _, h := range s.hosts[:3] {
			h.alive = false
		}
		s.files("B")
		s.until(2*time.Minute, "the others", s.done)
		return s.found
	},
	"a file that cannot be used": func(w without) string {
		// The first of the order has a file that was usable for a moment. It takes no turn with which nothing could be done, and lets the others pass.
		s := newSim(1, 5, budget(1), w)
		h := s.first()
		s.spec.Paused = true
		s.files("B")
		s.calm(time.Second)
		s.calm(time.Second)
		h.typo, s.spec.Paused = true, false
		s.until(3*time.Minute, "all others", func() bool { return s.running("B") == 4 })
		h.typo = false
		s.until(2*time.Minute, "the first one", s.done)
		return s.found
	},
	"a new fleet with members files": func(w without) string {
		// Everybody knows who all are, and the DaemonSet is new on all of them: nobody has to wait for 10 minutes.
		s := newSim(1, 6, budget(2), w)
		s.listed = true
		for _, h := range s.hosts {
			h.undeclared, h.mem, h.running, h.up = true, State{Key: simKey}, Revision{}, false
			s.members[h.member].told = []*simRecord{{}}
		}
		for _, o := range s.hosts {
			clear(o.heard)
		}
		for _, h := range s.hosts {
			s.declare(h)
			s.calm(time.Second)
		}
		s.files("B")
		s.until(2*time.Minute, "the second file", s.done)
		if s.early != len(s.hosts) {
			s.fail("%d of %d went within 10 minutes", s.early, len(s.hosts))
		}
		s.hosts[0].alive = false
		s.files("C")
		for range 60 {
			s.calm(time.Second)
		}
		if n := s.running("C"); n != 0 {
			s.fail("%d began, though one has not answered", n)
		}
		s.until(10*time.Minute, "the time is over", func() bool { return s.running("C") == 5 })
		return s.found
	},
	"spoilt, and a new epoch": func(w without) string {
		// An agent of before took over the last generation that it understood: none of the others is in its reach, nor it in
		// theirs. Two hosts begin a new epoch.
		s := newSim(1, 4, budget(1), w)
		h := s.last()
		h.mem.Target.Generation, h.mem.Ticket.Generation, h.mem.Ticket.Class = lastPlain, lastPlain, maxClass
		s.files("B")
		for range 30 {
			s.calm(time.Minute)
		}
		if s.done() {
			s.fail("it was finished without: this shows nothing")
		}
		for _, o := range s.hosts[:3] {
			if o != h && s.hosts[2] != o {
				o.reset = true
			}
		}
		s.until(5*time.Minute, "after two have begun a new epoch", s.done)
		s.files("C")
		s.until(5*time.Minute, "the next file", s.done)
		for _, o := range s.hosts {
			if t := o.mem.Ticket; Epoch(t.Generation) != 1 || Number(t.Generation) > 5 || t.Class > 5 {
				s.fail("host %d has the ticket %+v", o.index, t)
			}
		}
		return s.found
	},
	"two operators": func(w without) string {
		s := newSim(1, 9, budget(1), w)
		for i, h := range s.hosts {
			h.file = string(rune('B' + i%3))
		}
		s.until(10*time.Minute, "three files on three groups of hosts", s.done)
		return s.found
	},
	"three bad pushes": func(w without) string {
		s := newSim(1, 9, budget(2), w)
		for _, file := range []string{"X", "Y", "Z"} {
			s.bad[file] = true
			s.files(file)
			for range 90 {
				s.calm(10 * time.Second)
			}
			if n := s.running("A"); n != 7 {
				s.fail("%d hosts were not touched by %s, 7 should not be", n, file)
			}
		}
		s.files("B")
		s.until(10*time.Minute, "the file that works", s.done)
		return s.found
	},
}

// exits is a program without a probe that ends some time after its start, on 12 hosts with a budget of 1; most is how many hosts it may
// touch.
func exits(after time.Duration, most int) func(w without) string {
	return func(w without) string {
		spec := budget(1)
		spec.Soak = strategy.DefaultSoak
		s := newSim(1, 12, spec, w)
		s.exits = map[string]time.Duration{"E": after}
		s.ready = func(*simHost) time.Duration { return time.Second }
		s.files("E")
		for range 1800 {
			s.calm(time.Second)
		}
		touched := 0
		for _, h := range s.hosts {
			touched += one(h.running.Fleet != "A")
		}
		if touched > most {
			s.fail("%d of 12 hosts were touched, %d may be", touched, most)
		}
		s.files("B")
		s.until(20*time.Minute, "the file that works", s.done)
		return s.found
	}
}

func (s *sim) files(file string) {
	for _, h := range s.hosts {
		h.file = file
	}
}

func (s *sim) running(fleet string) int {
	n := 0
	for _, h := range s.hosts {
		n += one(h.running.Fleet == fleet && h.up)
	}
	return n
}

// last and first are the hosts with the highest and the lowest hash.
func (s *sim) last() *simHost {
	out := s.hosts[0]
	for _, h := range s.hosts {
		if TicketHash(simKey, s.id(h)) > TicketHash(simKey, s.id(out)) {
			out = h
		}
	}
	return out
}

func (s *sim) first() *simHost {
	out := s.hosts[0]
	for _, h := range s.hosts {
		if TicketHash(simKey, s.id(h)) < TicketHash(simKey, s.id(out)) {
			out = h
		}
	}
	return out
}

func TestCalm(t *testing.T) {
	for name, run := range calmRuns {
		t.Run(name, func(t *testing.T) {
			if found := run(without{}); found != "" {
				t.Error(found)
			}
		})
	}
}
