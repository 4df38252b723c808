package rollout

import (
	"time"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

const (
	// HoldDown is how long a host on which a DaemonSet was placed does not take its pod down: by then every member that it
	// can reach knows of it. Those that it cannot reach count against the budget.
	HoldDown = 10 * time.Minute
	// YieldAfter is how long others wait for a host that has nothing to start before it lets them pass.
	YieldAfter = 30 * time.Second
	// DownFor is how long a pod has to be down, and the kubelet has to say so, before that is a reason to replace it
	// without a turn. When a kubelet comes up, pods that run are not ready for a moment.
	DownFor = 10 * time.Second
	// UnsteadyFor is how long a pod that comes up and goes down again has to have been like that, at least, without being
	// available for the rollout once, and the kubelet has to answer, before it counts as one that is down. It is three
	// times the soak where that is longer: a pod that was restarted once has its soak, and is no such pod.
	UnsteadyFor = 30 * time.Second
	// MaxRestarts is at how many restarts of its containers within the progress deadline a new pod has failed.
	MaxRestarts = 3
)

// Pod is what the kubelet says of the pod of Observation.Running.
type Pod uint8

const (
	// PodUnknown: the kubelet has not said for some time how it is. A short silence is no reason for it.
	PodUnknown Pod = iota
	// PodDown: it is not available, or not there.
	PodDown
	// PodUp: it is available: ready for minReadySeconds. The kubelet said so after the last change of the manifest.
	PodUp
)

// Observation is what a host sees of one DaemonSet.
type Observation struct {
	// Now is the present. Within one process it should have a monotonic reading.
	Now time.Time
	// ID is this host's identity.
	ID string
	// Placed: a pod belongs here.
	Placed bool
	// Canary: the node's labels are those of a canary.
	Canary bool
	// Wanted is the revision that the file asks for; zero: not known now, as when its ConfigMap is missing.
	Wanted Revision
	// LastGood gives the revision in which a fleet revision of the history would run here now; nil or zero: it cannot.
	LastGood func(fleet string) Revision
	// Running is the revision whose manifest stands, the older one during a surge; zero: none stands.
	Running Revision
	// Beside is the revision whose manifest stands beside that of Running, during a surge; zero: none does. Of several,
	// the target's.
	Beside Revision
	// Pod is that of Running.
	Pod Pod
	// Answers: the kubelet answers now.
	Answers bool
	// Settled: enough was heard of the other members, since the start of this process and lately.
	Settled bool
	// Listed: a members file is in effect here and lists this host, so that it knows who all others are. Known: all of
	// those have shown that they know of what was placed here, since that; see Asks.
	Listed, Known bool
	// Alone: gossip is off, so that there is nobody who might not know yet that the DaemonSet was placed here.
	Alone bool
	// Requested: the operator has asked for the replacement on this host (OnDelete).
	Requested bool
	// Released: the operator ends the time after a first placement on this host. Reset: a new epoch begins on it. Each is
	// asked for in one step.
	Released, Reset bool
	// ReadySince is since when the pod of Running is ready, by this host's clock: never in the future; zero: not known, as
	// where the kubelet is not asked, and then there is no soak.
	ReadySince time.Time
	// Restarts, Looping and Why are of the pod of the target's revision, alone or beside the old one: how often its
	// containers were restarted, in sum; whether the kubelet backs off from restarting one (CrashLoopBackOff); and one
	// sentence on why it is not available, empty where it is.
	Restarts uint32
	Looping  bool
	Why      string
	// Pulling is since when the images of the target's revision are being pulled, for which the old pod stays; zero: they
	// are not. Why says then what is waited for.
	Pulling time.Time
	// Shown is passed on.
	Shown Shown
}

// Event is something that Next did. They follow each other in one step in this order.
type Event uint8

const (
	// EventFinished: the new pod is available.
	EventFinished Event = iota
	// EventReleased: an operator has ended the time after a first placement.
	EventReleased
	// EventTarget: there is a new target, with a new generation.
	EventTarget
	// EventRolledBack: the host goes back to its last good revision by itself.
	EventRolledBack
	// EventLapsed: the pod that might be replaced because it was down is up again, and was not touched. It waits for its
	// turn.
	EventLapsed
	// EventReset: an operator has begun a new epoch.
	EventReset
	// EventAdopted: another member's generation of the same revision is taken over.
	EventAdopted
	// EventYielded: those that wait are let pass.
	EventYielded
	// EventStarted: the pod may be taken down.
	EventStarted
	// EventFailed: the progress deadline is over, or the new pod's containers end again and again.
	EventFailed
)

var eventWords = [...]string{
	EventFinished: "Finished", EventTarget: "Target", EventRolledBack: "RolledBack", EventLapsed: "Lapsed",
	EventReleased: "Released", EventReset: "Reset",
	EventAdopted: "Adopted", EventYielded: "Yielded", EventStarted: "Started", EventFailed: "Failed",
}

// String is a CamelCase word that never changes.
func (e Event) String() string { return word(eventWords[:], int(e)) }

// Decision is what comes of a step.
type Decision struct {
	// Replace: the pod of an older revision may be taken down, or (surge) the new one started beside it; once the State is
	// on disk, and at once: it speaks of the pod as it was observed. A turn that the rule has given stays until the new
	// pod is available, also after a restart. First placements and removals do not ask for it.
	Replace bool
	// Target is the revision to run, which is not that of the file after a rollback; zero: not known, nothing changes.
	Target Revision
	// Events is what happened.
	Events []Event
	// Blockers says who or what stands in the way, where something would be started otherwise.
	Blockers Blockers
	// Again is when to ask again at the latest; zero: when something changes.
	Again time.Time
}

// Input is what a step depends on. Nothing of it is changed.
type Input struct {
	State    State
	Seen     Observation
	Peers    []Peer
	Strategy strategy.Strategy
}

// Next is one step of the state machine of one DaemonSet on one host. Its cost is linear in the number of members.
func Next(in Input) (State, Decision) { return next(in, without{}) }

func next(in Input, w without) (State, Decision) {
	m := machine{State: in.State, o: in.Seen, peers: in.Peers, spec: in.Strategy, w: w}
	if !w.steps {
		m.peers, m.further = bounded(&in.State, in.Peers)
	}
	m.look()
	m.watch()
	m.reject()
	m.retarget()
	m.renew()
	m.lapse()
	m.join()
	m.phase()
	m.moveTicket()
	m.start()
	m.d.Target = m.Target.Revision
	m.d.Replace = m.Phase.Taken() && !m.unproven()
	return m.State, m.d
}

// machine is one step on its way.
type machine struct {
	State
	o     Observation
	peers []Peer
	spec  strategy.Strategy
	w     without
	d     Decision
	// further is how far to go towards members that are out of reach.
	further uint64
}

func (m *machine) event(e Event) { m.d.Events = append(m.d.Events, e) }

// until moves Again forward to the nearest moment that is still to come.
func (m *machine) until(t time.Time) {
	if t.After(m.o.Now) && (m.d.Again.IsZero() || t.Before(m.d.Again)) {
		m.d.Again = t
	}
}

// look takes over what was observed and notices a first placement and the end of a replacement.
func (m *machine) look() {
	m.Running, m.Shown, m.Canary = m.o.Running, m.o.Shown, m.o.Canary
	if !m.o.Placed {
		m.Phase, m.HeldUntil, m.Sick, m.Turn, m.Began, m.Stood = PhaseNotPlaced, time.Time{}, false, false, time.Time{},
			time.Time{}
		m.Tried, m.Why, m.Returned = time.Time{}, "", false
		return
	}
	if m.Phase == PhaseNotPlaced || m.Target.Generation == 0 && m.HeldUntil.IsZero() {
		m.Phase = PhaseUnavailable
		m.HeldUntil = m.o.Now.Add(HoldDown)
	}
	if limit := m.o.Now.Add(HoldDown); m.HeldUntil.After(limit) { // the clock was set back
		m.HeldUntil = limit
	}
	m.release()
	m.arrive()
}

// watch measures how long the pod has been down, and not available, by what a kubelet says that answers all the while.
func (m *machine) watch() {
	m.watchSteady()
	if m.o.Pod != PodDown || !m.o.Answers || m.Running.IsZero() {
		m.DownSince, m.DownOf = time.Time{}, Revision{}
		return
	}
	if m.DownSince.IsZero() || m.DownSince.After(m.o.Now) || m.DownOf != m.Running {
		m.DownSince, m.DownOf = m.o.Now, m.Running
	}
}

func (m *machine) watchSteady() {
	if m.o.Pod == PodUnknown || !m.o.Answers || m.Running.IsZero() || m.available() {
		m.UnsteadySince, m.UnsteadyOf = time.Time{}, Revision{}
		return
	}
	if m.UnsteadySince.IsZero() || m.UnsteadySince.After(m.o.Now) || m.UnsteadyOf != m.Running {
		m.UnsteadySince, m.UnsteadyOf = m.o.Now, m.Running
	}
}

// unsteady says whether the pod has come up and gone down for so long that it counts as one that is down. All the while
// the others were told that it is not available, and have counted it.
func (m *machine) unsteady() bool {
	if m.UnsteadySince.IsZero() {
		return false
	}
	end := m.UnsteadySince.Add(max(UnsteadyFor, 3*m.spec.Soak))
	m.until(end)
	return !m.o.Now.Before(end)
}

// arrive notices that the target's revision is available.
func (m *machine) arrive() {
	if !m.o.Placed || !m.current() || !m.available() || m.crashes() {
		return
	}
	if m.Phase.Taken() {
		m.event(EventFinished)
	}
	m.Phase, m.Turn, m.Began, m.Stood, m.Why = PhaseAvailable, false, time.Time{}, time.Time{}, ""
	m.good()
}

// available says whether the pod is available as the rollout sees it: for Kubernetes, and ready for the soak.
func (m *machine) available() bool {
	if m.o.Pod != PodUp || m.o.ReadySince.IsZero() || m.w.soak {
		return m.o.Pod == PodUp
	}
	end := m.o.ReadySince.Add(m.spec.Soak)
	m.until(end)
	return !m.o.Now.Before(end)
}

// crashes says whether the containers of the new pod end again and again, within the progress deadline of its revision.
func (m *machine) crashes() bool {
	if m.Tried.IsZero() || !m.stands() || m.w.crashes {
		return false
	}
	if m.Tried.After(m.o.Now) { // the clock was set back
		m.Tried = m.o.Now
	}
	return m.o.Now.Before(m.Tried.Add(m.spec.Deadline)) && (m.o.Looping || m.o.Restarts >= MaxRestarts)
}

// stands says whether the target's manifest is in place, alone or beside the old one.
func (m *machine) stands() bool {
	return m.current() || !m.o.Beside.IsZero() && m.o.Beside == m.Target.Revision
}

// current says whether the running pod is the target's.
func (m *machine) current() bool { return !m.Running.IsZero() && m.Running == m.Target.Revision }

// unasked says whether the pod of an older revision still stands as it was when the replacement began, and the rule was
// not asked for that: it was down, or what the rule said is not known any more (Restore). Such a permission lasts as
// long as its reason. What an operator asks for with OnDelete needs no other reason.
//
// A turn that the rule has given is another thing. Since it began the host tells that it is disrupted, under a ticket
// that stays as it is, and all others count it: whatever they begin meanwhile, they begin with this host down, so that
// its pod may go at any time. It holds its part of the budget for as long as the act cannot be done, and nothing more.
func (m *machine) unasked() bool {
	untouched := !m.Running.IsZero() && !m.current() && m.o.Beside.IsZero()
	return m.Phase.Taken() && !m.Turn && untouched && !m.spec.OnDelete
}

// lapse takes back a permission that was given because the pod was down, when it is up again and nothing has been done.
// From now on the host waits for its turn as all do: it may be that as many as the budget are down by now.
func (m *machine) lapse() {
	if !m.unasked() || m.o.Pod != PodUp || m.unsteady() || m.w.lapse {
		return
	}
	m.Phase, m.Sick, m.Began, m.Stood = PhaseWaiting, false, time.Time{}, time.Time{}
	m.event(EventLapsed)
}

// unproven says whether the pod may be up again, as far as the kubelet tells: then it is not touched until it is known.
func (m *machine) unproven() bool {
	if !m.unasked() || m.w.unproven {
		return false
	}
	if m.o.Pod == PodUnknown || !m.o.Answers {
		m.d.Blockers.hold = HoldKubelet
		return true
	}
	if m.unsteady() {
		return false
	}
	end := m.DownSince.Add(DownFor)
	m.until(end)
	return m.o.Pod == PodDown && m.o.Now.Before(end) && !m.w.blip
}

// good remembers a revision that is available.
func (m *machine) good() {
	m.Sick = false
	if m.Running.Fleet != m.Good {
		m.GoodBefore, m.Good = m.Good, m.Running.Fleet
	}
}

// phase follows what was observed. Whether something is started is decided later.
func (m *machine) phase() {
	m.Hold = HoldNone
	switch {
	case !m.o.Placed:
	case m.Phase.Taken():
		m.progress()
	case m.o.Pod == PodUnknown && !m.Running.IsZero():
		m.Phase = PhaseUnknown
	case m.current() && m.crashes():
		// It was available, and was not touched by anybody since: what it was given its turn for is over.
		m.Turn = false
		m.fail()
	case m.Running.IsZero() || !m.available():
		m.Phase = PhaseUnavailable
	case m.current():
		m.Phase = PhaseAvailable
	default:
		m.Phase = PhaseWaiting
		if m.Hold = m.held(); m.Hold != HoldNone {
			m.Phase = PhaseHeld
		}
	}
}

// progress watches over a replacement that is going on.
func (m *machine) progress() {
	if m.Phase == PhaseFailed || m.Sick || m.o.Pod == PodUnknown && !m.Running.IsZero() {
		return
	}
	if m.Began.IsZero() || m.Began.After(m.o.Now) { // the clock was set back
		m.Began = m.o.Now
	}
	if m.stands() && m.Stood.IsZero() || m.Stood.After(m.o.Now) {
		m.Stood, m.Tried = m.o.Now, m.o.Now
	}
	if m.crashes() {
		m.fail()
		return
	}
	// What takes long otherwise is the end of the old pod, or what is missing of the new one; the revision is not to
	// blame.
	since := m.Stood
	if since.IsZero() {
		since = m.pulling()
	}
	if since.IsZero() {
		return
	}
	end := since.Add(m.spec.Deadline)
	if m.o.Now.Before(end) {
		m.until(end)
		return
	}
	m.fail()
}

// pulling is since when the turn is spent on images of the target's revision, for which the old pod stays; zero: it is
// not. One that cannot be pulled is a failure as one of the new pod is, only that the old pod runs on.
func (m *machine) pulling() time.Time {
	switch {
	case m.o.Pulling.IsZero():
		return time.Time{}
	case m.o.Pulling.After(m.o.Now): // the clock was set back
		return m.o.Now
	case m.o.Pulling.Before(m.Began):
		return m.Began // it began before this host had its turn
	}
	return m.o.Pulling
}

// fail tells that the target's revision does not work here, and why.
func (m *machine) fail() {
	m.Phase, m.Why = PhaseFailed, bounds(m.o.Why)
	m.event(EventFailed)
	m.rollBack(m.Target)
}

// start begins the replacement if the host wants to and may.
func (m *machine) start() {
	if m.Phase == PhaseUnavailable && !m.Running.IsZero() && !m.current() && !m.Target.Revision.IsZero() {
		m.startDown()
		return
	}
	if m.Phase == PhaseHeld {
		m.d.Blockers.hold = m.Hold
		if m.Hold == HoldNew {
			m.d.Blockers.until = m.HeldUntil
			m.until(m.HeldUntil)
		}
		return
	}
	if m.Phase == PhaseWaiting && (m.spec.OnDelete || m.turn()) {
		m.begin(false)
		m.Turn = !m.spec.OnDelete
	}
}

// startDown replaces a pod that is not available, and has been down for DownFor or unsteady: without a turn, as
// Kubernetes does, for nothing is lost. (The case "not available(old)" of rollingUpdate in
// pkg/controller/daemon/update.go.)
func (m *machine) startDown() {
	hold := m.held()
	if hold == HoldNew || hold == HoldUnsettled && !m.spec.Strict {
		hold = HoldNone
	}
	if hold != HoldNone {
		m.Hold, m.d.Blockers.hold = hold, hold
		return
	}
	certain := m.spec.OnDelete || m.unsteady()
	if !certain && m.o.Pod != PodDown {
		return // it is up, and not yet for as long as it takes
	}
	if end := m.DownSince.Add(DownFor); !certain && m.o.Now.Before(end) && !m.w.blip {
		m.until(end)
		return
	}
	if m.spec.OnDelete || !m.spec.Strict && !m.w.free || m.turnDown() {
		m.begin(true)
	}
}

func (m *machine) begin(sick bool) {
	m.Phase, m.Began, m.Stood, m.Sick, m.Turn = PhaseUpdating, m.o.Now, time.Time{}, sick, false
	m.Tried, m.Why = time.Time{}, ""
	m.event(EventStarted)
}

// turnDown is the turn of a pod that is down, where that has to wait for one (strict).
func (m *machine) turnDown() bool {
	m.d.Blockers = mayReplaceDown(&m.State, m.peers, m.spec, m.w)
	return m.d.Blockers.May()
}

// turn asks the rule, and the canaries.
func (m *machine) turn() bool {
	m.d.Blockers = mayStart(&m.State, m.peers, m.spec, m.w)
	m.d.Blockers.canary = m.canary()
	return m.d.Blockers.May()
}
