package reconcile

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/catalog"
	"github.com/daemonsetd/daemonsetd/agent/node"
	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// itemOf is a DaemonSet of which only the names are known.
func itemOf(namespace, name string) *Item {
	ds := &spec.DaemonSet{
		Object: &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}, Source: spec.Source{File: name + ".yaml"},
	}
	made := &catalog.Made{Manifest: render.Manifest{Namespace: namespace, DaemonSet: name, Revision: "new"}, Fleet: "new"}
	return &Item{Key: ds.Key(), DS: ds, File: made, Want: made}
}

func TestKeyOfAName(t *testing.T) {
	s := &Snapshot{Items: []*Item{itemOf("default", "logger"), itemOf("web", "logger"), itemOf("web", "proxy"), itemOf("a", "dup"), itemOf("b", "dup")}}
	for name, want := range map[string]string{
		"":           "",
		"web/logger": "web/logger",
		"logger":     "default/logger", // the namespace default comes first
		"proxy":      "web/proxy",      // the only one of its name
		"dup":        "default/dup",    // there are two, and neither is in default
		"unknown":    "default/unknown",
	} {
		if got := s.Key(name); got != want {
			t.Errorf("Key(%q) is %q, want %q", name, got, want)
		}
	}
}

func TestItemsAndStatusesByKey(t *testing.T) {
	s := &Snapshot{Items: []*Item{itemOf("a", "x"), itemOf("a", "y")}, Statuses: []plan.Status{{Key: "a/gone", Phase: plan.PhaseRemoving}, {Key: "a/x", Phase: plan.PhaseAvailable}}}
	if it := s.Item("a/y"); it == nil || it.Key != "a/y" {
		t.Errorf("item %+v", it)
	}
	if it := s.Item("a/gone"); it != nil {
		t.Errorf("what is not declared is no item: %+v", it)
	}
	if st, ok := s.Status("a/gone"); !ok || st.Phase != plan.PhaseRemoving {
		t.Errorf("status %+v, %t", st, ok)
	}
	if _, ok := s.Status("a/y"); ok {
		t.Error("a status of nothing")
	}
}

// What is planned from is what the items have, and what was remembered of everything else.
func TestInput(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	it := itemOf("a", "x")
	it.Older = &catalog.Made{Manifest: render.Manifest{Revision: "old"}}
	it.Decision, it.Evicted = placement.Decision{ShouldRun: true}, true
	it.Strategy = strategy.Strategy{Surge: true}
	it.Blocked, it.Hold = "blocked", "held"
	it.Memory = plan.Memory{Again: "old"}
	remembered := map[string]plan.Memory{"a/x": {}, "a/gone": {Leaving: []plan.Leaving{{PodName: "gone-1"}}}}
	s := &Snapshot{
		Host: "node-1", Now: at, Specs: &spec.Snapshot{}, Items: []*Item{it}, Memories: remembered, Present: []plan.Present{{Key: "a/gone"}},
		Answers: plan.Kubelet{Healthy: true},
	}
	in := s.Input()
	want := plan.Wanted{
		Key: "a/x", Namespace: "a", Name: "x", Source: "x.yaml", Manifest: it.File.Manifest, Blocked: "blocked", Hold: "held", Older: &it.Older.Manifest,
		Decision: it.Decision, Evicted: true, Surge: true,
	}
	if diff := cmp.Diff([]plan.Wanted{want}, in.Wanted); diff != "" {
		t.Error(diff)
	}
	if in.Node != "node-1" || !in.Now.Equal(at) || !in.Kubelet.Healthy || len(in.Present) != 1 || in.Undecided == nil {
		t.Errorf("%+v", in)
	}
	if diff := cmp.Diff(map[string]plan.Memory{"a/x": {Again: "old"}, "a/gone": remembered["a/gone"]}, in.Memories); diff != "" {
		t.Error(diff)
	}
	if remembered["a/x"].Again != "" {
		t.Error("what was remembered has changed, and a snapshot may not")
	}
}

func TestItem(t *testing.T) {
	it := itemOf("a", "x")
	it.Present = []plan.Present{{Revision: "one"}, {Revision: "two"}}
	if !it.Stands("two") || it.Stands("three") {
		t.Error("it does not know what stands")
	}
	it.State, it.Peers = rollout.State{Key: "a/x"}, []rollout.Peer{{ID: "2"}}
	if got := it.Members("1", "node-1"); len(got) != 2 || got[0].ID != "1" || got[0].Name != "node-1" || got[0].State != &it.State || got[1].ID != "2" {
		t.Errorf("members %+v", got)
	}
}

func TestPending(t *testing.T) {
	for name, c := range map[string]struct {
		files []spec.FileStatus
		nodes []node.FileInfo
		want  []string
	}{
		"nothing":               {nil, nil, nil},
		"all are whole":         {[]spec.FileStatus{{File: "a"}}, []node.FileInfo{{Path: "b", Status: node.FileLastGood}}, nil},
		"a spec file is copied": {[]spec.FileStatus{{File: "a"}, {File: "b", Pending: true}}, nil, []string{"b"}},
		"a node file is copied": {nil, []node.FileInfo{{Path: "c", Status: node.FileChanging}}, []string{"c"}},
	} {
		s := &Snapshot{Specs: &spec.Snapshot{Files: c.files}, Origins: node.Description{Files: c.nodes}}
		if diff := cmp.Diff(c.want, s.Pending()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}
