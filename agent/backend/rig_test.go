package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/catalog"
	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/member"
	"github.com/daemonsetd/daemonsetd/agent/node"
	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/internal/base/signal"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// at is when everything in these tests happens.
var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// rig is a backend of hand-made parts: there is no agent, no disk and no network.
type rig struct {
	*Backend
	snapshot *reconcile.Snapshot
	fleet    fakeFleet
	round    fakeRound
	history  fakeHistory
	trees    fakeTrees
	// doErr is what comes of asking the loop; nil: it does what it is asked.
	doErr error
	// after is what a round makes of what the loop was asked for; nil: nothing.
	after func(*reconcile.Snapshot)
	// reload is what a reload comes to.
	reload    *api.ReloadResult
	reloadErr error
	over      signal.Signal
	// pending is what is being written; stuck: the loop does not come round.
	pending []string
	stuck   bool
	// logs is the kubelet's answer.
	logs func(kubelet.LogRequest) (io.ReadCloser, error)
}

func newRig() *rig {
	r := &rig{
		snapshot: &reconcile.Snapshot{
			Host: "a", Now: at, Specs: &spec.Snapshot{}, Node: &corev1.Node{}, Kubelet: &kubelet.Snapshot{AssumeReady: true, Healthy: true},
			Answers: plan.Kubelet{AssumeReady: true, Healthy: true}, Origins: node.Description{Name: "a"},
		},
		fleet: fakeFleet{self: "a"},
		round: fakeRound{files: map[string]string{}},
	}
	r.round.r = r
	r.Backend = New(Config{
		Host: "a", Cluster: "c", MembersFile: "/etc/members.yaml", Paths: api.Paths{Specs: "/specs.d", Manifests: "/manifests"},
		Version: api.VersionInfo{Version: "v1"}, StartedAt: at, Log: zerolog.Nop(),
		Latest: func() *reconcile.Snapshot { return r.snapshot }, RoundOver: &r.over,
		Do: func(_ context.Context, do func(Round)) error {
			if r.doErr != nil {
				return r.doErr
			}
			do(&r.round)
			if r.after != nil {
				next := *r.snapshot
				r.after(&next)
				r.snapshot = &next
			}
			return nil
		},
		Reload: func(context.Context) (*api.ReloadResult, error) { return r.reload, r.reloadErr },
		Settle: func(ctx context.Context) ([]string, error) {
			if r.stuck {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return r.pending, r.doErr
		},
		Logs:  func(_ context.Context, req kubelet.LogRequest) (io.ReadCloser, error) { return r.logs(req) },
		Fleet: &r.fleet, History: &r.history, Trees: &r.trees,
	})
	return r
}

// fakeFleet is a member whose fleet is what a test says.
type fakeFleet struct {
	self   string
	view   *fleet.View
	status member.Status
	// did is what was asked for, err what came of it.
	did  []string
	err  error
	read int
	// neverSeen are the members of which nothing was ever heard.
	neverSeen []record.ID
}

func (f *fakeFleet) View() *fleet.View        { return f.view }
func (f *fakeFleet) Status() member.Status    { return f.status }
func (f *fakeFleet) Self() string             { return f.self }
func (f *fakeFleet) Changed() <-chan struct{} { return nil }

func (f *fakeFleet) ReadsNodes() (done func()) {
	f.read++
	return func() { f.read-- }
}

func (f *fakeFleet) Forget(id record.ID) error {
	f.did = append(f.did, "forget "+id.String())
	return f.err
}

func (f *fakeFleet) ForgetAll(ids []record.ID) error {
	for _, id := range ids {
		f.did = append(f.did, "forget "+id.String())
	}
	return f.err
}

func (f *fakeFleet) NeverSeen(time.Time) []record.ID { return f.neverSeen }

func (f *fakeFleet) Trust(id record.ID) error {
	f.did = append(f.did, "trust "+id.String())
	return f.err
}

func (f *fakeFleet) Leave(context.Context) error {
	f.did = append(f.did, "leave")
	return f.err
}

// fakeRound answers from the rig's snapshot.
type fakeRound struct {
	r *rig
	// files are those of the kubelet's directory.
	files           map[string]string
	peers           map[string][]rollout.Peer
	took            time.Duration
	replaced        []string
	released, reset []string
	patched         []node.Patch
	result          node.Result
	patchErr        error
}

func (f *fakeRound) Look() *reconcile.Snapshot { s := *f.r.snapshot; return &s }

func (f *fakeRound) With(s *reconcile.Snapshot, objects spec.Objects) (*reconcile.Snapshot, Maker) {
	next := *s
	next.Items = nil
	for _, ds := range objects.DaemonSets {
		it := itemOf(ds)
		if old := s.Item(it.Key); old != nil {
			it.Present = old.Present
		}
		next.Items = append(next.Items, it)
	}
	return &next, f
}

func (f *fakeRound) File(ds *spec.DaemonSet) *catalog.Made { return itemOf(ds).File }

func (f *fakeRound) Fleet() (*fleet.View, func(key string) []rollout.Peer) {
	return f.r.fleet.view, func(key string) []rollout.Peer {
		own := rollout.State{}
		if it := f.r.snapshot.Item(key); it != nil {
			own = it.State
		}
		return append([]rollout.Peer{{ID: f.r.fleet.self, Name: "a", State: &own}}, f.peers[key]...)
	}
}

func (f *fakeRound) Took(string) time.Duration { return f.took }

func (f *fakeRound) Manifest(name string) ([]byte, error) {
	text, ok := f.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

func (f *fakeRound) Patch(p node.Patch) (node.Result, error) {
	f.patched = append(f.patched, p)
	return f.result, f.patchErr
}

func (f *fakeRound) Replace(key string) { f.replaced = append(f.replaced, key) }
func (f *fakeRound) Release(key string) { f.released = append(f.released, key) }
func (f *fakeRound) Reset(key string)   { f.reset = append(f.reset, key) }

// fakeHistory has revisions in memory.
type fakeHistory struct {
	list []history.Revision
	err  error
}

func (h *fakeHistory) List(string, string) ([]history.Revision, error) {
	var out []history.Revision
	for _, r := range h.list {
		r.Template = nil
		out = append(out, r)
	}
	return out, h.err
}

func (h *fakeHistory) Get(_, _, fleet string) (history.Revision, error) {
	for _, r := range h.list {
		if r.Fleet == fleet {
			return r, nil
		}
	}
	return history.Revision{}, history.ErrNotFound
}

// fakeTrees has files of volumes in memory.
type fakeTrees struct {
	list []trees.Listed
	err  error
}

func (t *fakeTrees) List() ([]trees.Listed, error) { return t.list, t.err }
func (t *fakeTrees) SecretDir() (string, bool)     { return "/run/secrets", true }

// webText is a DaemonSet as an operator writes it.
func webText(image string) string {
	return "apiVersion: apps/v1\nkind: DaemonSet\nmetadata:\n  name: web\nspec:\n  selector:\n    matchLabels: {app: web}\n" +
		"  template:\n    metadata:\n      labels: {app: web}\n    spec:\n      containers:\n        - name: web\n" +
		"          image: " + image + "\n          env: [{name: SHOWN, value: plain}]\n"
}

// parsed is what a file declares, all of it good.
func parsed(t *testing.T, text string) *spec.DaemonSet {
	t.Helper()
	file := spec.Parse("/specs.d/web.yaml", []byte(text))
	if file.Problems.HasErrors() || len(file.DaemonSets) != 1 {
		t.Fatalf("%d DaemonSets, %v", len(file.DaemonSets), file.Problems)
	}
	return file.DaemonSets[0]
}

// itemOf is a DaemonSet that should run here; its revision is its image.
func itemOf(ds *spec.DaemonSet) *reconcile.Item {
	o := ds.Object
	image := o.Spec.Template.Spec.Containers[0].Image
	revision := strings.ReplaceAll(image, ":", "")
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: render.PodName(o.Name, revision)}, Spec: o.Spec.Template.Spec}
	made := &catalog.Made{Fleet: revision, Manifest: render.Manifest{
		Namespace: o.Namespace, DaemonSet: o.Name, Revision: revision, PodName: pod.Name, Data: []byte(podText(pod)),
		FileName: render.FileName(o.Namespace, o.Name, revision), Source: ds.Source.File,
	}}
	st, _ := strategy.Parse(o)
	return &reconcile.Item{
		Key: ds.Key(), DS: ds, Strategy: st, File: made, Want: made,
		Decision: placement.Decision{ShouldRun: true, ShouldContinueRunning: true, Reasons: []placement.Reason{{Predicate: "NodeName", Passed: true}}},
	}
}

// podText is a manifest with one value that the template has and one that it has not.
func podText(pod *corev1.Pod) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {namespace: %s, name: %s}\nspec:\n  containers:\n"+
		"  - {name: web, image: %q, env: [{name: SHOWN, value: plain}, {name: TOKEN, value: canary}]}\n",
		pod.Namespace, pod.Name, pod.Spec.Containers[0].Image)
}

// declare puts a DaemonSet into the snapshot.
func (r *rig) declare(ds *spec.DaemonSet) *reconcile.Item {
	it := itemOf(ds)
	specs := *r.snapshot.Specs
	specs.DaemonSets = append(specs.DaemonSets, ds)
	r.snapshot.Specs = &specs
	r.snapshot.Items = append(r.snapshot.Items, it)
	return it
}

// stands puts a manifest of a DaemonSet's revision into the snapshot.
func (r *rig) stands(it *reconcile.Item, revision string) {
	o := it.DS.Object
	p := plan.Present{
		FileName: render.FileName(o.Namespace, o.Name, revision), Key: it.Key, Revision: revision, PodName: render.PodName(o.Name, revision),
		Source: it.DS.Source.File, Intact: true,
	}
	it.Present = append(it.Present, p)
	r.snapshot.Present = append(r.snapshot.Present, p)
}

// fleetOf is a settled fleet of these members; this host is a.
func fleetOf(members ...gossip.Member) *fleet.View {
	v := &gossip.View{Cluster: "c", Settled: true}
	for i, m := range members {
		if m.ID.IsZero() {
			m.ID = record.ID{byte(i + 1)}
		}
		if m.Standing == "" {
			m.Standing = records.Trusted
		}
		if m.State == "" {
			m.State = gossip.StateAlive
		}
		if m.Self = m.Name == "a"; m.Self {
			v.Self = m.ID
		}
		v.Members = append(v.Members, m)
	}
	var tracker fleet.Tracker
	return tracker.Update(v, at)
}

// codeOf is the code of an error of the API with its text; empty: there is none.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Code + ": " + e.Detail
	}
	return "error: " + err.Error()
}

// wantCode compares an error with the start of code: detail; empty: none is wanted.
func wantCode(t *testing.T, what string, err error, want string) {
	t.Helper()
	got := codeOf(err)
	if want == "" && got != "" || !strings.HasPrefix(got, want) {
		t.Errorf("%s: error %q, want %q", what, got, want)
	}
}
