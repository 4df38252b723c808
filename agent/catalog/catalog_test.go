package catalog

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const (
	plain = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logger}
spec:
  selector: {matchLabels: {app: logger}}
  template:
    metadata: {labels: {app: logger}}
    spec:
      containers:
        - {name: logger, image: "logger:1"}
`
	// full has a volume and an environment variable of the ConfigMap, and the node's name.
	full = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logger}
spec:
  selector: {matchLabels: {app: logger}}
  template:
    metadata: {labels: {app: logger}}
    spec:
      containers:
        - name: logger
          image: "logger:1"
          env: [{name: LEVEL, valueFrom: {configMapKeyRef: {name: settings, key: level}}}]
          volumeMounts: [{name: conf, mountPath: /etc/conf}]
      volumes: [{name: conf, configMap: {name: settings}}]
`
	settings = `apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {level: info, app.conf: "a = 1"}
`
)

// parse reads documents as one spec file.
func parse(t *testing.T, documents ...string) spec.Objects {
	t.Helper()
	parsed := spec.Parse("all.yaml", []byte(strings.Join(documents, "---\n")))
	if errs := parsed.Problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return parsed.Objects
}

func image(text, tag string) string { return strings.Replace(text, "logger:1", "logger:"+tag, 1) }

// rig is a catalog in temporary directories, and the round that it is in.
type rig struct {
	*Catalog
	t     *testing.T
	facts Facts
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	store, err := trees.New(trees.Config{Dir: filepath.Join(dir, "config"), Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	c := New(Config{
		Node: "node-1", SpecsDir: "/specs.d", Trees: store,
		History: history.New(history.Config{Dir: filepath.Join(dir, "revisions"), Logger: zerolog.Nop()}),
	})
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}
	return &rig{Catalog: c, t: t, facts: Facts{Now: begin, Node: node}}
}

// declare begins a round in which these documents are the spec files, and gives the only DaemonSet.
func (r *rig) declare(documents ...string) *spec.DaemonSet {
	r.t.Helper()
	r.facts.Specs = &spec.Snapshot{Objects: parse(r.t, documents...)}
	r.Begin(r.facts)
	return r.facts.Specs.DaemonSets[0]
}

// later begins a round some time after the last one, with the same files.
func (r *rig) later(d time.Duration) {
	r.facts.Now = r.facts.Now.Add(d)
	r.Begin(r.facts)
}

// relabel begins a round in which the node is another one.
func (r *rig) relabel(labels map[string]string) {
	r.facts.Node = &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1", Labels: labels}}
	r.Begin(r.facts)
}

// record has the file's revision in the history.
func (r *rig) record(ds *spec.DaemonSet, generation uint64) rollout.Revision {
	r.t.Helper()
	made := r.File(ds)
	rev := rollout.Revision{Fleet: made.Fleet, Local: made.Manifest.Revision}
	if err := r.Record(ds, rollout.Target{Generation: generation, Revision: rev}, nil); err != nil {
		r.t.Fatal(err)
	}
	return rev
}

// What does not change is not made again; what refers to something else is, when that may have changed.
func TestMadeOnce(t *testing.T) {
	r := newRig(t)
	ds := r.declare(plain)
	first := r.File(ds)
	if first.Blocked != "" || first.Fleet == "" || len(first.Manifest.Data) == 0 || first.Compiled == nil {
		t.Fatalf("made %+v", first)
	}
	r.relabel(map[string]string{"a": "b"})
	if r.File(ds) != first {
		t.Error("a node that makes no difference had it made again")
	}
	ds = r.declare(full, settings)
	first = r.File(ds)
	r.later(time.Hour)
	if r.File(ds) != first {
		t.Error("it was made again in another round, with the same files and node")
	}
	r.relabel(nil)
	if r.File(ds) == first {
		t.Error("it refers to something, the node is another, and it was not made again")
	}
}

// What is missing blocks, and the reason says where to declare it; the revision is known all the same.
func TestMissing(t *testing.T) {
	r := newRig(t)
	got := r.File(r.declare(full))
	if got.Manifest.Revision == "" || len(got.Manifest.Data) != 0 {
		t.Errorf("manifest %+v", got.Manifest)
	}
	for _, want := range []string{"ConfigMap default/settings", "/specs.d", "all.yaml"} {
		if !strings.Contains(got.Blocked, want) {
			t.Errorf("blocked by %q, which lacks %q", got.Blocked, want)
		}
	}
}

// What would be is another value: nothing of it is kept.
func TestWith(t *testing.T) {
	r := newRig(t)
	ds := r.declare(full, settings)
	now := r.File(ds)
	next := parse(t, full, strings.Replace(settings, "info", "debug", 1))
	would := r.With(next)
	if got := would.File(next.DaemonSets[0]); got.Fleet == now.Fleet || got.Blocked != "" {
		t.Errorf("with another value in the environment it would be %+v", got)
	}
	if got := would.File(ds); got == now {
		t.Error("the other objects make no difference to the DaemonSet as it is declared")
	}
	if r.File(ds) != now || len(r.made) != 1 {
		t.Error("what would be was kept")
	}
}

func TestForget(t *testing.T) {
	r := newRig(t)
	ds := r.declare(plain)
	rev := r.record(ds, 1)
	e := r.Earlier(ds, rev.Fleet)
	r.later(keepEarlier)
	r.Forget()
	if r.Earlier(ds, rev.Fleet) != e {
		t.Error("an earlier revision that was asked for lately was forgotten")
	}
	r.later(keepEarlier + time.Second)
	r.Forget()
	if len(r.earlier) != 0 || len(r.made) != 1 {
		t.Errorf("remembered: %d earlier revisions, %d made", len(r.earlier), len(r.made))
	}
	r.declare(plain, strings.Replace(plain, "name: logger}", "name: other}", 1))
	r.Forget()
	if len(r.made) != 0 {
		t.Error("what is not declared any more is remembered")
	}
}

func TestEarlier(t *testing.T) {
	r := newRig(t)
	one := r.record(r.declare(full, settings), 1)
	ds := r.declare(image(full, "2"), settings)
	if got := r.LastGood(ds, one.Fleet); got != one {
		t.Errorf("it would run as %+v, want %+v", got, one)
	}
	e := r.Earlier(ds, one.Fleet)
	if r.later(time.Hour); r.Earlier(ds, one.Fleet) != e {
		t.Error("nothing has changed, and it was made again")
	}
	if len(e.Trees) != 1 || !slices.ContainsFunc(e.Trees[0].Files, func(f trees.File) bool { return string(f.Data) == "a = 1" }) {
		t.Errorf("files %v", e.Trees)
	}

	// A value in its environment is another one: it cannot be run any more, but the files of a pod that runs can be made.
	ds = r.declare(image(full, "2"), strings.NewReplacer("info", "debug", "a = 1", "a = 2").Replace(settings))
	e = r.Earlier(ds, one.Fleet)
	if !strings.Contains(e.Reason(), "has changed since") || !r.LastGood(ds, one.Fleet).IsZero() {
		t.Errorf("reason %q", e.Reason())
	}
	files := r.EarlierFiles(ds, one)
	if len(files) != 1 || files[0].Revision != one.Local || !slices.ContainsFunc(files[0].Files, func(f trees.File) bool { return string(f.Data) == "a = 2" }) {
		t.Errorf("files of a pod that runs: %v", files)
	}

	// So it is where the ConfigMap is gone.
	ds = r.declare(image(full, "2"))
	if e = r.Earlier(ds, one.Fleet); !strings.Contains(e.Reason(), "is not declared") || len(r.EarlierFiles(ds, one)) != 0 {
		t.Errorf("reason %q", e.Reason())
	}
}

// What the history does not have is looked for again after a while, and not in every round.
func TestEarlierThatIsUnknown(t *testing.T) {
	r := newRig(t)
	ds := r.declare(plain)
	made := r.File(ds)
	e := r.Earlier(ds, made.Fleet)
	if e.Err == nil || e.Reason() == "" || !r.LastGood(ds, made.Fleet).IsZero() || r.EarlierFiles(ds, rollout.Revision{Fleet: made.Fleet}) != nil {
		t.Errorf("there is no history, and it gave %+v", e)
	}
	rev := r.record(ds, 1)
	if r.later(askAgain - time.Second); r.Earlier(ds, rev.Fleet) != e {
		t.Error("it was looked for at once")
	}
	if r.later(time.Second); r.Earlier(ds, rev.Fleet).Err != nil {
		t.Errorf("it was not looked for again: %v", r.Earlier(ds, rev.Fleet).Err)
	}
}

func TestLay(t *testing.T) {
	r := newRig(t)
	ds := r.declare(full, settings)
	made := r.File(ds)
	if r.Laid("default/logger", made.Manifest.Revision) {
		t.Error("laid before it was")
	}
	_, failed, err := r.Lay(made.Trees)
	if err != nil || len(failed) != 0 || !r.Laid("default/logger", made.Manifest.Revision) {
		t.Errorf("failed %v, %v", failed, err)
	}
	if data, err := os.ReadFile(filepath.Join(r.cfg.Trees.Path(made.Trees[0]), "app.conf")); err != nil || string(data) != "a = 1" {
		t.Errorf("app.conf: %q, %v", data, err)
	}
	if r.later(time.Second); r.Laid("default/logger", made.Manifest.Revision) {
		t.Error("in another round it counts as laid")
	}
	if err := r.Keep(func(_, _, _ string) bool { return false }); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(r.cfg.Trees.Path(made.Trees[0])); !os.IsNotExist(err) {
		t.Errorf("what nobody uses is there: %v", err)
	}
}

// Of two pods whose files are laid at once, one that fails says why, and does not keep the other from its files.
func TestLayFails(t *testing.T) {
	r := newRig(t)
	r.declare(full, settings)
	good := r.File(r.facts.Specs.DaemonSets[0]).Trees[0]
	bad := good
	bad.DaemonSet, bad.Files = "other", []trees.File{{Path: "../outside", Mode: 0o644}}
	_, failed, err := r.Lay([]trees.Tree{bad, good})
	if err == nil || failed.Of("default/other", bad.Revision) == "" || failed.Of("default/logger", good.Revision) != "" {
		t.Errorf("failed %v, %v", failed, err)
	}
	if r.Laid("default/other", bad.Revision) || !r.Laid("default/logger", good.Revision) {
		t.Error("what is laid is not what was")
	}
}

func TestRecord(t *testing.T) {
	r := newRig(t)
	numbers := func() map[string]uint64 {
		t.Helper()
		list, err := r.cfg.History.List("default", "logger")
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]uint64{}
		for _, rev := range list {
			out[rev.Fleet] = rev.Number
		}
		return out
	}
	ds := r.declare(plain)
	if err := r.Record(ds, rollout.Target{Revision: rollout.Revision{Fleet: r.File(ds).Fleet}}, nil); err != nil || len(numbers()) != 0 {
		t.Errorf("a target without a generation is in the history: %v, %v", numbers(), err)
	}
	one := r.record(ds, 1)
	ds = r.declare(image(plain, "2"))
	two := r.record(ds, 2)
	if diff := cmp.Diff(map[string]uint64{one.Fleet: 1, two.Fleet: 2}, numbers()); diff != "" {
		t.Error(diff)
	}
	// The host goes back: the earlier revision is the target again, under a new number, and keeps its template.
	if err := r.Record(ds, rollout.Target{Generation: 3, Revision: one}, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]uint64{one.Fleet: 3, two.Fleet: 2}, numbers()); diff != "" {
		t.Error(diff)
	}
	if got := r.LastGood(ds, one.Fleet); got != one {
		t.Errorf("it would run as %+v, want %+v", got, one)
	}
	// One of which nothing is known cannot be recorded, and is no error.
	if err := r.Record(ds, rollout.Target{Generation: 4, Revision: rollout.Revision{Fleet: "bcdfghjklm", Local: "bcdfghjklm"}}, nil); err != nil || len(numbers()) != 2 {
		t.Errorf("%v, %v", numbers(), err)
	}
}

// Beyond the limit the oldest goes, but for those that are live.
func TestRecordKeepsWhatLives(t *testing.T) {
	r := newRig(t)
	limited := strings.Replace(plain, "spec:\n  selector", "spec:\n  revisionHistoryLimit: 1\n  selector", 1)
	var revs []rollout.Revision
	for i, tag := range []string{"1", "2", "3", "4"} {
		ds := r.declare(image(limited, tag))
		made := r.File(ds)
		revs = append(revs, rollout.Revision{Fleet: made.Fleet, Local: made.Manifest.Revision})
		if err := r.Record(ds, rollout.Target{Generation: uint64(i + 1), Revision: revs[i]}, []string{revs[0].Fleet}); err != nil {
			t.Fatal(err)
		}
	}
	var kept []string
	list, err := r.cfg.History.List("default", "logger")
	if err != nil {
		t.Fatal(err)
	}
	for _, rev := range list {
		kept = append(kept, rev.Fleet)
	}
	if diff := cmp.Diff([]string{revs[0].Fleet, revs[3].Fleet}, kept); diff != "" {
		t.Error(diff)
	}
}
