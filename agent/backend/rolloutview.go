package backend

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
)

// show is the rollout as the API shows it.
func (r *fleetRollout) show(hosts bool) api.Rollout {
	name := nameOf(r.key)
	counts := rollout.Count(r.members, r.latest.Revision.Fleet)
	halt := rollout.Halted(r.members, r.latest, r.strategy)
	out := api.Rollout{
		DaemonSet: r.key, Generation: rollout.Number(r.latest.Generation), Epoch: rollout.Epoch(r.latest.Generation),
		Revision: r.latest.Revision.Fleet,
		Strategy: strategyName(r.strategy), Surge: r.strategy.Surge,
		Budget:   r.strategy.Limit(max(halt.Members, 1)),
		BudgetOf: percentText(r.strategy.Budget, halt.Members, halt.Uncounted),
		Members:  halt.Members, Uncounted: halt.Uncounted, SoakSeconds: r.strategy.Soak.Seconds(),
		Counts: api.RolloutCounts{
			Desired: counts.Desired, Current: counts.Current, Ready: counts.Ready, Updated: counts.Updated,
			Available:    counts.Available,
			Misscheduled: counts.Misscheduled, Failed: counts.Failed, Unknown: counts.Unknown,
		},
		Self: r.host(&r.members[0]),
	}
	out.Message, out.Done = r.sentence(name, counts)
	r.soak(&out)
	if !out.Done && !r.strategy.OnDelete && halt.Over() {
		out.Halted = &api.RolloutHalt{Failed: len(halt.Failed), Limit: halt.Limit, Text: haltText(&halt, r.strategy)}
	}
	if out.RolledBack = r.rolledBack(); out.Done && out.RolledBack != "" {
		out.Message = fmt.Sprintf("daemon set %q rolled back to revision %s: revision %s did not become available", name,
			out.Revision, out.RolledBack)
	}
	if !out.Done {
		out.Unawaited = peerNames(rollout.Unawaited(r.members, r.strategy,
			func(p *rollout.Peer) bool { return p.State.Canary }))
	}
	r.queue(&out)
	r.trouble(&out)
	if hosts {
		for i := range r.members {
			out.Hosts = append(out.Hosts, r.host(&r.members[i]))
		}
		slices.SortFunc(out.Hosts,
			func(x, y api.RolloutHost) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) })
	}
	return out
}

// sentence is kubectl's, and whether the rollout is over. Where the annotation daemonsetd.io/partition keeps some
// hosts back it is the one that kubectl has for a StatefulSet's partition (StatefulSetStatusViewer.Status in
// kubectl/pkg/polymorphichelpers/rollout_status.go).
//
// While no host has made anything of the file there is no generation that could be over, also where no pod is
// wanted: it is what kubectl says before the controller has seen a DaemonSet.
func (r *fleetRollout) sentence(name string, c rollout.Counts) (string, bool) {
	if c.Desired == 0 && r.latest.Generation == 0 {
		return "Waiting for daemon set spec update to be observed...", false
	}
	stay := r.strategy.Stay(c.Desired)
	if stay > 0 && c.Updated < c.Desired && c.Updated >= c.Desired-stay && c.Available == c.Desired {
		return fmt.Sprintf("partitioned roll out complete: %d new pods have been updated...", c.Updated), true
	}
	return c.Status(name)
}

// soak is who has a pod of the revision that is available for Kubernetes alone. While there is one, the rollout is not
// over: without a probe, a program that ends a second after its start is available for that second.
func (r *fleetRollout) soak(out *api.Rollout) {
	soaking := rollout.Soaking(r.members, r.latest.Revision.Fleet)
	if r.latest.Generation == 0 || len(soaking) == 0 {
		return
	}
	for i := range soaking {
		if soaking[i].State.Phase != rollout.PhaseFailed {
			add(&out.Soaking, hostName(&soaking[i]))
		}
	}
	slices.Sort(out.Soaking.Names)
	if !out.Done {
		return
	}
	out.Done = false
	are := "are available"
	if out.Soaking.Count > 0 {
		are = "have been ready for " + r.strategy.Soak.String()
	}
	out.Message = fmt.Sprintf("Waiting for daemon set %q rollout to finish: %d of %d updated pods %s...", nameOf(r.key),
		max(out.Counts.Updated-len(soaking), 0), out.Counts.Updated, are)
}

func nameOf(key string) string {
	_, name, _ := strings.Cut(key, "/")
	return name
}

// rolledBack is the latest revision from which a host went back by itself.
func (r *fleetRollout) rolledBack() string {
	var latest rollout.Target
	for i := range r.members {
		if st := r.members[i].State; st != nil && st.Rejected.Generation > latest.Generation {
			latest = st.Rejected
		}
	}
	return latest.Revision.Fleet
}

// queue is who is being replaced, who waits, and what the first of those waits for. A host that does not show how it
// stands comes last, whatever its ticket was: it cannot be told what it waits for, and the others wait for it.
func (r *fleetRollout) queue(out *api.Rollout) {
	queue := rollout.Queue(r.members)
	slices.SortStableFunc(queue, silentLast)
	first := ""
	for _, p := range queue {
		if p.State.Phase.Taken() {
			add(&out.Updating, hostName(&p))
			continue
		}
		add(&out.Waiting, hostName(&p))
		first = cmp.Or(first, p.ID)
	}
	if first == "" {
		return
	}
	why := r.item.Turn.Blockers
	if first != r.self {
		why = rollout.WhyNot(first, r.members, r.strategy)
	}
	if why.May() {
		return
	}
	out.Blockers, out.Blocking = blockers(why.All()), why.Count
}

func silentLast(x, y rollout.Peer) int {
	switch silentX, silentY := x.Trouble != rollout.TroubleNone, y.Trouble != rollout.TroubleNone; {
	case silentX == silentY:
		return 0
	case silentX:
		return 1
	default:
		return -1
	}
}

// trouble is who is on hold, has failed, or does not show how it stands.
func (r *fleetRollout) trouble(out *api.Rollout) {
	var held, unknown, failures reasons
	for i := range r.members {
		p := &r.members[i]
		if p.Trouble != rollout.TroubleNone {
			unknown.add(troubleText(p.Trouble), hostName(p), time.Time{})
		}
		if p.State == nil {
			continue
		}
		if p.State.Phase == rollout.PhaseHeld {
			held.add(p.State.Hold.Text(p.State.HeldUntil), hostName(p), untilOf(p.State))
		}
		if p.State.Phase == rollout.PhaseFailed || p.State.Rejected.Generation != 0 {
			add(&out.Failed, hostName(p))
			failures.add(failureText(p.State), hostName(p), time.Time{})
		}
	}
	slices.Sort(out.Failed.Names)
	out.Held, out.Unknown, out.Failures = held.sorted(), unknown.sorted(), failures.sorted()
}

// failureText is why a host has failed, as it has told.
func failureText(s *rollout.State) string {
	switch {
	case s.Why != "":
		return s.Why
	case s.Rejected.Generation != 0:
		return "went back from revision " + s.Rejected.Revision.Fleet
	}
	return "it has not told why"
}

// reasons groups hosts by a reason.
type reasons []api.RolloutHold

func (rs *reasons) add(reason, host string, until time.Time) {
	i := slices.IndexFunc(*rs, func(h api.RolloutHold) bool { return h.Reason == reason })
	if i < 0 {
		i = len(*rs)
		*rs = append(*rs, api.RolloutHold{Reason: reason, Until: until.UTC()})
	}
	add(&(*rs)[i].Hosts, host)
}

func (rs reasons) sorted() []api.RolloutHold {
	for i := range rs {
		slices.Sort(rs[i].Hosts.Names)
	}
	slices.SortFunc(rs, func(x, y api.RolloutHold) int { return cmp.Compare(x.Reason, y.Reason) })
	return rs
}

func blockers(list []rollout.Blocker) []api.RolloutBlocker {
	out := make([]api.RolloutBlocker, 0, len(list))
	for i := range list {
		b := &list[i]
		out = append(out, api.RolloutBlocker{
			Host: b.Name, ID: b.ID, Reason: b.Reason.String(), Text: b.String(), Until: b.Until.UTC(),
		})
	}
	return out
}

// host is one member as the API shows it.
func (r *fleetRollout) host(p *rollout.Peer) api.RolloutHost {
	out := api.RolloutHost{Name: p.Name, ID: p.ID, Self: p.ID == r.self, Trouble: troubleText(p.Trouble)}
	st := p.State
	if st == nil {
		return out
	}
	out.Phase, out.Canary, out.Rejected = st.Phase.String(), st.Canary, st.Rejected.Revision.Fleet
	out.Generation, out.Epoch = rollout.Number(st.Target.Generation), rollout.Epoch(st.Target.Generation)
	out.Target, out.Running = st.Target.Revision.Fleet, st.Running.Fleet
	if st.Phase == rollout.PhaseHeld {
		out.Hold, out.Until = st.Hold.Text(st.HeldUntil), untilOf(st).UTC()
	}
	out.Why = st.WhyDown()
	if st.Phase == rollout.PhaseFailed {
		out.Why = failureText(st)
	}
	if pod := st.PodName(); pod != "" {
		out.Pod = pod + "-" + p.Name
	}
	if out.Self {
		out.ReadySince, out.AvailableAt = r.readySince, r.availableAt
	}
	out.Ready, out.Available, out.Restarts = st.Shown.Ready, st.Shown.Available, st.Shown.Restarts
	out.Addresses, out.Since = st.Shown.Addresses, st.Shown.Since
	return out
}

// untilOf is when the hold of a host ends by itself; zero: it is not known.
func untilOf(s *rollout.State) time.Time {
	if s.Hold != rollout.HoldNew {
		return time.Time{}
	}
	return s.HeldUntil
}

// hostName is what people know a member by.
func hostName(p *rollout.Peer) string { return cmp.Or(p.Name, p.ID) }

// troubleText is why a member does not show how it stands; empty where it does.
func troubleText(t rollout.Trouble) string {
	switch t {
	case rollout.TroubleNone:
		return ""
	case rollout.TroubleUnreadable:
		return "its record cannot be understood here"
	case rollout.TroubleLeft:
		return "it left without saying what it runs"
	case rollout.TroubleDown:
		return "it is down"
	case rollout.TroubleFallen:
		return "it has forgotten what it told: its disk was set back"
	case rollout.TroubleKey:
		return "it has another key than it is known with"
	default:
		return "nothing is on record of it"
	}
}

// fleetStatus is a DaemonSet's status from counts, of which there are at most as many as members.
func fleetStatus(c rollout.Counts) appsv1.DaemonSetStatus {
	n := func(count int) int32 { return int32(count) } //nolint:gosec // see above
	return appsv1.DaemonSetStatus{
		DesiredNumberScheduled: n(c.Desired), CurrentNumberScheduled: n(c.Current), UpdatedNumberScheduled: n(c.Updated),
		NumberMisscheduled: n(c.Misscheduled), NumberReady: n(c.Ready), NumberAvailable: n(c.Available),
		NumberUnavailable: n(c.Unavailable()),
	}
}
