package reconcile

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/catalog"
	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/metrics"
	"github.com/daemonsetd/daemonsetd/agent/node"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/registry"
	"github.com/daemonsetd/daemonsetd/agent/rollout/driver"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/manifestdir"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

const logger = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logger}
spec:
  selector: {matchLabels: {app: logger}}
  template:
    metadata: {labels: {app: logger}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - {name: logger, image: "logger:1"}
`

// aKubelet is one that is not asked.
type aKubelet struct{ latest kubelet.Snapshot }

func (k *aKubelet) Refresh(context.Context, bool) bool       { return false }
func (k *aKubelet) Settings() kubelet.Settings               { return kubelet.Settings{} }
func (k *aKubelet) Problems() diag.List                      { return nil }
func (k *aKubelet) Hurry()                                   {}
func (k *aKubelet) Ask(context.Context) ([]corev1.Pod, bool) { return nil, false }
func (k *aKubelet) Latest() *kubelet.Snapshot                { s := k.latest; return &s }

// aFleet is that of a host on which no gossip is wanted.
type aFleet struct{ put int }

func (*aFleet) On() bool                           { return false }
func (*aFleet) Alone() bool                        { return true }
func (*aFleet) Self() string                       { return "node-1" }
func (*aFleet) Created() bool                      { return false }
func (*aFleet) Look() *fleet.View                  { return nil }
func (*aFleet) TakeReturned(string) ([]byte, bool) { return nil, false }
func (f *aFleet) Put(string, []byte, error)        { f.put++ }
func (*aFleet) Refresh(bool) ([]string, diag.List) { return nil, nil }
func (*aFleet) RoundTook(time.Duration)            {}

// noSamples is a machine that is never short of anything.
type noSamples struct{}

func (noSamples) Sample() (node.Sample, error) { return node.Sample{}, nil }

// host is a Reconciler in directories of its own, in virtual time.
type host struct {
	*Reconciler
	t       *testing.T
	dir     string
	kubelet *aKubelet
	fleet   *aFleet
	board   *health.Board
	// over are the rounds that were told.
	over []*Snapshot
}

// newHost makes a host with a kubelet that is assumed to be ready. It belongs in a bubble of synctest.
func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t, dir: t.TempDir(), kubelet: &aKubelet{kubelet.Snapshot{AssumeReady: true, Healthy: true}}, fleet: &aFleet{}}
	for _, d := range []string{"specs.d", "manifests", "state"} {
		if err := os.Mkdir(h.path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h.start()
	return h
}

func (h *host) path(elem ...string) string { return filepath.Join(append([]string{h.dir}, elem...)...) }

// start begins as a new process does.
func (h *host) start() {
	t, log := h.t, zerolog.Nop()
	fatal := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	loader, err := spec.NewLoader(spec.LoaderConfig{Dir: h.path("specs.d"), StateDir: h.path("state"), Logger: log})
	fatal(err)
	nodes, err := node.New(node.Config{Name: "node-1", StateDir: h.path("state"), Logger: log, Sampler: noSamples{}})
	fatal(err)
	store, err := manifestdir.New(manifestdir.Config{Dir: h.path("manifests"), Logger: log})
	fatal(err)
	fatal(store.Recover())
	files, err := trees.New(trees.Config{Dir: h.path("state", "config"), Logger: log})
	fatal(err)
	turns, err := driver.Load(driver.Config{Dir: h.path("state"), Now: time.Now(), Logger: log})
	fatal(err)
	m, reg := metrics.New("1"), registry.New(registry.Config{Host: "node-1"})
	events := health.NewEvents(reg, m.Events, "node-1")
	h.board = health.NewBoard(log, events)
	h.Reconciler, err = New(Config{
		Host: "node-1", StateDir: h.path("state"), SpecsDir: h.path("specs.d"), Loader: loader, Nodes: nodes, Store: store,
		Kubelet: h.kubelet, Fleet: h.fleet, Turns: turns, Board: h.board, Events: events, Metrics: m, Log: log,
		Catalog: catalog.New(catalog.Config{
			Node: "node-1", SpecsDir: h.path("specs.d"), Trees: files,
			History: history.New(history.Config{Dir: h.path("state", "revisions"), Logger: log}),
		}),
		Over: func(old, now *Snapshot) {
			if len(h.over) > 0 && h.over[len(h.over)-1] != old || len(h.over) == 0 && old != nil {
				t.Error("the round before is another one")
			}
			h.over = append(h.over, now)
		},
	})
	fatal(err)
	h.over = nil
}

// lay renames a spec file into place.
func (h *host) lay(text string) {
	h.t.Helper()
	temp := h.path(".logger.yaml")
	if err := os.WriteFile(temp, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(temp, h.path("specs.d", "logger.yaml")); err != nil {
		h.t.Fatal(err)
	}
}

// settle makes rounds, each when the one before asked for it, for some time.
func (h *host) settle(d time.Duration) *Snapshot {
	h.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(h.Round(h.t.Context()))
	}
	return h.Latest()
}

// manifests are the images in the kubelet's directory.
func (h *host) manifests() []string {
	h.t.Helper()
	entries, err := os.ReadDir(h.path("manifests"))
	if err != nil {
		h.t.Fatal(err)
	}
	var images []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		data, err := os.ReadFile(h.path("manifests", e.Name()))
		if err != nil {
			h.t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(data), "image: ")
		image, _, _ := strings.Cut(rest, "\n")
		images = append(images, strings.Trim(image, `"`))
	}
	return images
}

// codes are what is on the board.
func (h *host) codes() []string {
	var out []string
	for _, it := range h.board.Items() {
		out = append(out, it.Code)
	}
	return out
}

func (h *host) want(images ...string) {
	h.t.Helper()
	if diff := cmp.Diff(images, h.manifests()); diff != "" {
		h.t.Errorf("manifests (-want +got):\n%s", diff)
	}
}

// A host is as declared, and stays so without doing anything.
func TestRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		if h.Latest() != nil {
			t.Error("there was no round yet")
		}
		h.lay(logger)
		s := h.settle(time.Minute)
		h.want("logger:1")
		it := s.Item("default/logger")
		if it == nil || it.Hold != "it is not this host's turn" || it.Blocked != "" || !it.Stands(it.File.Manifest.Revision) {
			t.Fatalf("%+v", it)
		}
		if st, _ := s.Status("default/logger"); st.Phase != plan.PhaseUnknown || s.Line != "1 DaemonSet declared; 1 Unknown" {
			t.Errorf("%+v, %q", st, s.Line)
		}
		if len(h.over) == 0 || h.over[len(h.over)-1] != s || h.fleet.put != 0 || len(s.Health) != 0 {
			t.Errorf("%d rounds told, put %d, health %+v", len(h.over), h.fleet.put, s.Health)
		}
		info, err := os.Stat(h.path("manifests"))
		if err != nil {
			t.Fatal(err)
		}
		if next := h.Round(t.Context()); next <= 0 || next > Resync {
			t.Errorf("the next round is due in %s", next)
		}
		if again, err := os.Stat(h.path("manifests")); err != nil || !again.ModTime().Equal(info.ModTime()) {
			t.Errorf("something was done where nothing had to be: %v", err)
		}
	})
}

// A new template replaces the pod; a new process goes on where the last one was.
func TestReplacement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.lay(logger)
		first := h.settle(time.Minute)
		before := *first.Item("default/logger")
		h.lay(strings.Replace(logger, "logger:1", "logger:2", 1))
		h.settle(2 * time.Second)
		h.start()
		s := h.settle(20 * time.Minute)
		h.want("logger:2")
		if it := s.Item("default/logger"); it.State.Running != it.State.Target.Revision || it.State.Target.Generation == 0 {
			t.Errorf("%+v", it.State)
		}
		list, err := history.New(history.Config{Dir: h.path("state", "revisions")}).List("default", "logger")
		if err != nil || len(list) != 2 {
			t.Errorf("history %+v, %v", list, err)
		}
		// What was published is as it was then.
		if diff := cmp.Diff(before.State, first.Item("default/logger").State); diff != "" {
			t.Errorf("a published round has changed: %s", diff)
		}
	})
}

// What is remembered is on disk before it is acted upon: where it cannot be, no pod is taken down.
func TestNothingIsReplacedThatCannotBeRemembered(t *testing.T) {
	for name, spoil := range map[string]struct {
		file  string
		codes []string
	}{
		"the state of pods":     {"pods.json", []string{"StateNotSaved", "DaemonSetBlocked"}},
		"the state of rollouts": {"rollouts.json", []string{"RolloutNotSaved"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t)
				h.lay(logger)
				h.settle(20 * time.Minute)
				// A directory in its place takes no file.
				if err := os.RemoveAll(h.path("state", spoil.file)); err != nil {
					t.Fatal(err)
				}
				if err := os.MkdirAll(h.path("state", spoil.file, "x"), 0o755); err != nil {
					t.Fatal(err)
				}
				h.lay(strings.Replace(logger, "logger:1", "logger:2", 1))
				h.settle(5 * time.Minute)
				h.want("logger:1")
				if diff := cmp.Diff(spoil.codes, h.codes()); diff != "" {
					t.Error(diff)
				}
				if err := os.RemoveAll(h.path("state", spoil.file)); err != nil {
					t.Fatal(err)
				}
				h.settle(5 * time.Minute)
				h.want("logger:2")
				if len(h.codes()) != 0 {
					t.Errorf("on the board: %v", h.codes())
				}
			})
		})
	}
}

// A directory that was never there is made, and used in the next round.
func TestFirstDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		if err := os.Remove(h.path("manifests")); err != nil {
			t.Fatal(err)
		}
		h.lay(logger)
		if next := h.Round(t.Context()); next > time.Second {
			t.Errorf("the next round is due in %s", next)
		}
		h.settle(time.Minute)
		h.want("logger:1")
	})
}

// Of a directory that cannot be read nothing is known, and nothing is done before it is there again.
func TestMissingDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.lay(logger)
		h.settle(time.Minute)
		if err := os.RemoveAll(h.path("manifests")); err != nil {
			t.Fatal(err)
		}
		h.Round(t.Context())
		it := h.Latest().Item("default/logger")
		if h.Latest().ScanErr == nil || it == nil || !strings.Contains(it.Hold, "cannot be used") {
			t.Errorf("%+v", it)
		}
		if diff := cmp.Diff([]string{"ManifestsDirectory"}, h.codes()); diff != "" {
			t.Error(diff)
		}
		if err := os.Mkdir(h.path("manifests"), 0o755); err != nil {
			t.Fatal(err)
		}
		h.settle(time.Minute)
		h.want("logger:1")
		if len(h.codes()) != 0 {
			t.Errorf("on the board: %v", h.codes())
		}
	})
}

// Somebody else's file stays, and says what is in the way.
func TestForeignFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.lay(logger)
		made := h.settle(time.Minute).Item("default/logger").File.Manifest
		foreign := strings.Replace("apiVersion: v1\nkind: Pod\nmetadata: {name: NAME, namespace: default}\nspec: {containers: [{name: a, image: theirs}]}\n", "NAME", made.PodName, 1)
		if err := os.Remove(h.path("manifests", made.FileName)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(h.path("manifests", "theirs.yaml"), []byte(foreign), 0o644); err != nil {
			t.Fatal(err)
		}
		s := h.settle(time.Minute)
		st, _ := s.Status("default/logger")
		if st.Phase != plan.PhaseBlocked || !strings.Contains(st.Message, "theirs.yaml") {
			t.Errorf("%+v", st)
		}
		if it := s.Item("default/logger"); it.FileBlocked == "" || it.Blocked != it.FileBlocked {
			t.Errorf("%+v", it)
		}
	})
}

// A look, and what it would be with other objects, change nothing.
func TestLookAndWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.lay(logger)
		latest := h.settle(20 * time.Minute)
		told := len(h.over)
		s := h.Look()
		parsed := spec.Parse("logger.yaml", []byte(strings.Replace(logger, "logger:1", "logger:2", 1)))
		next, maker := h.With(s, parsed.Objects)
		if s.Items[0].DS != latest.Items[0].DS || next.Items[0].DS == s.Items[0].DS || maker.File(next.Items[0].DS) != next.Items[0].File {
			t.Errorf("now %+v, next %+v", s.Items[0], next.Items[0])
		}
		if acts := plan.Make(s.Input()).Acts; len(acts) != 0 {
			t.Errorf("as it is: %+v", acts)
		}
		acts := plan.Make(next.Input()).Acts
		if len(acts) != 1 || acts[0].Kind != plan.Remove || acts[0].Reason != plan.ReasonReplacing {
			t.Errorf("as it would be: %+v", acts)
		}
		if h.Latest() != latest || len(h.over) != told {
			t.Error("a look was published")
		}
		h.want("logger:1")
	})
}

// A file that cannot be used is told, and what it said before stays in effect.
func TestBadFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.lay(logger)
		h.settle(time.Minute)
		h.lay("kind: DaemonSet\n")
		s := h.settle(time.Minute)
		h.want("logger:1")
		if len(s.Health) != 1 || s.Health[0].Code != "BadSpecFile" || s.Health[0].Severity != api.SeverityError {
			t.Errorf("health %+v", s.Health)
		}
		if !strings.Contains(s.Line, "1 bad spec file") {
			t.Errorf("line %q", s.Line)
		}
	})
}

// An act that fails is tried again ever more seldom, and at once after a reload.
func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.lay(logger)
		made := h.settle(time.Minute).Item("default/logger").File.Manifest
		if err := os.Remove(h.path("manifests", made.FileName)); err != nil {
			t.Fatal(err)
		}
		r := h.Reconciler
		var waits []time.Duration
		for range 6 {
			r.backOff("default/logger", os.ErrPermission)
			waits = append(waits, time.Until(r.acting["default/logger"].until))
		}
		want := []time.Duration{1 * time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, Resync, Resync}
		if diff := cmp.Diff(want, waits); diff != "" {
			t.Error(diff)
		}
		if h.Round(t.Context()); len(h.manifests()) != 0 {
			t.Error("it did not wait")
		}
		r.TryAgain()
		h.settle(time.Minute)
		h.want("logger:1")
		if len(h.codes()) != 0 {
			t.Errorf("on the board: %v", h.codes())
		}
	})
}
