package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// lookBackend is a fleet of four hosts with two DaemonSets, one of them in the middle of a rollout.
func lookBackend() *apitest.Backend {
	b := fleetBackend()
	host := func(name, phase, running string, up bool) api.RolloutHost {
		return api.RolloutHost{Name: name, Phase: phase, Running: running, Ready: up, Available: up}
	}
	web := api.Rollout{DaemonSet: "default/web", Revision: "bbb", Self: api.RolloutHost{Name: "edge-1"}, Hosts: []api.RolloutHost{
		host("edge-1", "Available", "bbb", true), host("edge-2", "Updating", "aaa", false), host("edge-3", "Waiting", "aaa", true),
		{Name: "edge-4", Trouble: "it is down"},
	}}
	log := api.Rollout{DaemonSet: "kube-system/log-collector", Revision: "ccc", Hosts: []api.RolloutHost{
		host("edge-1", "Unavailable", "ccc", false), host("edge-2", "Failed", "ccc", false), host("edge-3", "NotPlaced", "", false),
		host("edge-4", "OnHold", "aaa", true),
	}}
	b.RolloutsAnswer = api.RolloutList{Fleet: true, Settled: true, Items: []api.Rollout{web, log}}
	b.Fleet = api.MemberList{Items: []api.Member{
		{Name: "edge-1", ID: "1", State: api.MemberAlive, Standing: api.StandingTrusted},
		{Name: "edge-4", ID: "4", State: api.MemberFailed, Standing: api.StandingTrusted},
		{Name: "edge-5", ID: "5", State: api.MemberAlive, Standing: api.StandingTrusted},
		{Name: "liar", ID: "6", State: api.MemberAlive, Standing: api.StandingUntrusted},
	}}
	return b
}

// TestFleetView: hosts by DaemonSets, wide, narrow, and in colours.
func TestFleetView(t *testing.T) {
	socket := apitest.Serve(t, lookBackend(), nil)
	for name, width := range map[string]int{"plain": 0, "wide": 100, "narrow": 36} {
		got := invokeWith(t, streams{in: strings.NewReader(""), width: width}, "--socket", socket, "fleet")
		if got.code != exitOK {
			t.Errorf("%s: exit %d, %s", name, got.code, got.err)
		}
		for line := range strings.Lines(got.out) {
			for _, color := range []string{red, green, yellow, cyan, "0"} {
				line = strings.ReplaceAll(line, "\x1b["+color+"m", "")
			}
			if n := len(strings.TrimRight(line, "\n")); width > 0 && n > width && !strings.Contains(line, "DaemonSets:") {
				t.Errorf("%s: a line of %d: %s", name, n, line)
			}
		}
		golden(t, "look/fleet-"+name+".txt", strings.ReplaceAll(got.out, "\x1b", "ESC"))
	}
	got := invoke(t, socket, "fleet", "-o", "jsonpath={.hosts[1].cells}")
	if want := `["updating","failed"]`; got.out != want {
		t.Errorf("%s, want %s", got.out, want)
	}
	none := fleetBackend()
	if got := invoke(t, apitest.Serve(t, none, nil), "fleet"); got.code != exitOK || !strings.Contains(got.err, "no DaemonSet is declared") {
		t.Errorf("nothing: exit %d, %q", got.code, got.err)
	}
	if got := invoke(t, socket, "fleet", "--interval", "0s"); got.code != exitUsage {
		t.Errorf("an interval of 0: exit %d", got.code)
	}
}

// TestFleetWatch: the fleet is shown again when a cell has changed.
func TestFleetWatch(t *testing.T) {
	b := lookBackend()
	w := startWatch(t, b, "fleet", "-w", "--interval", "1ms", "-o", `jsonpath={.hosts[1].cells}{"\n"}`)
	w.wants(`["updating","failed"]`)
	next := b.RolloutsAnswer.Items[0]
	next.Hosts = append([]api.RolloutHost(nil), next.Hosts...)
	next.Hosts[1] = api.RolloutHost{Name: "edge-2", Phase: "Available", Running: "bbb", Ready: true, Available: true}
	b.SetRollouts(next, b.RolloutsAnswer.Items[1])
	w.wants(`["ok","failed"]`)
	w.ends()
}

// podsBackend has one pod of each kind that STATUS tells apart.
func podsBackend() *apitest.Backend {
	b := rolloutBackend()
	start := metav1.NewTime(before(days3).Truncate(time.Second))
	pod := func(namespace, name string, edit func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": "web"}},
			Spec: corev1.PodSpec{NodeName: "edge-1", Containers: []corev1.Container{{
				Name: "web", Image: "web:1", Ports: []corev1.ContainerPort{{ContainerPort: 80, Protocol: "TCP"}},
				VolumeMounts: []corev1.VolumeMount{{Name: "conf", MountPath: "/etc/web", ReadOnly: true}},
			}}},
			Status: corev1.PodStatus{
				Phase: corev1.PodRunning, StartTime: &start, PodIP: "10.0.0.2", PodIPs: []corev1.PodIP{{IP: "10.0.0.2"}},
				ContainerStatuses: []corev1.ContainerStatus{{
					Name: "web", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(apitest.Start())}},
				}},
				Conditions: []corev1.PodCondition{{Type: "Ready", Status: "True"}},
			},
		}
		if edit != nil {
			edit(p)
		}
		return p
	}
	b.Reg.SetPods([]*corev1.Pod{
		pod("kube-system", "web-lcv7nc65w8-edge-1", nil),
		pod("kube-system", "loop-lcv7nc65w8-edge-1", func(p *corev1.Pod) {
			c := &p.Status.ContainerStatuses[0]
			c.Ready, c.RestartCount = false, 7
			c.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 5m0s"}}
			c.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
				Reason: "Error", ExitCode: 3, StartedAt: metav1.NewTime(before(2 * minutes30)), FinishedAt: metav1.NewTime(before(minutes30)),
			}
		}),
		pod("default", "init-lcv7nc65w8-edge-1", func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{{Name: "wait", Image: "wait:1", Command: []string{"sleep"}, Args: []string{"9"}}}
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{{
				Name: "wait", RestartCount: 2, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 4}},
			}}
			p.Status.ContainerStatuses[0].Ready = false
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}}
		}),
		pod("default", "refused", func(p *corev1.Pod) {
			p.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "NodePorts", Message: "no port", StartTime: &start}
		}),
	})
	for i, kind := range []string{"Pod", "DaemonSet"} {
		b.Reg.Record(registry.EventInput{
			Object: corev1.ObjectReference{Kind: kind, Namespace: "kube-system", Name: []string{"web-lcv7nc65w8-edge-1", "web"}[i]},
			Type:   "Normal", Reason: "Seen", Message: "it was seen",
		})
	}
	b.Reg.Record(registry.EventInput{
		Object: corev1.ObjectReference{Kind: "DaemonSet", Namespace: "kube-system", Name: "web-more"}, Type: "Normal", Reason: "Other", Message: "of another one",
	})
	return b
}

// TestFaultO20Verbs: get pods, get events, describe ds and describe pod are there.
func TestFaultO20Verbs(t *testing.T) {
	b := podsBackend()
	web := over()
	b.RolloutsAnswer = api.RolloutList{Items: []api.Rollout{web}}
	socket := apitest.Serve(t, b, nil)
	for _, c := range []struct {
		name string
		args []string
		code int
	}{
		{"pods", []string{"get", "pods", "-A"}, exitOK},
		{"pods-wide", []string{"get", "po", "-n", "kube-system", "-o", "wide", "--show-labels"}, exitOK},
		{"pods-name", []string{"get", "pod", "kube-system/web-lcv7nc65w8-edge-1", "-o", "name"}, exitOK},
		{"pods-json", []string{"get", "pods", "pod/refused", "-o", "jsonpath={.kind} {.status.reason}"}, exitOK},
		{"pods-none", []string{"get", "pods", "refused", "nothing"}, exitFailed},
		{"events", []string{"get", "events", "-n", "kube-system", "--no-headers"}, exitOK},
		{"describe-ds", []string{"describe", "ds", "kube-system/web"}, exitOK},
		{"describe-pod", []string{"describe", "pod", "-n", "kube-system", "loop-lcv7nc65w8-edge-1"}, exitOK},
		{"describe-pod-init", []string{"describe", "pod", "default/init-lcv7nc65w8-edge-1"}, exitOK},
	} {
		got := invoke(t, socket, c.args...)
		if got.code != c.code {
			t.Errorf("%s: exit %d, %s", c.name, got.code, got.err)
		}
		golden(t, "look/"+c.name+".txt", withoutMoments(got.out))
	}
	for _, args := range [][]string{
		{"get", "pods", "a", "-A"},
		{"get", "pods", "a", "-l", "b"},
		{"get", "pods", "a/b", "c"},
		{"describe", "pod"},
		{"describe", "pod", "a", "-o", "json"},
		{"describe", "ds", "a", "-o", "yaml"},
		{"get", "events", "-A", "-n", "a"},
	} {
		if got := invoke(t, socket, args...); got.code != exitUsage {
			t.Errorf("%v: exit %d, %s", args, got.code, got.err)
		}
	}
	got := invoke(t, socket, "__complete", "get", "pods", "")
	if !strings.Contains(got.out, "default/refused\n") {
		t.Errorf("completion: %s", got.out)
	}
	w := startWatch(t, podsBackend(), "get", "pods", "-n", "kube-system", "-w", "-o", "name")
	w.wants("pod/loop-lcv7nc65w8-edge-1", "pod/web-lcv7nc65w8-edge-1")
	w.ends()
}

// withoutMoments replaces moments that depend on when the test runs.
func withoutMoments(text string) string {
	text = regexp.MustCompile(`\b[1-9]s\b`).ReplaceAllString(text, "0s")
	year := fmt.Sprint(time.Now().UTC().Year())
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, year) && strings.Contains(line, "+0000") && !strings.Contains(line, apitest.Start().Format("02 Jan")) {
			name, _, _ := strings.Cut(line, "+0000")
			i := strings.Index(name, ",")
			line = name[:max(i-3, 0)] + "MOMENT\n"
		}
		out.WriteString(line)
	}
	return out.String()
}

// TestSummarize has the words of kubectl's STATUS.
func TestSummarize(t *testing.T) {
	waiting := func(reason string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
	}
	ended := func(reason string, code, signal int32) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code, Signal: signal}}
	}
	yes, always := true, corev1.ContainerRestartPolicyAlways
	for want, p := range map[string]corev1.Pod{
		"Pending":          {Status: corev1.PodStatus{Phase: "Pending"}},
		"Evicted":          {Status: corev1.PodStatus{Phase: "Failed", Reason: "Evicted"}},
		"ImagePullBackOff": {Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{}, {State: waiting("ImagePullBackOff")}}}},
		"OOMKilled":        {Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: ended("OOMKilled", 137, 0)}}}},
		"ExitCode:3":       {Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: ended("", 3, 0)}}}},
		"Signal:9":         {Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: ended("", 0, 9)}}}},
		"Terminating":      {ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{}}},
		"Init:0/2": {
			Spec:   corev1.PodSpec{InitContainers: []corev1.Container{{Name: "a"}, {Name: "b"}}},
			Status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{{Name: "a", State: waiting("PodInitializing")}}},
		},
		"Init:Error": {
			Spec: corev1.PodSpec{InitContainers: []corev1.Container{{Name: "side", RestartPolicy: &always}, {Name: "b"}}},
			Status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{
				{Name: "side", Started: &yes}, {Name: "b", State: ended("Error", 1, 0)},
			}},
		},
	} {
		if diff := cmp.Diff(want, summarize(&p).status); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// TestFaultO20Logs: logs of a pod, of a DaemonSet's pod, and of none.
func TestFaultO20Logs(t *testing.T) {
	b := rolloutBackend()
	b.Log = "one\ntwo\n"
	here, away := over(), over()
	here.Self.Pod, away.DaemonSet, away.Self.Pod = "web-a-edge-1", "default/away", ""
	b.SetRollouts(here)
	socket := apitest.Serve(t, b, nil)
	for _, c := range []struct {
		args []string
		want api.LogRequest
	}{
		{[]string{"web-a-edge-1"}, api.LogRequest{Namespace: "default", Pod: "web-a-edge-1", Tail: -1}},
		{[]string{"kube-system/web-a-edge-1", "-c", "web", "-f"}, api.LogRequest{Namespace: "kube-system", Pod: "web-a-edge-1", Container: "web", Follow: true, Tail: -1}},
		{[]string{"pod/web-a-edge-1", "-n", "x", "-p", "--since", "5m"}, api.LogRequest{Namespace: "x", Pod: "web-a-edge-1", Previous: true, Tail: -1, Since: 5 * time.Minute}},
		{[]string{"ds/kube-system/web", "--tail", "0", "--timestamps"}, api.LogRequest{Namespace: "kube-system", Pod: "web-a-edge-1", Timestamps: true}},
	} {
		got := invoke(t, socket, append([]string{"logs"}, c.args...)...)
		if got.code != exitOK || got.out != b.Log {
			t.Errorf("%v: exit %d, %q, %s", c.args, got.code, got.out, got.err)
		}
		asked := b.Asked()
		if diff := cmp.Diff(c.want, asked[len(asked)-1]); diff != "" {
			t.Errorf("%v (-want +got)\n%s", c.args, diff)
		}
	}
	for _, args := range [][]string{{}, {"a", "b"}, {"a", "-o", "json"}, {"a", "--since", "1ms"}, {"a", "--tail", "-2"}} {
		if got := invoke(t, socket, append([]string{"logs"}, args...)...); got.code != exitUsage {
			t.Errorf("%v: exit %d", args, got.code)
		}
	}
	b.SetRollouts(away)
	if got := invoke(t, socket, "logs", "ds/away"); got.code != exitFailed || !strings.Contains(got.err, "default/away has no pod on this host") {
		t.Errorf("no pod: exit %d, %q", got.code, got.err)
	}
}
