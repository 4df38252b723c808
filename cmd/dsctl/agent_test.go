package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// sick is the status of a host with one of every trouble.
func sick() api.Status {
	st := apitest.Status()
	st.State, st.Message = api.StateDegraded, "2 things need attention"
	st.Kubelet = api.KubeletStatus{
		State: api.KubeletUnauthorized, URL: "https://127.0.0.1:10250/pods", Answer: "401 Unauthorized", Since: apitest.Start(),
		Remedy: "set kubelet.clientCertificate",
	}
	st.Node.Unschedulable = true
	st.Node.Conditions[0].Status = "Unknown"
	st.SpecFiles = append(st.SpecFiles, api.FileStatus{
		File: "/etc/daemonsetd/specs.d/broken.yaml", Bad: true, LastGood: true, Objects: 1,
		Problems: []api.Problem{{
			Severity: "error", File: "/etc/daemonsetd/specs.d/broken.yaml", Line: 3, Column: 7,
			Message: "unknown field \"temlate\"", Hint: "did you mean \"template\"?",
		}},
	})
	st.DaemonSets = append(
		st.DaemonSets,
		api.DaemonSetStatus{
			Name: "kube-system/proxy", ShouldContinueRunning: true, DesiredRevision: "bbbbbbbbbb", CurrentRevision: "cccccccccc",
			Phase: api.PhaseBlocked, Message: "a foreign file has the same pod", Source: "/etc/daemonsetd/specs.d/broken.yaml",
		},
		api.DaemonSetStatus{Name: "kube-system/none", DesiredRevision: "dddddddddd", Phase: api.PhaseNotPlaced},
	)
	st.Manifests = append(
		st.Manifests,
		api.ManifestStatus{File: "/etc/kubernetes/manifests/proxy.yaml", State: api.ManifestConflict, DaemonSet: "kube-system/proxy", Message: "not ours"},
		api.ManifestStatus{File: "/etc/kubernetes/manifests/etcd.yaml", State: api.ManifestForeign},
	)
	st.Health = []api.HealthItem{
		{Code: "KubeletUnauthorized", Severity: api.SeverityError, Text: "the kubelet answers 401", Remedy: "set kubelet.clientCertificate"},
		{Code: "SpecFileBad", Severity: api.SeverityWarning, Text: "broken.yaml cannot be used"},
	}
	return st
}

// agedPod makes the pod three days old, whenever that is, and says when it started.
func agedPod(b *apitest.Backend) string {
	started := before(days3).UTC().Truncate(time.Second)
	b.StatusAnswer.DaemonSets[0].Pod.StartedAt = started
	return started.Format(time.RFC3339)
}

// laid is the files of three volumes of two pods.
func laid() []api.ConfigTree {
	web := api.ConfigTree{
		DaemonSet: "default/web", Revision: "lcv7nc65w8", Volume: "conf", Pod: "web-lcv7nc65w8-edge-1",
		Path:    "/var/lib/daemonsetd/config/default/web/lcv7nc65w8/conf",
		Sources: []string{"/etc/daemonsetd/specs.d/more.yaml", "/etc/daemonsetd/specs.d/web.yaml"}, WrittenAt: apitest.Start(),
		Files: []api.ConfigFile{
			{Path: "sub/web.conf", Mode: "0644", Size: 120, SHA256: strings.Repeat("0a", 32)},
			{Path: "web.conf", Mode: "0600", Size: 3, SHA256: strings.Repeat("0b", 32)},
		},
	}
	keys := web
	keys.Volume, keys.Secret, keys.InMemory, keys.Sources = "keys", true, true, web.Sources[1:]
	keys.Path, keys.Files = "/run/daemonsetd/config/default/web/lcv7nc65w8/keys", web.Files[1:]
	empty := keys
	empty.DaemonSet, empty.Pod, empty.InMemory, empty.Files, empty.Sources = "kube-system/proxy", "proxy-lcv7nc65w8-edge-1", false, []api.ConfigFile{}, nil
	empty.Path = "/var/lib/daemonsetd/config/kube-system/proxy/lcv7nc65w8/keys"
	return []api.ConfigTree{web, keys, empty}
}

// filled is a backend with an answer to everything.
func filled() *apitest.Backend {
	b := apitest.New()
	b.Explanations = []api.Explanation{{
		DaemonSet: "default/web", Node: "edge-1", Phase: api.PhaseNotPlaced, Message: "no pod runs",
		Reasons: []api.Reason{
			{Predicate: "NodeName", Passed: true, Message: "no nodeName is set"},
			{Predicate: "NodeSelector", Message: "disktype=ssd: the node has disktype=hdd", Remedy: "dsctl label disktype=ssd"},
		},
	}}
	b.Changes = []api.FileChange{
		{Action: api.FileRestore, File: "/m/a.yaml", Reason: "it was edited", Old: "a: 1\nb: 2\n", New: "a: 1\nb: 3\n"},
		{Action: api.FileWrite, File: "/m/b.yaml", Reason: "it is new", New: "a: 1\n"},
		{Action: api.FileRemove, File: "/m/c.yaml", Reason: "the node does not qualify", Old: "a: 1\n"},
	}
	b.PlanAnswer = api.PlanResult{
		Node: "edge-1", Valid: true,
		Problems: []api.Problem{{Severity: "warning", File: "web.yaml", Line: 3, Column: 1, Message: "m", Hint: "h"}},
		DaemonSets: []api.DaemonSetPlan{
			{
				DaemonSet: "default/web", Action: api.PlanReplace, FromRevision: "bbbbbbbbbb", ToRevision: "cccccccccc",
				Reasons: []string{"the template changed"}, Changes: b.Changes[:1],
			},
			{DaemonSet: "default/other", Action: api.PlanNone, FromRevision: "dddddddddd", ToRevision: "dddddddddd"},
		},
	}
	b.Trees = laid()
	b.ReloadAnswer = api.ReloadResult{Changed: []string{"web.yaml: read anew", "label zone: a became b"}, At: apitest.Start()}
	b.PatchAnswer = api.NodePatchResult{
		Node: "edge-1", Operation: "labeled", Changed: []string{"disktype=ssd"}, Warnings: []string{"node.yaml sets zone, which wins"},
	}
	return b
}

// TestAgentVerbs has the whole output of each verb, in a golden file where it is more than a line.
func TestAgentVerbs(t *testing.T) {
	spec := filepath.Join(t.TempDir(), "web.yaml")
	if err := os.WriteFile(spec, []byte("spec"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		edit func(*apitest.Backend)
		err  string
	}{
		{"status", []string{"status"}, exitOK, nil, ""},
		{"status-wide", []string{"status", "-o", "wide"}, exitOK, nil, ""},
		{"status-sick", []string{"status"}, exitFailed, func(b *apitest.Backend) { b.StatusAnswer = sick() }, ""},
		{"status-json", []string{"status", "-o", "json"}, exitOK, nil, ""},
		{"status-columns", []string{"status", "-o", "custom-columns=NAME:.name,POD:.pod.phase"}, exitOK, nil, ""},
		{"explain", []string{"explain"}, exitOK, nil, ""},
		{"explain-json", []string{"explain", "default/web", "-o", "json"}, exitOK, nil, ""},
		{"configs", []string{"get", "configs"}, exitOK, nil, ""},
		{"configs-wide", []string{"get", "config", "web", "-o", "wide"}, exitOK, nil, ""},
		{"configs-json", []string{"get", "configs", "kube-system/proxy", "-o", "json"}, exitOK, nil, ""},
		{"configs-name", []string{"get", "configs", "-o", "name"}, exitOK, nil, ""},
		{"configs-columns", []string{"get", "configs", "-o", "custom-columns=V:.volume,SUM:.files[*].sha256"}, exitOK, nil, ""},
		{"configs-none", []string{"get", "configs", "other"}, exitOK, nil, "dsctl: there are no files of ConfigMaps or Secrets\n"},
		{"configs-none-json", []string{"get", "configs", "-o", "json"}, exitOK, func(b *apitest.Backend) { b.Trees = nil }, ""},
		{"diff", []string{"diff"}, exitFailed, nil, ""},
		{"diff-none", []string{"diff"}, exitOK, func(b *apitest.Backend) { b.Changes = nil }, "dsctl: no differences\n"},
		{"plan", []string{"plan", "-f", spec}, exitFailed, nil, ""},
		{"plan-brief", []string{"plan", "--brief", "-f", spec}, exitFailed, nil, ""},
		{"plan-nothing", []string{"plan", "-f", spec}, exitOK, func(b *apitest.Backend) {
			b.PlanAnswer = api.PlanResult{Node: "edge-1", Valid: true, DaemonSets: b.PlanAnswer.DaemonSets[1:]}
		}, ""},
		{"plan-invalid", []string{"plan", "-f", spec}, exitTrouble, func(b *apitest.Backend) {
			b.PlanAnswer = api.PlanResult{Node: "edge-1", Problems: []api.Problem{{Severity: "error", Message: "bad"}}}
		}, ""},
		{"reload", []string{"reload"}, exitOK, nil, ""},
		{"reload-restart", []string{"reload"}, exitOK, func(b *apitest.Backend) {
			b.ReloadAnswer = api.ReloadResult{RestartRequired: []string{"socket"}}
		}, "dsctl: warning: socket changed and takes effect when the agent is restarted\n"},
		{"reload-bad", []string{"reload"}, exitFailed, func(b *apitest.Backend) {
			b.ReloadAnswer = api.ReloadResult{Problems: []api.Problem{{Severity: "error", File: "a.yaml", Message: "bad"}}}
		}, "dsctl: error: 1 error; what was in effect stays\n  hint: correct the files; dsctl validate checks them\n"},
		{"label", []string{"label", "disktype=ssd"}, exitOK, nil, "dsctl: warning: node.yaml sets zone, which wins\n"},
		{"label-list", []string{"label", "--list"}, exitOK, nil, ""},
		{"label-name", []string{"label", "disktype=ssd", "-o", "name"}, exitOK, nil, "dsctl: warning: node.yaml sets zone, which wins\n"},
		{"cordon-again", []string{"cordon"}, exitOK, func(b *apitest.Backend) {
			b.PatchAnswer = api.NodePatchResult{Node: "edge-1", Operation: "already cordoned"}
		}, ""},
		{"events", []string{"events"}, exitOK, nil, "dsctl: there are no events\n"},
	} {
		b := filled()
		if c.edit != nil {
			c.edit(b)
		}
		started := agedPod(b)
		got := invoke(t, apitest.Serve(t, b, nil), c.args...)
		got.err = withoutVersionWarning(got.err)
		got.out = strings.ReplaceAll(got.out, started, apitest.Start().Format(time.RFC3339))
		if got.code != c.code || got.err != c.err {
			t.Errorf("%s: exit %d, stderr %q; want %d, %q", c.name, got.code, got.err, c.code, c.err)
		}
		golden(t, "agent/"+c.name+".txt", got.out)
	}
}

// withoutVersionWarning drops the line that says that the fake has another version than the test.
func withoutVersionWarning(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "restart the agent after an upgrade") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

func TestPatchesSentForArguments(t *testing.T) {
	for _, c := range []struct {
		args []string
		want api.NodePatch
	}{
		{[]string{"label", "a=b", "c-", "--overwrite"}, api.NodePatch{
			SetLabels: map[string]string{"a": "b"}, RemoveLabels: []string{"c"}, Overwrite: true,
		}},
		{[]string{"taint", "k=v:NoSchedule", "m:NoExecute", "x:NoSchedule-", "y-"}, api.NodePatch{
			SetTaints:    []api.Taint{{Key: "k", Value: "v", Effect: "NoSchedule"}, {Key: "m", Effect: "NoExecute"}},
			RemoveTaints: []api.TaintRef{{Key: "x", Effect: "NoSchedule"}, {Key: "y"}},
		}},
		{[]string{"cordon"}, api.NodePatch{Unschedulable: new(true)}},
		{[]string{"uncordon"}, api.NodePatch{Unschedulable: new(false)}},
	} {
		b := filled()
		if got := invoke(t, apitest.Serve(t, b, nil), c.args...); got.code != exitOK {
			t.Errorf("%v: exit %d: %s", c.args, got.code, got.err)
		}
		if diff := cmp.Diff([]any{c.want}, b.Asked()); diff != "" {
			t.Errorf("%v (-want +got)\n%s", c.args, diff)
		}
	}
}

func TestPlanSendsTheFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b.yaml": "two", "a.yaml": "one", "ignored.txt": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := filled()
	invoke(t, apitest.Serve(t, b, nil), "plan", "-f", dir)
	want := []any{api.PlanRequest{Files: []api.PlanFile{
		{Name: filepath.Join(dir, "a.yaml"), Data: []byte("one")}, {Name: filepath.Join(dir, "b.yaml"), Data: []byte("two")},
	}}}
	if diff := cmp.Diff(want, b.Asked()); diff != "" {
		t.Error(diff)
	}
}

func TestAgentErrorsHaveTheirCodes(t *testing.T) {
	member := api.Peer{UID: 4_000_000, Groups: []uint32{uint32(os.Getegid())}}
	for _, c := range []struct {
		name string
		err  error
		peer *api.Peer
		args []string
		code int
		text string
	}{
		{
			"not found", api.Errorf(api.CodeNotFound, "no DaemonSet x").WithRemedy("see dsctl status"), nil,
			[]string{"explain", "x"},
			exitFailed, "dsctl: error: no DaemonSet x\n  hint: see dsctl status\n",
		},
		{
			"conflict", api.Errorf(api.CodeConflict, "label a has the value b").WithRemedy("use --overwrite"), nil,
			[]string{"label", "a=c"},
			exitFailed, "dsctl: error: label a has the value b\n  hint: use --overwrite\n",
		},
		{
			"reader writes", nil, &member,
			[]string{"reload"},
			exitForbidden,
			"dsctl: error: user 4000000 may not change anything here\n  hint: run the command as root, for example with sudo\n",
		},
		{"reader reads", nil, &member, []string{"events"}, exitOK, "dsctl: there are no events\n"},
		{
			"stranger reads", nil, &api.Peer{UID: 4_000_000},
			[]string{"status"},
			exitForbidden,
			"dsctl: error: user 4000000 may not read here\n  hint: run the command as root, or make the user a member of the socket's group\n",
		},
	} {
		b := filled()
		b.Err = c.err
		got := invoke(t, apitest.Serve(t, b, c.peer), c.args...)
		if got.code != c.code || withoutVersionWarning(got.err) != c.text {
			t.Errorf("%s: exit %d, %q; want %d, %q", c.name, got.code, got.err, c.code, c.text)
		}
	}
}

func TestAnotherVersionIsSaidOnce(t *testing.T) {
	if api.Build(version).Version == "v0.1.0" {
		t.Fatal("the fake has the version of this build")
	}
	got := invoke(t, apitest.Serve(t, filled(), nil), "reload")
	if n := strings.Count(got.err, "the agent has version v0.1.0"); n != 1 {
		t.Errorf("said %d times: %q", n, got.err)
	}
}

func TestCompletionKnowsTheHost(t *testing.T) {
	socket := apitest.Serve(t, filled(), nil)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"__complete", "explain", ""}, "default/web\nkube-system/proxy\n:4\n"},
		{[]string{"__complete", "explain", "default/web", ""}, ":4\n"},
		{[]string{"__complete", "get", "configs", ""}, "default/web\nkube-system/proxy\n:4\n"},
		{[]string{"__complete", "get", "configs", "default/web", ""}, ":4\n"},
		{[]string{"__complete", "get", "conf"}, "configs\tList the files of ConfigMaps and Secrets that are laid for pods\n:4\n"},
		{[]string{"__complete", "label", ""}, "disktype=\ndisktype-\n:6\n"},
		{[]string{"__complete", "taint", ""}, "tier:NoSchedule-\n:6\n"},
	} {
		args := append([]string{c.args[0], "--socket", socket}, c.args[1:]...)
		got := invokeWith(t, streams{in: strings.NewReader("")}, args...)
		if got.code != exitOK || got.out != c.want {
			t.Errorf("%v: exit %d, %q, want %q", c.args, got.code, got.out, c.want)
		}
	}
}

func TestEventsAreSortedAndCounted(t *testing.T) {
	b := filled()
	record := func(reason, message string) {
		b.Reg.Record(registry.EventInput{
			Object: corev1.ObjectReference{Kind: "DaemonSet", Namespace: "default", Name: "web"},
			Type:   "Warning", Reason: reason, Message: message,
		})
	}
	record("First", "one")
	record("Second", "two\nlines")
	record("Second", "two\nlines")
	socket := apitest.Serve(t, b, nil)
	got := invoke(t, socket, "events", "-o", "custom-columns=REASON:.reason,COUNT:.count")
	if want := "REASON  COUNT\nFirst   1\nSecond  2\n"; got.out != want {
		t.Errorf("got\n%s\nwant\n%s", got.out, want)
	}
	text := invoke(t, socket, "events").out
	if !strings.Contains(text, "DaemonSet/default/web") || !strings.Contains(text, "(x2 over ") || !strings.Contains(text, "two lines\n") {
		t.Errorf("%s", text)
	}
	if got := invoke(t, socket, "events", "-n", "other"); got.out != "" {
		t.Errorf("events of another namespace: %s", got.out)
	}
}

// lineWriter tells a test of each write.
type lineWriter struct{ lines chan string }

func (w lineWriter) Write(p []byte) (int, error) {
	w.lines <- string(p)
	return len(p), nil
}

func TestEventsAreWatched(t *testing.T) {
	b := filled()
	socket := apitest.Serve(t, b, nil)
	record := func(message string) {
		b.Reg.Record(registry.EventInput{
			Object: corev1.ObjectReference{Kind: "Node", Name: "edge-1"}, Type: "Normal", Reason: "R", Message: message,
		})
	}
	record("before")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := lineWriter{make(chan string)}
	code := make(chan int, 1)
	go func() {
		s := streams{in: strings.NewReader(""), out: out, err: new(bytes.Buffer)}
		code <- run(ctx, []string{"--socket", socket, "events", "-w", "-o", "jsonpath={.message}\n"}, s, func(string) string { return "" })
	}()
	next := func() string {
		text := ""
		for !strings.HasSuffix(text, "\n") {
			text += <-out.lines
		}
		return text
	}
	for _, want := range []string{"before\n", "first\n", "second\n"} {
		if got := next(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		switch want {
		case "before\n":
			record("first")
		case "first\n":
			record("second")
		}
	}
	cancel()
	if got := <-code; got != exitOK {
		t.Errorf("after an interrupt: exit %d", got)
	}
}

func TestOnATerminalThereAreAgesColoursAndNoLongLines(t *testing.T) {
	b := filled()
	b.StatusAnswer = sick()
	b.StatusAnswer.StartedAt = time.Now().Add(-72*time.Hour - time.Minute)
	socket := apitest.Serve(t, b, nil)
	s := streams{in: strings.NewReader(""), width: 60}
	got := invokeWith(t, s, "--socket", socket, "status").out
	if !strings.Contains(got, "started 3d ago") || !strings.Contains(got, "\x1b[31merror\x1b[0m KubeletUnauthorized") {
		t.Errorf("%s", got)
	}
	for line := range strings.Lines(got) {
		if strings.Contains(line, "kube-system/proxy") && len([]rune(strings.TrimSuffix(line, "\n"))) > 60 {
			t.Errorf("a table's line is wider than the terminal: %s", line)
		}
	}
	plain := invokeWith(t, s, "--socket", socket, "--no-color", "status").out
	if strings.Contains(plain, "\x1b") {
		t.Errorf("colours with --no-color: %q", plain)
	}
	for name, value := range map[string]string{"NO_COLOR": "1", "TERM": "dumb"} {
		d := &deps{streams: s, getenv: func(key string) string {
			if key == name {
				return value
			}
			return ""
		}}
		if d.color() {
			t.Errorf("colours with %s=%s", name, value)
		}
	}
	s.talk = true
	if got := invokeWith(t, s, "--socket", socket, "label", "a=b"); !strings.Contains(got.err, "next: dsctl explain") {
		t.Errorf("no next command is suggested: %q", got.err)
	}
}

func TestRenderTakesNodeAndDirectoriesOfTheAgent(t *testing.T) {
	good, _ := canaryFiles(t)
	b := filled()
	b.StatusAnswer.Paths.State, b.StatusAnswer.Paths.Runtime = "/state", "/runtime"
	socket := apitest.Serve(t, b, nil)
	render := []string{"render", "-f", good[0], "-f", good[1]}
	got := invoke(t, socket, render...)
	if got.code != exitOK || !strings.Contains(got.out, "path: /runtime/config/default/web/") {
		t.Errorf("exit %d: %s%s", got.code, got.err, got.out)
	}
	got = invoke(t, socket, append(render, "--trees", "-o", "jsonpath={.trees[0].pod}")...)
	if !strings.HasPrefix(got.out, "web-") || !strings.HasSuffix(got.out, "-edge-1") {
		t.Errorf("the pod is %q", got.out)
	}
	got = invoke(t, socket, append(render, "--runtime-dir", "/other")...)
	if !strings.Contains(got.out, "path: /other/config/default/web/") {
		t.Errorf("exit %d: %s%s", got.code, got.err, got.out)
	}
}
