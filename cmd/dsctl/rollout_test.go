package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// underWay is a rollout with one of everything.
func underWay() api.Rollout {
	return api.Rollout{
		DaemonSet: "kube-system/web", Generation: 6, Revision: "bbbbbbbbbb", Strategy: "RollingUpdate", Budget: 2,
		Counts:   api.RolloutCounts{Desired: 9, Current: 9, Ready: 7, Updated: 2, Available: 7, Failed: 1, Unknown: 1},
		Message:  `Waiting for daemon set "web" rollout to finish: 2 out of 9 new pods have been updated...`,
		Self:     api.RolloutHost{Name: "edge-1", ID: "aaa", Self: true, Phase: "Waiting"},
		Updating: names("edge-3"), Waiting: names("edge-4", "edge-1", "edge-8", "edge-9", "edge-10"),
		Blockers: []api.RolloutBlocker{
			{Host: "edge-3", ID: "ccc", Reason: "Updating", Text: "edge-3 is being updated"},
			{Host: "edge-17", ID: "ddd", Reason: "OlderFile", Text: "edge-17 has generation 4 of its file, 6 is rolling out"},
		},
		Blocking: 4,
		Held:     []api.RolloutHold{{Reason: "paused by its annotation daemonsetd.io/paused", Hosts: names("edge-5")}},
		Failed:   names("edge-2"),
		Failures: []api.RolloutHold{{Reason: "container main ended with exit code 3 (Error), and was restarted 12 times", Hosts: names("edge-2")}},
		Unknown:  []api.RolloutHold{{Reason: "it is\ndown", Hosts: names("edge-7")}},
		Hosts: []api.RolloutHost{
			{Name: "edge-1", ID: "aaa", Self: true, Phase: "Waiting", Generation: 6, Target: "bbbbbbbbbb", Running: "cccccccccc", Pod: "web-cccccccccc-edge-1", Ready: true, Available: true},
			{Name: "edge-2", ID: "bbb", Phase: "Failed", Generation: 6, Target: "bbbbbbbbbb", Running: "bbbbbbbbbb", Pod: "web-bbbbbbbbbb-edge-2", Restarts: 12, Canary: true, Why: "container main ended with exit code 3 (Error), and was restarted 12 times"},
			{Name: "edge-5", ID: "eee", Phase: "OnHold", Hold: "paused by its annotation daemonsetd.io/paused", Generation: 7, Target: "cccccccccc", Rejected: "bbbbbbbbbb"},
			{Name: "edge-7", ID: "fff", Trouble: "it is down"},
		},
	}
}

// haltedRollout is underWay where nothing goes on.
func haltedRollout() api.Rollout {
	r := underWay()
	r.BudgetOf, r.Members, r.Uncounted = "25% of 6 members; 3 newer than a day are not counted", 6, 3
	r.SoakSeconds, r.Soaking = 10, names("edge-3")
	r.Unawaited = names("edge-7")
	r.Halted = &api.RolloutHalt{Failed: 1, Limit: 1, Text: "halted: 1 host failed (edge-2), the limit is 1 (daemonsetd.io/max-failed)"}
	return r
}

func over() api.Rollout {
	return api.Rollout{
		DaemonSet: "kube-system/web", Generation: 6, Revision: "bbbbbbbbbb", Strategy: "RollingUpdate", Budget: 1, Done: true,
		Counts: api.RolloutCounts{Desired: 1, Current: 1, Ready: 1, Updated: 1, Available: 1}, Message: `daemon set "web" successfully rolled out`,
	}
}

// template is a pod template as the history has it.
func template(image string) []byte {
	return []byte(`{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"image":"` + image + `","name":"web"}]}}`)
}

func someRevisions() api.RevisionList {
	return api.RevisionList{DaemonSet: "kube-system/web", Items: []api.Revision{
		{Number: 2, Revision: "aaaaaaaaaa", First: apitest.Start(), Last: apitest.Start(), Source: "/etc/daemonsetd/specs.d/web.yaml", Template: template("web:1")},
		{Number: 4, Revision: "cccccccccc", ChangeCause: "a\nfix", First: apitest.Start(), Last: apitest.Start(), Source: "/etc/daemonsetd/specs.d/web.yaml", Running: true, Template: template("web:2")},
		{Number: 6, Revision: "bbbbbbbbbb", ChangeCause: "faster", First: apitest.Start(), Last: apitest.Start(), Source: "/etc/daemonsetd/specs.d/web.yaml", Current: true, Template: template("web:3")},
	}}
}

// twoEpochs has the latest two revisions in the epoch that an operator began.
func twoEpochs(b *apitest.Backend) {
	items := b.RevisionsAnswer.Items
	items[1].Number, items[1].Epoch = 1, 1
	items[2].Number, items[2].Epoch = 2, 1
}

func declaredSets() []*appsv1.DaemonSet {
	web := &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "web", Labels: map[string]string{"tier": "front"}, CreationTimestamp: metav1.NewTime(before(days3))},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}, MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: "In", Values: []string{"a", "b"}}}},
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				NodeSelector:   map[string]string{"kubernetes.io/os": "linux", "disktype": "ssd"},
				InitContainers: []corev1.Container{{Name: "init", Image: "init:1"}},
				Containers:     []corev1.Container{{Name: "web", Image: "registry.example/web:3"}, {Name: "side", Image: "side:1"}},
			}},
		},
		Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: 9, CurrentNumberScheduled: 8, NumberReady: 7, UpdatedNumberScheduled: 6, NumberAvailable: 5},
	}
	return []*appsv1.DaemonSet{web, {ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "agent", CreationTimestamp: metav1.NewTime(before(minutes30))}}}
}

func rolloutBackend() *apitest.Backend {
	b := filled()
	b.RolloutsAnswer = api.RolloutList{Fleet: true, Settled: true, Items: []api.Rollout{underWay()}}
	b.RevisionsAnswer = someRevisions()
	b.UndoAnswer = api.UndoResult{
		DaemonSet: "kube-system/web", Source: "/etc/daemonsetd/specs.d/web.yaml", From: someRevisions().Items[2], To: someRevisions().Items[1],
		Document: "apiVersion: apps/v1\nkind: DaemonSet\n",
	}
	b.ReplaceAnswer = api.ReplaceResult{DaemonSet: "kube-system/web", Node: "edge-1", From: "cccccccccc", To: "bbbbbbbbbb", Started: true}
	b.ReleaseAnswer = api.ReleaseResult{DaemonSet: "kube-system/web", Node: "edge-1", Until: time.Date(2026, 3, 4, 22, 29, 35, 0, time.Local)}
	b.ResetAnswer = api.ResetResult{DaemonSet: "kube-system/web", Node: "edge-1", Epoch: 1, Generation: 1, Members: 5}
	b.Reg.SetDaemonSets(declaredSets())
	return b
}

// TestRolloutVerbs has the whole output of each verb about rollouts.
func TestRolloutVerbs(t *testing.T) {
	done := func(b *apitest.Backend) { b.RolloutsAnswer.Items = []api.Rollout{over()} }
	back := func(b *apitest.Backend) {
		b.RolloutsAnswer.Items = []api.Rollout{over()}
		b.RolloutsAnswer.Items[0].RolledBack, b.RolloutsAnswer.Items[0].Message = "aaaaaaaaaa", `daemon set "web" rolled back to revision bbbbbbbbbb: revision aaaaaaaaaa did not become available`
	}
	const wentBack = "dsctl: error: daemon set \"web\" did not become available with revision aaaaaaaaaa, and was rolled back\n" +
		"  hint: dsctl events says where and when; correct the spec file on every host\n"
	onDelete := func(b *apitest.Backend) { b.RolloutsAnswer.Items[0].Strategy = onDeleteStrategy }
	halted := func(b *apitest.Backend) { b.RolloutsAnswer.Items = []api.Rollout{haltedRollout()} }
	const isHalted = "dsctl: error: daemon set \"web\": halted: 1 host failed (edge-2), the limit is 1 (daemonsetd.io/max-failed)\n" +
		"  hint: correct the file, or: dsctl rollout undo kube-system/web\n"
	const timedOut = "dsctl: error: timed out waiting for the condition on daemonsets/web\n  hint: dsctl rollout status kube-system/web says what it waits for\n"
	const noRevision = "dsctl: error: unable to find the specified revision\n"
	for _, c := range []struct {
		name string
		args []string
		code int
		edit func(*apitest.Backend)
		err  string
	}{
		{"status", []string{"rollout", "status", "kube-system/web", "--watch=false"}, exitOK, nil, ""},
		{"status-wide", []string{"rollout", "status", "web", "-n", "kube-system", "--watch=false", "-o", "wide"}, exitOK, nil, ""},
		{"status-json", []string{"rollout", "status", "ds/web", "-n", "kube-system", "--watch=false", "-o", "json"}, exitOK, nil, ""},
		{"status-name", []string{"rollout", "status", "kube-system/web", "--watch=false", "-o", "name"}, exitOK, nil, ""},
		{"status-done", []string{"rollout", "status", "kube-system/web"}, exitOK, done, ""},
		{"status-rolled-back", []string{"rollout", "status", "kube-system/web"}, exitFailed, back, wentBack},
		{"status-halted", []string{"rollout", "status", "kube-system/web"}, exitFailed, halted, isHalted},
		{"status-halted-once", []string{"rollout", "status", "kube-system/web", "--watch=false"}, exitFailed, halted, isHalted},
		{"status-timeout", []string{"rollout", "status", "kube-system/web", "--timeout", "10ms"}, exitFailed, nil, "dsctl: error: timed out waiting for the condition\n"},
		{"status-ondelete", []string{"rollout", "status", "kube-system/web"}, exitFailed, onDelete, "dsctl: error: rollout status is only available for RollingUpdate strategy type\n" +
			"  hint: --watch=false shows how it stands; dsctl rollout replace on a host replaces the pod there\n"},
		{"status-ondelete-once", []string{"rollout", "status", "kube-system/web", "--watch=false"}, exitOK, onDelete, ""},
		{"status-missing", []string{"rollout", "status", "kube-system/x"}, exitFailed, nil, "dsctl: error: no DaemonSet kube-system/x is declared\n"},
		{"history", []string{"rollout", "history", "daemonset", "web", "-n", "kube-system"}, exitOK, nil, ""},
		{"history-wide", []string{"rollout", "history", "kube-system/web", "-o", "wide"}, exitOK, func(b *apitest.Backend) { b.RevisionsAnswer.Warnings = []string{"a revision cannot be shown"} }, "dsctl: warning: a revision cannot be shown\n"},
		{"history-columns", []string{"rollout", "history", "kube-system/web", "-o", "custom-columns=N:.number,R:.revision"}, exitOK, nil, ""},
		{"history-name", []string{"rollout", "history", "kube-system/web", "-o", "name"}, exitOK, nil, ""},
		{"history-epochs", []string{"rollout", "history", "kube-system/web"}, exitOK, twoEpochs, ""},
		{"history-epochs-wide", []string{"rollout", "history", "kube-system/web", "-o", "wide"}, exitOK, twoEpochs, ""},
		{"history-epochs-revision", []string{"rollout", "history", "kube-system/web", "--revision", "1/2"}, exitOK, twoEpochs, ""},
		{"diff-epochs", []string{"rollout", "diff", "kube-system/web"}, exitDiffers, twoEpochs, ""},
		{
			"undo-epochs",
			[]string{"rollout", "undo", "kube-system/web"},
			exitOK,
			func(b *apitest.Backend) { b.UndoAnswer.To.Epoch = 1 },
			"dsctl: this is kube-system/web with the template of revision 1/4, for /etc/daemonsetd/specs.d/web.yaml on every host; comments are not in it\n",
		},
		{"history-none", []string{"rollout", "history", "kube-system/web"}, exitOK, func(b *apitest.Backend) { b.RevisionsAnswer.Items = nil }, ""},
		{"history-revision", []string{"rollout", "history", "kube-system/web", "--revision", "4"}, exitOK, nil, ""},
		{"history-revision-yaml", []string{"rollout", "history", "kube-system/web", "--revision=4", "-o", "yaml"}, exitOK, nil, ""},
		{"history-revision-missing", []string{"rollout", "history", "kube-system/web", "--revision", "3"}, exitFailed, nil, noRevision},
		{"diff", []string{"rollout", "diff", "kube-system/web"}, exitFailed, nil, ""},
		{"diff-from", []string{"rollout", "diff", "kube-system/web", "--from", "2", "--to", "4"}, exitFailed, nil, ""},
		{"diff-same", []string{"rollout", "diff", "kube-system/web", "--from", "2", "--to", "2"}, exitOK, nil, "dsctl: no differences\n"},
		{"diff-path", []string{"rollout", "diff", "kube-system/web", "-o", "jsonpath={.from.number} {.to.number} {.differ}"}, exitFailed, nil, ""},
		{"diff-first", []string{"rollout", "diff", "kube-system/web", "--to", "2"}, exitTrouble, nil, "dsctl: error: the history of kube-system/web has no revision before 2 to compare with\n" +
			"  hint: dsctl rollout history lists them; --from and --to choose\n"},
		{"diff-missing", []string{"rollout", "diff", "kube-system/web", "--from", "3"}, exitTrouble, nil, noRevision},
		{"undo", []string{"rollout", "undo", "kube-system/web"}, exitOK, nil, "dsctl: this is kube-system/web with the template of revision 4, for /etc/daemonsetd/specs.d/web.yaml on every host; comments are not in it\n"},
		{"undo-path", []string{"rollout", "undo", "kube-system/web", "-o", "jsonpath={.to.number}"}, exitOK, nil, ""},
		{"undo-same", []string{"rollout", "undo", "kube-system/web", "--to", "6", "--write"}, exitOK, func(b *apitest.Backend) { b.UndoAnswer.Same = true }, ""},
		{"undo-no-file", []string{"rollout", "undo", "kube-system/web", "--write"}, exitFailed, func(b *apitest.Backend) { b.UndoAnswer.Source = "/nonexistent/web.yaml" }, "dsctl: error: lstat /nonexistent/web.yaml: no such file or directory\n" +
			"  hint: without --write the file is printed: bring it into /nonexistent/web.yaml yourself\n"},
		{"replace", []string{"rollout", "replace", "kube-system/web"}, exitOK, nil, ""},
		{"replace-waits", []string{"rollout", "replace", "kube-system/web"}, exitOK, func(b *apitest.Backend) {
			b.ReplaceAnswer.Started, b.ReplaceAnswer.Message = false, "the kubelet does not answer"
		}, ""},
		{"release", []string{"rollout", "release", "kube-system/web"}, exitOK, nil, ""},
		{"release-waits", []string{"rollout", "release", "kube-system/web"}, exitOK, func(b *apitest.Backend) { b.ReleaseAnswer.Message = "h2 goes first" }, ""},
		{"reset", []string{"rollout", "reset", "kube-system/web"}, exitOK, nil, ""},
		{"reset-second", []string{"rollout", "reset", "kube-system/web", "--force"}, exitOK, func(b *apitest.Backend) { b.ResetAnswer.Others = 1 }, ""},
		{"reset-json", []string{"rollout", "reset", "kube-system/web", "-o", "json"}, exitOK, nil, ""},
		{"replace-name", []string{"rollout", "replace", "kube-system/web", "-o", "name"}, exitOK, nil, ""},
		{"wait-done", []string{"wait", "kube-system/web", "--for=rollout"}, exitOK, done, ""},
		{"wait-rolled-back", []string{"wait", "kube-system/web", "--for=rollout"}, exitFailed, back, wentBack},
		{"wait-halted", []string{"wait", "kube-system/web", "--for=rollout"}, exitFailed, halted, isHalted},
		{"wait-name", []string{"wait", "ds", "web", "-n", "kube-system", "--for", "rollout", "-o", "name"}, exitOK, done, ""},
		{"wait-once", []string{"wait", "kube-system/web", "--for=rollout", "--timeout", "0"}, exitFailed, nil, timedOut},
		{"wait-timeout", []string{"wait", "kube-system/web", "--for=rollout", "--timeout", "10ms"}, exitFailed, nil, timedOut},
		{"wait-missing", []string{"wait", "kube-system/x", "--for=rollout"}, exitFailed, nil, "dsctl: error: no DaemonSet kube-system/x is declared\n"},
		{"get-all", []string{"get", "ds", "-A"}, exitOK, nil, ""},
		{"get-all-wide", []string{"get", "daemonsets", "-A", "-o", "wide"}, exitOK, nil, ""},
		{"get-default", []string{"get", "ds"}, exitOK, nil, ""},
		{"get-namespace-wide", []string{"get", "ds", "-n", "kube-system", "-o", "wide"}, exitOK, nil, ""},
		{"get-one-path", []string{"get", "ds", "kube-system/web", "-o", "jsonpath={.kind} {.status.desiredNumberScheduled}"}, exitOK, nil, ""},
		{"get-name", []string{"get", "ds", "-A", "-o", "name"}, exitOK, nil, ""},
		{"get-selected", []string{"get", "ds", "-A", "-l", "tier=front", "-o", "name"}, exitOK, nil, ""},
		{"get-none", []string{"get", "ds", "-n", "other"}, exitOK, nil, "dsctl: No resources found in other namespace; -A lists those of all namespaces\n"},
		{"get-none-json", []string{"get", "ds", "-n", "other", "-o", "jsonpath={.items}"}, exitOK, nil, ""},
		{"get-missing", []string{"get", "ds", "agent", "x"}, exitFailed, nil, "dsctl: error: namespace default has no DaemonSet \"x\"\n  hint: dsctl get ds -A lists all that this host declares\n"},
	} {
		b := rolloutBackend()
		if c.edit != nil {
			c.edit(b)
		}
		got := invoke(t, apitest.Serve(t, b, nil), c.args...)
		got.err = withoutVersionWarning(got.err)
		if got.code != c.code || got.err != c.err {
			t.Errorf("%s: exit %d, stderr %q; want %d, %q", c.name, got.code, got.err, c.code, c.err)
		}
		if strings.ContainsAny(got.out, "\x1b\r\t") {
			t.Errorf("%s: control characters in the output: %q", c.name, got.out)
		}
		golden(t, "rollout/"+c.name+".txt", got.out)
	}
}

func TestRolloutRequestsOfArguments(t *testing.T) {
	for _, c := range []struct {
		args []string
		want any
	}{
		{[]string{"rollout", "status", "kube-system/web", "--watch=false"}, api.RolloutRequest{DaemonSet: "kube-system/web"}},
		{[]string{"rollout", "status", "kube-system/web", "--watch=false", "-o", "wide"}, api.RolloutRequest{DaemonSet: "kube-system/web", Hosts: true}},
		{[]string{"rollout", "history", "web"}, api.RevisionRequest{DaemonSet: "web"}},
		{[]string{"rollout", "undo", "web", "--to", "1/4"}, api.UndoRequest{DaemonSet: "web", To: 4, Epoch: 1}},
		{[]string{"rollout", "history", "daemonset.apps/web", "--revision", "4"}, api.RevisionRequest{DaemonSet: "web", Revision: 4}},
		{[]string{"rollout", "undo", "ds/kube-system/web"}, api.UndoRequest{DaemonSet: "kube-system/web"}},
		{[]string{"rollout", "undo", "web", "--to", "4"}, api.UndoRequest{DaemonSet: "web", To: 4}},
		{[]string{"rollout", "undo", "web", "--to-revision", "4"}, api.UndoRequest{DaemonSet: "web", To: 4}},
		{[]string{"rollout", "release", "web", "-n", "a"}, api.RolloutActRequest{DaemonSet: "a/web"}},
		{[]string{"rollout", "reset", "web", "--force"}, api.RolloutActRequest{DaemonSet: "web", Force: true}},
		{[]string{"rollout", "replace", "web", "-n", "a"}, api.ReplaceRequest{DaemonSet: "a/web"}},
	} {
		b := rolloutBackend()
		if got := invoke(t, apitest.Serve(t, b, nil), c.args...); got.code != exitOK {
			t.Errorf("%v: exit %d: %s", c.args, got.code, got.err)
		}
		if diff := cmp.Diff([]any{c.want}, b.Asked()); diff != "" {
			t.Errorf("%v (-want +got)\n%s", c.args, diff)
		}
	}
}

func TestOneDaemonSet(t *testing.T) {
	for _, c := range []struct {
		namespace string
		args      []string
		want, err string
	}{
		{"", []string{"web"}, "web", ""},
		{"", []string{"a/web"}, "a/web", ""},
		{"a", []string{"web"}, "a/web", ""},
		{"a", []string{"a/web"}, "a/web", ""},
		{"", []string{"ds/web"}, "web", ""},
		{"ds", []string{"ds/web"}, "ds/web", ""},
		{"", []string{"daemonsets.apps/a/web"}, "a/web", ""},
		{"a", []string{"ds", "web"}, "a/web", ""},
		{"", []string{"ds"}, "ds", ""},
		{"", []string{"ds", "ds"}, "ds", ""},
		{"b", []string{"a/web"}, "", `"a/web" is not in namespace "b"`},
		{"", []string{"pods", "web"}, "", "wanted one DaemonSet"},
		{"", []string{"a/b/c"}, "", "does not name a DaemonSet"},
		{"", []string{"/web"}, "", "does not name a DaemonSet"},
		{"", []string{"a/"}, "", "does not name a DaemonSet"},
		{"", []string{""}, "", "wanted one DaemonSet"},
	} {
		got, err := oneDaemonSet(c.namespace, c.args)
		switch {
		case c.err == "" && (err != nil || got != c.want):
			t.Errorf("-n %q %q: %q, %v; want %q", c.namespace, c.args, got, err, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("-n %q %q: %q, %v; want an error with %q", c.namespace, c.args, got, err, c.err)
		}
	}
}

func TestRolloutErrorsHaveTheirCodes(t *testing.T) {
	reader := &api.Peer{UID: 4_000_000, Groups: []uint32{uint32(os.Getegid())}}
	conflict := api.Errorf(api.CodeConflict, "the strategy is RollingUpdate").WithRemedy("wait")
	const mayNot = "dsctl: error: user 4000000 may not change anything here\n  hint: run the command as root, for example with sudo\n"
	for _, c := range []struct {
		name string
		err  error
		peer *api.Peer
		args []string
		code int
		text string
	}{
		{"reader replaces", nil, reader, []string{"rollout", "replace", "web"}, exitForbidden, mayNot},
		{"reader looks", nil, reader, []string{"rollout", "status", "kube-system/web", "--watch=false", "-o", "name"}, exitOK, ""},
		{"reader undoes", nil, reader, []string{"rollout", "undo", "web", "-o", "name"}, exitOK, ""},
		{"reader releases", nil, reader, []string{"rollout", "release", "web"}, exitForbidden, mayNot},
		{"reader resets", nil, reader, []string{"rollout", "reset", "web"}, exitForbidden, mayNot},
		{"nothing to reset", conflict, nil, []string{"rollout", "reset", "web"}, exitFailed, "dsctl: error: the strategy is RollingUpdate\n  hint: wait\n"},
		{"nothing to replace", conflict, nil, []string{"rollout", "replace", "web"}, exitFailed, "dsctl: error: the strategy is RollingUpdate\n  hint: wait\n"},
		{"status", conflict, nil, []string{"rollout", "status", "web"}, exitFailed, "dsctl: error: the strategy is RollingUpdate\n  hint: wait\n"},
		{"wait", conflict, nil, []string{"wait", "web", "--for=rollout"}, exitFailed, "dsctl: error: the strategy is RollingUpdate\n  hint: wait\n"},
		{"a name with a space", nil, nil, []string{"rollout", "status", "a b"}, exitFailed, "dsctl: error: \"a b\" does not name a DaemonSet\n  hint: give its name, or namespace/name\n"},
	} {
		b := rolloutBackend()
		b.Err = c.err
		got := invoke(t, apitest.Serve(t, b, c.peer), c.args...)
		if got.code != c.code || withoutVersionWarning(got.err) != c.text {
			t.Errorf("%s: exit %d, %q; want %d, %q", c.name, got.code, got.err, c.code, c.text)
		}
	}
}

// endsWith waits until the verb ends by itself, with the lines as its last ones.
func (w *watching) endsWith(code int, lines ...string) {
	w.t.Helper()
	if got := <-w.code; got != code {
		w.t.Errorf("exit %d, want %d: %s", got, code, w.errs)
	}
	for len(w.lines) > 0 {
		w.rest += <-w.lines
	}
	if got := strings.Split(strings.TrimSuffix(w.rest, "\n"), "\n"); !slices.Equal(got, lines) {
		w.t.Errorf("got %q, want %q", got, lines)
	}
}

// A rollout is followed to its end: of the text, what is new.
func TestRolloutIsFollowed(t *testing.T) {
	b := rolloutBackend()
	r := api.Rollout{
		DaemonSet: "kube-system/web", Strategy: "RollingUpdate", Message: `Waiting for daemon set "web" rollout to finish: 0 out of 2 new pods have been updated...`,
		Updating: names("edge-1"), Waiting: names("edge-2"), Blockers: []api.RolloutBlocker{{Host: "edge-1", Text: "edge-1 is being updated"}}, Blocking: 1,
	}
	b.SetRollouts(r)
	w := startWatch(t, b, "rollout", "status", "kube-system/web")
	w.wants(r.Message, "updating: edge-1", "next: edge-2", "waits: edge-1 is being updated")
	r.Message = `Waiting for daemon set "web" rollout to finish: 1 out of 2 new pods have been updated...`
	b.SetRollouts(r)
	w.wants(r.Message)
	r.Updating, r.Waiting, r.Blockers, r.Blocking = names("edge-2"), api.NameList{}, nil, 0
	b.SetRollouts(r)
	w.wants("updating: edge-2")
	b.SetRollouts(over())
	w.endsWith(exitOK, over().Message)
}

func TestRolloutOfADaemonSetThatGoesIsNotFollowed(t *testing.T) {
	b := rolloutBackend()
	w := startWatch(t, b, "rollout", "status", "kube-system/web", "-o", "name")
	w.wants("daemonset.apps/web")
	b.SetRollouts()
	if code := <-w.code; code != exitFailed || !strings.Contains(w.errs.String(), "no DaemonSet kube-system/web is declared") {
		t.Errorf("exit %d: %s", code, w.errs)
	}
}

func TestRolloutIsWaitedFor(t *testing.T) {
	b := rolloutBackend()
	w := startWatch(t, b, "wait", "kube-system/web", "--for=rollout", "--timeout", "-1s", "-o", "jsonpath={.message}\n")
	b.SetRollouts(over())
	w.endsWith(exitOK, over().Message)
}

func TestWaitIsInterrupted(t *testing.T) {
	w := startWatch(t, rolloutBackend(), "rollout", "status", "kube-system/web", "-o", "name")
	w.wants("daemonset.apps/web")
	w.ends()
}

// In the wide form hosts are shown as they change.
func TestRolloutHostsAreFollowed(t *testing.T) {
	b := rolloutBackend()
	r := over()
	r.Done, r.Hosts = false, []api.RolloutHost{{Name: "edge-1", Phase: "Waiting"}, {Name: "edge-2", Phase: "Waiting"}}
	b.SetRollouts(r)
	w := startWatch(t, b, "rollout", "status", "kube-system/web", "-o", "wide")
	const rest = " <none> <none> <none> no no <none> <none> <none>"
	w.wants(r.Message, "HOST PHASE GENERATION RUNNING TARGET READY AVAILABLE RESTARTS POD NOTES", "edge-1 Waiting"+rest, "edge-2 Waiting"+rest)
	r.Hosts = []api.RolloutHost{{Name: "edge-1", Phase: "Waiting"}, {Name: "edge-2", Phase: "Updating"}}
	b.SetRollouts(r)
	w.wants("edge-2 Updating" + rest)
	w.ends()
}

func TestDaemonSetsAreWatched(t *testing.T) {
	b := rolloutBackend()
	b.Reg = registry.New(registry.Config{HistoryLimit: 1})
	sets := declaredSets()
	b.Reg.SetDaemonSets(sets)
	w := startWatch(t, b, "get", "ds", "-A", "-w", "-o", "custom-columns=NAME:.metadata.name,READY:.status.numberReady")
	w.wants("NAME READY", "agent 0", "web 7")
	changed := sets[0].DeepCopy()
	changed.Status.NumberReady = 8
	b.Reg.SetDaemonSets([]*appsv1.DaemonSet{changed, sets[1]})
	w.wants("web 8")
	// More than the agent remembers: the watch goes on from what there is.
	changed = changed.DeepCopy()
	changed.Status.NumberReady = 9
	b.Reg.SetDaemonSets([]*appsv1.DaemonSet{changed})
	w.wants("web 9", "agent 0")
	w.ends()
	if row := daemonSetListing(true, false).cells(changed, "DELETED"); row[2] != "Deleted" {
		t.Errorf("%q", row)
	}
}

func TestNamedDaemonSetsAreWatched(t *testing.T) {
	b := rolloutBackend()
	w := startWatch(t, b, "get", "ds", "agent", "-w", "-o", "name")
	w.wants("daemonset.apps/agent")
	other := declaredSets()[1]
	other.Name = "other"
	changed := declaredSets()[1]
	changed.Status.NumberReady = 1
	b.Reg.SetDaemonSets([]*appsv1.DaemonSet{changed, other})
	w.wants("daemonset.apps/agent")
	w.ends()
}
