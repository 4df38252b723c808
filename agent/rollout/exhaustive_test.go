package rollout

import (
	"fmt"
	"iter"
	"math/bits"
	"os"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
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

const (
	modelKey = "test/agent"
	maxHosts = 4
)

// step is one thing that happens to a host from outside, in the order of its script.
type step struct {
	kind stepKind
	rev  string
}

type stepKind uint8

const (
	stepFile    stepKind = iota // the file asks for rev
	stepLabel                   // a label of the node changes the local revision to rev
	stepFail                    // the pod fails by itself
	stepHeal                    // and comes back
	stepUnplace                 // the node stops qualifying; the pod goes
	stepTaint                   // the node stops qualifying for a new pod; the pod stays
	stepPlace                   // it qualifies again
	stepForget                  // a restart forgets that the ticket was raised
	stepCrash                   // the host goes down for good, and whoever hears of it takes it for down
)

// scenario is what the search covers.
type scenario struct {
	name    string
	k       int
	scripts [][]step
	bad     string // the revision that never becomes available
	// unfinished: not everybody can finish, so that only safety is looked at.
	unfinished bool
	strict     bool
	claimOnly  bool // that a host knows how many are down when it starts is not looked at
	// yields is the highest class of a ticket from which a host still yields; in what follows a state with the newest records
	// of all there is no limit.
	yields int
	// paused are the hosts whose DaemonSet is paused, strangers those of which others may have no record, and the
	// newcomer one that declares the DaemonSet with its first step, of which others may not have heard. When it has held for
	// 10 minutes, they have.
	paused, strangers, newcomer string
	// late are the hosts that may yield, for searches that would be too large else; empty: all.
	late string
}

// host is all of one host.
type host struct {
	state  State
	at     int // how much of the script is over
	wanted Revision
	placed bool
	up     bool // the pod of state.Running is available
	taken  bool // the rollout took an available pod down, and it is not available again
	dead   bool
}

// comparable forms of a host, and of what it tells.
type hostKey struct {
	core   coreKey
	good   [2]string
	sick   bool
	held   time.Time
	at     int
	wanted Revision
	placed bool
	up     bool
	taken  bool
	dead   bool
}

// coreKey is what a host tells.
type coreKey struct {
	trouble          Trouble
	unknown          bool
	target, rejected Target
	running          Revision
	phase            Phase
	hold             Hold
	ticket           Ticket
	canary           bool
}

func (h *host) core() coreKey {
	s := &h.state
	if h.dead {
		return coreKey{TroubleDown, false, s.Target, s.Rejected, s.Running, s.Phase, s.Hold, s.Ticket, s.Canary}
	}
	return coreKey{TroubleNone, false, s.Target, s.Rejected, s.Running, s.Phase, s.Hold, s.Ticket, s.Canary}
}

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

type event uint8

const (
	eventScript event = iota
	eventEarly
	eventLate
	eventWritten
	eventReady
	events
)

var eventNames = [...]string{"outside", "steps", "steps, later", "writes the manifest", "pod is up"}

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

var modelStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func hostID(i int) string { return string(rune('a' + i)) }

func fleetRev(name string) Revision { return Revision{Fleet: name, Local: name} }

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
		if s.newcomer == hostID(i) {
			h = host{wanted: fleetRev("A"), state: State{Key: modelKey}}
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
	h.state.Began, h.state.PassedBy = time.Time{}, time.Time{}
	key := hostKey{
		h.core(), [2]string{h.state.Good, h.state.GoodBefore}, h.state.Sick, h.state.HeldUntil,
		h.at, h.wanted, h.placed, h.up, h.taken, h.dead,
	}
	if id, ok := s.byKey[key]; ok {
		return id
	}
	id := uint16(len(s.hosts))
	s.byKey[key] = id
	s.hosts = append(s.hosts, h)
	s.tells = append(s.tells, s.tellsOf(key.core, Peer{State: &h.state, Trouble: key.core.trouble}))
	return id
}

func (s *search) tellsOf(core coreKey, p Peer) uint16 {
	told, ok := s.byCore[core]
	if !ok {
		told = uint16(len(s.peers))
		s.byCore[core] = told
		s.peers = append(s.peers, p)
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
		case e == eventLate && h.state.HeldUntil.After(modelStart):
			h.state.HeldUntil = modelStart // the 10 minutes are over; it steps later
		default:
			v.bad = s.next(&h, i, e, news)
		}
		v.host = s.intern(h)
	}
	s.memo[key] = v
	return v
}

// outside does what an event does to a host before it steps, and says whether the event can happen.
func (s *search) outside(h *host, i int, e event) bool {
	if h.dead {
		return false
	}
	switch e {
	case eventScript:
		if h.at == len(s.scripts[i]) {
			return false
		}
		h.at++
		return h.script(s.scripts[i][h.at-1])
	case eventWritten:
		if !h.placed || h.state.Running == h.state.Target.Revision || h.state.Target.Revision.IsZero() ||
			!h.state.Phase.Taken() && !h.state.Running.IsZero() {
			return false
		}
		h.state.Running, h.up = h.state.Target.Revision, false
	case eventReady:
		running := h.state.Running
		if h.up || running.IsZero() || running != h.state.Target.Revision || running.Fleet == s.bad || h.failed(s.scripts[i]) {
			return false
		}
		h.up = true
	}
	return true
}

// failed says whether the pod has failed by itself and not come back yet.
func (h *host) failed(script []step) bool {
	failed := false
	for _, st := range script[:h.at] {
		failed = failed && st.kind != stepHeal || st.kind == stepFail
	}
	return failed
}

func (h *host) script(st step) bool {
	switch st.kind {
	case stepFile:
		h.wanted = fleetRev(st.rev)
	case stepLabel:
		h.wanted.Local = st.rev
	case stepFail:
		h.up = false
	case stepHeal:
		h.up = !h.state.Running.IsZero()
	case stepUnplace:
		h.placed, h.up, h.state.Running = false, false, Revision{}
	case stepTaint:
		h.placed = false
	case stepPlace:
		h.placed = true
	case stepForget:
		h.state.Ticket = Ticket{h.state.Target.Generation, classMember, h.state.Ticket.Hash}
	case stepCrash:
		h.dead, h.up, h.taken = true, false, false
	}
	return true
}

// next lets the host step, and says what was wrong with it.
func (s *search) next(h *host, i int, e event, news [maxHosts]uint16) string {
	in := Input{State: h.state, Strategy: strategy.Strategy{Budget: intstr.FromInt(s.k), Deadline: 1000 * time.Hour, Strict: s.strict}}
	in.Strategy.Paused = strings.Contains(s.paused, hostID(i))
	for j := range s.n {
		if j != i {
			in.Peers = append(in.Peers, s.peer(j, news[j]))
		}
	}
	in.Seen = Observation{
		Now: modelStart, ID: hostID(i), Placed: h.placed, Wanted: h.wanted, Running: h.state.Running, Pod: PodDown, Answers: true, Settled: true,
	}
	if h.up {
		in.Seen.Pod = PodUp
	}
	in.State.Began = modelStart
	if e == eventLate {
		in.State.PassedBy = modelStart
		in.Seen.Now = modelStart.Add(HoldDown - time.Second)
	}
	state, d := next(in, s.w)
	if state.Ticket.Generation >= digestGenerations || state.Ticket.Class > 100 {
		return "tickets rise for ever"
	}
	h.state = state
	switch {
	case slices.Contains(d.Events, EventStarted) && (h.up || s.strict):
		h.taken = h.up
		return s.informed(in.Peers)
	case !state.Phase.Taken():
		h.taken = false
	}
	return ""
}

func (s *search) peer(j int, told uint16) Peer {
	p := s.peers[told]
	p.ID = hostID(j)
	return p
}

// informed: a host does not start when it knows that as many as the budget are down.
func (s *search) informed(peers []Peer) string {
	if s.claimOnly {
		return ""
	}
	down := 0
	for _, p := range peers {
		if p.State != nil && (p.State.Phase.Disrupted() || p.Trouble == TroubleDown) {
			down++
		}
	}
	if down >= s.k {
		return fmt.Sprintf("started, and knew that %d are down", down)
	}
	return ""
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

// outcome is what can become of a host, and the news with which it does.
type outcome struct {
	host uint16
	news [maxHosts]uint16
	bad  string
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

type keptKey struct {
	i, e byte
	host uint16
	told told
}

// outcomes are all different ones of an event at a host, and those that are wrong.
func (s *search) outcomes(w *world, i int, e event) []outcome {
	h := w.hosts[i]
	if probe := s.hosts[h]; !s.outside(&probe, i, e) || e == eventLate && !s.mayYield(i, &probe) {
		return nil
	}
	key, news := keptKey{byte(i), byte(e), h, told{}}, &w.told
	if s.newcomer == hostID(i) {
		news = &w.heard
	}
	for j := range s.n {
		if j != i {
			key.told[j] = s.choose(i, e, h, j, news[j])
		}
	}
	if kept, ok := s.kept[key]; ok {
		return kept
	}
	kept := []outcome{}
	s.each(&key.told, i, 0, [maxHosts]uint16{}, func(news [maxHosts]uint16) {
		v := s.happens(i, e, h, news)
		known := func(c outcome) bool { return c.host == v.host && c.bad == v.bad }
		if (v.host != h || v.bad != "") && !slices.ContainsFunc(kept, known) {
			kept = append(kept, outcome{v.host, news, v.bad})
		}
	})
	s.kept[key] = kept
	return kept
}

func (s *search) mayYield(i int, h *host) bool {
	return int(h.state.Ticket.Class) <= s.yields && (s.late == "" || strings.Contains(s.late, hostID(i)))
}

// each calls f with every choice of one record out of every other host's set.
func (s *search) each(from *told, i, j int, news [maxHosts]uint16, f func([maxHosts]uint16)) {
	switch j {
	case s.n:
		f(news)
	case i:
		s.each(from, i, j+1, news, f)
	default:
		for r := range from[j].all() {
			news[j] = s.records[j][r]
			s.each(from, i, j+1, news, f)
		}
	}
}

type chosenKey struct {
	i, e, j byte
	host    uint16
	told    set
}

// choose leaves of what host j told one record of every kind that Next can tell apart.
func (s *search) choose(i int, e event, h uint16, j int, told set) set {
	key := chosenKey{byte(i), byte(e), byte(j), h, told}
	if c, ok := s.chosen[key]; ok {
		return c
	}
	var digests []digest
	var out set
	for r := range told.all() {
		if d := s.digest(i, e, h, s.records[j][r]); !slices.Contains(digests, d) {
			digests = append(digests, d)
			out.add(r)
		}
	}
	s.chosen[key] = out
	return out
}

type digestKey struct {
	i, e      byte
	host, rec uint16
}

// digest is all that Next can see of another's record at a step of one host. It is finer than it need be.
type digest struct {
	highest, same uint64 // for a new generation or an adoption
	waits         Ticket // for a yield
	newer         bool
	shows         uint64 // for the rule, by the ticket that this host may have then
	down          bool
	record        uint16 // all of it
}

// Tickets have lower generations, and fewer classes above that of members.
const (
	digestGenerations = 8
	digestClasses     = 6
)

func (s *search) digest(i int, e event, h, rec uint16) digest {
	key := digestKey{byte(i), byte(e), h, rec}
	if d, ok := s.digests[key]; ok {
		return d
	}
	host, p := s.hosts[h], &s.peers[rec]
	if p.State == nil || p.Trouble != TroubleNone {
		s.digests[key] = digest{record: rec + 1}
		return s.digests[key]
	}
	r := p.State
	s.outside(&host, i, e)
	d := digest{down: r.Phase.Disrupted()}
	waits := r.waits() || s.w.yieldWaiting && r.Phase == PhaseHeld
	switch own := &host.state; {
	case host.wanted != own.Target.Revision:
		d.highest = max(r.Target.Generation, r.Ticket.Generation)
		if r.Target.Revision.Fleet == host.wanted.Fleet {
			d.same = r.Target.Generation
		}
	case r.Target.Revision.Fleet == own.Target.Revision.Fleet:
		d.same = max(r.Target.Generation, own.Target.Generation)
	default:
		d.same = own.Target.Generation
	}
	if !host.state.HeldUntil.IsZero() && r.Phase.Taken() {
		d.record = rec + 1
	}
	classes := uint32(1)
	if e == eventLate {
		classes = digestClasses
		if waits && r.Ticket.Above(host.state.Ticket) {
			d.waits, d.newer = r.Ticket, r.Target.Generation > host.state.Target.Generation
		}
	}
	t := host.state.Ticket
	d.shows = uint64(one(s.w.shows(&t, r)))
	for g := range uint64(digestGenerations) {
		for c := range classes {
			t := Ticket{g, classMember + c, host.state.Ticket.Hash}
			d.shows = d.shows<<1 | uint64(one(s.w.shows(&t, r)))
		}
	}
	s.digests[key] = d
	return d
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

func file(revs ...string) []step {
	var out []step
	for _, r := range revs {
		out = append(out, step{stepFile, r})
	}
	return out
}

func scripts(s ...[]step) [][]step { return s }

// fullSearch is the environment variable that asks for the searches and the runs that take long.
const fullSearch = "DAEMONSETD_SIM"

func isFull() bool { return os.Getenv(fullSearch) != "" }
