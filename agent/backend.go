package agent

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/registry"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// backend is the agent as the API sees it. What it reads is the last round's view; what it changes, the loop does.
type backend struct{ a *Agent }

var _ api.Backend = backend{}

func (b backend) Registry() *registry.Registry { return b.a.registry }

func (b backend) Reads(res registry.Resource) func() {
	if res != registry.Nodes {
		return func() {}
	}
	return b.a.member.ReadsNodes()
}

func (b backend) Metrics() http.Handler    { return b.a.metrics.Handler() }
func (b backend) Version() api.VersionInfo { return b.a.opts.Version }

// latest is the view of the last round; before the first one it is an error that says so.
func (b backend) latest() (*reconcile.Snapshot, error) {
	if v := b.a.view.Load(); v != nil {
		return v, nil
	}
	return nil, api.Errorf(api.CodeUnavailable, "the agent is starting and has not looked at everything yet").WithRemedy("try again in a moment")
}

// unavailable turns the end of the loop into what the client is told.
func unavailable(err error) error {
	if errors.Is(err, errStopping) {
		return api.Errorf(api.CodeUnavailable, "the agent is stopping").WithRemedy("try again when it has been started")
	}
	return err
}

// Status implements api.Backend.
func (b backend) Status(context.Context) (*api.Status, error) {
	a := b.a
	st := &api.Status{
		Version: a.opts.Version.Version, State: api.StateStarting, StartedAt: a.opts.StartedAt,
		Node: api.NodeStatus{Name: a.cfg.NodeName, Labels: []api.NodeLabel{}, Taints: []api.NodeTaint{}, Conditions: []api.NodeCondition{}},
		Paths: api.Paths{
			Config: a.opts.ConfigFile, Specs: a.cfg.SpecsDir, NodeFile: a.cfg.NodeFile, NodeDir: a.cfg.NodeDir(), Manifests: a.store.Dir(),
			State: a.cfg.StateDir, Runtime: a.cfg.RuntimeDir, Socket: a.cfg.Socket, Conditions: filepath.Join(a.cfg.RuntimeDir, "conditions.d"),
		},
		Gossip:    a.gossipStatus(),
		NodeFiles: []api.FileStatus{}, SpecFiles: []api.FileStatus{}, DaemonSets: []api.DaemonSetStatus{}, Manifests: []api.ManifestStatus{}, Health: []api.HealthItem{},
	}
	v := a.view.Load()
	if v == nil {
		return st, nil
	}
	if a.opts.ConfigFile != "" {
		st.Config = &api.FileStatus{File: a.opts.ConfigFile, Problems: api.Problems(v.Config)}
	}
	st.LastReconcile = v.Now
	st.Kubelet = kubeletStatus(v)
	st.Node = nodeStatus(v)
	st.SpecsProblem = v.Specs.DirProblem
	for _, f := range v.Specs.Files {
		st.SpecFiles = append(st.SpecFiles, api.FileStatus{File: f.File, Bad: f.Bad, LastGood: f.LastGood, Pending: f.Pending, Objects: f.Objects, Problems: api.Problems(f.Problems)})
	}
	st.NodeFiles = nodeFiles(v)
	st.DaemonSets = b.daemonSets(v)
	st.Manifests = manifestStatuses(v, a.store.Dir())
	st.Health = append(st.Health, v.Health...)
	st.State = api.StateReady
	if !st.Healthy() {
		st.State, st.Message = api.StateDegraded, firstText(v.Health)
	}
	return st, nil
}

func firstText(items []api.HealthItem) string {
	for _, h := range items {
		if h.Severity != api.SeverityInfo {
			return h.Text
		}
	}
	return ""
}

func kubeletStatus(v *reconcile.Snapshot) api.KubeletStatus {
	k := v.Kubelet
	st := api.KubeletStatus{URL: v.Settings.HealthzURL, Since: k.Since, Version: k.Version}
	failure := k.HealthErr
	switch {
	case k.AssumeReady:
		return api.KubeletStatus{State: api.KubeletAssumedReady, Since: k.Since, Answer: "not asked: kubelet.assumeReady is set"}
	case k.HealthAt.IsZero():
		st.State = api.KubeletNotAskedYet
		return st
	case k.Healthy && k.PodsErr == nil:
		st.State, st.Answer = api.KubeletAnswering, "ok"
		return st
	case k.Healthy:
		failure = k.PodsErr
	}
	st.State = kubeletWord(failure)
	if failure != nil {
		st.URL, st.Answer, st.Remedy = failure.URL, failure.Err.Error(), failure.Remedy
	}
	return st
}

func kubeletWord(err *kubelet.Error) string {
	if err == nil {
		return api.KubeletUnhealthy
	}
	switch err.State {
	case kubelet.Unreachable:
		return api.KubeletUnreachable
	case kubelet.Unauthorised, kubelet.Untrusted:
		return api.KubeletUnauthorized
	case kubelet.WrongVersion:
		return api.KubeletWrongVersion
	}
	return api.KubeletUnhealthy
}

func (b backend) daemonSets(v *reconcile.Snapshot) []api.DaemonSetStatus {
	out := make([]api.DaemonSetStatus, 0, len(v.Statuses))
	for _, s := range v.Statuses {
		d := api.DaemonSetStatus{Name: s.Key, DesiredRevision: s.Revision, CurrentRevision: s.Current, Phase: phaseWord(s.Phase), Message: s.Message, Pod: podStatus(v, s)}
		if s.FileName != "" {
			d.Manifest = filepath.Join(b.a.store.Dir(), s.FileName)
		}
		if it := v.Item(s.Key); it != nil {
			d.Source = it.DS.Source.File
			d.ShouldRun, d.ShouldContinueRunning = it.Decision.ShouldRun && !it.Evicted, it.Decision.ShouldContinueRunning && !it.Evicted
		}
		out = append(out, d)
	}
	return out
}

func podStatus(v *reconcile.Snapshot, s plan.Status) *api.PodStatus {
	namespace, _ := splitKey(s.Key)
	pod := v.Kubelet.Pod(namespace, s.PodName, v.Host)
	if s.PodName == "" || pod == nil {
		return nil
	}
	p := &api.PodStatus{Name: pod.Name, Phase: string(pod.Status.Phase), Ready: kubelet.PodReady(pod)}
	if pod.Status.StartTime != nil {
		p.StartedAt = pod.Status.StartTime.Time
	}
	for _, c := range pod.Status.ContainerStatuses {
		p.Restarts += c.RestartCount
	}
	if !p.Ready {
		p.Message = podMessage(pod)
	}
	return p
}

func manifestStatuses(v *reconcile.Snapshot, dir string) []api.ManifestStatus {
	out := make([]api.ManifestStatus, 0, len(v.Listing.Ours)+len(v.Listing.Foreign))
	for _, e := range v.Listing.Ours {
		m := api.ManifestStatus{File: filepath.Join(dir, e.FileName), State: api.ManifestInSync, DaemonSet: e.Key(), Revision: e.Revision}
		if !e.Intact {
			m.State, m.Message = api.ManifestDrifted, "the file "+e.Drift
		}
		out = append(out, m)
	}
	for _, f := range v.Listing.Foreign {
		m := api.ManifestStatus{File: filepath.Join(dir, f.FileName), State: api.ManifestForeign, Message: "the file " + f.Reason}
		for _, it := range v.Items {
			want := it.Want.Manifest
			if f.FileName == want.FileName || f.Namespace == it.DS.Object.Namespace && f.Name == want.PodName && f.Name != "" {
				m.State, m.DaemonSet = api.ManifestConflict, it.Key
			}
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(x, y api.ManifestStatus) int { return cmp.Compare(x.File, y.File) })
	return out
}

// Explain implements api.Backend.
func (b backend) Explain(_ context.Context, req api.ExplainRequest) ([]api.Explanation, error) {
	v, err := b.latest()
	if err != nil {
		return nil, err
	}
	key := v.Key(req.DaemonSet)
	explain, err := b.explainer(v, req.Node)
	if err != nil {
		return nil, err
	}
	out := []api.Explanation{}
	for _, it := range v.Items {
		if key == "" || it.Key == key {
			out = append(out, explain(it))
		}
	}
	if key != "" && len(out) == 0 {
		return nil, b.notFound(v, key)
	}
	return out, nil
}

// explainer is how a DaemonSet is explained for a node: this one with what it does, another one with what it told.
func (b backend) explainer(v *reconcile.Snapshot, node string) (func(*reconcile.Item) api.Explanation, error) {
	if node == "" || node == b.a.cfg.NodeName {
		return func(it *reconcile.Item) api.Explanation {
			st, _ := v.Status(it.Key)
			e := explanation(b.a.cfg.NodeName, it, it.Decision)
			e.Phase, e.Message = phaseWord(st.Phase), st.Message
			if it.Evicted {
				e.ShouldRun, e.ShouldContinueRunning = false, false
				e.Reasons = append(e.Reasons, api.Reason{Predicate: "TaintEviction", Message: "the tolerationSeconds of a NoExecute taint are over", Remedy: "remove the taint, or tolerate it without tolerationSeconds"})
			}
			return e
		}, nil
	}
	fleetNow, err := b.fleetView()
	if err != nil {
		return nil, err
	}
	m, err := fleetNow.ForPlacement(node)
	if err != nil {
		return nil, lookupError(err)
	}
	there := m.Node()
	facts := &api.NodeFacts{ReceivedAt: m.FactsAt, LastHeard: m.LastHeard, State: memberState(m.State), Standing: memberStanding(m.Standing), ID: m.ID.String(), LeftOut: m.Facts.LeftOut.String()}
	return func(it *reconcile.Item) api.Explanation {
		e := explanation(m.Name, it, placement.Decide(it.DS.Object, there))
		e.Facts = facts
		return e
	}, nil
}

// explanation is a decision in words.
func explanation(node string, it *reconcile.Item, d placement.Decision) api.Explanation {
	e := api.Explanation{
		DaemonSet: it.Key, Node: node, ShouldRun: d.ShouldRun, ShouldContinueRunning: d.ShouldContinueRunning, Source: it.DS.Source.File,
		Reasons: []api.Reason{},
	}
	for _, r := range d.Reasons {
		e.Reasons = append(e.Reasons, api.Reason{Predicate: r.Predicate, Passed: r.Passed, Message: r.Message, Remedy: r.Remedy})
	}
	return e
}

func (b backend) notFound(v *reconcile.Snapshot, key string) error {
	for _, f := range v.Specs.Files {
		if f.Bad {
			return api.Errorf(api.CodeNotFound, "no DaemonSet %s is declared, and %s cannot be used", key, f.File).WithRemedy("dsctl validate " + f.File)
		}
	}
	return api.Errorf(api.CodeNotFound, "no DaemonSet %s is declared in %s", key, b.a.cfg.SpecsDir).WithRemedy("dsctl status lists those that are")
}

// Diff implements api.Backend.
func (b backend) Diff(ctx context.Context) ([]api.FileChange, error) {
	var changes []api.FileChange
	err := b.a.ask(ctx, func(context.Context) {
		s := b.a.look()
		sets := daemonSetsByKey(s.Specs.DaemonSets)
		for _, act := range plan.Make(s.Input()).Acts {
			changes = append(changes, b.a.change(act, sets))
		}
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return append([]api.FileChange{}, changes...), nil
}

// look reads what a plan depends on without taking anything over; the specs and the node are the last round's.
func (a *Agent) look() *reconcile.Snapshot {
	s, _ := a.read(time.Now())
	a.takeTurns(s, nil)
	return s
}

// change is an act as a change of a file's text, without what may not be shown.
func (a *Agent) change(act plan.Act, sets map[string]*spec.DaemonSet) api.FileChange {
	c := api.FileChange{Action: actionWord(act.Kind), File: filepath.Join(a.store.Dir(), act.FileName), DaemonSet: act.Key, Reason: act.Message}
	if old, err := a.store.Read(act.FileName); err == nil {
		c.Old = hideManifest(old, sets[act.Key])
	}
	if act.Manifest != nil {
		c.New = hideManifest(act.Manifest.Data, sets[act.Key])
	}
	return c
}

// PatchNode implements api.Backend.
func (b backend) PatchNode(ctx context.Context, p api.NodePatch) (*api.NodePatchResult, error) {
	patch := nodePatch(p)
	var result *api.NodePatchResult
	var failed error
	err := b.a.ask(ctx, func(context.Context) {
		r, err := b.a.nodes.SetRuntime(patch)
		if err != nil {
			failed = patchError(err)
			return
		}
		result = patchResult(p, r)
	})
	if err != nil {
		return nil, unavailable(err) // the loop may still be at it: nothing that it writes may be read
	}
	if failed != nil {
		return nil, failed
	}
	v, err := b.latest()
	if err != nil {
		return nil, err
	}
	node := nodeStatus(v)
	result.Node = node.Name
	result.Labels, result.Taints, result.Unschedulable = node.Labels, node.Taints, node.Unschedulable
	return result, nil
}

// Plan implements api.Backend: what the files would do here in the place of those of the same name.
func (b backend) Plan(ctx context.Context, req api.PlanRequest) (*api.PlanResult, error) {
	files := make([]spec.File, 0, len(req.Files))
	for _, f := range req.Files {
		files = append(files, spec.File{Name: filepath.Base(f.Name), Data: f.Data})
	}
	res := &api.PlanResult{Node: b.a.cfg.NodeName, DaemonSets: []api.DaemonSetPlan{}}
	err := b.a.ask(ctx, func(context.Context) {
		s := b.a.look()
		overlay, problems := spec.Overlay(s.Specs, b.a.cfg.SpecsDir, files)
		res.Valid, res.Problems = !problems.HasErrors(), api.Problems(problems)
		next, sets := b.a.catalog.With(overlay), daemonSetsByKey(overlay.DaemonSets)
		s.Items = b.a.items(s, next, overlay.DaemonSets)
		res.DaemonSets = b.a.planned(s.Input(), sets)
		b.a.planFleet(s, next, sets, res.DaemonSets)
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return res, nil
}

// planned is what the input comes to, DaemonSet by DaemonSet.
func (a *Agent) planned(in plan.Input, sets map[string]*spec.DaemonSet) []api.DaemonSetPlan {
	current := map[string]string{}
	for _, p := range in.Present {
		current[p.Key] = p.Revision
	}
	out := plan.Make(in)
	plans := []api.DaemonSetPlan{}
	for _, s := range out.Statuses {
		p := api.DaemonSetPlan{DaemonSet: s.Key, Action: api.PlanNone, FromRevision: current[s.Key], ToRevision: s.Revision}
		for _, act := range out.Acts {
			if act.Key == s.Key {
				p.Action = planAction(p.Action, act)
				p.Reasons = append(p.Reasons, act.Message)
				p.Changes = append(p.Changes, a.change(act, sets))
			}
		}
		if s.Phase == plan.PhaseBlocked {
			p.Action = api.PlanBlocked
		}
		if p.Action == api.PlanReplace {
			p.Changes = append(p.Changes, a.following(in, s, sets)...)
		}
		if s.Message != "" && p.Action != api.PlanReplace {
			p.Reasons = append(p.Reasons, s.Message)
		}
		plans = append(plans, p)
	}
	return plans
}

// following is what a replacement writes once the old pod has stopped.
func (a *Agent) following(in plan.Input, s plan.Status, sets map[string]*spec.DaemonSet) []api.FileChange {
	for _, w := range in.Wanted {
		if w.Key == s.Key {
			return []api.FileChange{a.change(plan.Act{Kind: plan.Write, Key: w.Key, FileName: w.Manifest.FileName, Manifest: &w.Manifest, Message: "when the old pod has stopped"}, sets)}
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
