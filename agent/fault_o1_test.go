package agent

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/gossip/keyring"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// waiting has every container of a pod wait, in a kubelet's words; the pod is not ready.
func waiting(reason, message string, last *corev1.ContainerStateTerminated) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Status.Phase = corev1.PodPending
		pod.Status.ContainerStatuses = nil
		for _, c := range pod.Spec.Containers {
			pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
				Name: c.Name, Image: c.Image, RestartCount: 2,
				State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
				LastTerminationState: corev1.ContainerState{Terminated: last},
			})
		}
		for i := range pod.Status.Conditions {
			if c := &pod.Status.Conditions[i]; c.Type == corev1.PodReady || c.Type == corev1.ContainersReady {
				c.Status = corev1.ConditionFalse
			}
		}
	}
}

// downItem is the health item of the DaemonSet that is down; nil: there is none.
func (b *bed) downItem() *api.HealthItem {
	for _, h := range b.status().Health {
		if h.Code == "DaemonSetDown" {
			return &h
		}
	}
	return nil
}

// reasons are the reasons of the events of a kind of object, each once.
func (b *bed) reasons(kind string) (out []string) {
	b.t.Helper()
	list, err := b.client.Events(b.t.Context(), client.Selection{})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range list.Items {
		if e.InvolvedObject.Kind == kind {
			out = append(out, e.Reason)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestFaultO1Down: what should run here and does not makes the host unhealthy, with the kubelet's reason, soon.
func TestFaultO1Down(t *testing.T) {
	ended := &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error", FinishedAt: metav1.NewTime(time.Unix(1767225600, 0))}
	for _, tt := range []struct {
		name   string
		amend  func(*corev1.Pod)
		reason string
		text   string
		events []string
	}{
		{
			name: "an image that does not exist", reason: "ImagePullBackOff",
			amend:  waiting("ImagePullBackOff", `Back-off pulling image "logger:1": ErrImagePull: not found`, nil),
			text:   `DaemonSet default/logger is down on this host: container logger: ImagePullBackOff: Back-off pulling image "logger:1": ErrImagePull: not found`,
			events: []string{"BackOff", "Failed"},
		},
		{
			name: "a program that exits at once", reason: "CrashLoopBackOff",
			amend:  waiting("CrashLoopBackOff", "back-off 20s restarting failed container=logger", ended),
			text:   "DaemonSet default/logger is down on this host: container logger: CrashLoopBackOff: it ended with exit code 3",
			events: []string{"BackOff"},
		},
		{
			name: "a volume's object that the kubelet misses", reason: "CreateContainerConfigError",
			amend:  waiting("CreateContainerConfigError", `secret "s" not found`, nil),
			text:   `DaemonSet default/logger is down on this host: container logger: CreateContainerConfigError: secret "s" not found`,
			events: []string{"Failed"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				b := newBed(t, kubeletsim.Options{})
				b.run()
				b.lay("specs.d/logger.yaml", logger("logger:1"))
				b.phase(api.PhaseAvailable)
				b.eventually("a healthy host", func() bool { return b.status().State == api.StateReady })
				b.kubelet.Amend(tt.amend)
				b.eventually("the item", func() bool { return b.downItem() != nil })
				h := b.downItem()
				if h.Reason != tt.reason || h.Text != tt.text || h.Object != "default/logger" || h.Severity != api.SeverityError || h.Remedy == "" {
					t.Errorf("the item is %+v, want reason %s and text %q", h, tt.reason, tt.text)
				}
				st := b.status()
				if st.Healthy() || st.State != api.StateDegraded || st.Message != tt.text {
					t.Errorf("state %s (%s), healthy %v", st.State, st.Message, st.Healthy())
				}
				got := b.reasons("Pod")
				for _, want := range tt.events {
					if !slices.Contains(got, want) {
						t.Errorf("events of the pod %v, want %s among them", got, want)
					}
				}
				if got := b.reasons("DaemonSet"); !slices.Contains(got, "DaemonSetDown") {
					t.Errorf("events of the DaemonSet %v have no DaemonSetDown", got)
				}
				b.mu.Lock()
				line := b.agent.line
				b.mu.Unlock()
				if !strings.Contains(line, "default/logger down ("+tt.reason+")") {
					t.Errorf("the status line is %q", line)
				}
				b.kubelet.Amend(nil)
				sleep(2 * time.Minute)
				b.eventually("a healthy host", func() bool { return b.status().State == api.StateReady && b.downItem() == nil })
			})
		})
	}
}

// TestFaultO1MissingConfigMap: a manifest that cannot be written for want of a ConfigMap is down at once.
func TestFaultO1MissingConfigMap(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.run()
		b.lay("specs.d/logger.yaml", logger("logger:1\n          envFrom: [{configMapRef: {name: nosuch}}]"))
		b.eventually("the item", func() bool { return b.downItem() != nil })
		if h := b.downItem(); h.Reason != "Blocked" || !strings.Contains(h.Text, "nosuch") {
			t.Errorf("the item is %+v", h)
		}
		b.lay("specs.d/cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: nosuch}\ndata: {A: b}\n")
		b.phase(api.PhaseAvailable)
		b.eventually("a healthy host", func() bool { return b.status().State == api.StateReady })
	})
}

// TestFaultO1Deadline: a pod of which the kubelet says nothing that is wrong is down when its progress deadline is over, and the agent's
// restart begins no new one.
func TestFaultO1Deadline(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{Behaviour: func(*corev1.Pod) kubeletsim.Behaviour {
			return kubeletsim.Behaviour{Start: time.Second, Ready: -1}
		}})
		b.run()
		b.lay("specs.d/logger.yaml", annotated(logger("logger:1"), "daemonsetd.io/progress-deadline: 3m"))
		b.phase(api.PhaseStarting)
		sleep(150 * time.Second)
		if h := b.downItem(); h != nil {
			t.Errorf("before the deadline is over: %+v", h)
		}
		sleep(45 * time.Second)
		if h := b.downItem(); h == nil || h.Reason != "NotReady" {
			t.Errorf("after the deadline: %+v", h)
		}
	})
}

// TestFaultO1Fleet: any host says which hosts have which DaemonSet down and why, also one that does not declare it.
func TestFaultO1Fleet(t *testing.T) {
	virtually(t, func(t *testing.T) {
		net, key := network(), keyring.Generate()
		a := newMember(t, net, "a", 1, key)
		b := newMember(t, net, "b", 2, key, a)
		a.run()
		b.run()
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.phase(api.PhaseAvailable)
		b.kubelet.Amend(waiting("ImagePullBackOff", "Back-off\x1b[2Jpulling", nil))
		want := "container logger: ImagePullBackOff: Back-off [2Jpulling"
		a.eventually("a to say what is down on b", func() bool {
			st := a.status()
			return len(st.Elsewhere) == 1 && st.Elsewhere[0].Node == "b" && st.Elsewhere[0].DaemonSet == "default/logger" && st.Elsewhere[0].Why == want
		})
		if st := a.status(); !st.Healthy() {
			t.Errorf("what is down on b makes a unhealthy: %s", fmt.Sprint(st.Health))
		}
		a.lay("specs.d/logger.yaml", logger("logger:1"))
		a.eventually("the rollout to say why", func() bool {
			list, err := a.client.Rollouts(t.Context(), api.RolloutRequest{DaemonSet: "logger", Hosts: true})
			if err != nil || len(list.Items) != 1 {
				return false
			}
			return slices.ContainsFunc(list.Items[0].Hosts, func(h api.RolloutHost) bool { return h.Name == "b" && h.Why == want })
		})
		b.kubelet.Amend(nil)
		a.eventually("nothing to be down", func() bool { return len(a.status().Elsewhere) == 0 })
	})
}

// TestFaultO1Series: what the alerts are tested with is what a real registry has, with the same labels and values.
func TestFaultO1Series(t *testing.T) {
	data, err := os.ReadFile("../packaging/monitoring/alerts.test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string][]string{}
	name := ""
	for line := range strings.Lines(string(data)) {
		if _, after, ok := strings.Cut(line, "- name: "); ok {
			name = strings.TrimSpace(after)
		}
		if m := seriesLine.FindStringSubmatch(line); m != nil && m[1] != "up" {
			labels := strings.Split(strings.ReplaceAll(m[2], `, instance="h1"`, ""), ", ")
			labels = slices.DeleteFunc(labels, func(l string) bool { return strings.HasPrefix(l, "instance=") })
			slices.Sort(labels)
			series := m[1]
			if len(labels) > 0 {
				series += "{" + strings.Join(labels, ",") + "}"
			}
			cases[name] = append(cases[name], series+" "+m[3])
		}
	}
	ended := &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error"}
	for name, do := range map[string]func(*bed){
		"a healthy host":               func(*bed) {},
		"an image that does not exist": func(b *bed) { b.kubelet.Amend(waiting("ImagePullBackOff", "", nil)) },
		"a program that exits at once": func(b *bed) { b.kubelet.Amend(waiting("CrashLoopBackOff", "", ended)) },
		"a ConfigMap that is missing": func(b *bed) {
			b.lay("specs.d/logger.yaml", logger("logger:1\n          envFrom: [{configMapRef: {name: nosuch}}]"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				b := newBed(t, kubeletsim.Options{})
				b.run()
				if name != "a ConfigMap that is missing" {
					b.lay("specs.d/logger.yaml", logger("logger:1"))
					b.phase(api.PhaseAvailable)
				}
				do(b)
				sleep(time.Minute)
				got := "\n" + b.get("/metrics")
				if len(cases[name]) == 0 {
					t.Error("no series of this case is in alerts.test.yaml")
				}
				for _, want := range cases[name] {
					if !strings.Contains(got, "\n"+want+"\n") {
						t.Errorf("the registry has no %s", want)
					}
				}
				if down := strings.Contains(got, "\ndaemonsetd_daemonset_down{"); down != (name != "a healthy host") {
					t.Errorf("down is %v", down)
				}
			})
		})
	}
}

// seriesLine is a line of input_series: name, labels, first value.
var seriesLine = regexp.MustCompile(`series: '(\w+)\{([^}']*)\}', values: '(\d+)x`)
