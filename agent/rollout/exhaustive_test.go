package rollout

import (
	"fmt"
	"iter"
	"math/bits"
	"os"
	"slices"
	"strings"
	"time"
)

// The exhaustive search runs the real Next in every order in which hosts can step, files can arrive, pods can come up and
// news can travel.
//
// News is what makes this many. Deliveries are no steps of their own: a host chooses, whenever it steps, which record of every
// other member it has got. That loses no run, since a delivery has no effect before the step that looks at it. It may choose
// any record that the other ever told. That is more than gossip lets happen, where a record never gives way to an older one,
// and it leaves less to remember: what everybody is, and what everybody ever told. So a world of the search is both, and the
// search has every run in which news is late, lost, out of order, or comes back.
//
// Records that Next cannot tell apart are tried once (see digest). TestExhaustiveCovers holds the search against random runs
// that have no such reductions, and in which records only get newer.

// world is a global state of the search: the hosts, by their number in the search's table, and what each has ever told, as
// bits of the numbers of its records.
type world struct {
	hosts tuple
	told  told
	// heard is what of that is still news to the newcomer: when it has held for 10 minutes, news has travelled both ways, and
	// it has heard all that the others told until then.
	heard told
}

type (
	tuple [maxHosts]uint16
	told  [maxHosts]set
	// set is a set of small numbers.
	set [4]uint64
)

// within says whether everything in t was told in o, too.
func (t *told) within(o *told) bool {
	for j := range t {
		for k := range t[j] {
			if t[j][k]&^o[j][k] != 0 {
				return false
			}
		}
	}
	return true
}

func (s *set) add(n int) { s[n/64] |= 1 << (n % 64) }

func (s *set) remove(n int) { s[n/64] &^= 1 << (n % 64) }

func (s *set) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for k, word := range s {
			for ; word != 0; word &= word - 1 {
				if !yield(64*k + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// search is one exhaustive search.
type search struct {
	scenario
	w     without
	n     int
	limit int

	hosts   []host
	tells   []uint16           // by host: what it tells
	peers   []Peer             // by what is told
	knows   []uint8            // by what is told: the joiners of which it knows
	records [maxHosts][]uint16 // by host and the number of its record: what is told
	byKey   map[hostKey]uint16
	byCore  map[coreKey]uint16
	memo    map[memoKey]memoValue
	digests map[digestKey]digest
	chosen  map[chosenKey]set
	kept    map[keptKey][]outcome
	seen    map[tuple][][2]told
	worlds  int
	ended   map[tuple]ending
	path    []move
	found   string
}

type memoKey struct {
	i    uint8
	e    event
	host uint16
	news [maxHosts]uint16
}

type memoValue struct {
	host uint16
	bad  string
}

func newSearch(sc scenario, w without) *search {
	return &search{
		scenario: sc, w: w, n: len(sc.scripts), limit: 40_000_000,
		byKey: map[hostKey]uint16{}, byCore: map[coreKey]uint16{}, memo: map[memoKey]memoValue{},
		digests: map[digestKey]digest{}, chosen: map[chosenKey]set{}, kept: map[keptKey][]outcome{},
		seen: map[tuple][][2]told{}, ended: map[tuple]ending{},
	}
}

// begin is everybody available with revision A, and known to everybody.
func (s *search) begin() world {
	var w world
	for i := range s.n {
		h := host{wanted: fleetRev("A"), placed: true, up: true}
		if len(s.scripts[i]) > 0 && s.scripts[i][0].kind == stepPlace {
			h.placed, h.up = false, false
		}
		if s.liar == hostID(i) {
			w.hosts[i] = s.intern(host{dead: true, state: State{Key: modelKey}})
			s.tells[w.hosts[i]] = s.tellsOf(coreKey{unknown: true, knows: 1<<maxHosts - 1}, Peer{}) // nobody waits for one that was forgotten
			for _, p := range s.menu(i) {
				w.told[i].add(s.recordOf(i, s.tellsOf(coreOf(p.State), p)))
			}
			continue
		}
		if s.newcomer == hostID(i) || s.joins(i) {
			h = host{wanted: fleetRev("A"), silent: s.joins(i), state: State{Key: modelKey}}
			w.hosts[i] = s.intern(h)
			w.told[i].add(s.recordOf(i, s.tellsOf(coreKey{unknown: true}, Peer{})))
			continue
		}
		h.state = State{Key: modelKey, Target: Target{1, fleetRev("A")}, Phase: PhaseNotPlaced}
		h.state.Ticket = Ticket{1, classMember, TicketHash(modelKey, hostID(i))}
		if h.placed {
			h.state.Phase, h.state.Running, h.state.Good = PhaseAvailable, fleetRev("A"), "A"
		}
		w.hosts[i] = s.intern(h)
		if strings.Contains(s.strangers, hostID(i)) {
			w.told[i].add(s.recordOf(i, s.tellsOf(coreKey{unknown: true, trouble: TroubleUnknown}, Peer{Trouble: TroubleUnknown})))
		}
		w.told[i].add(s.record(i, w.hosts[i]))
	}
	if s.newcomer != "" {
		w.heard = w.told
	}
	return w
}

func (s *search) intern(h host) uint16 {
	h.state.Tried, h.state.FarSince, h.state.UnsteadySince, h.state.UnsteadyOf = time.Time{}, time.Time{}, time.Time{}, Revision{}
	h.state.Began, h.state.Stood, h.state.PassedBy, h.state.DownSince, h.state.DownOf = time.Time{}, time.Time{}, time.Time{}, time.Time{}, Revision{}
	key := hostKey{
		h.core(),
		[2]string{h.state.Good, h.state.GoodBefore},
		h.state.Sick, h.state.Turn, h.state.HeldUntil,
		h.at, h.wanted, h.placed, h.up, h.away, h.replace, h.taken, h.dead, h.silent, h.reset,
	}
	if id, ok := s.byKey[key]; ok {
		return id
	}
	id := uint16(len(s.hosts))
	s.byKey[key] = id
	s.hosts = append(s.hosts, h)
	peer := Peer{State: &h.state, Trouble: key.core.trouble}
	if h.silent {
		peer = Peer{}
	}
	s.tells = append(s.tells, s.tellsOf(key.core, peer))
	return id
}

func (s *search) tellsOf(core coreKey, p Peer) uint16 {
	told, ok := s.byCore[core]
	if !ok {
		told = uint16(len(s.peers))
		s.byCore[core] = told
		s.peers = append(s.peers, p)
		s.knows = append(s.knows, core.knows)
	}
	return told
}

// happens gives what becomes of host i when event e happens and it has the given news; the same host: it cannot happen, or
// changes nothing.
func (s *search) happens(i int, e event, id uint16, news [maxHosts]uint16) memoValue {
	key := memoKey{uint8(i), e, id, news}
	if v, ok := s.memo[key]; ok {
		return v
	}
	v := memoValue{host: id}
	h := s.hosts[id]
	if s.outside(&h, i, e) {
		switch {
		case h.dead:
		case h.silent:
			s.call(&h, i, news, &Observation{})
		case e == eventLate && h.state.HeldUntil.After(modelStart) && !s.joins(i):
			h.state.HeldUntil = modelStart // the 10 minutes are over; it steps later
		default:
			v.bad = s.next(&h, i, e, news)
		}
		v.host = s.intern(h)
	}
	s.memo[key] = v
	return v
}

// run searches all that can be reached, and gives what was found: nothing, or what is wrong and the way there.
func (s *search) run() (states int, found string) {
	s.visit(s.begin())
	return s.worlds, s.found
}

func (s *search) fail(what string) {
	s.found = what
	for _, m := range s.path {
		s.found += "\n  " + s.tell(m)
	}
}

// move is one step on the way to a world.
type move struct {
	i int
	e event
	outcome
}

// visit goes on from a world, and reports whether to stop.
func (s *search) visit(w world) bool {
	known, news := s.seen[w.hosts], [2]told{w.told, w.heard}
	if slices.ContainsFunc(known, func(o [2]told) bool { return news[0].within(&o[0]) && news[1].within(&o[1]) }) {
		return false
	}
	s.worlds++
	known = slices.DeleteFunc(known, func(o [2]told) bool { return o[0].within(&news[0]) && o[1].within(&news[1]) })
	s.seen[w.hosts] = append(known, news)
	down := 0
	for i := range s.n {
		down += one(s.hosts[w.hosts[i]].taken)
	}
	if down > s.k {
		s.fail(fmt.Sprintf("%d pods are down, %d are allowed", down, s.k))
		return true
	}
	if what := s.ends(w.hosts); what != "" {
		s.fail(what)
		return true
	}
	for i := range s.n {
		for e := range events {
			if s.event(&w, i, e) {
				return true
			}
		}
	}
	return false
}

// ends says what is wrong with what follows when everybody always has the newest record of everybody, whoever steps first:
// it goes round for ever, or ends before it is finished. What was told before does not matter then.
func (s *search) ends(hosts tuple) string {
	switch s.ended[hosts] {
	case endsWell:
		return ""
	case onTheWay:
		return "goes round for ever, though everybody has the newest records"
	}
	s.ended[hosts] = onTheWay
	moved := false
	for i := range s.n {
		for e := range events {
			next := hosts
			next[i] = s.newest(hosts, i, e)
			if next == hosts {
				continue
			}
			moved = true
			if what := s.ends(next); what != "" {
				s.path = append(s.path, move{i, e, outcome{host: next[i]}})
				return what
			}
		}
	}
	if !moved && !s.unfinished && !s.finished(hosts) {
		return "stuck: nothing happens any more, though everybody has the newest records"
	}
	s.ended[hosts] = endsWell
	return ""
}

type ending uint8

const (
	notLooked ending = iota
	onTheWay
	endsWell
)

// newest is what becomes of a host that has the newest record of everybody.
func (s *search) newest(hosts [maxHosts]uint16, i int, e event) uint16 {
	var news [maxHosts]uint16
	for j := range s.n {
		if j != i {
			news[j] = s.tells[hosts[j]]
		}
	}
	probe := s.hosts[hosts[i]]
	if !s.outside(&probe, i, e) {
		return hosts[i]
	}
	return s.happens(i, e, hosts[i], news).host
}

// finished: all scripts are over and everybody runs what the file asks for.
func (s *search) finished(hosts tuple) bool {
	for i := range s.n {
		h := &s.hosts[hosts[i]]
		if h.dead || h.state.Phase == PhaseHeld && strings.Contains(s.paused, hostID(i)) {
			continue
		}
		if h.at < len(s.scripts[i]) || h.placed && (h.state.Phase != PhaseAvailable || h.state.Running != h.wanted) {
			return false
		}
	}
	return true
}

// event follows all outcomes of an event at a host, and reports whether to stop.
func (s *search) event(w *world, i int, e event) bool {
	for _, c := range s.outcomes(w, i, e) {
		s.path = append(s.path, move{i, e, c})
		if c.bad != "" {
			s.fail(c.bad)
			return true
		}
		if s.visit(s.after(w, i, c.host)) {
			return true
		}
		s.path = s.path[:len(s.path)-1]
	}
	return false
}

// after is the world when a host has become another one.
func (s *search) after(w *world, i int, host uint16) world {
	out := *w
	out.hosts[i] = host
	if s.newcomer != "" {
		if was, is := &s.hosts[w.hosts[i]].state, &s.hosts[host].state; s.newcomer == hostID(i) && was.HeldUntil.After(modelStart) && is.HeldUntil.Equal(modelStart) {
			out.told[i].remove(0)
			for j := range s.n {
				out.heard[j] = set{}
				out.heard[j].add(s.record(j, w.hosts[j]))
			}
		}
		out.heard[i].add(s.record(i, host))
	}
	out.told[i].add(s.record(i, host))
	return out
}

// record is the number of what a host tells, among the records of its own.
func (s *search) record(i int, host uint16) int { return s.recordOf(i, s.tells[host]) }

func (s *search) recordOf(i int, told uint16) int {
	at := slices.Index(s.records[i], told)
	if at < 0 {
		at = len(s.records[i])
		s.records[i] = append(s.records[i], told)
	}
	return at
}

func (s *search) tell(m move) string {
	text := hostID(m.i) + " " + eventNames[m.e] + " with"
	for j := range s.n {
		if j != m.i {
			text += " " + hostID(j) + ":" + briefPeer(&s.peers[m.news[j]])
		}
	}
	return text + " and is " + brief(&s.hosts[m.host].state)
}

func briefPeer(p *Peer) string {
	if p.State == nil {
		return "[nothing]"
	}
	if p.Trouble != TroubleNone {
		return "down " + brief(p.State)
	}
	return brief(p.State)
}

func brief(s *State) string {
	return fmt.Sprintf("[%s %d %s of %s, ticket %d.%d.%x]", s.Phase, s.Target.Generation, s.Target.Revision.Local, s.Running.Local,
		s.Ticket.Generation, s.Ticket.Class, s.Ticket.Hash>>60)
}

// fullSearch is the environment variable that asks for the searches and the runs that take long.
const fullSearch = "DAEMONSETD_SIM"

func isFull() bool { return os.Getenv(fullSearch) != "" }
