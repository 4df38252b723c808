package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/member"
	"github.com/daemonsetd/daemonsetd/agent/node"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/registry"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/manifestdir"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// TestBeforeTheFirstRound: the status says that the agent starts, and everything else says to come again.
func TestBeforeTheFirstRound(t *testing.T) {
	r := newRig()
	r.snapshot = nil
	st, err := r.Status(t.Context())
	if err != nil || st.State != api.StateStarting || st.Node.Name != "a" || st.Paths.Specs != "/specs.d" {
		t.Errorf("%+v, %v", st, err)
	}
	for what, call := range map[string]func() error{
		"explain":   func() error { _, err := r.Explain(t.Context(), api.ExplainRequest{}); return err },
		"rollouts":  func() error { _, err := r.Rollouts(t.Context(), api.RolloutRequest{}); return err },
		"replace":   func() error { _, err := r.Replace(t.Context(), api.ReplaceRequest{DaemonSet: "web"}); return err },
		"revisions": func() error { _, err := r.Revisions(t.Context(), api.RevisionRequest{DaemonSet: "web"}); return err },
		"undo":      func() error { _, err := r.Undo(t.Context(), api.UndoRequest{DaemonSet: "web"}); return err },
	} {
		wantCode(t, what, call(), "Unavailable: the agent is starting")
	}
}

// TestStopping: what the loop was to do is answered with what to do, and why a caller went away is passed on.
func TestStopping(t *testing.T) {
	r := newRig()
	it := r.declare(parsed(t, webText("web:1")))
	it.Strategy = strategy.Strategy{OnDelete: true}
	it.State = rollout.State{
		Key: it.Key, Running: rollout.Revision{Fleet: "old"}, Target: rollout.Target{Revision: rollout.Revision{Fleet: "new"}},
	}
	for _, c := range []struct {
		err  error
		want string
	}{{ErrStopping, "Unavailable: the agent is stopping"}, {context.Canceled, "error: context canceled"}} {
		r.doErr, r.reloadErr = c.err, c.err
		for what, call := range map[string]func() error{
			"diff":    func() error { _, err := r.Diff(t.Context()); return err },
			"plan":    func() error { _, err := r.Plan(t.Context(), api.PlanRequest{}); return err },
			"patch":   func() error { _, err := r.PatchNode(t.Context(), api.NodePatch{}); return err },
			"reload":  func() error { _, err := r.Backend.Reload(t.Context()); return err },
			"replace": func() error { _, err := r.Replace(t.Context(), api.ReplaceRequest{DaemonSet: "web"}); return err },
		} {
			wantCode(t, what, call(), c.want)
		}
	}
	if len(r.round.patched)+len(r.round.replaced) > 0 {
		t.Error("something was done though the loop has ended")
	}
}

// TestStatus: what a round found, in the words of the API.
func TestStatus(t *testing.T) {
	r := newRig()
	it := r.declare(parsed(t, webText("web:1")))
	r.snapshot.Specs.Files = []spec.FileStatus{{File: "/specs.d/web.yaml", Objects: 1}, {File: "/specs.d/bad.yaml", Bad: true, LastGood: true}}
	r.snapshot.Specs.DirProblem = "gone"
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-web1-a"}}
	pod.Status.Phase, pod.Status.ContainerStatuses = corev1.PodRunning, []corev1.ContainerStatus{{RestartCount: 2}, {RestartCount: 1}}
	r.snapshot.Kubelet.Pods = kubelet.Answered([]corev1.Pod{pod}, at)
	r.snapshot.Statuses = []plan.Status{
		{Key: it.Key, Phase: plan.PhaseStarting, Revision: "web1", Current: "web1", FileName: "web1.yaml", PodName: "web-web1", Message: "soon"},
		{Key: "default/gone", Phase: plan.PhaseRemoving, Current: "old"},
	}
	r.snapshot.Health = []api.HealthItem{{Code: "BadSpecFile", Severity: api.SeverityError, Text: "1 spec file"}}
	st, err := r.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if st.State != api.StateDegraded || st.Message != "1 spec file" || st.SpecsProblem != "gone" || len(st.SpecFiles) != 2 || !st.SpecFiles[1].Bad || !st.LastReconcile.Equal(at) {
		t.Errorf("%+v", st)
	}
	want := []api.DaemonSetStatus{
		{
			Name: "default/web", Source: "/specs.d/web.yaml", ShouldRun: true, ShouldContinueRunning: true, DesiredRevision: "web1",
			CurrentRevision: "web1", Manifest: "/manifests/web1.yaml", Phase: api.PhaseStarting, Message: "soon",
			Pod: &api.PodStatus{Name: "web-web1-a", Phase: "Running", Restarts: 3, Message: "the pod is not ready yet"},
		},
		{Name: "default/gone", CurrentRevision: "old", Phase: api.PhaseRemoving},
	}
	if diff := cmp.Diff(want, st.DaemonSets); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	it.Evicted, r.snapshot.Health = true, nil
	if st, _ = r.Status(t.Context()); st.DaemonSets[0].ShouldRun || st.DaemonSets[0].ShouldContinueRunning || st.State != api.StateReady {
		t.Errorf("evicted, and nothing else: %+v", st)
	}
}

// TestKubeletStatus: each way in which a kubelet answers, or does not, has a word.
func TestKubeletStatus(t *testing.T) {
	failed := func(state kubelet.State) *kubelet.Error {
		return &kubelet.Error{State: state, URL: "https://127.0.0.1:10250", Remedy: "see to it", Err: errors.New("no")}
	}
	for name, c := range map[string]struct {
		k    kubelet.Snapshot
		want string
	}{
		"assumed":               {kubelet.Snapshot{AssumeReady: true, Healthy: true}, api.KubeletAssumedReady},
		"not asked":             {kubelet.Snapshot{}, api.KubeletNotAskedYet},
		"answers":               {kubelet.Snapshot{HealthAt: at, Healthy: true}, api.KubeletAnswering},
		"does not tell pods":    {kubelet.Snapshot{HealthAt: at, Healthy: true, Pods: kubelet.Answer[[]corev1.Pod]{}.Failed(failed(kubelet.Unauthorised))}, api.KubeletUnauthorized},
		"another node":          {kubelet.Snapshot{HealthAt: at, Healthy: true, Stranger: failed(kubelet.OtherNode)}, api.KubeletOtherNode},
		"not well":              {kubelet.Snapshot{HealthAt: at}, api.KubeletUnhealthy},
		"cannot be reached":     {kubelet.Snapshot{HealthAt: at, HealthErr: failed(kubelet.Unreachable)}, api.KubeletUnreachable},
		"another certificate":   {kubelet.Snapshot{HealthAt: at, HealthErr: failed(kubelet.Untrusted)}, api.KubeletUnauthorized},
		"speaks another tongue": {kubelet.Snapshot{HealthAt: at, HealthErr: failed(kubelet.WrongVersion)}, api.KubeletWrongVersion},
	} {
		v := &reconcile.Snapshot{Kubelet: &c.k}
		got := kubeletStatus(v)
		if got.State != c.want || KubeletState(v) != c.want {
			t.Errorf("%s: %q, want %q", name, got.State, c.want)
		}
		if failure := c.k.HealthErr; failure != nil && (got.URL != failure.URL || got.Remedy != failure.Remedy || got.Answer != "no") {
			t.Errorf("%s: it does not say what went wrong: %+v", name, got)
		}
	}
}

// TestManifests: what stands in the kubelet's directory, whose it is, and whom it is in the way of.
func TestManifests(t *testing.T) {
	r := newRig()
	it := r.declare(parsed(t, webText("web:1")))
	want := it.Want.Manifest
	entry := func(name string, intact bool) manifestdir.Entry {
		return manifestdir.Entry{Header: render.Header{FileName: name, Namespace: "default", DaemonSet: "web", Revision: "r", Intact: intact, Drift: "was edited"}}
	}
	r.snapshot.Listing = manifestdir.Listing{
		Ours: []manifestdir.Entry{entry("b.yaml", true), entry("c.yaml", false)},
		Foreign: []manifestdir.ForeignPod{
			{FileName: "a.yaml", Namespace: "x", Name: "y", Reason: "has no mark"},
			{FileName: "d.yaml", Namespace: "default", Name: want.PodName, Reason: "has no mark"},
			{FileName: want.FileName, Reason: "is no pod"},
		},
	}
	var got []string
	for _, m := range manifestStatuses(r.snapshot, "/m") {
		got = append(got, fmt.Sprintf("%s %s %s", m.File, m.State, m.DaemonSet))
	}
	all := []string{
		"/m/a.yaml " + api.ManifestForeign + " ", "/m/b.yaml " + api.ManifestInSync + " default/web", "/m/c.yaml " + api.ManifestDrifted + " default/web",
		"/m/d.yaml " + api.ManifestConflict + " default/web", "/m/" + want.FileName + " " + api.ManifestConflict + " default/web",
	}
	slices.Sort(all)
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestExplain: one DaemonSet or all, for this node with what it does, for another with what it told.
func TestExplain(t *testing.T) {
	for name, c := range map[string]struct {
		req  api.ExplainRequest
		set  func(*rig)
		want []string
		err  string
	}{
		"all":         {api.ExplainRequest{}, nil, []string{"default/api a true", "default/web a true"}, ""},
		"one":         {api.ExplainRequest{DaemonSet: "web", Node: "a"}, nil, []string{"default/web a true"}, ""},
		"nobody's":    {api.ExplainRequest{DaemonSet: "other"}, nil, nil, "NotFound: no DaemonSet default/other is declared in /specs.d"},
		"a bad file":  {api.ExplainRequest{DaemonSet: "other"}, func(r *rig) { r.snapshot.Specs.Files = []spec.FileStatus{{File: "/specs.d/x.yaml", Bad: true}} }, nil, "NotFound: no DaemonSet default/other is declared, and /specs.d/x.yaml cannot be used"},
		"evicted":     {api.ExplainRequest{DaemonSet: "web"}, func(r *rig) { r.snapshot.Item("default/web").Evicted = true }, []string{"default/web a false TaintEviction"}, ""},
		"no gossip":   {api.ExplainRequest{Node: "b"}, nil, nil, "Unavailable: gossip is off: there is no key"},
		"no such one": {api.ExplainRequest{Node: "x"}, func(r *rig) { r.fleet.view = fleetOf(gossip.Member{Name: "a"}) }, nil, "NotFound: "},
		"not trusted": {api.ExplainRequest{Node: "b"}, func(r *rig) { r.fleet.view = fleetOf(gossip.Member{Name: "b", Standing: records.Held}) }, nil, "Conflict: "},
		"tells none":  {api.ExplainRequest{Node: "b"}, func(r *rig) { r.fleet.view = fleetOf(gossip.Member{Name: "b"}) }, nil, "Unavailable: "},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			r.fleet.status.Mode.Why = "there is no key"
			r.declare(parsed(t, strings.ReplaceAll(webText("api:1"), "name: web\nspec", "name: api\nspec")))
			r.declare(parsed(t, webText("web:1")))
			if c.set != nil {
				c.set(r)
			}
			list, err := r.Explain(t.Context(), c.req)
			wantCode(t, name, err, c.err)
			var got []string
			for _, e := range list {
				text := fmt.Sprintf("%s %s %t", e.DaemonSet, e.Node, e.ShouldRun)
				if last := e.Reasons[len(e.Reasons)-1]; !last.Passed {
					text += " " + last.Predicate
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDiff: what the next round would change, without what may not be shown.
func TestDiff(t *testing.T) {
	r := newRig()
	if got, err := r.Diff(t.Context()); err != nil || got == nil || len(got) != 0 {
		t.Errorf("nothing to do: %v, %v", got, err)
	}
	it := r.declare(parsed(t, webText("web:1")))
	got, err := r.Diff(t.Context())
	if err != nil || len(got) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	c := got[0]
	if c.Action != api.FileWrite || c.DaemonSet != it.Key || c.File != "/manifests/"+it.Want.Manifest.FileName || c.Old != "" {
		t.Errorf("%+v", c)
	}
	if !strings.Contains(c.New, "plain") || strings.Contains(c.New, "canary") || !strings.Contains(c.New, hidden) {
		t.Errorf("it shows too much or too little:\n%s", c.New)
	}
}

// TestPlan: what other files would do here.
func TestPlan(t *testing.T) {
	web := func(image string) api.PlanFile {
		return api.PlanFile{Name: "/home/me/web.yaml", Data: []byte(webText(image))}
	}
	for name, c := range map[string]struct {
		files []api.PlanFile
		// stands is a revision that is there, of which the file is declared.
		stands string
		valid  bool
		want   []string
	}{
		"a bad file":  {[]api.PlanFile{{Name: "web.yaml", Data: []byte("kind: [")}}, "", false, nil},
		"a new one":   {[]api.PlanFile{web("web:1")}, "", true, []string{"default/web " + api.PlanCreate + "  -> web1, 1 changes"}},
		"the same":    {[]api.PlanFile{web("web:1")}, "web1", true, []string{"default/web " + api.PlanNone + " web1 -> web1, 0 changes"}},
		"another":     {[]api.PlanFile{web("web:2")}, "web1", true, []string{"default/web " + api.PlanReplace + " web1 -> web2, 2 changes"}},
		"none at all": {nil, "web1", true, []string{"default/web " + api.PlanNone + " web1 -> web1, 0 changes"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			if c.stands != "" {
				r.stands(r.declare(parsed(t, webText("web:1"))), c.stands)
			}
			res, err := r.Plan(t.Context(), api.PlanRequest{Files: c.files})
			if err != nil || res.Valid != c.valid || res.Node != "a" {
				t.Fatalf("%+v, %v", res, err)
			}
			var got []string
			for _, p := range res.DaemonSets {
				got = append(got, fmt.Sprintf("%s %s %s -> %s, %d changes", p.DaemonSet, p.Action, p.FromRevision, p.ToRevision, len(p.Changes)))
				if p.Fleet != nil {
					t.Errorf("a plan of the fleet without gossip: %+v", p.Fleet)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlanOfAFleet: hosts of which nothing is known are named, and a DaemonSet that stays as it is has no plan.
func TestPlanOfAFleet(t *testing.T) {
	r := newRig()
	r.fleet.view = fleetOf(gossip.Member{Name: "a"}, gossip.Member{Name: "b"})
	it := r.declare(parsed(t, webText("web:1")))
	r.stands(it, "web1")
	res, err := r.Plan(t.Context(), api.PlanRequest{Files: []api.PlanFile{{Name: "web.yaml", Data: []byte(webText("web:2"))}}})
	if err != nil || len(res.DaemonSets) != 1 || res.DaemonSets[0].Fleet == nil {
		t.Fatalf("%+v, %v", res, err)
	}
	if diff := cmp.Diff(api.NameList{Count: 2, Names: []string{"a", "b"}}, res.DaemonSets[0].Fleet.Unknown); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
	if res, err = r.Plan(t.Context(), api.PlanRequest{}); err != nil || res.DaemonSets[0].Fleet != nil {
		t.Errorf("nothing changes: %+v, %v", res.DaemonSets, err)
	}
}

// TestPatchNode: what was changed in kubectl's words, what was not, and why.
func TestPatchNode(t *testing.T) {
	patch := api.NodePatch{
		SetLabels: map[string]string{"b": "2", "a": "1"}, RemoveLabels: []string{"c"},
		SetTaints: []api.Taint{{Key: "t", Effect: "NoExecute"}}, RemoveTaints: []api.TaintRef{{Key: "u", Effect: "NoSchedule"}},
	}
	for name, c := range map[string]struct {
		result node.Result
		err    error
		want   api.NodePatchResult
		code   string
		remedy string
	}{
		"changed": {
			node.Result{Changed: true, Operation: "labeled", NotFound: []string{"c"}},
			nil,
			api.NodePatchResult{Operation: "labeled", Changed: []string{"a=1", "b=2", "c-", "t:NoExecute", "u:NoSchedule-"}, Warnings: []string{"not there: c"}},
			"", "",
		},
		"the same":  {node.Result{Operation: "not labeled"}, nil, api.NodePatchResult{Operation: "not labeled", Changed: []string{}}, "", ""},
		"not valid": {node.Result{}, &node.PatchError{Err: errors.New("bad key")}, api.NodePatchResult{}, "Invalid: bad key", ""},
		"there already": {
			node.Result{},
			&node.PatchError{Err: errors.New("has it"), Conflict: true, NeedsOverwrite: true},
			api.NodePatchResult{},
			"Conflict: has it", "--overwrite changes a value that is there already",
		},
		"a full disk": {node.Result{}, errors.New("disk full"), api.NodePatchResult{}, "error: disk full", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			r.round.result, r.round.patchErr = c.result, c.err
			r.snapshot.Origins.Unschedulable.Value = "true"
			got, err := r.PatchNode(t.Context(), patch)
			wantCode(t, name, err, c.code)
			if e, ok := errors.AsType[*api.Error](err); ok && e.Remedy != c.remedy {
				t.Errorf("remedy %q, want %q", e.Remedy, c.remedy)
			}
			if len(r.round.patched) != 1 || r.round.patched[0].Labels["a"] != "1" || len(r.round.patched[0].RemoveTaints) != 1 {
				t.Errorf("asked for %+v", r.round.patched)
			}
			if err != nil {
				return
			}
			if got.Node != "a" || !got.Unschedulable {
				t.Errorf("it does not show the node as it is now: %+v", got)
			}
			c.want.Node, c.want.Unschedulable, c.want.Labels, c.want.Taints = "a", true, []api.NodeLabel{}, []api.NodeTaint{}
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestReload: what came of it is passed on as it is.
func TestReload(t *testing.T) {
	r := newRig()
	r.reload = &api.ReloadResult{Changed: []string{"x"}}
	if got, err := r.Backend.Reload(t.Context()); err != nil || got != r.reload {
		t.Errorf("%+v, %v", got, err)
	}
	r.reload, r.reloadErr = nil, api.Errorf(api.CodeInvalid, "bad file")
	_, err := r.Backend.Reload(t.Context())
	wantCode(t, "a bad file", err, "Invalid: bad file")
}

// TestReads: nodes are listed while somebody reads them, and nothing else costs anything.
func TestReads(t *testing.T) {
	for _, res := range registry.Resources() {
		r := newRig()
		done := r.Reads(res)
		if want := map[bool]int{true: 1}[res == registry.Nodes]; r.fleet.read != want {
			t.Errorf("%v: %d read nodes, want %d", res, r.fleet.read, want)
		}
		if done(); r.fleet.read != 0 {
			t.Errorf("%v: %d read nodes afterwards", res, r.fleet.read)
		}
	}
}

// TestGossipStatus: whether there is gossip, and else why not.
func TestGossipStatus(t *testing.T) {
	view := fleetOf(gossip.Member{Name: "a"}, gossip.Member{Name: "b", State: gossip.StateFailed})
	for name, c := range map[string]struct {
		set    func(*fakeFleet)
		state  string
		reason string
	}{
		"alone": {func(f *fakeFleet) { f.status = member.Status{Mode: config.GossipMode{Why: "alone"}} }, api.GossipOff, "alone"},
		"wanted": {func(f *fakeFleet) {
			f.status = member.Status{Mode: config.GossipMode{On: true}, Off: errors.New("port taken")}
		}, api.GossipOff, "port taken"},
		"on": {func(f *fakeFleet) {
			f.view, f.status = view, member.Status{Mode: config.GossipMode{On: true, Keyed: true}}
		}, api.GossipOn, ""},
		"no key": {func(f *fakeFleet) {
			f.view, f.status = view, member.Status{Mode: config.GossipMode{On: true, Why: "no key"}}
		}, api.GossipLoopback, "no key"},
		"given up": {func(f *fakeFleet) {
			f.status = member.Status{Mode: config.GossipMode{On: true, Keyed: true}, Off: errors.New("moved")}
		}, api.GossipOff, "moved"},
		"with a list": {func(f *fakeFleet) {
			f.view, f.status = view, member.Status{Mode: config.GossipMode{On: true, Keyed: true}, RosterFile: "/m.yaml"}
		}, api.GossipOn, ""},
	} {
		r := newRig()
		c.set(&r.fleet)
		st := r.gossipStatus()
		if st.State != c.state || st.Reason != c.reason || st.Cluster != "c" {
			t.Errorf("%s: %+v", name, st)
		}
		if r.fleet.view != nil && (st.ID != view.Self.String() || !st.Settled || st.Roster != r.fleet.status.RosterFile) {
			t.Errorf("%s: it does not show the fleet: %+v", name, st)
		}
	}
}

// TestMembers: who is in the fleet, and what somebody should look at.
func TestMembers(t *testing.T) {
	r := newRig()
	_, err := r.Members(t.Context())
	wantCode(t, "without gossip", err, "Unavailable: gossip is off")
	_, err = r.Specs(t.Context())
	wantCode(t, "specs without gossip", err, "Unavailable: gossip is off")
	r.fleet.view = fleetOf(
		gossip.Member{Name: "a"}, gossip.Member{Name: "b", State: gossip.StateFailed}, gossip.Member{Name: "b", Standing: records.Held},
		gossip.Member{Name: "c", State: gossip.StateLeft, Complaints: 1},
	)
	list, err := r.Members(t.Context())
	if err != nil || list.Cluster != "c" || !list.Settled {
		t.Fatalf("%+v, %v", list, err)
	}
	var got []string
	for _, m := range list.Items {
		got = append(got, fmt.Sprintf("%s self=%t %s %s %d conflicts %d notes", m.Name, m.Self, m.State, m.Standing, len(m.Conflicts), len(m.Notes)))
	}
	want := []string{
		"a self=true Alive Trusted 0 conflicts 0 notes", "b self=false Failed Trusted 1 conflicts 0 notes",
		"b self=false Alive " + api.StandingUntrusted + " 1 conflicts 1 notes", "c self=false Left Trusted 0 conflicts 1 notes",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	specs, err := r.Specs(t.Context())
	if err != nil || len(specs.Hosts) != 2 {
		t.Errorf("specs of those that count and have not left: %+v, %v", specs, err)
	}
}

// TestForgetAndTrust: whom an operator may forget or trust, and what is said where that is not to be.
func TestForgetAndTrust(t *testing.T) {
	one, two := record.ID{2}, record.ID{3}
	members := []gossip.Member{
		{Name: "a", ID: record.ID{1}},
		{Name: "b", ID: one, State: gossip.StateFailed},
		{Name: "b", ID: two, Standing: records.Held},
		{Name: "c", ID: record.ID{4}, ByHand: true},
		{Name: "d", ID: record.ID{5}, Standing: records.Excluded},
		{Name: "e", ID: record.ID{6}},
	}
	for name, c := range map[string]struct {
		call func(*rig) (warnings []string, err error)
		err  error
		did  []string
		warn int
		code string
	}{
		"forget one":           {forget("b ", one), nil, []string{"forget " + one.String()}, 0, ""},
		"forget by name":       {forget("b", record.ID{}), nil, nil, 0, "Conflict: 2 members have the name"},
		"forget oneself":       {forget("a", record.ID{}), nil, nil, 0, "Conflict: a is this host"},
		"forget one who lives": {forget("c", record.ID{}), nil, nil, 0, "Conflict: c "},
		"forget nobody":        {forget("x", record.ID{}), nil, nil, 0, "NotFound: there is no member"},
		"forget, not on disk":  {forget("", one), records.ErrNotSaved, []string{"forget " + one.String()}, 1, ""},
		"forget in vain":       {forget("", one), errors.New("no"), []string{"forget " + one.String()}, 0, "error: no"},
		"trust the new one":    {trust("b"), nil, []string{"trust " + two.String()}, 0, ""},
		"trust again":          {trust("c"), nil, nil, 0, ""},
		"trust one who counts": {trust("e"), nil, []string{"trust " + record.ID{6}.String()}, 0, ""},
		"trust one not listed": {trust(record.ID{5}.String()), nil, nil, 0, "Conflict: member "},
		"trust nobody":         {trust("x"), nil, nil, 0, "NotFound: there is no untrusted member"},
		"trust, not on disk":   {trust("b"), records.ErrNotSaved, []string{"trust " + two.String()}, 1, ""},
		"trust in vain":        {trust("b"), errors.New("no"), []string{"trust " + two.String()}, 0, "Conflict: no"},
	} {
		r := newRig()
		_, err := c.call(r)
		wantCode(t, name+" without gossip", err, "Unavailable: gossip is off")
		r.fleet.view, r.fleet.err = fleetOf(members...), c.err
		warnings, err := c.call(r)
		wantCode(t, name, err, c.code)
		if diff := cmp.Diff(c.did, r.fleet.did); diff != "" || len(warnings) != c.warn {
			t.Errorf("%s: warnings %v, done (-want +got):\n%s", name, warnings, diff)
		}
	}
}

// TestForgetNeverSeen: all that most likely somebody made up go at once, and are named.
func TestForgetNeverSeen(t *testing.T) {
	ids := []record.ID{{7}, {8}}
	for name, c := range map[string]struct {
		err      error
		warnings int
		code     string
	}{
		"all":         {nil, 0, ""},
		"not on disk": {records.ErrNotSaved, 1, ""},
		"in vain":     {errors.New("no"), 0, "error: no"},
	} {
		r := newRig()
		r.fleet.view, r.fleet.neverSeen, r.fleet.err = fleetOf(gossip.Member{Name: "a"}), ids, c.err
		res, err := r.Forget(t.Context(), api.ForgetRequest{NeverSeen: true})
		wantCode(t, name, err, c.code)
		if len(r.fleet.did) != 2 {
			t.Errorf("%s: did %v", name, r.fleet.did)
		}
		if err == nil && (len(res.IDs) != 2 || res.IDs[0] != ids[0].String() || len(res.Warnings) != c.warnings) {
			t.Errorf("%s: %+v", name, res)
		}
	}
}

// forget asks by name, or by id where there is one.
func forget(name string, id record.ID) func(*rig) ([]string, error) {
	if !id.IsZero() {
		name = id.String()
	}
	return func(r *rig) ([]string, error) {
		res, err := r.Forget(context.Background(), api.ForgetRequest{Member: name})
		if err != nil {
			return nil, err
		}
		return res.Warnings, nil
	}
}

func trust(name string) func(*rig) ([]string, error) {
	return func(r *rig) ([]string, error) {
		res, err := r.Trust(context.Background(), api.TrustRequest{Member: name})
		if err != nil {
			return nil, err
		}
		return res.Warnings, nil
	}
}

// TestLeave: a host with pods leaves only when it is forced to, and how many were told is said.
func TestLeave(t *testing.T) {
	for name, c := range map[string]struct {
		current string
		force   bool
		err     error
		code    string
	}{
		"nothing runs":    {"", false, nil, ""},
		"something runs":  {"r", false, nil, "Conflict: a still has pods of default/web"},
		"it is forced to": {"r", true, nil, ""},
		"nobody hears":    {"", false, errors.New("no"), "error: no"},
	} {
		r := newRig()
		_, err := r.Leave(t.Context(), api.LeaveRequest{Force: c.force})
		wantCode(t, name+" without gossip", err, "Unavailable: gossip is off")
		r.fleet.view, r.fleet.err = fleetOf(gossip.Member{Name: "a"}, gossip.Member{Name: "b"}, gossip.Member{Name: "c", State: gossip.StateFailed}), c.err
		r.snapshot.Statuses = []plan.Status{{Key: "default/web", Current: c.current}}
		res, err := r.Leave(t.Context(), api.LeaveRequest{Force: c.force})
		wantCode(t, name, err, c.code)
		if err == nil && (res.Told != 1 || res.Name != "a") {
			t.Errorf("%s: %+v", name, res)
		}
	}
}

// TestRollouts: one or all of those that are declared, in order, with this host first among the members.
func TestRollouts(t *testing.T) {
	r := newRig()
	r.fleet.view = fleetOf(gossip.Member{Name: "a"}, gossip.Member{Name: "b"})
	r.declare(parsed(t, webText("web:1")))
	r.declare(parsed(t, strings.ReplaceAll(webText("api:1"), "name: web\nspec", "name: api\nspec")))
	for name, c := range map[string]struct {
		req  api.RolloutRequest
		want []string
		code string
	}{
		"all":      {api.RolloutRequest{}, []string{"default/api", "default/web"}, ""},
		"one":      {api.RolloutRequest{DaemonSet: "web"}, []string{"default/web"}, ""},
		"nobody's": {api.RolloutRequest{DaemonSet: "x"}, nil, "NotFound: no DaemonSet default/x"},
	} {
		list, err := r.Rollouts(t.Context(), c.req)
		wantCode(t, name, err, c.code)
		if err != nil {
			continue
		}
		var got []string
		for i := range list.Items {
			got = append(got, list.Items[i].DaemonSet)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || !list.Fleet || !list.Settled {
			t.Errorf("%s: fleet %t (-want +got):\n%s", name, list.Fleet, diff)
		}
	}
	changed := r.RolloutsChanged()
	r.over.Fire()
	select {
	case <-changed:
	default:
		t.Error("the end of a round is no change of the rollouts")
	}
}

// TestReplace: only the pod of a DaemonSet that waits for being asked can be asked for.
func TestReplace(t *testing.T) {
	old, next := rollout.Revision{Fleet: "old", Local: "old"}, rollout.Revision{Fleet: "new", Local: "new"}
	for name, c := range map[string]struct {
		rolling bool
		state   rollout.State
		after   rollout.Phase
		started bool
		code    string
	}{
		"it starts":       {false, rollout.State{Running: old, Phase: rollout.PhaseWaiting}, rollout.PhaseUpdating, true, ""},
		"it has to wait":  {false, rollout.State{Running: old, Phase: rollout.PhaseWaiting}, rollout.PhaseWaiting, false, ""},
		"by itself":       {true, rollout.State{Running: old}, 0, false, "Conflict: DaemonSet default/web has the update strategy RollingUpdate"},
		"nothing runs":    {false, rollout.State{}, 0, false, "Conflict: DaemonSet default/web has no pod"},
		"already at it":   {false, rollout.State{Running: old, Phase: rollout.PhaseUpdating}, 0, false, "Conflict: the pod of DaemonSet default/web is being replaced"},
		"as the file has": {false, rollout.State{Running: next}, 0, false, "Conflict: the pod of DaemonSet default/web on this host has the revision"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			it := r.declare(parsed(t, webText("web:1")))
			it.Strategy, it.State = strategy.Strategy{OnDelete: !c.rolling}, c.state
			it.State.Key, it.State.Target = it.Key, rollout.Target{Generation: 2, Revision: next}
			r.after = func(s *reconcile.Snapshot) {
				changed := *it
				changed.State.Phase = c.after
				s.Items = []*reconcile.Item{&changed}
			}
			res, err := r.Replace(t.Context(), api.ReplaceRequest{DaemonSet: "web"})
			wantCode(t, name, err, c.code)
			if asked := len(r.round.replaced) > 0; asked != (c.code == "") {
				t.Errorf("the loop was asked: %t", asked)
			}
			if err == nil && (res.Started != c.started || res.From != "old" || res.To != "new" || res.Node != "a") {
				t.Errorf("%+v", res)
			}
		})
	}
}

// TestHistory: revisions are listed and shown, and undone by a document that gives the template again.
func TestHistory(t *testing.T) {
	r := newRig()
	ds, before := parsed(t, webText("web:2")), parsed(t, webText("web:1"))
	it := r.declare(ds)
	it.State.Running, it.State.Target = rollout.Revision{Fleet: "one"}, rollout.Target{Revision: rollout.Revision{Fleet: "two"}}
	one, two := history.Of(before, "one"), history.Of(ds, "two")
	one.Number, two.Number, one.ChangeCause = 1, 2, "the first"
	r.history.list = []history.Revision{one, two}

	list, err := r.Revisions(t.Context(), api.RevisionRequest{DaemonSet: "web"})
	if err != nil || len(list.Items) != 2 || !list.Items[0].Running || list.Items[0].Current || !list.Items[1].Current || list.Items[0].Template != nil {
		t.Fatalf("%+v, %v", list, err)
	}
	shown, err := r.Revisions(t.Context(), api.RevisionRequest{DaemonSet: "web", Revision: 1})
	if err != nil || len(shown.Items) != 1 || !strings.Contains(string(shown.Items[0].Template), "web:1") {
		t.Fatalf("%+v, %v", shown, err)
	}
	for name, c := range map[string]struct {
		set      string
		revision uint64
		code     string
	}{
		"no such revision": {"web", 7, "NotFound: unable to find the specified revision"},
		"nobody's":         {"x", 0, "NotFound: no DaemonSet default/x"},
	} {
		_, err := r.Revisions(t.Context(), api.RevisionRequest{DaemonSet: c.set, Revision: c.revision})
		wantCode(t, name, err, c.code)
	}

	for name, c := range map[string]struct {
		to   uint64
		list []history.Revision
		same bool
		code string
	}{
		"the one before": {0, []history.Revision{one, two}, false, ""},
		"by its number":  {1, []history.Revision{one, two}, false, ""},
		"the same":       {2, []history.Revision{one, two}, true, ""},
		"none before":    {0, []history.Revision{two}, false, "NotFound: no last revision to roll back to"},
		"no such number": {9, []history.Revision{one, two}, false, "NotFound: unable to find specified revision 9 in history"},
	} {
		r.history.list = c.list
		res, err := r.Undo(t.Context(), api.UndoRequest{DaemonSet: "web", To: c.to})
		wantCode(t, name, err, c.code)
		if err != nil {
			continue
		}
		if res.Same != c.same || res.Source != ds.Source.File || res.From.Revision != "two" {
			t.Errorf("%s: %+v", name, res)
		}
		again := spec.Parse(ds.Source.File, []byte(res.Document))
		if len(again.DaemonSets) != 1 || string(again.DaemonSets[0].Template) != string(r.history.list[res.To.Number-1].Template) {
			t.Errorf("%s: the document gives another template:\n%s", name, res.Document)
		}
	}
	r.history.list, r.history.err = []history.Revision{one}, errors.New("cannot read two")
	if list, err = r.Revisions(t.Context(), api.RevisionRequest{DaemonSet: "web"}); err != nil || len(list.Warnings) != 1 || len(list.Items) != 1 {
		t.Errorf("what cannot be read is not said: %+v, %v", list, err)
	}
}

// TestConfigs: the files of volumes, with the pod that they are for, and whether they are in memory.
func TestConfigs(t *testing.T) {
	r := newRig()
	r.trees.list = []trees.Listed{
		{Namespace: "default", DaemonSet: "web", Revision: "r", Volume: "s", Secret: true, Path: "/run/secrets/x"},
		{Namespace: "default", DaemonSet: "web", Revision: "r", Volume: "c", Path: "/var/x", Files: []trees.ListedFile{{Path: "f", Mode: 0o640, Size: 3, SHA256: "ab"}}},
	}
	got, err := r.Configs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []api.ConfigTree{
		{DaemonSet: "default/web", Revision: "r", Volume: "c", Path: "/var/x", Pod: "web-r-a", Files: []api.ConfigFile{{Path: "f", Mode: "0640", Size: 3, SHA256: "ab"}}},
		{DaemonSet: "default/web", Revision: "r", Volume: "s", Secret: true, InMemory: true, Path: "/run/secrets/x", Pod: "web-r-a", Files: []api.ConfigFile{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r.trees.err = errors.New("no")
	_, err = r.Configs(t.Context())
	wantCode(t, "that cannot be read", err, "error: no")
}

// TestObjects: a DaemonSet's status as kubectl reads it, of this node alone or of the fleet.
func TestObjects(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*rig, *reconcile.Item)
		want string
	}{
		"no pod yet":      {func(*rig, *reconcile.Item) {}, "desired 1 current 0 updated 0 ready 0 available 0 unavailable 1 misscheduled 0"},
		"it is available": {func(r *rig, it *reconcile.Item) { stand(r, it, "web1", plan.Pod{Ready: true, Available: true}) }, "desired 1 current 1 updated 1 ready 1 available 1 unavailable 0 misscheduled 0"},
		"an old one":      {func(r *rig, it *reconcile.Item) { stand(r, it, "old", plan.Pod{Ready: true}) }, "desired 1 current 1 updated 0 ready 1 available 0 unavailable 1 misscheduled 0"},
		"it should not be": {func(r *rig, it *reconcile.Item) {
			stand(r, it, "web1", plan.Pod{Ready: true})
			it.Evicted = true
		}, "desired 0 current 0 updated 0 ready 0 available 0 unavailable 0 misscheduled 1"},
		"in a fleet": {func(r *rig, it *reconcile.Item) {
			r.snapshot.Counts = map[string]rollout.Counts{it.Key: {Desired: 5, Current: 4, Updated: 3, Ready: 2, Available: 1, Misscheduled: 6}}
		}, "desired 5 current 4 updated 3 ready 2 available 1 unavailable 4 misscheduled 6"},
	} {
		r := newRig()
		it := r.declare(parsed(t, webText("web:1")))
		c.set(r, it)
		sets := DaemonSets(r.snapshot)
		if len(sets) != 1 || sets[0].Name != "web" || it.DS.Object.Status.DesiredNumberScheduled != 0 {
			t.Fatalf("%s: %+v", name, sets)
		}
		st := sets[0].Status
		got := fmt.Sprintf("desired %d current %d updated %d ready %d available %d unavailable %d misscheduled %d", st.DesiredNumberScheduled,
			st.CurrentNumberScheduled, st.UpdatedNumberScheduled, st.NumberReady, st.NumberAvailable, st.NumberUnavailable, st.NumberMisscheduled)
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// stand puts a manifest into the snapshot, and what the kubelet says of its pod.
func stand(r *rig, it *reconcile.Item, revision string, pod plan.Pod) {
	r.stands(it, revision)
	r.snapshot.Answers.Pods = map[string]plan.Pod{"default/" + it.Present[0].PodName + "-a": pod}
}

// TestPods: of an environment only what the template has is shown, and of a pod that nobody declares nothing.
func TestPods(t *testing.T) {
	r := newRig()
	it := r.declare(parsed(t, webText("web:1")))
	pod := func(key string) corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Annotations: map[string]string{render.AnnotationDaemonSet: key}}}
		p.Spec.Containers = []corev1.Container{{Name: "web", Env: []corev1.EnvVar{{Name: "SHOWN", Value: "plain"}, {Name: "TOKEN", Value: "canary"}}}}
		return p
	}
	r.snapshot.Kubelet = &kubelet.Snapshot{Pods: kubelet.Answered([]corev1.Pod{pod(it.Key), pod("")}, at)}
	list := Pods(r.snapshot)
	for i, want := range []string{"plain " + hidden, hidden + " " + hidden} {
		env := list[i].Spec.Containers[0].Env
		if got := env[0].Value + " " + env[1].Value; got != want {
			t.Errorf("pod %d: %q, want %q", i, got, want)
		}
	}
	if r.snapshot.Kubelet.Pods.Last()[0].Spec.Containers[0].Env[1].Value != "canary" {
		t.Error("the snapshot has changed, and may not")
	}
}

// TestSnapshotsStay: no call changes what it reads: others read it at the same time.
func TestSnapshotsStay(t *testing.T) {
	r := newRig()
	r.fleet.view = fleetOf(gossip.Member{Name: "a"}, gossip.Member{Name: "b"})
	it := r.declare(parsed(t, webText("web:1")))
	r.stands(it, "web1")
	before := fmt.Sprintf("%+v %+v %+v", *r.snapshot, *it, *it.DS.Object)
	for range 2 {
		_, _ = r.Status(t.Context())
		_, _ = r.Explain(t.Context(), api.ExplainRequest{})
		_, _ = r.Diff(t.Context())
		_, _ = r.Plan(t.Context(), api.PlanRequest{Files: []api.PlanFile{{Name: "web.yaml", Data: []byte(webText("web:2"))}}})
		_, _ = r.Rollouts(t.Context(), api.RolloutRequest{Hosts: true})
		DaemonSets(r.snapshot)
		Pods(r.snapshot)
	}
	if after := fmt.Sprintf("%+v %+v %+v", *r.snapshot, *it, *it.DS.Object); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// TestFaultO3Settle: what is still being written is told, and a loop that does not come round is not waited for.
func TestFaultO3Settle(t *testing.T) {
	r := newRig()
	r.pending = []string{"/specs.d/web.yaml"}
	res, err := r.Settle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&api.Settled{Pending: r.pending}, res); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	r.doErr = ErrStopping
	_, err = r.Settle(t.Context())
	wantCode(t, "stopping", err, api.CodeUnavailable+": the agent is stopping")
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.stuck = true
		_, err := r.Settle(t.Context())
		wantCode(t, "stuck", err, api.CodeUnavailable+": the agent has not looked at its files for 4s")
	})
}

// TestFaultO8Plan: a file of another name is an update, its problems name the path that was given, and what would happen
// without it is marked.
func TestFaultO8Plan(t *testing.T) {
	r := newRig()
	r.stands(r.declare(parsed(t, webText("web:1"))), "web1")
	// The kubelet's directory has another revision than the file of this one: it is replaced whatever is planned.
	r.stands(r.declare(parsed(t, strings.ReplaceAll(webText("log:1"), "name: web", "name: log"))), "log0")
	plan := func(name, text string) *api.PlanResult {
		t.Helper()
		res, err := r.Plan(t.Context(), api.PlanRequest{Files: []api.PlanFile{{Name: name, Data: []byte(text)}}})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	type line struct {
		name, action, inPlaceOf string
		anyway                  bool
	}
	for name, want := range map[string]string{"/home/me/new.yaml": "/specs.d/web.yaml", "web.yaml": "", "<stdin>": "/specs.d/web.yaml"} {
		text := webText("web:2")
		if name == "web.yaml" {
			text += "---\n" + strings.ReplaceAll(webText("log:1"), "name: web", "name: log")
		}
		var got []line
		for _, p := range plan(name, text).DaemonSets {
			got = append(got, line{p.DaemonSet, p.Action, p.InPlaceOf, p.Anyway})
		}
		wanted := []line{{"default/log", api.PlanReplace, "", true}, {"default/web", api.PlanReplace, want, false}}
		if diff := cmp.Diff(wanted, got, cmp.AllowUnexported(line{})); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	if res := plan("/home/me/new.yaml", "kind: ["); res.Valid || res.Problems[0].File != "/home/me/new.yaml" {
		t.Errorf("a path that nobody gave: %+v", res.Problems)
	}
}

// TestFaultO20Logs: the container that is meant, and what there is no log of.
func TestFaultO20Logs(t *testing.T) {
	r := newRig()
	pod := func(name string, containers ...string) corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name}}
		for _, c := range containers {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: c})
		}
		p.Spec.InitContainers = []corev1.Container{{Name: "init"}}
		return p
	}
	meant := pod("meant", "one", "two")
	meant.Annotations = map[string]string{annotationContainer: "two"}
	r.snapshot.Kubelet = &kubelet.Snapshot{Pods: kubelet.Answered([]corev1.Pod{pod("single", "one"), pod("several", "one", "two"), meant}, at)}
	for name, c := range map[string]struct {
		pod, container, asked, code string
		err                         error
	}{
		"the only one":          {"single", "", "one", "", nil},
		"the one that is named": {"several", "two", "two", "", nil},
		"an init container":     {"single", "init", "init", "", nil},
		"the annotation":        {"meant", "", "two", "", nil},
		"one of several":        {"several", "", "", api.CodeConflict + ": pod a/several has several containers: one, two, init", nil},
		"no container":          {"single", "x", "", api.CodeNotFound + ": pod a/single has no container x", nil},
		"no pod":                {"none", "", "", api.CodeNotFound + ": this host's kubelet lists no pod a/none", nil},
		"no log": {
			"single", "", "one", api.CodeNotFound + ": container one of pod a/single",
			&kubelet.Error{Op: "logs", State: kubelet.BadAnswer, Err: kubelet.ErrNoLog},
		},
		"no kubelet": {
			"single", "", "one", api.CodeUnavailable + ": the kubelet gives no logs", &kubelet.Error{Op: "logs", State: kubelet.Unreachable, Err: fs.ErrClosed},
		},
	} {
		asked := ""
		r.logs = func(req kubelet.LogRequest) (io.ReadCloser, error) {
			asked = req.Container
			return io.NopCloser(strings.NewReader("")), c.err
		}
		_, err := r.Logs(t.Context(), api.LogRequest{Namespace: "a", Pod: c.pod, Container: c.container})
		wantCode(t, name, err, c.code)
		if asked != c.asked {
			t.Errorf("%s: asked for %q", name, asked)
		}
	}
}
