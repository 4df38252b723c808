package main

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
)

// fields is what was printed, one line of fields each.
func fields(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		out = append(out, strings.Join(strings.Fields(line), " "))
	}
	return out
}

// TestFaultO21Lists has the flags of kubectl get that were missing.
func TestFaultO21Lists(t *testing.T) {
	b := rolloutBackend()
	b.Trees = laid()
	fleet := fleetBackend()
	sets, nodes := apitest.Serve(t, b, nil), apitest.Serve(t, fleet, nil)
	for _, c := range []struct {
		name, socket string
		args         []string
		want         []string
	}{
		{
			"labels of DaemonSets", sets,
			[]string{"get", "ds", "-A", "--show-labels", "--no-headers"},
			[]string{
				"default agent 0 0 0 0 0 <none> 30m <none>",
				"kube-system web 9 8 7 6 5 disktype=ssd,kubernetes.io/os=linux 3d tier=front",
			},
		},
		{
			"labels of nodes", nodes,
			[]string{"get", "nodes", "edge-2", "--show-labels"},
			[]string{"NAME STATUS ROLES AGE VERSION LABELS", "edge-2 NotReady,SchedulingDisabled <none> 3d v1.37.2 disktype=hdd"},
		},
		{
			"sorted by a name", sets,
			[]string{"get", "ds", "-A", "--sort-by", "{.metadata.name}", "-o", "custom-columns=N:.metadata.name"},
			[]string{"N", "agent", "web"},
		},
		{
			"sorted by a number", sets,
			[]string{"get", "ds", "-A", "--sort-by=.status.desiredNumberScheduled", "-o", "custom-columns=N:.metadata.name", "--no-headers"},
			[]string{"agent", "web"},
		},
		{
			"sorted by what some have", nodes,
			[]string{"get", "nodes", "--sort-by=.metadata.labels.disktype", "-o", "name"},
			[]string{"node/edge-3", "node/edge-2", "node/edge-1"},
		},
		{
			"sorted files", nodes,
			[]string{"get", "specs", "--sort-by", ".have", "-o", "name"},
			[]string{"extra.yaml", "web.yaml", "cni.yaml"},
		},
		{
			"a template", sets,
			[]string{"get", "ds", "-A", "-o", `go-template={{range .items}}{{.metadata.name}}{{"\n"}}{{end}}`},
			[]string{"agent", "web"},
		},
		{
			"a template for one", sets,
			[]string{"get", "ds", "web", "-n", "kube-system", "-o", `go-template={{.kind}} {{.metadata.name}}`},
			[]string{"DaemonSet web"},
		},
		{
			"a template for a list that is no object", sets,
			[]string{"explain", "-o", `go-template={{range .items}}{{.daemonset}} {{end}}`},
			[]string{"default/web"},
		},
		{
			"files of a namespace", sets,
			[]string{"get", "configs", "-n", "kube-system", "--no-headers"},
			[]string{"kube-system/proxy keys lcv7nc65w8 0 0 disk (secret) <none> 2026-03-04T05:06:07Z"},
		},
		{
			"files of a DaemonSet there", sets,
			[]string{"get", "configs", "proxy", "-n", "kube-system", "-o", "custom-columns=D:.daemonset"},
			[]string{"D", "kube-system/proxy"},
		},
		{
			"files of all namespaces", sets,
			[]string{"get", "configs", "-A", "-o", "custom-columns=D:.daemonset"},
			[]string{"D", "default/web", "default/web", "kube-system/proxy"},
		},
	} {
		got := invoke(t, c.socket, c.args...)
		if diff := cmp.Diff(c.want, fields(got.out)); got.code != exitOK || diff != "" {
			t.Errorf("%s: exit %d, %s (-want +got)\n%s", c.name, got.code, got.err, diff)
		}
	}
	for _, args := range [][]string{
		{"get", "ds", "-A", "--sort-by", ".nothing.there"},
		{"get", "ds", "-A", "--sort-by", "{"},
		{"get", "ds", "-A", "-o", "go-template={{"},
		{"get", "ds", "-A", "-o", "go-template"},
		{"get", "configs", "web", "-A"},
	} {
		if got := invoke(t, sets, args...); got.code != exitUsage {
			t.Errorf("%v: exit %d, want 2: %s", args, got.code, got.err)
		}
	}
}

// TestFaultO21WatchWithLabels: a watch has the column and leaves the headers out, too.
func TestFaultO21WatchWithLabels(t *testing.T) {
	w := startWatch(t, rolloutBackend(), "get", "ds", "-A", "-w", "--show-labels", "--no-headers")
	w.wants("default agent 0 0 0 0 0 <none> 30m <none>",
		"kube-system web 9 8 7 6 5 disktype=ssd,kubernetes.io/os=linux 3d tier=front")
	w.ends()
}

// TestFaultO21WaitForSeveral: wait takes several DaemonSets, and fails for each that is not as it should be.
func TestFaultO21WaitForSeveral(t *testing.T) {
	b := rolloutBackend()
	web, log := over(), over()
	log.DaemonSet = "default/log"
	b.RolloutsAnswer.Items = []api.Rollout{web, log}
	socket := apitest.Serve(t, b, nil)
	const met = "daemonset.apps/web condition met\ndaemonset.apps/log condition met\n"
	for _, args := range [][]string{
		{"kube-system/web", "log"}, {"ds/kube-system/web", "ds/log", "kube-system/web"}, {"ds", "kube-system/web", "default/log"},
	} {
		got := invoke(t, socket, append([]string{"wait", "--for=rollout"}, args...)...)
		if got.code != exitOK || got.out != met {
			t.Errorf("%v: exit %d, %q, %s", args, got.code, got.out, got.err)
		}
	}
	unfinished := underWay()
	b.SetRollouts(unfinished, log)
	got := invoke(t, socket, "wait", "kube-system/web", "none", "log", "--for=rollout", "--timeout", "0")
	if got.code != exitFailed || got.out != "daemonset.apps/log condition met\n" {
		t.Errorf("exit %d, %q", got.code, got.out)
	}
	for _, want := range []string{"timed out waiting for the condition on daemonsets/web", "no DaemonSet none is declared"} {
		if !strings.Contains(got.err, want) {
			t.Errorf("%q does not have %q", got.err, want)
		}
	}
	if got := invoke(t, socket, "wait", "a/b", "c", "-n", "d", "--for=rollout"); got.code != exitUsage {
		t.Errorf("another namespace: exit %d", got.code)
	}
}

// TestFaultO21WaitForDelete: a DaemonSet that is not declared is gone, others are waited for.
func TestFaultO21WaitForDelete(t *testing.T) {
	b := rolloutBackend()
	w := startWatch(t, b, "wait", "web", "none", "--for=delete", "--timeout", "-1s")
	b.Reg.SetDaemonSets(declaredSets()[1:])
	w.endsWith(exitOK, "daemonset.apps/web condition met", "daemonset.apps/none condition met")

	socket := apitest.Serve(t, rolloutBackend(), nil)
	got := invoke(t, socket, "wait", "kube-system/web", "--for=delete", "--timeout", "0")
	if want := "error: timed out waiting for the condition on daemonsets/web\n"; got.code != exitFailed || !strings.Contains(got.err, want) {
		t.Errorf("exit %d, %q", got.code, got.err)
	}
	// One of another namespace is another one.
	got = invoke(t, socket, "wait", "default/web", "--for=delete", "--timeout", "0", "-o", "name")
	if got.code != exitOK || got.out != "daemonset.apps/web\n" {
		t.Errorf("exit %d, %q, %s", got.code, got.out, got.err)
	}
	b = rolloutBackend()
	other := declaredSets()[0]
	other.Namespace = "other"
	b.Reg.SetDaemonSets(append(declaredSets(), other))
	got = invoke(t, apitest.Serve(t, b, nil), "wait", "web", "--for=delete", "--timeout", "0")
	if got.code != exitFailed || !strings.Contains(got.err, "2 namespaces have a DaemonSet web") {
		t.Errorf("exit %d, %q", got.code, got.err)
	}
}

// TestFaultO21StatusWatch: the status is shown again when more of it than a time has changed, and not before.
func TestFaultO21StatusWatch(t *testing.T) {
	changing := func() *apitest.Backend {
		b := filled()
		var asked atomic.Int32
		b.OnEntry(func(context.Context) {
			b.StatusAnswer.LastReconcile = b.StatusAnswer.LastReconcile.Add(time.Second)
			if asked.Add(1) == 4 {
				b.StatusAnswer.DaemonSets[0].Phase = api.PhaseBlocked
			}
		})
		return b
	}
	w := startWatch(t, changing(), "status", "-w", "--interval", "1ms", "-o", `jsonpath={.daemonsets[0].phase}{"\n"}`)
	w.wants(api.PhaseAvailable, api.PhaseBlocked)
	w.ends()

	w = startWatch(t, changing(), "status", "-w", "--interval", "1ms", "-o", "custom-columns=P:.phase", "--no-color")
	w.wants("P", api.PhaseAvailable, "P", api.PhaseBlocked)
	w.ends()

	if got := invoke(t, apitest.Serve(t, filled(), nil), "status", "-w", "--interval", "0s"); got.code != exitUsage {
		t.Errorf("an interval of 0: exit %d", got.code)
	}
}
