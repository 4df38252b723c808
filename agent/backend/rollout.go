package backend

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// Names of update strategies, those of Kubernetes.
const (
	strategyRolling  = "RollingUpdate"
	strategyOnDelete = "OnDelete"
)

// Rollouts implements api.Backend.
func (b *Backend) Rollouts(_ context.Context, req api.RolloutRequest) (*api.RolloutList, error) {
	v, err := b.latest()
	if err != nil {
		return nil, err
	}
	items := v.Items
	if req.DaemonSet != "" {
		it, err := b.declared(v, req.DaemonSet)
		if err != nil {
			return nil, err
		}
		items = []*reconcile.Item{it}
	}
	out := &api.RolloutList{Settled: true, Items: make([]api.Rollout, 0, len(items))}
	if fleetNow := b.cfg.Fleet.View(); fleetNow != nil {
		out.Fleet, out.Settled = true, fleetNow.Settled
	}
	for _, it := range items {
		out.Items = append(out.Items, b.rolloutOf(v, it).show(req.Hosts))
	}
	slices.SortFunc(out.Items, func(x, y api.Rollout) int { return cmp.Compare(x.DaemonSet, y.DaemonSet) })
	return out, nil
}

// RolloutsChanged implements api.Backend.
func (b *Backend) RolloutsChanged() <-chan struct{} { return b.cfg.RoundOver.Next() }

// declared is the DaemonSet that a request means.
func (b *Backend) declared(v *reconcile.Snapshot, name string) (*reconcile.Item, error) {
	key := v.Key(name)
	if it := v.Item(key); it != nil {
		return it, nil
	}
	return nil, b.notFound(v, key)
}

// fleetRollout is one DaemonSet's rollout over the fleet, as one view has it.
type fleetRollout struct {
	key, self string
	strategy  strategy.Strategy
	item      reconcile.Item
	// members are all that declare the DaemonSet, this host first.
	members []rollout.Peer
	latest  rollout.Target
	// readySince and availableAt are those of this host's pod, while it has its soak before it.
	readySince, availableAt time.Time
}

func (b *Backend) rolloutOf(v *reconcile.Snapshot, it *reconcile.Item) *fleetRollout {
	r := &fleetRollout{key: it.Key, self: b.cfg.Fleet.Self(), item: *it, strategy: it.Strategy}
	r.members = r.item.Members(r.self, b.cfg.Host)
	r.latest = rollout.Latest(r.members)
	r.readySince, r.availableAt = v.Soak(it, it.State.PodName())
	return r
}

// Replace implements api.Backend.
func (b *Backend) Replace(ctx context.Context, req api.ReplaceRequest) (*api.ReplaceResult, error) {
	v, err := b.latest()
	if err != nil {
		return nil, err
	}
	it, err := b.declared(v, req.DaemonSet)
	if err != nil {
		return nil, err
	}
	r := b.rolloutOf(v, it)
	if err := r.replaceable(); err != nil {
		return nil, err
	}
	err = b.cfg.Do(ctx, func(do Round) { do.Replace(r.key) })
	if err != nil {
		return nil, unavailable(err)
	}
	if v, err = b.latest(); err != nil {
		return nil, err
	}
	return replaced(v, b.cfg.Host, r), nil
}

// replaceable is the error where there is nothing to replace here.
func (r *fleetRollout) replaceable() error {
	st := &r.item.State
	switch {
	case !r.strategy.OnDelete:
		return api.Errorf(api.CodeConflict, "DaemonSet %s has the update strategy %s, which replaces pods by itself",
			r.key, strategyRolling).
			WithRemedy("dsctl rollout status " + r.key + " says what it waits for")
	case st.Running.IsZero():
		return api.Errorf(api.CodeConflict, "DaemonSet %s has no pod on this host that could be replaced", r.key).
			WithRemedy("dsctl explain " + r.key)
	case st.Phase.Taken():
		return api.Errorf(api.CodeConflict, "the pod of DaemonSet %s is being replaced already", r.key).
			WithRemedy("dsctl rollout status " + r.key)
	case st.Running == st.Target.Revision:
		return api.Errorf(api.CodeConflict, "the pod of DaemonSet %s on this host has the revision of the file, %s",
			r.key, st.Running.Local)
	}
	return nil
}

// replaced is what became of a replacement that was asked for.
func replaced(v *reconcile.Snapshot, node string, before *fleetRollout) *api.ReplaceResult {
	old, now := &before.item.State, &reconcile.Item{}
	if it := v.Item(before.key); it != nil {
		now = it
	}
	res := &api.ReplaceResult{
		DaemonSet: before.key, Node: node, From: old.Running.Local, To: old.Target.Revision.Local,
		Started: now.State.Phase.Taken() || now.State.Running == old.Target.Revision,
	}
	if !res.Started {
		res.Message = now.Turn.Blockers.String()
	}
	return res
}

// Release implements api.Backend.
func (b *Backend) Release(ctx context.Context, req api.RolloutActRequest) (*api.ReleaseResult, error) {
	r, now, err := b.rolloutAct(req)
	if err != nil {
		return nil, err
	}
	until := r.item.State.HeldUntil
	if !until.After(now) {
		return nil, api.Errorf(api.CodeConflict, "DaemonSet %s is not on hold on this host", r.key).
			WithRemedy("dsctl rollout status " + r.key + " says what it waits for")
	}
	if err := b.cfg.Do(ctx, func(do Round) { do.Release(r.key) }); err != nil {
		return nil, unavailable(err)
	}
	after, _, err := b.rolloutAct(req)
	if err != nil {
		return nil, err
	}
	return &api.ReleaseResult{
		DaemonSet: r.key, Node: b.cfg.Host, Until: until.UTC(), Message: after.item.Turn.Blockers.String(),
	}, nil
}

// rolloutAct is the rollout that an operator's act is about, and the time of the last round.
func (b *Backend) rolloutAct(req api.RolloutActRequest) (*fleetRollout, time.Time, error) {
	v, err := b.latest()
	if err != nil {
		return nil, time.Time{}, err
	}
	it, err := b.declared(v, req.DaemonSet)
	if err != nil {
		return nil, time.Time{}, err
	}
	return b.rolloutOf(v, it), v.Now, nil
}

// Reset implements api.Backend.
func (b *Backend) Reset(ctx context.Context, req api.RolloutActRequest) (*api.ResetResult, error) {
	r, _, err := b.rolloutAct(req)
	if err != nil {
		return nil, err
	}
	if err := r.resettable(req.Force); err != nil {
		return nil, err
	}
	if err := b.cfg.Do(ctx, func(do Round) { do.Reset(r.key) }); err != nil {
		return nil, unavailable(err)
	}
	after, _, err := b.rolloutAct(req)
	if err != nil {
		return nil, err
	}
	target := after.item.State.Target.Generation
	res := &api.ResetResult{
		DaemonSet: r.key, Node: b.cfg.Host, Epoch: rollout.Epoch(target), Generation: rollout.Number(target),
		Members: len(after.members) - 1,
	}
	for i := range after.members[1:] {
		if st := after.members[1+i].State; st != nil && rollout.Epoch(st.Target.Generation) == res.Epoch {
			res.Others++
		}
	}
	return res, nil
}

// resettable is the error where no new epoch can begin here, or need not.
func (r *fleetRollout) resettable(force bool) error {
	st := &r.item.State
	switch rollout.Resettable(st, r.members[1:]) {
	case rollout.ResetNoTarget:
		return api.Errorf(api.CodeConflict, "DaemonSet %s has no generation on this host yet", r.key).
			WithRemedy("dsctl explain " + r.key)
	case rollout.ResetNoEpoch:
		return api.Errorf(api.CodeConflict, "DaemonSet %s is in its last epoch, %d", r.key,
			rollout.Epoch(st.Target.Generation)).WithRemedy("declare it under another name")
	case rollout.ResetNoNeed:
		if force {
			return nil
		}
		return api.Errorf(api.CodeConflict,
			"generation %s of DaemonSet %s is not spoilt, and no other host is out of reach: nothing to reset",
			rollout.GenerationText(st.Target.Generation), r.key).
			WithRemedy("dsctl rollout status " + r.key + " says what it waits for; --force resets all the same")
	}
	return nil
}
