package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

const (
	modelKey = "test/agent"
	maxHosts = 5
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
	stepAway                    // the kubelet does not tell how the pod is
	stepBack                    // and does again
	stepUnplace                 // the node stops qualifying; the pod goes
	stepTaint                   // the node stops qualifying for a new pod; the pod stays
	stepPlace                   // it qualifies again
	stepForget                  // a restart forgets that the ticket was raised
	stepReset                   // an operator begins a new epoch
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
	// joiners are hosts that declare the DaemonSet with their first step, too, where members files list everybody: no time passes for them,
	// and they go by what the others know. Whoever knows of one never loses that record.
	joiners string
	// liar is a member that nobody honest is: at every step of another it may show any record of its menu, to each another one, and
	// go back on it. In what follows a state with the newest records of all, it has been forgotten.
	liar string
	// late are the hosts that may yield, for searches that would be too large else; empty: all.
	late string
	// resets: an operator begins new epochs, so that generations do not stay low.
	resets bool
}

// host is all of one host.
type host struct {
	state  State
	at     int // how much of the script is over
	wanted Revision
	placed bool
	up     bool // the pod of state.Running is available
	away   bool // nothing is known of the pod
	// replace is what was decided last. The act may come at once, later or never: whatever it is that keeps it from being done.
	replace bool
	taken   bool // the rollout took an available pod down, or may do so now, and it is not available again
	dead    bool
	knows   uint8 // the joiners of which it knows, as bits of their numbers
	silent  bool  // it does not declare the DaemonSet yet
	// reset: an operator has asked for a new epoch.
	reset bool
}

// comparable forms of a host, and of what it tells.
type hostKey struct {
	core       coreKey
	good       [2]string
	sick, turn bool
	held       time.Time
	at         int
	wanted     Revision
	placed     bool
	up, away   bool
	replace    bool
	taken      bool
	dead       bool
	silent     bool
	reset      bool
}

func bit(i int) uint8 { return 1 << i }

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
	knows            uint8
}

func (h *host) core() coreKey {
	s := &h.state
	if h.silent {
		return coreKey{unknown: true, knows: h.knows}
	}
	if h.dead {
		return coreKey{TroubleDown, false, s.Target, s.Rejected, s.Running, s.Phase, s.Hold, s.Ticket, s.Canary, h.knows}
	}
	return coreKey{TroubleNone, false, s.Target, s.Rejected, s.Running, s.Phase, s.Hold, s.Ticket, s.Canary, h.knows}
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

var modelStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func hostID(i int) string { return string(rune('a' + i)) }

func fleetRev(name string) Revision { return Revision{Fleet: name, Local: name} }

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
			!h.replace && !h.state.Running.IsZero() {
			return false
		}
		h.taken = h.taken || h.up
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
	case stepAway:
		h.away = true
	case stepBack:
		h.away = false
	case stepUnplace:
		h.placed, h.up, h.state.Running = false, false, Revision{}
	case stepTaint:
		h.placed = false
	case stepPlace:
		h.placed, h.silent = true, false
	case stepForget:
		h.state.Ticket = Ticket{h.state.Target.Generation, classMember, h.state.Ticket.Hash}
	case stepReset:
		h.reset = true
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
	in.Seen.Reset, h.reset = h.reset, false
	if h.away {
		in.Seen.Pod, in.Seen.Answers = PodUnknown, false
	}
	s.call(h, i, news, &in.Seen)
	in.State.Began = modelStart
	if !h.up { // any time may have passed
		in.State.DownSince, in.State.DownOf = modelStart.Add(-time.Hour), h.state.Running
	}
	if e == eventLate {
		in.State.PassedBy = modelStart
		in.Seen.Now = modelStart.Add(HoldDown - time.Second)
	}
	state, d := next(in, s.w)
	if Number(state.Ticket.Generation) >= digestGenerations || state.Ticket.Class > 100 {
		return "tickets rise further than the search can tell apart"
	}
	h.state, h.replace = state, d.Replace
	switch {
	case slices.Contains(d.Events, EventStarted) && (h.up || s.strict):
		h.taken = h.up
		return s.informed(in.Peers)
	case !state.Phase.Taken():
		h.taken = false
	}
	return ""
}

// call notes which joiners the host knows of from now on, and says whether all others know of it.
func (s *search) call(h *host, i int, news [maxHosts]uint16, o *Observation) {
	o.Listed, o.Known = s.joiners != "", true
	for j := range s.n {
		if j == i {
			continue
		}
		if s.joins(j) && s.peers[news[j]].State != nil {
			h.knows |= bit(j)
		}
		o.Known = o.Known && s.knows[news[j]]&bit(i) != 0
	}
}

func (s *search) joins(i int) bool { return strings.Contains(s.joiners, hostID(i)) }

func (s *search) peer(j int, told uint16) Peer {
	p := s.peers[told]
	p.ID, p.Counts = hostID(j), s.liar != hostID(j)
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

func file(revs ...string) []step {
	var out []step
	for _, r := range revs {
		out = append(out, step{stepFile, r})
	}
	return out
}

func scripts(s ...[]step) [][]step { return s }
