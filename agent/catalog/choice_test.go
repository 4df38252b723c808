package catalog

import (
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

var (
	goodRevision = rollout.Revision{Fleet: "good", Local: "good-here"}
	badTarget    = rollout.Target{Generation: 2, Revision: rollout.Revision{Fleet: "bad", Local: "bad-here"}}
)

func madeOf(r rollout.Revision) *Made {
	return &Made{Compiled: placement.Compile(&appsv1.DaemonSet{}), Manifest: render.Manifest{Revision: r.Local}, Fleet: r.Fleet}
}

// The host goes back for as long as the file says what was rejected, or says nothing that could be run.
func TestBack(t *testing.T) {
	next := rollout.Revision{Fleet: "next", Local: "next-here"}
	for name, c := range map[string]struct {
		goal   Goal
		file   rollout.Revision
		usable bool
		want   bool
	}{
		"nothing was rejected":                   {Goal{Target: goodRevision}, badTarget.Revision, true, false},
		"the file says what was rejected":        {Goal{goodRevision, badTarget}, badTarget.Revision, true, true},
		"and cannot be run at that":              {Goal{goodRevision, badTarget}, badTarget.Revision, false, true},
		"the file says something else":           {Goal{goodRevision, badTarget}, next, true, false},
		"the file says what cannot be run":       {Goal{goodRevision, badTarget}, next, false, true},
		"the file says what the host went to":    {Goal{goodRevision, badTarget}, goodRevision, false, false},
		"it is not known what the host is to do": {Goal{rollout.Revision{}, badTarget}, badTarget.Revision, true, false},
	} {
		if got := c.goal.back(madeOf(c.file), c.usable); got != c.want {
			t.Errorf("%s: it goes back: %t", name, got)
		}
	}
}

func TestChooseAnEarlierRevision(t *testing.T) {
	ds := &spec.DaemonSet{Object: &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "x"}}, Source: spec.Source{File: "x.yaml"}}
	file, goal := madeOf(badTarget.Revision), Goal{goodRevision, badTarget}
	blocked := *madeOf(goodRevision)
	blocked.Blocked = "a ConfigMap is gone"
	for name, c := range map[string]struct {
		earlier Earlier
		blocked string
		from    func(*Earlier) *Made
	}{
		"as it was":             {Earlier{Made: *madeOf(goodRevision)}, "", nil},
		"its template is lost":  {Earlier{Err: errors.New("no such revision")}, "no such revision", func(*Earlier) *Made { return file }},
		"something is missing":  {Earlier{Made: blocked}, "a ConfigMap is gone", func(e *Earlier) *Made { return &e.Made }},
		"the node has changed":  {Earlier{Made: *madeOf(rollout.Revision{Fleet: "good", Local: "other"})}, "this node is another now", func(e *Earlier) *Made { return &e.Made }},
		"it is blocked for two": {Earlier{Err: errors.New("lost"), Made: blocked}, "lost", func(*Earlier) *Made { return file }},
	} {
		t.Run(name, func(t *testing.T) {
			got := choose(ds, file, goal, &c.earlier)
			if !got.Back {
				t.Error("it does not go back")
			}
			if c.blocked == "" {
				if got.Made != &c.earlier.Made || got.Blocked != "" {
					t.Errorf("chose %+v", got)
				}
				return
			}
			if !strings.Contains(got.Blocked, c.blocked) || !strings.Contains(got.Blocked, "good-here") {
				t.Errorf("blocked by %q, want %q in it, and the revision", got.Blocked, c.blocked)
			}
			// Where it runs already, it stays: the names are those of the target, and the place is the best that is known.
			m := got.Made.Manifest
			if m.Revision != "good-here" || m.PodName != render.PodName("x", "good-here") || m.FileName == "" || m.Source != "x.yaml" || len(m.Data) != 0 {
				t.Errorf("manifest %+v", m)
			}
			if want := c.from(&c.earlier); got.Made.Compiled != want.Compiled || len(got.Made.Trees) != 0 {
				t.Errorf("its place on the node is not that of %s", want.Fleet)
			}
		})
	}
}

// The whole way: the history is asked for the target.
func TestChoose(t *testing.T) {
	r := newRig(t)
	good := r.record(r.declare(plain), 1)
	ds := r.declare(image(plain, "bad"))
	file := r.File(ds)
	bad := rollout.Target{Generation: 2, Revision: rollout.Revision{Fleet: file.Fleet, Local: file.Manifest.Revision}}
	if got := r.Choose(ds, true, Goal{Target: bad.Revision}); got.Made != file || got.Back {
		t.Errorf("chose %+v, want what the file says", got)
	}
	got := r.Choose(ds, true, Goal{Target: good, Rejected: bad})
	if !got.Back || got.Blocked != "" || got.Made.Manifest.Revision != good.Local || !strings.Contains(string(got.Made.Manifest.Data), "logger:1") {
		t.Errorf("chose %+v, want the earlier revision", got)
	}
	// What would be, is asked in the same way.
	next := parse(t, image(plain, "next"))
	if got := r.With(next).Choose(next.DaemonSets[0], true, Goal{Target: good, Rejected: bad}); got.Back {
		t.Error("with a file that says something else it would go back")
	}
}
