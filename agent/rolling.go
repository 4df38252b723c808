package agent

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// sectionRollout is the section in which a host tells where it stands with each DaemonSet.
const sectionRollout = "rollout"

// silence is for how long a kubelet that does not answer leaves what it said last in effect. Kubernetes gives a node as long
// (node-monitor-grace-period).
const silence = 50 * time.Second

// maxUntold is of how many steps the events wait for a disk that takes nothing; those of later ones are not recorded.
const maxUntold = 1000

// peerCache keeps the decoded rollout sections of the other members.
type peerCache map[record.ID]peerSection

type peerSection struct {
	id     string
	stamp  record.Stamp
	states map[string]*rollout.State
	// said are tickets that the member told and that states does not show any more: higher ones, and those of DaemonSets of
	// which it tells nothing now.
	said    map[string]rollout.Ticket
	omitted bool
	err     error
}

// roll advances every DaemonSet's rollout by one step and says what may be replaced now. What others rely on is on disk
// before it returns; where that fails nothing may be replaced.
func (a *Agent) roll(s *reconcile.Snapshot) {
	if s.ScanErr != nil {
		a.applyRollouts(s, s.ScanErr) // nothing is known of what stands
		return
	}
	view := a.member.Look()
	a.recoverRollouts(view, s.Now)
	a.holdAll(a.member.Alone(), s.Now)
	peers := a.peersOf(view)
	declared := map[string]bool{}
	for _, it := range s.Items {
		declared[it.Key] = true
		before := a.rollouts.states[it.Key]
		before.Key = it.Key
		others := peers.of(it.Key, a.rollouts.peers[it.Key])
		next, d := rollout.Next(rollout.Input{State: before, Seen: a.observe(s, it, view), Peers: others, Strategy: it.Strategy})
		a.rollouts.states[it.Key], a.rollouts.decisions[it.Key], a.rollouts.peers[it.Key] = next, d, others
		if next.Phase == rollout.PhaseNotPlaced || !it.Strategy.OnDelete || next.Running == next.Target.Revision {
			delete(a.rollouts.requested, it.Key) // nothing is left of what was asked for
		}
		a.rollouts.measure(it.Key, before, d, s.Now)
		if len(d.Events) > 0 && len(a.rollouts.untold) < maxUntold {
			a.rollouts.untold = append(a.rollouts.untold, step{it.Key, next, d})
		}
	}
	for key, state := range a.rollouts.states {
		if !declared[key] {
			state.Phase, state.Running, state.Shown = rollout.PhaseNotPlaced, rollout.Revision{}, rollout.Shown{}
			a.rollouts.states[key] = state
			delete(a.rollouts.decisions, key)
			delete(a.rollouts.peers, key)
		}
	}
	err := a.rollouts.save()
	a.board.When(err != nil, health.RolloutNotSaved, errorText(err), a.cfg.StateDir)
	a.applyRollouts(s, err)
	if err == nil {
		for _, s := range a.rollouts.untold {
			a.tellRollout(s.key, &s.state, s.decision)
		}
		a.rollouts.untold = nil
		a.publishRollouts(declared)
	}
}

// applyRollouts puts the last decisions into what is planned from.
func (a *Agent) applyRollouts(s *reconcile.Snapshot, saveErr error) {
	for _, it := range s.Items {
		d, ok := a.rollouts.decisions[it.Key]
		if ok {
			it.State, it.Turn, it.Peers = a.rollouts.states[it.Key], d, a.rollouts.peers[it.Key]
		}
		switch {
		case saveErr != nil:
			it.Hold = "the manifests directory or the state of the rollout cannot be used: " + saveErr.Error()
		case !ok:
			it.Hold = "it has not been decided yet"
		case !d.Replace:
			it.Hold = cmp.Or(d.Blockers.String(), "it is not this host's turn")
		}
		a.aim(s, a.catalog.Maker, it)
		if it.Hold != "" || it.Blocked != "" {
			it.Older = a.older(s, it)
		}
	}
}

// observe is what this host sees of one DaemonSet.
func (a *Agent) observe(s *reconcile.Snapshot, it *reconcile.Item, view *fleet.View) rollout.Observation {
	var locals []string
	var running *plan.Present
	for i := range it.Present {
		p := &it.Present[i]
		locals = append(locals, p.Revision)
		if running == nil || running.Revision == it.File.Manifest.Revision {
			running = p
		}
	}
	state := a.rollouts.states[it.Key]
	o := rollout.Observation{
		Now: s.Now, ID: a.member.Self(),
		Placed: !it.Evicted && (it.Decision.ShouldRun || it.Decision.ShouldContinueRunning && (running != nil || state.Phase.Taken())),
		Canary: it.Strategy.Canary != nil && it.Strategy.Canary.Matches(labels.Set(s.Node.Labels)),
		// A pod that only stays, as where the node is tainted or not ready, would have no successor.
		Answers: it.Decision.ShouldRun && (s.Kubelet.AssumeReady || s.Kubelet.Healthy && s.Kubelet.HealthErr == nil && s.Kubelet.PodsErr == nil),
		Alone:   a.member.Alone(), Settled: a.member.Alone() || settledEnough(view) && !a.rollouts.unsure,
		Requested: a.rollouts.requested[it.Key], LastGood: func(fleet string) rollout.Revision { return a.catalog.LastGood(it.DS, fleet) },
	}
	if it.FileBlocked == "" && !s.Specs.Undecided(it.DS.Source.File) {
		o.Wanted = rollout.Revision{Fleet: it.File.Fleet, Local: it.File.Manifest.Revision}
	}
	if again := it.Memory.Again; again != "" {
		locals = append(locals, again)
	}
	a.rollouts.noteFleets(it.Key, locals, o.Wanted, state.Target.Revision)
	for i := range it.Present {
		p := &it.Present[i]
		if target := state.Target.Revision.Local; p != running && (o.Beside.IsZero() || p.Revision == target) {
			o.Beside = a.rollouts.fleetOf(it.Key, p.Revision)
		}
	}
	if running != nil {
		o.Running = a.rollouts.fleetOf(it.Key, running.Revision)
		o.Pod, o.Shown = podOf(s, it, running)
	}
	return o
}

// settledEnough says whether this host has heard enough: since its start, and that somebody of those it knows answers now.
func settledEnough(view *fleet.View) bool {
	if view == nil {
		return false
	}
	if slices.ContainsFunc(view.Members, func(m fleet.Member) bool { return m.Self && m.State == gossip.StateLeft }) {
		return false // nobody counts this host any more
	}
	return sure(view)
}

// podOf is what the kubelet says of a manifest's pod.
func podOf(s *reconcile.Snapshot, it *reconcile.Item, p *plan.Present) (rollout.Pod, rollout.Shown) {
	namespace := it.DS.Object.Namespace
	k := s.Answers
	pod, listed := k.Pods[namespace+"/"+p.PodName+"-"+s.Host]
	shown := shownOf(s.Kubelet.Pod(namespace, p.PodName, s.Host), pod)
	switch {
	case k.AssumeReady:
		return rollout.PodUp, shown
	case k.PodsAt.IsZero() || s.Now.Sub(k.PodsAt) > silence:
		return rollout.PodUnknown, shown
	case !listed || !pod.Available:
		return rollout.PodDown, shown
	case !k.PodsAt.After(it.Memory.WrittenAt) || slices.ContainsFunc(it.Memory.Leaving, func(l plan.Leaving) bool {
		return l.PodName == p.PodName && !k.PodsAt.After(l.RemovedAt)
	}):
		return rollout.PodUnknown, shown // it was up before the manifest was written again, or removed and put back
	}
	return rollout.PodUp, shown
}

// shownOf is what others show of a pod and find it by.
func shownOf(pod *corev1.Pod, p plan.Pod) rollout.Shown {
	if pod == nil {
		return rollout.Shown{}
	}
	shown := rollout.Shown{Pod: true, Ready: kubelet.PodReady(pod), Available: p.Available}
	for _, ip := range pod.Status.PodIPs {
		shown.Addresses = append(shown.Addresses, ip.IP)
	}
	if len(shown.Addresses) == 0 && pod.Status.PodIP != "" {
		shown.Addresses = []string{pod.Status.PodIP}
	}
	for _, c := range pod.Status.ContainerStatuses {
		shown.Restarts += uint32(max(c.RestartCount, 0)) //nolint:gosec // it is not negative
	}
	if pod.Status.StartTime != nil {
		shown.Since = pod.Status.StartTime.Time
	}
	return shown
}

// peers are the other members, each with what it tells of all DaemonSets.
type peers []peerOf

type peerOf struct {
	id, name string
	section  peerSection
	told     bool
	trouble  rollout.Trouble
	// claims are what others tell that claim the same name: together they are one member.
	claims []peerSection
}

// peersOf decodes what the others tell, each record once. It is done for every bit of news of anybody, so that what stayed as
// it was keeps its place in memory too.
func (a *Agent) peersOf(view *fleet.View) peers {
	if view == nil {
		return nil
	}
	next := make(peerCache, len(a.peerCache))
	out := make(peers, 0, len(view.Members))
	claims := map[string][]peerSection{}
	for _, m := range view.Members {
		section, told := m.Sections[sectionRollout]
		if m.Self || m.Standing == records.Excluded || m.State == gossip.StateLeft && told {
			continue
		}
		known := a.peerCache[m.ID]
		if known.id == "" {
			known.id = m.ID.String()
		}
		if !told {
			known = peerSection{id: known.id, said: missing(known, nil)}
		} else if known.stamp != section.Stamp {
			known = decodePeer(known, section)
		}
		next[m.ID] = known
		if m.Standing == records.Held && m.Name != "" && !m.Counts {
			claims[m.Name] = append(claims[m.Name], known)
			continue
		}
		p := peerOf{id: known.id, name: m.Name, section: known, told: told}
		p.trouble = troubleOf(m, p)
		out = append(out, p)
	}
	a.peerCache = next
	for i := range out {
		if out[i].trouble == rollout.TroubleKey {
			out[i].claims = claims[out[i].name]
		}
	}
	return out
}

// decodePeer takes a member's newer section. States that it has told before are the same pointers.
func decodePeer(before peerSection, s records.Section) peerSection {
	section, err := rollout.Decode(before.id, s.Body)
	out := peerSection{
		id: before.id, stamp: s.Stamp, states: make(map[string]*rollout.State, len(section.States)),
		omitted: section.Omitted > 0, err: err,
	}
	for _, state := range section.States {
		old := before.states[state.Key]
		if old == nil || !reflect.DeepEqual(*old, state) {
			old = &state
		}
		out.states[state.Key] = old
	}
	out.said = missing(before, out.states)
	return out
}

// missing are the tickets that a member told before and that its states do not show now; nil: there are none, as always with an
// honest member whose disk was not set back.
func missing(before peerSection, now map[string]*rollout.State) map[string]rollout.Ticket {
	var out map[string]rollout.Ticket
	note := func(key string, t rollout.Ticket) {
		if s := now[key]; s != nil && !t.Above(s.Ticket) || !t.Above(out[key]) {
			return
		}
		if out == nil {
			out = map[string]rollout.Ticket{}
		}
		out[key] = t
	}
	for key, s := range before.states {
		note(key, s.Ticket)
	}
	for key, t := range before.said {
		note(key, t)
	}
	return out
}

// troubleOf is why a member does not show how it stands, whatever DaemonSet is asked about.
func troubleOf(m fleet.Member, p peerOf) rollout.Trouble {
	switch {
	case m.Standing == records.Held || m.Contested:
		return rollout.TroubleKey
	case !p.told && m.State == gossip.StateLeft:
		return rollout.TroubleLeft
	case !p.told:
		return rollout.TroubleUnknown
	case p.section.err != nil:
		return rollout.TroubleUnreadable
	case m.State != gossip.StateAlive:
		return rollout.TroubleDown
	}
	return rollout.TroubleNone
}

// of are the others as members of one DaemonSet; before if they are as they were then. Neither is ever changed.
func (ps peers) of(key string, before []rollout.Peer) []rollout.Peer {
	out, shared := before, true
	n := 0
	for i := range ps {
		peer, member := ps[i].of(key)
		if !member {
			continue
		}
		if shared && (n >= len(before) || before[n] != peer) {
			out, shared = append(make([]rollout.Peer, 0, len(ps)), before[:n]...), false
		}
		if !shared {
			out = append(out, peer)
		}
		n++
	}
	return out[:n]
}

// of is the other as a member of one DaemonSet, if it is one.
func (p *peerOf) of(key string) (peer rollout.Peer, member bool) {
	peer = rollout.Peer{ID: p.id, Name: p.name, State: p.section.states[key], Trouble: p.trouble}
	readable := p.told && p.section.err == nil
	switch {
	case peer.State != nil && p.section.said[key].Above(peer.State.Ticket) && (p.trouble == rollout.TroubleNone || p.trouble == rollout.TroubleDown):
		peer.Trouble = rollout.TroubleFallen
	case peer.State != nil || !readable:
	case p.section.omitted:
		peer.Trouble = rollout.TroubleUnreadable
	default:
		// Where it does not declare the DaemonSet, somebody who claims its name may.
		return peer, slices.ContainsFunc(p.claims, func(c peerSection) bool { return c.states[key] != nil || c.omitted || c.err != nil })
	}
	return peer, true
}

// recoverRollouts takes back what this host has told the others and its own disk does not know, as after the disk was lost or
// restored: its tickets may not fall. Nothing is told after a start before that is certain: it would be newer than what was told
// before, and take its place.
func (a *Agent) recoverRollouts(view *fleet.View, now time.Time) {
	if !a.member.On() {
		return
	}
	if a.member.Created() {
		a.rollouts.unsure = false // a new member has told nothing
	}
	if body, ok := a.member.TakeReturned(sectionRollout); ok {
		a.restoreRollouts(a.member.Self(), body, now)
	}
	if !a.rollouts.unsure || view == nil {
		return
	}
	// What was told lies beside the records of the others, too, where rollouts.json alone was lost.
	for _, m := range view.Members {
		if told, ok := m.Sections[sectionRollout]; ok && m.Self {
			a.restoreRollouts(a.member.Self(), told.Body, now)
		}
	}
	a.rollouts.unsure = !sure(view)
}

// sure says whether all that this host told before has been heard of: by an exchange in this run with at least one that may
// have it, where anybody may.
func sure(view *fleet.View) bool { return view.Settled && !lonely(view) }

// lonely says that others are known and none of them answers: whatever they have of this host, nothing of it was heard in
// this run.
func lonely(view *fleet.View) bool {
	known, alive := others(view)
	return known > 0 && alive == 0
}

// others counts the other members that take part, and those of them that answer now.
func others(view *fleet.View) (known, alive int) {
	for _, m := range view.Members {
		if m.Self || m.Standing == records.Excluded || m.State == gossip.StateLeft {
			continue
		}
		known++
		if m.State == gossip.StateAlive {
			alive++
		}
	}
	return known, alive
}

func (a *Agent) restoreRollouts(self string, body []byte, now time.Time) {
	section, err := rollout.Decode(self, body)
	if err != nil {
		a.log.Error().Err(err).Msg("what this host told of its rollouts cannot be read")
		return
	}
	for _, told := range section.States {
		if st, known := a.rollouts.states[told.Key]; !known || told.Ticket.Above(st.Ticket) || told.Target.Generation > st.Target.Generation {
			a.rollouts.states[told.Key] = rollout.Restore(&told, now)
		}
	}
}

// holdAll has everything that was placed wait as if it had been placed now. It is called when gossip was off and is on: those who
// are met now have not heard of this host.
func (a *Agent) holdAll(alone bool, now time.Time) {
	if a.rollouts.alone && !alone {
		for key, st := range a.rollouts.states {
			if st.Phase != rollout.PhaseNotPlaced {
				st.HeldUntil = now.Add(rollout.HoldDown)
				a.rollouts.states[key] = st
			}
		}
	}
	a.rollouts.alone = alone
}

// publishRollouts tells the others. States of what is not declared and has no pod are kept, and not told: this host is no
// member of such a DaemonSet.
func (a *Agent) publishRollouts(declared map[string]bool) {
	if !a.member.On() || a.rollouts.unsure {
		return
	}
	var states []rollout.State
	for _, key := range slices.Sorted(maps.Keys(a.rollouts.states)) {
		if declared[key] {
			states = append(states, a.rollouts.states[key])
		}
	}
	body, section, err := rollout.Encode(states)
	a.member.Put(sectionRollout, body, err)
	a.board.When(section.Omitted > 0, health.TooManyDaemonSets, fmt.Sprintf(
		"other hosts cannot be told of %s, and wait for this host where they replace those", count(section.Omitted, "DaemonSet")))
}

// tellRollout records what a step did.
func (a *Agent) tellRollout(key string, st *rollout.State, d rollout.Decision) {
	for _, e := range d.Events {
		kind, text := corev1.EventTypeNormal, ""
		switch e {
		case rollout.EventStarted:
			delete(a.rollouts.requested, key)
			text = fmt.Sprintf("replacing revision %s by %s, generation %d", st.Running.Local, st.Target.Revision.Local, st.Target.Generation)
		case rollout.EventFinished:
			text = fmt.Sprintf("revision %s is available", st.Target.Revision.Local)
		case rollout.EventFailed:
			kind, text = corev1.EventTypeWarning, fmt.Sprintf("revision %s did not become available within its progress deadline", st.Target.Revision.Local)
		case rollout.EventRolledBack:
			kind, text = corev1.EventTypeWarning, fmt.Sprintf("going back from revision %s to %s, which was available before", st.Rejected.Revision.Local, st.Target.Revision.Local)
		case rollout.EventLapsed:
			text = fmt.Sprintf("revision %s is available again before it was replaced, and waits for this host's turn", st.Running.Local)
		case rollout.EventYielded:
			text = "others wait that this host's turn holds up; they go first"
		default:
			continue
		}
		a.events.OfDaemonSet(key, kind, "Rollout"+e.String(), text)
	}
}

// rolloutDue is when a rollout is to be looked at again at the latest; zero: when something changes.
func (a *Agent) rolloutDue() time.Time {
	var due time.Time
	for _, d := range a.rollouts.decisions {
		if !d.Again.IsZero() && (due.IsZero() || d.Again.Before(due)) {
			due = d.Again
		}
	}
	return due
}
