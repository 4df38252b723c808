package health

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// rig is a board, what it logs, and what it records.
type rig struct {
	*Board
	log      bytes.Buffer
	registry *registry.Registry
}

func newRig() *rig {
	r := &rig{registry: registry.New(registry.Config{Host: "h1"})}
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "events_total", Help: "Events."}, []string{"type"})
	r.Board = NewBoard(zerolog.New(&r.log), NewEvents(r.registry, counter, "h1"))
	return r
}

// logged is how many lines have been logged since the last call.
func (r *rig) logged() int {
	n := strings.Count(r.log.String(), "\n")
	r.log.Reset()
	return n
}

// events are the node's events as reason, count and message.
func (r *rig) events() []string {
	objects, _ := r.registry.List(registry.Events)
	var out []string
	for _, o := range objects {
		if e, ok := o.(*corev1.Event); ok {
			out = append(out, fmt.Sprintf("%s %s %s x%d: %s", e.Type, e.InvolvedObject.Name, e.Reason, e.Count, e.Message))
		}
	}
	slices.Sort(out)
	return out
}

// TestCodes: every code has a row of its own, with a name that is a word, and a severity that the API knows.
func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	word := regexp.MustCompile(`^[A-Z][A-Za-z]+$`)
	for _, c := range Codes() {
		switch name := c.String(); {
		case !word.MatchString(name):
			t.Errorf("code %d has the name %q, want one CamelCase word", int(c), name)
		case seen[name]:
			t.Errorf("two codes have the name %s", name)
		default:
			seen[name] = true
		}
		if order(c.Severity()) < 0 {
			t.Errorf("%s has the severity %q, which the API does not know", c, c.Severity())
		}
		if strings.Contains(strings.ReplaceAll(c.Remedy(), "%s", ""), "%") {
			t.Errorf("%s: the remedy %q has another verb than %%s", c, c.Remedy())
		}
	}
	for _, c := range []Code{-1, 0, end} {
		if got := c.String(); got != "UnknownCode" {
			t.Errorf("%d is no code and has the name %q", int(c), got)
		}
	}
}

// TestReport: a problem is told when it is new and when it says something else, and its end once.
func TestReport(t *testing.T) {
	r := newRig()
	for _, step := range []struct {
		what string
		do   func()
		want []api.HealthItem
		logs int
	}{
		{"nothing", func() { r.Clear(Drift) }, nil, 0},
		{
			"a new one", func() { r.When(true, BadSpecFile, "1 spec file", "/specs.d") },
			[]api.HealthItem{{Code: "BadSpecFile", Severity: api.SeverityError, Text: "1 spec file", Remedy: "dsctl validate /specs.d"}},
			1,
		},
		{
			"the same again", func() { r.Report(BadSpecFile, "1 spec file", "/specs.d") },
			[]api.HealthItem{{Code: "BadSpecFile", Severity: api.SeverityError, Text: "1 spec file", Remedy: "dsctl validate /specs.d"}},
			0,
		},
		{
			"another text", func() { r.Report(BadSpecFile, "2 spec files", "/specs.d") },
			[]api.HealthItem{{Code: "BadSpecFile", Severity: api.SeverityError, Text: "2 spec files", Remedy: "dsctl validate /specs.d"}},
			1,
		},
		{"over", func() { r.When(false, BadSpecFile, "") }, nil, 1},
		{"over already", func() { r.When(false, BadSpecFile, "") }, nil, 0},
	} {
		step.do()
		if diff := cmp.Diff(step.want, r.Items()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
		if got := r.logged(); got != step.logs {
			t.Errorf("%s: %d lines were logged, want %d", step.what, got, step.logs)
		}
	}
	want := []string{"Warning h1 BadSpecFile x1: 1 spec file", "Warning h1 BadSpecFile x1: 2 spec files"}
	if diff := cmp.Diff(want, r.events()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestItems: the worst come first, then the names in order; what is returned is the caller's.
func TestItems(t *testing.T) {
	r := newRig()
	for _, c := range []Code{Drift, StateNotSaved, NotTold, Gossip} {
		r.Report(c, "x", slices.Repeat([]any{"/a"}, strings.Count(c.Remedy(), "%s"))...)
	}
	var names []string
	items := r.Items()
	for _, item := range items {
		names = append(names, item.Code)
	}
	if diff := cmp.Diff([]string{"Gossip", "StateNotSaved", "Drift", "NotTold"}, names); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	items[0] = api.HealthItem{}
	if r.Items()[0].Code != "Gossip" {
		t.Error("changing what Items returned has changed the board")
	}
}

// TestBoardIsLocked: parts report from their own goroutines (for the race detector).
func TestBoardIsLocked(t *testing.T) {
	r := newRig()
	var wg sync.WaitGroup
	for _, c := range Codes() {
		wg.Go(func() {
			about := slices.Repeat([]any{"/a"}, strings.Count(c.Remedy(), "%s"))
			for i := range 20 {
				r.When(i%3 != 2, c, fmt.Sprint(i), about...)
				r.Items()
			}
		})
	}
	wg.Wait()
	if got, want := len(r.Items()), len(Codes()); got != want {
		t.Errorf("%d problems are on the board, want %d", got, want)
	}
}

// TestOfDaemonSet: the event is about the DaemonSet with that key, and is counted.
func TestOfDaemonSet(t *testing.T) {
	r := newRig()
	r.Board.events.OfDaemonSet("kube-system/logger", corev1.EventTypeNormal, "SuccessfulCreate", "Created pod: x")
	objects, _ := r.registry.List(registry.Events)
	if len(objects) != 1 {
		t.Fatalf("%d events, want 1", len(objects))
	}
	got := objects[0].(*corev1.Event).InvolvedObject
	want := corev1.ObjectReference{APIVersion: "apps/v1", Kind: "DaemonSet", Namespace: "kube-system", Name: "logger"}
	got.UID, got.ResourceVersion = "", ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
