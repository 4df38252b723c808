package client_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

func dial(t *testing.T, socket string) *client.Client {
	t.Helper()
	c := client.New(client.Config{Socket: socket, RetryFor: -1})
	t.Cleanup(c.Close)
	return c
}

func TestCallsCarryWhatIsAskedAndAnswered(t *testing.T) {
	b := apitest.New()
	b.Explanations = []api.Explanation{{DaemonSet: "default/web", Node: "edge-1", ShouldRun: true}}
	b.Changes = []api.FileChange{{Action: api.FileWrite, File: "/m/a.yaml", Reason: "r", New: "x"}}
	b.PlanAnswer = api.PlanResult{Node: "edge-1", Valid: true}
	b.ReloadAnswer = api.ReloadResult{Changed: []string{"something"}}
	b.PatchAnswer = api.NodePatchResult{Node: "edge-1", Operation: "labeled"}
	c, ctx := dial(t, apitest.Serve(t, b, nil)), t.Context()
	patch := api.NodePatch{
		SetLabels: map[string]string{"a": "b"}, RemoveTaints: []api.TaintRef{{Key: "k"}}, Unschedulable: new(false), Overwrite: true,
	}
	plan := api.PlanRequest{Files: []api.PlanFile{{Name: "a", Data: []byte{0, 255}}}}
	check(t, "status")(c.Status(ctx))
	check(t, "explain")(c.Explain(ctx, api.ExplainRequest{DaemonSet: "kube-system/a b&c", Node: "edge 2"}))
	check(t, "diff")(c.Diff(ctx))
	check(t, "configs")(c.Configs(ctx))
	check(t, "plan")(c.Plan(ctx, plan))
	check(t, "reload")(c.Reload(ctx))
	check(t, "patch")(c.PatchNode(ctx, patch))
	check(t, "members")(c.Members(ctx, "a b&c"))
	check(t, "specs")(c.Specs(ctx))
	check(t, "forget")(c.Forget(ctx, api.ForgetRequest{Member: "edge-2", Force: true}))
	check(t, "trust")(c.Trust(ctx, api.TrustRequest{Member: "edge-2"}))
	want := []any{
		"status",
		api.ExplainRequest{DaemonSet: "kube-system/a b&c", Node: "edge 2"},
		"diff", "configs", plan, "reload", patch,
		"members", "specs",
		api.ForgetRequest{Member: "edge-2", Force: true},
		api.TrustRequest{Member: "edge-2"},
	}
	if diff := cmp.Diff(want, b.Asked()); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
	st, err := c.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	wantStatus := apitest.Status()
	wantStatus.TypeMeta = metav1.TypeMeta{APIVersion: api.APIVersion, Kind: "Status"}
	if diff := cmp.Diff(&wantStatus, st); diff != "" {
		t.Errorf("status (-want +got)\n%s", diff)
	}
	res, err := c.PatchNode(ctx, patch)
	if err != nil || res.Operation != "labeled" {
		t.Errorf("patch: %+v, %v", res, err)
	}
}

// check fails on an error or a missing answer, whatever its type.
func check(t *testing.T, what string) func(any, error) {
	return func(answer any, err error) {
		t.Helper()
		if err != nil || answer == nil {
			t.Errorf("%s: %v, %v", what, answer, err)
		}
	}
}

func TestListsAreTypedAndSelected(t *testing.T) {
	c := dial(t, apitest.Serve(t, apitest.New(), nil))
	nodes, err := c.Nodes(t.Context(), client.Selection{LabelSelector: "disktype=ssd"})
	if err != nil || len(nodes.Items) != 1 || nodes.Items[0].Name != "edge-1" {
		t.Errorf("%v, %v", nodes, err)
	}
	sets, err := c.DaemonSets(t.Context(), client.Selection{Namespace: "kube-system"})
	if err != nil || len(sets.Items) != 1 || sets.Items[0].Name != "proxy" {
		t.Errorf("%v, %v", sets, err)
	}
	events, err := c.Events(t.Context(), client.Selection{FieldSelector: "type=Warning"})
	if err != nil || len(events.Items) != 0 {
		t.Errorf("%v, %v", events, err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	dir := apitest.Dir(t)
	stale := filepath.Join(dir, "stale")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stranger := api.Peer{UID: 4_000_000}
	for _, c := range []struct {
		name, socket string
		kind         error
		text         string
	}{
		{"no socket", filepath.Join(dir, "none"), client.ErrUnreachable, "the agent is not running: there is no socket"},
		{"nobody listens", stale, client.ErrUnreachable, "nobody listens"},
		{"a plain file", plain, client.ErrUnreachable, "is no socket"},
		{"refused", apitest.Serve(t, apitest.New(), &stranger), client.ErrForbidden, "user 4000000 may not read here"},
	} {
		_, err := dial(t, c.socket).Status(t.Context())
		e, ok := errors.AsType[*client.Error](err)
		if !ok || !errors.Is(err, c.kind) || !strings.Contains(e.Text, c.text) || e.Remedy == "" {
			t.Errorf("%s: %#v", c.name, err)
		}
	}
}

func TestProblemsOfTheAgentAreTyped(t *testing.T) {
	b := apitest.New()
	b.Err = api.Errorf(api.CodeNotFound, "no DaemonSet %q", "a/b").WithRemedy("look at dsctl status")
	_, err := dial(t, apitest.Serve(t, b, nil)).Explain(t.Context(), api.ExplainRequest{DaemonSet: "a/b"})
	e, ok := errors.AsType[*api.Error](err)
	if !ok || e.Code != api.CodeNotFound || e.Detail != `no DaemonSet "a/b"` || e.Remedy != "look at dsctl status" {
		t.Errorf("%#v", err)
	}
}

func TestSomethingElseListens(t *testing.T) {
	socket := filepath.Join(apitest.Dir(t), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	other := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	go func() { _ = other.Serve(l) }()
	t.Cleanup(func() { _ = other.Close() })
	_, err = dial(t, socket).Status(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no daemonsetd agent") {
		t.Errorf("%v", err)
	}
}

func TestWarnsOnceOfAnotherVersion(t *testing.T) {
	socket := apitest.Serve(t, apitest.New(), nil)
	for version, want := range map[string]int{"v0.2.0": 1, "v0.1.0": 0, "": 0} {
		var said []string
		c := client.New(client.Config{Socket: socket, Version: version, Warn: func(s string) { said = append(said, s) }})
		for range 2 {
			if _, err := c.Status(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
		if len(said) != want {
			t.Errorf("version %q: said %q", version, said)
		}
		if want == 1 && (!strings.Contains(said[0], "v0.2.0") || !strings.Contains(said[0], "v0.1.0")) {
			t.Errorf("the warning does not have both versions: %q", said)
		}
	}
}

func TestWaitsForAnAgentThatRestarts(t *testing.T) {
	socket := filepath.Join(apitest.Dir(t), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c := client.New(client.Config{Socket: socket, RetryFor: time.Minute})
	t.Cleanup(c.Close)
	asked := make(chan error, 1)
	go func() {
		_, err := c.Status(t.Context())
		asked <- err
	}()
	// The new agent replaces the socket file. A client that tries just between the two steps hears that there is none.
	apitest.ServeAt(t, apitest.New(), nil, socket)
	if err := <-asked; err != nil && !strings.Contains(err.Error(), "there is no socket") {
		t.Error(err)
	}
}

func TestGivesUpWhenNobodyComesBack(t *testing.T) {
	socket := filepath.Join(apitest.Dir(t), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c := client.New(client.Config{Socket: socket, RetryFor: 120 * time.Millisecond})
	if _, err := c.Status(t.Context()); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

func TestWatchFollowsAndEnds(t *testing.T) {
	b := apitest.New()
	c := dial(t, apitest.Serve(t, b, nil))
	list, err := c.Events(t.Context(), client.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	record := func(message string) {
		b.Reg.Record(registry.EventInput{
			Object: corev1.ObjectReference{Kind: "Node", Name: "edge-1"}, Type: "Normal", Reason: "R", Message: message,
		})
	}
	record("0")
	n := 0
	for ev, err := range client.Watch[corev1.Event](ctx, c, registry.Events, client.Selection{}, list.ResourceVersion) {
		if err != nil {
			t.Fatal(err)
		}
		if want := string(rune('0' + n)); ev.Type != "ADDED" || ev.Object.Message != want {
			t.Errorf("got %s %q, want %q", ev.Type, ev.Object.Message, want)
		}
		if n++; n == 3 {
			cancel()
			continue
		}
		record(string(rune('0' + n)))
	}
	if n != 3 {
		t.Errorf("%d events, want 3", n)
	}
}

func TestMembersAndSpecsAreWatched(t *testing.T) {
	b := apitest.New()
	b.SetMembers(api.Member{Name: "edge-1", ID: "aaa"}, api.Member{Name: "edge-2", ID: "bbb"})
	b.SetSpecs(api.SpecFile{File: "a.yaml"})
	c := dial(t, apitest.Serve(t, b, nil))
	var got []string
	for ev, err := range client.WatchMembers(t.Context(), c, "bbb", "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(ev.Type)+" "+ev.Object.Name)
		if ev.Type == "BOOKMARK" {
			b.SetMembers()
		}
		if ev.Type == "DELETED" {
			break
		}
	}
	for ev, err := range client.WatchSpecs(t.Context(), c, "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(ev.Type)+" "+ev.Object.File)
		if ev.Type == "BOOKMARK" {
			break
		}
	}
	want := []string{"ADDED edge-2", "BOOKMARK ", "DELETED edge-2", "ADDED a.yaml", "BOOKMARK "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	b.Err = api.Errorf(api.CodeUnavailable, "gossip is off")
	for _, err := range client.WatchMembers(t.Context(), c, "", "") {
		if p, ok := errors.AsType[*api.Error](err); !ok || p.Code != api.CodeUnavailable {
			t.Errorf("with gossip off: %v", err)
		}
	}
}

func TestWatchOfAnOldVersionIsGone(t *testing.T) {
	c := dial(t, apitest.Serve(t, apitest.New(), nil))
	var last error
	for _, err := range client.Watch[corev1.Pod](t.Context(), c, registry.Pods, client.Selection{}, "1") {
		last = err
	}
	if !errors.Is(last, client.ErrGone) {
		t.Errorf("%v", last)
	}
}
