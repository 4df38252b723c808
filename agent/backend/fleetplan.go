package backend

import (
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// fleetPlanner says what other objects would do to the fleet, were they on every host. It belongs to the loop.
type fleetPlanner struct {
	b       *Backend
	r       Round
	s       *reconcile.Snapshot
	view    *fleet.View
	members func(key string) []rollout.Peer
	// next makes what is planned.
	next Maker
	// declared and planned are the DaemonSets by key, as they are and as they would be.
	declared, planned map[string]*spec.DaemonSet
}

// planFleet adds to the plans what would come of them on other hosts; nothing while gossip is off.
func (b *Backend) planFleet(
	r Round, s *reconcile.Snapshot, next Maker, sets map[string]*spec.DaemonSet, plans []api.DaemonSetPlan,
) {
	view, members := r.Fleet()
	if view == nil {
		return
	}
	p := fleetPlanner{
		b: b, r: r, s: s, view: view, members: members, next: next,
		declared: daemonSetsByKey(s.Specs.DaemonSets), planned: sets,
	}
	for i := range plans {
		plans[i].Fleet = p.plan(plans[i].DaemonSet)
	}
}

// setPlan is one DaemonSet's part of it.
type setPlan struct {
	*fleetPlanner
	key string
	out api.FleetPlan
	// old and new are the DaemonSet as it is and as it would be; nil: it is not declared.
	old, new *spec.DaemonSet
	// fleet is the revision that hosts would share.
	fleet    string
	strategy strategy.Strategy
	members  []rollout.Peer
	// replace has the members whose pod would be replaced, canaries those whose node goes first; by id.
	replace, canaries map[string]bool
}

// plan is nil where nothing changes.
func (f *fleetPlanner) plan(key string) *api.FleetPlan {
	p := &setPlan{
		fleetPlanner: f, key: key, old: f.declared[key], new: f.planned[key],
		replace: map[string]bool{}, canaries: map[string]bool{},
	}
	p.members = f.members(key)
	if !p.changes() {
		return nil
	}
	p.sort()
	if !p.out.Changes() && p.out.Unknown.Count == 0 {
		return nil
	}
	if p.out.Replace.Count > 0 {
		p.foresee()
	}
	return &p.out
}

// changes works out what would be declared, and tells whether that is anything else than now.
func (p *setPlan) changes() bool {
	if p.new == nil {
		return p.old != nil
	}
	p.strategy, _ = strategy.Parse(p.new.Object)
	r := p.next.File(p.new)
	p.fleet = r.Fleet
	if r.Blocked != "" {
		p.out.Holds = append(p.out.Holds, r.Blocked)
	}
	return p.old != p.new || p.r.File(p.old).Fleet != r.Fleet
}

// sort says of each host what would become of its pod.
func (p *setPlan) sort() {
	states := map[string]*rollout.Peer{}
	for i := range p.members {
		states[p.members[i].ID] = &p.members[i]
	}
	var compiled *placement.Compiled
	if p.new != nil {
		compiled = placement.Compile(p.new.Object)
	}
	for _, m := range p.view.Counted() {
		if m.State != gossip.StateLeft {
			p.host(m, states[m.ID.String()], compiled)
		}
	}
}

func (p *setPlan) host(m fleet.Member, peer *rollout.Peer, compiled *placement.Compiled) {
	has, running, known := p.pod(m, peer)
	switch {
	case !known || m.Facts == nil:
		add(&p.out.Unknown, m.Name)
		return
	case compiled == nil:
		if has {
			add(&p.out.Lose, m.Name)
		}
		return
	}
	d, node := compiled.Decide(m.Node()), m.Node()
	p.canaries[m.ID.String()] = p.strategy.IsCanary(node.Labels)
	switch {
	case has && !d.ShouldContinueRunning:
		add(&p.out.Lose, m.Name)
	case has && running != p.fleet:
		p.replace[m.ID.String()] = true
		add(&p.out.Replace, m.Name)
	case has:
		add(&p.out.Keep, m.Name)
	case d.ShouldRun:
		add(&p.out.Gain, m.Name)
	}
}

// pod says whether the member has a pod and of which revision, as far as is known.
func (p *setPlan) pod(m fleet.Member, peer *rollout.Peer) (has bool, running string, known bool) {
	switch {
	case peer != nil && peer.State != nil:
		return !peer.State.Running.IsZero(), peer.State.Running.Fleet, true
	case peer != nil:
		return false, "", false
	}
	return false, "", true // it does not declare the DaemonSet
}

// foresee is the order and the waves of the replacements, how long they take, and what would stand in the way.
func (p *setPlan) foresee() {
	f := rollout.Foresee(p.key, p.members, p.strategy,
		func(m *rollout.Peer) bool { return p.replace[m.ID] }, func(m *rollout.Peer) bool { return p.canaries[m.ID] })
	p.out.Strategy, p.out.Members = strategyName(p.strategy), f.Members
	if p.strategy.OnDelete {
		return
	}
	p.out.Budget, p.out.Uncounted = f.Budget, f.Uncounted
	p.out.BudgetOf = percentText(p.strategy.Budget, f.Members, f.Uncounted)
	p.out.SoakSeconds = p.strategy.Soak.Seconds()
	p.out.Unawaited = peerNames(rollout.Unawaited(p.members, p.strategy,
		func(m *rollout.Peer) bool { return p.replace[m.ID] && p.canaries[m.ID] }))
	for _, wave := range f.Waves {
		p.out.Waves = append(p.out.Waves, peerNames(wave))
	}
	p.out.Stay = peerNames(f.Stay)
	p.out.Blockers, p.out.Blocking = blockers(f.Blockers.List), f.Blockers.Count
	p.out.Blocked = f.Blockers.Count >= f.Budget
	if p.strategy.Paused {
		p.out.Holds = append(p.out.Holds, rollout.HoldPaused.String())
	}
	if own := p.members[0].State; p.replace[p.members[0].ID] && own.HeldUntil.After(p.s.Now) {
		p.out.Holds = append(p.out.Holds, "this host: "+rollout.HoldNew.Text(own.HeldUntil))
	}
	if took := p.r.Took(p.key); took > 0 {
		p.out.ReplaceSeconds = took.Seconds()
		p.out.EstimateSeconds = (took * time.Duration(len(f.Waves))).Seconds()
	}
}

func peerNames(list []rollout.Peer) api.NameList {
	var out api.NameList
	for i := range list {
		add(&out, hostName(&list[i]))
	}
	return out
}

func strategyName(s strategy.Strategy) string {
	if s.OnDelete {
		return strategyOnDelete
	}
	return strategyRolling
}
