package backend

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// Diff implements api.Backend.
func (b *Backend) Diff(ctx context.Context) ([]api.FileChange, error) {
	var changes []api.FileChange
	err := b.cfg.Do(ctx, func(r Round) {
		s := r.Look()
		sets := daemonSetsByKey(s.Specs.DaemonSets)
		for _, act := range plan.Make(s.Input()).Acts {
			changes = append(changes, b.change(r, act, sets))
		}
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return append([]api.FileChange{}, changes...), nil
}

// change is an act as a change of a file's text, without what may not be shown.
func (b *Backend) change(r Round, act plan.Act, sets map[string]*spec.DaemonSet) api.FileChange {
	c := api.FileChange{
		Action: actionWord(act.Kind), File: filepath.Join(b.manifests(b.cfg.Latest()), act.FileName), DaemonSet: act.Key,
		Reason: act.Message,
	}
	if old, err := r.Manifest(act.FileName); err == nil {
		c.Old = hideManifest(old, sets[act.Key])
	}
	if act.Manifest != nil {
		c.New = hideManifest(act.Manifest.Data, sets[act.Key])
	}
	return c
}

// Plan implements api.Backend: what the files would do here. It goes by objects: one that is in effect is updated,
// whatever the name of the file that declares it.
func (b *Backend) Plan(ctx context.Context, req api.PlanRequest) (*api.PlanResult, error) {
	files := make([]spec.File, 0, len(req.Files))
	for _, f := range req.Files {
		files = append(files, spec.File{Name: f.Name, Data: f.Data})
	}
	res := &api.PlanResult{Node: b.cfg.Host, DaemonSets: []api.DaemonSetPlan{}}
	err := b.cfg.Do(ctx, func(r Round) {
		s := r.Look()
		overlay, problems := spec.Overlay(s.Specs, b.cfg.Paths.Specs, files)
		res.Valid, res.Problems = !problems.HasErrors(), api.Problems(problems)
		next, maker := r.With(s, overlay)
		sets, now := daemonSetsByKey(overlay.DaemonSets), daemonSetsByKey(s.Specs.DaemonSets)
		res.DaemonSets = b.planned(r, next.Input(), sets)
		markOthers(res.DaemonSets, b.planned(r, s.Input(), now))
		for i := range res.DaemonSets {
			p := &res.DaemonSets[i]
			p.InPlaceOf = inPlaceOf(now[p.DaemonSet], sets[p.DaemonSet], files)
		}
		b.planFleet(r, next, maker, sets, res.DaemonSets)
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return res, nil
}

// markOthers marks what would happen without the files too.
func markOthers(plans, without []api.DaemonSetPlan) {
	for i := range plans {
		p := &plans[i]
		p.Anyway = p.Action != api.PlanNone && slices.ContainsFunc(without, func(w api.DaemonSetPlan) bool {
			return w.DaemonSet == p.DaemonSet && w.Action == p.Action && w.ToRevision == p.ToRevision
		})
	}
}

// inPlaceOf is the spec file that one of the files has to be installed in the place of, if it has another base name.
func inPlaceOf(now, next *spec.DaemonSet, files []spec.File) string {
	if now == nil || next == nil || now == next {
		return ""
	}
	for _, f := range files {
		if filepath.Base(f.Name) == filepath.Base(now.Source.File) {
			return ""
		}
	}
	return now.Source.File
}

// planned is what the input comes to, DaemonSet by DaemonSet.
func (b *Backend) planned(r Round, in plan.Input, sets map[string]*spec.DaemonSet) []api.DaemonSetPlan {
	current := map[string]string{}
	for _, p := range in.Present {
		current[p.Key] = p.Revision
	}
	// The old pod stops later where images are pulled first; what comes of it is the same.
	pulls := map[string]string{}
	for i := range in.Wanted {
		if w := &in.Wanted[i]; w.Pull != nil {
			pulls[w.Key] = "pulled before the old pod stops: " + strings.Join(w.Pull.Images, ", ")
			w.Pull = nil
		}
	}
	in.Pulls = nil
	out := plan.Make(in)
	plans := []api.DaemonSetPlan{}
	for _, s := range out.Statuses {
		p := api.DaemonSetPlan{DaemonSet: s.Key, Action: api.PlanNone, FromRevision: current[s.Key], ToRevision: s.Revision}
		for _, act := range out.Acts {
			if act.Key == s.Key {
				p.Action = planAction(p.Action, act)
				p.Reasons = append(p.Reasons, act.Message)
				p.Changes = append(p.Changes, b.change(r, act, sets))
			}
		}
		if s.Phase == plan.PhaseBlocked {
			p.Action = api.PlanBlocked
		}
		if text := pulls[s.Key]; text != "" && p.Action == api.PlanReplace {
			p.Reasons = append(p.Reasons, text)
		}
		if p.Action == api.PlanReplace {
			p.Changes = append(p.Changes, b.following(r, in, s, sets)...)
		}
		if s.Message != "" && p.Action != api.PlanReplace {
			p.Reasons = append(p.Reasons, s.Message)
		}
		plans = append(plans, p)
	}
	return plans
}

// following is what a replacement writes once the old pod has stopped.
func (b *Backend) following(r Round, in plan.Input, s plan.Status, sets map[string]*spec.DaemonSet) []api.FileChange {
	for _, w := range in.Wanted {
		if w.Key == s.Key {
			return []api.FileChange{
				b.change(r, plan.Act{
					Kind: plan.Write, Key: w.Key, FileName: w.Manifest.FileName, Manifest: &w.Manifest,
					Message: "when the old pod has stopped",
				}, sets),
			}
		}
	}
	return nil
}

func planAction(so string, act plan.Act) string {
	switch {
	case act.Kind == plan.Remove && (act.Reason == plan.ReasonReplacing || act.Reason == plan.ReasonFailed):
		return api.PlanReplace
	case act.Kind == plan.Remove && act.Reason != plan.ReasonSuperseded:
		return api.PlanRemove
	case act.Kind == plan.Write:
		return api.PlanCreate
	case act.Kind == plan.Restore:
		return api.PlanReplace
	}
	return so
}
