package rollout

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// A sim is a fleet in virtual time: hosts with a disk, a kubelet and what they have heard of each other. It runs the real
// Next. Everything it does comes from its seed.
type sim struct {
	rng     *rand.Rand
	w       without
	spec    strategy.Strategy
	now     time.Time
	hosts   []*simHost
	members []*simMember
	bad     map[string]bool          // revisions that never become available, or with /host on one host
	exits   map[string]time.Duration // revisions whose program ends so long after it was ready
	found   string
	log     []string
	logging bool
	// ready is how long a pod takes to become available.
	ready func(h *simHost) time.Duration
	// onStart is asked at every start; what it says is wrong.
	onStart func(h *simHost) string
	yields  int
	starts  int // of pods that were available
	full    int // of those that used up the budget
	early   int // and of those within 10 minutes after the DaemonSet was placed there
	// liars are members that nobody honest is: what they tell is made up at every look, for every host anew.
	liars  []Peer
	madeUp func(i int) *State
	// contested is a host whose name another key has: the others see what that one tells, and know that they cannot tell who is meant; -1: none.
	contested int
	// forgetful hosts drop a known member while it is not heard of.
	forgetful bool
	// listed: every host has a members file that lists all of them. What else is told is nobody's there.
	listed bool
}

// simMember is an identity. One that lost its disk is another member.
type simMember struct {
	id   string
	host *simHost // nil: nobody has it any more
	// told are its records; a State without a Key is one that does not declare the DaemonSet.
	told []*simRecord
	// floor is the first record that still travels.
	floor int
}

// simRecord is what a host tells, with what it asks and what it has heard.
type simRecord struct {
	State
	asks, knows uint64
}

type simHost struct {
	index     int
	member    int
	alive     bool
	disk, mem State
	// undeclared: it has no file that declares the DaemonSet.
	undeclared bool
	// knows stands for the questions that it has heard.
	knows   uint64
	file    string
	label   string
	placed  bool
	tainted bool
	canary  bool
	paused  bool
	running Revision
	up      bool
	broken  bool
	// stuck: no act can be done, as with a full disk; typo: it is not known what the file wants; away: the kubelet does not answer.
	stuck, typo, away bool
	// reset: an operator has asked for a new epoch.
	reset bool
	// saw is whether the pod was up when the last decision was made.
	saw        bool
	readyAt    time.Time
	readySince time.Time
	restarts   uint32
	looping    bool
	decision   Decision
	taken      bool
	heard      []int // by member: the newest record, -1 none
	down       []bool
}

const simKey = "test/agent"

var simStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newSim(seed uint64, hosts int, spec strategy.Strategy, w without) *sim {
	s := &sim{rng: rand.New(rand.NewPCG(seed, 0)), w: w, spec: spec, now: simStart, bad: map[string]bool{}, contested: -1}
	s.ready = func(*simHost) time.Duration { return 5 * time.Second }
	for i := range hosts {
		h := &simHost{index: i, alive: true, file: "A", placed: true, running: fleetRev("A"), up: true}
		s.hosts = append(s.hosts, h)
		s.join(h)
		h.mem.Target, h.mem.Running, h.mem.Good, h.mem.Phase = Target{1, fleetRev("A")}, h.running, "A", PhaseAvailable
		h.mem.Ticket = Ticket{1, classMember, TicketHash(simKey, s.id(h))}
		h.disk = h.mem
		s.publish(h)
	}
	for _, h := range s.hosts {
		for m := range s.members {
			h.heard[m] = len(s.members[m].told) - 1
		}
	}
	return s
}

// join gives a host a new identity.
func (s *sim) join(h *simHost) {
	h.member = len(s.members)
	s.members = append(s.members, &simMember{id: fmt.Sprintf("m%d", h.member), host: h, told: []*simRecord{{}}})
	h.mem = State{Key: simKey}
	h.disk = h.mem
	for _, o := range s.hosts {
		for len(o.heard) < len(s.members) {
			o.heard, o.down = append(o.heard, -1), append(o.down, false)
		}
	}
}

func (s *sim) id(h *simHost) string { return s.members[h.member].id }

func (s *sim) logf(format string, args ...any) {
	if s.logging {
		s.log = append(s.log, s.now.Sub(simStart).String()+" "+fmt.Sprintf(format, args...))
	}
}

func (s *sim) fail(format string, args ...any) {
	if s.found == "" {
		s.found = fmt.Sprintf(format, args...)
		s.logf("FOUND %s", s.found)
	}
}

func (s *sim) publish(h *simHost) {
	m := s.members[h.member]
	st := h.mem
	r := &simRecord{State: st, knows: h.knows}
	if h.undeclared {
		r.State = State{}
	} else {
		r.asks = Asks([]State{st})
	}
	if last := m.told[len(m.told)-1]; toldBy(&last.State) != toldBy(&r.State) || last.asks != r.asks || last.knows != r.knows || last.Key != r.Key {
		m.told = append(m.told, r)
		s.logf("host %d %s tells %s, asks %x, knows %x", h.index, m.id, brief(&st), r.asks, r.knows)
	}
}

// toldBy is the comparable part of what a host tells.
func toldBy(s *State) coreKey {
	return coreKey{TroubleNone, false, s.Target, s.Rejected, s.Running, s.Phase, s.Hold, s.Ticket, s.Canary, 0}
}

func (s *sim) peers(h *simHost) []Peer {
	out := make([]Peer, 0, len(s.members))
	for m, member := range s.members {
		if m == h.member || h.heard[m] < 0 {
			if s.listed && m != h.member && member.host != nil {
				out = append(out, Peer{ID: member.id, Name: member.id, Counts: true, Trouble: TroubleUnknown})
			}
			continue
		}
		if s.forgetful && h.down[m] {
			continue
		}
		record := member.told[h.heard[m]]
		if record.Key == "" {
			continue
		}
		p := Peer{ID: member.id, Name: member.id, Counts: true, State: &record.State}
		if h.down[m] {
			p.Trouble = TroubleDown
		}
		if member.host != nil && member.host.index == s.contested {
			p.State, p.Trouble = at(PhaseAvailable, 9, 1, 0, "B", "B"), TroubleKey
		}
		out = append(out, p)
	}
	for i := range s.liars {
		p := s.liars[i]
		p.State = s.madeUp(i)
		p.State.Key, p.State.Ticket.Hash = simKey, TicketHash(simKey, p.ID)
		out = append(out, p)
	}
	return out
}

// makeUp adds so many liars. Those that count are listed, or have been there for long.
func (s *sim) makeUp(n int, count bool) {
	for range n {
		id := fmt.Sprintf("liar%d", len(s.liars))
		s.liars = append(s.liars, Peer{ID: id, Name: id, Counts: count})
	}
}

func (h *simHost) revision(file string) Revision {
	return Revision{Fleet: file, Local: file + h.label}
}

// step is one round of a host's agent: Next, disk, telling. Acts come later, or never.
func (s *sim) step(h *simHost) {
	if !h.alive || s.found != "" {
		return
	}
	known := s.call(h)
	if h.undeclared {
		h.mem.Phase, h.mem.Running, h.decision, h.disk, h.taken = PhaseNotPlaced, Revision{}, Decision{}, h.mem, false
		s.publish(h)
		return
	}
	o := Observation{
		Now: s.now, ID: s.id(h), Placed: h.placed && !h.tainted, Canary: h.canary, Wanted: h.revision(h.file),
		LastGood: h.revision, Running: h.running, Pod: PodDown, Answers: true, Settled: true, Listed: s.listed, Known: known,
	}
	if h.up {
		o.Pod, o.ReadySince = PodUp, h.readySince
	}
	if h.running == h.mem.Target.Revision {
		o.Restarts, o.Looping = h.restarts, h.looping
	}
	if h.away {
		o.Pod, o.Answers = PodUnknown, false
	}
	if h.typo {
		o.Wanted = Revision{}
	}
	o.Reset, h.reset = h.reset, false
	h.saw = h.up
	in := Input{State: h.mem, Seen: o, Peers: s.peers(h), Strategy: s.spec}
	in.Strategy.Paused = in.Strategy.Paused || h.paused
	before := h.mem
	h.mem, h.decision = next(in, s.w)
	s.check(h, &before, in.Peers)
	if h.mem.Promises(&h.disk) {
		h.disk = h.mem
	}
	if h.up && !h.mem.Phase.Taken() || !h.placed || h.tainted {
		h.taken = false
	}
	for _, e := range h.decision.Events {
		s.logf("host %d %s", h.index, e)
	}
	s.publish(h)
}

// call notes which questions of others a host has heard, and says whether all others have heard its own.
func (s *sim) call(h *simHost) bool {
	if !s.listed {
		return false
	}
	own := s.members[h.member].told
	asks := own[len(own)-1].asks
	h.knows = Heard(s.id(h), asks)
	for m := range s.members {
		if m != h.member && h.heard[m] >= 0 {
			h.knows ^= Heard(s.members[m].id, s.members[m].told[h.heard[m]].asks)
		}
	}
	known := asks != 0 && h.mem.Asked(&own[len(own)-1].State)
	for m, member := range s.members {
		switch {
		case m == h.member || h.heard[m] < 0 && member.host == nil:
		case h.heard[m] < 0:
			known = false
		default:
			known = known && member.told[h.heard[m]].knows == h.knows
		}
	}
	return known
}

// check holds a step against what was promised.
func (s *sim) check(h *simHost, before *State, peers []Peer) {
	d := &h.decision
	s.yields += one(slices.Contains(d.Events, EventYielded))
	if before.Ticket.Above(h.mem.Ticket) || before.Target.Generation > h.mem.Target.Generation {
		s.fail("host %d lowered its ticket or its target's generation", h.index)
	}
	if !slices.Contains(d.Events, EventStarted) || !h.up {
		return
	}
	h.taken = true
	down, placed := 0, 0
	for i := range peers {
		p := &peers[i]
		down += one(p.State != nil && (p.State.Phase.Disrupted() || p.Trouble == TroubleDown && p.placed()))
		placed += one(p.grants(without{}))
	}
	if limit := s.spec.Limit(placed + 1); down >= limit && !s.spec.OnDelete {
		s.fail("host %d started and knew of %d that are down, %d are allowed", h.index, down, limit)
	}
	s.starts++
	s.early += one(h.mem.HeldUntil.After(s.now))
	s.full += one(s.counted() == s.spec.Limit(len(s.members)))
	if s.onStart != nil {
		if what := s.onStart(h); what != "" {
			s.fail("host %d started: %s", h.index, what)
		}
	}
}

// counted is how many available pods the rollout has taken down, or may take down at any moment. It fails when they are too many.
func (s *sim) counted() int {
	taken := 0
	for _, o := range s.hosts {
		taken += one(o.taken)
	}
	if limit := s.spec.Limit(len(s.members)); taken > limit {
		s.fail("%d pods are down, %d are allowed", taken, limit)
	}
	return taken
}

// act does what was decided: one change of the kubelet's directory. It fails for as long as something is in the way, while
// everything else goes on. Between a decision and the act the agent lets nothing happen that it could see.
func (s *sim) act(h *simHost) {
	if !h.alive || h.stuck || h.typo && h.running != (Revision{}) {
		return
	}
	if h.saw != h.up {
		s.step(h)
	}
	target := h.decision.Target
	switch {
	case !h.placed || h.undeclared:
		h.running, h.up = Revision{}, false
	case h.tainted || target.IsZero() || h.running == target:
	case h.running.IsZero():
		h.running, h.up, h.readyAt = target, false, s.now.Add(s.ready(h))
		h.restarts, h.looping = 0, false
	case h.decision.Replace:
		if h.up {
			h.taken = true
			s.counted()
		}
		h.running, h.up = Revision{}, false
	}
}

// kubelet lets a pod come up.
func (s *sim) kubelet(h *simHost) {
	if life := s.exits[h.running.Fleet]; h.up && life > 0 && s.now.Sub(h.readySince) >= life {
		h.up, h.looping, h.readyAt = false, h.restarts > 0, s.now
		if h.looping {
			h.readyAt = s.now.Add(min(5*time.Second<<h.restarts, 5*time.Minute))
		}
		h.restarts++
		return
	}
	if h.running.IsZero() || h.up || h.broken || s.now.Before(h.readyAt) || s.bad[h.running.Fleet] || s.bad[fmt.Sprintf("%s/%d", h.running.Fleet, h.index)] {
		return
	}
	h.up, h.looping, h.readySince = true, false, s.now
}

// pass lets time pass. A host that has held for 10 minutes is known to everybody, and knows of everybody.
func (s *sim) pass(d time.Duration) {
	s.now = s.now.Add(d)
	for _, h := range s.hosts {
		s.kubelet(h)
		if held := h.mem.HeldUntil; held.IsZero() || s.now.Before(held) {
			continue
		}
		for _, o := range s.hosts {
			s.deliverAll(h, o)
			s.deliverAll(o, h)
		}
	}
}

// deliverAll brings the newest record of one host to another.
func (s *sim) deliverAll(from, to *simHost) {
	if n := len(s.members[from.member].told); n > 0 {
		to.heard[from.member] = n - 1
	}
}

// calm is a round in which everything works: all news travels, all step, all act.
func (s *sim) calm(d time.Duration) {
	s.pass(d)
	for _, h := range s.hosts {
		s.step(h)
		s.act(h)
	}
	for _, from := range s.hosts {
		for _, to := range s.hosts {
			s.deliverAll(from, to)
			to.down[from.member] = !from.alive
		}
	}
}

// done: everybody on whom the pod belongs runs what its file asks for, or is paused.
func (s *sim) done() bool {
	return !slices.ContainsFunc(s.hosts, func(h *simHost) bool { return h.alive && h.placed && !h.tainted && !h.undeclared && !s.finished(h) })
}

func (s *sim) finished(h *simHost) bool {
	return h.mem.Phase == PhaseAvailable && h.mem.Running == h.revision(h.file) || h.paused && h.mem.Hold == HoldPaused
}

// until goes on calmly until cond, and fails when that takes longer than limit.
func (s *sim) until(limit time.Duration, what string, cond func() bool) time.Duration {
	began := s.now
	for s.found == "" && !cond() {
		if s.now.Sub(began) > limit {
			s.fail("%s: not after %s", what, limit)
		}
		s.calm(time.Second)
	}
	return s.now.Sub(began)
}

func budget(n int) strategy.Strategy {
	return strategy.Strategy{Budget: intstr.FromInt(n), Deadline: strategy.DefaultDeadline}
}
