package outage

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func podOf(uid string, cs ...corev1.ContainerStatus) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b-h1", UID: types.UID(uid)},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: cs},
	}
}

func waitsFor(reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: "web", Image: "web:1",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
	}
}

func crashed(code int32) corev1.ContainerStatus {
	c := waitsFor("CrashLoopBackOff", "back-off 40s restarting failed container")
	c.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error"}
	return c
}

func runs(ready bool) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: "web", Image: "web:1", Ready: ready, ContainerID: "c1", Started: new(true),
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
	}
}

// TestLook follows one DaemonSet through time: at each second that is named it looks so, and then this is said of it.
func TestLook(t *testing.T) {
	type look struct {
		at   int
		seen Seen
		want string // the reason; empty: it is not down
	}
	up, gone := Seen{Available: true}, Seen{}
	pod := func(uid string, c corev1.ContainerStatus) Seen { return Seen{Pod: podOf(uid, c)} }
	for name, looks := range map[string][]look{
		"an image that cannot be pulled": {
			{0, gone, ""},
			{1, pod("1", waitsFor("ErrImagePull", "x")), ""},
			{20, pod("1", waitsFor("ImagePullBackOff", "x")), ""},
			{31, pod("1", waitsFor("ErrImagePull", "x")), "ImagePullBackOff"},
			{33, up, ""},
		},
		"a program that runs between two ends": {
			{0, up, ""},
			{10, pod("1", crashed(3)), ""},
			{15, up, ""},
			{16, pod("1", crashed(3)), ""},
			{21, up, "CrashLoopBackOff"},
			{40, pod("1", crashed(3)), "CrashLoopBackOff"},
			{50, up, "CrashLoopBackOff"},
			{109, up, "CrashLoopBackOff"},
			{110, up, ""},
		},
		"slow, until its deadline": {
			{0, gone, ""},
			{5, pod("1", runs(false)), ""},
			{99, pod("1", runs(false)), ""},
			{100, pod("1", runs(false)), "NotReady"},
			{101, up, ""},
		},
		"no pod at all": {{0, gone, ""}, {100, gone, "NoPod"}},
		"not to be written": {
			{0, Seen{Blocked: "no ConfigMap"}, "Blocked"},
			{1, gone, ""},
			{50, gone, ""},
			{101, gone, "NoPod"},
		},
		"not to be written, and the old one runs": {{0, Seen{Blocked: "no ConfigMap", Available: true}, ""}},
		"the old one takes long to end": {
			{0, Seen{Leaving: true}, ""},
			{90, Seen{Leaving: true}, ""},
			{150, pod("2", runs(false)), ""},
			{190, pod("2", runs(false)), "NotReady"},
		},
		"another pod takes its place": {
			{0, pod("1", crashed(3)), ""},
			{10, pod("1", crashed(3)), "CrashLoopBackOff"},
			{12, pod("2", runs(false)), "NotReady"},
			{13, up, ""},
		},
		"it is not known how it is": {
			{0, pod("1", crashed(3)), ""},
			{10, pod("1", crashed(3)), "CrashLoopBackOff"},
			{500, Seen{Key: "unknown"}, "CrashLoopBackOff"},
		},
		"it should not run any more": {
			{0, pod("1", crashed(3)), ""},
			{10, pod("1", crashed(3)), "CrashLoopBackOff"},
			{11, Seen{Key: "not here"}, ""},
		},
		"the kubelet knows since when": {
			{0, Seen{Pod: &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
				Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.NewTime(start.Add(-95 * time.Second)),
			}}}}}, ""},
			{5, gone, "NoPod"},
		},
		"refused": {
			{0, Seen{Pod: &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "NodePorts"}}}, ""},
			{5, gone, ""},
			{10, gone, "NodePorts"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var tracker Tracker
			for _, l := range looks {
				now := start.Add(time.Duration(l.at) * time.Second)
				s := l.seen
				s.Should, s.Known, s.Deadline = s.Key != "not here", s.Key != "unknown", 100*time.Second
				s.Key = "a/b"
				down, due := tracker.Look([]Seen{s}, now)
				got := ""
				if len(down) > 0 {
					got = down[0].Reason
				}
				if got != l.want {
					t.Errorf("at %d s: down with %q, want %q", l.at, got, l.want)
				}
				if !due.IsZero() && !due.After(now) {
					t.Errorf("at %d s: to be looked at again at %v, which is over", l.at, due.Sub(start))
				}
			}
		})
	}
}

// TestTextStays: what the runtime words anew with every try is no news.
func TestTextStays(t *testing.T) {
	var tracker Tracker
	var texts []string
	for i := range 3 {
		c := waitsFor("RunContainerError", "container "+strings.Repeat("x", i))
		down, _ := tracker.Look([]Seen{{Key: "a/b", Should: true, Known: true, Pod: podOf("1", c), Deadline: time.Hour}},
			start.Add(time.Duration(i)*Grace))
		for _, d := range down {
			texts = append(texts, d.Text)
		}
	}
	want := []string{"container web: RunContainerError: container", "container web: RunContainerError: container"}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Error(diff)
	}
}

// TestTextIsBounded: whatever a kubelet says, it is one line of a bounded length that can be printed.
func TestTextIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		reason := rapid.SampledFrom([]string{"ImagePullBackOff", "ErrImagePull", "", "\x1b]0;x"}).Draw(t, "reason")
		pod := podOf("1", waitsFor(reason, rapid.String().Draw(t, "message")+strings.Repeat("é", rapid.IntRange(0, MaxText).Draw(t, "more"))))
		if rapid.Bool().Draw(t, "failed") {
			pod.Status.Phase, pod.Status.Reason, pod.Status.Message = corev1.PodFailed, reason, "x\ny"
		}
		got, _ := Of(pod)
		if len(got.Text) > MaxText || !utf8.ValidString(got.Text) || strings.ContainsFunc(got.Text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%d bytes: %q", len(got.Text), got.Text)
		}
		if got.Reason == "" || strings.ContainsFunc(got.Reason, func(r rune) bool { return r < 'A' || r > 'z' }) {
			t.Errorf("the reason is %q", got.Reason)
		}
	})
}

func TestEvents(t *testing.T) {
	running := runs(true)
	sick := runs(false)
	next := runs(true)
	next.ContainerID, next.RestartCount = "c2", 1
	next.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "Error", ContainerID: "c1"}
	pulled := waitsFor("ContainerCreating", "")
	probed := func(p *corev1.Pod) *corev1.Pod {
		p.Spec.Containers = []corev1.Container{{Name: "web", ReadinessProbe: &corev1.Probe{}}}
		return p
	}
	failed := podOf("1")
	failed.Status.Phase, failed.Status.Reason, failed.Status.Message = corev1.PodFailed, "NodePorts", "taken"
	for _, tt := range []struct {
		name string
		old  *corev1.Pod
		now  *corev1.Pod
		want []string
	}{
		{"nothing is new", podOf("1", running), podOf("1", running), nil},
		{"it starts", podOf("1", pulled), podOf("1", running), []string{"Normal Pulled", "Normal Started"}},
		{"the image is not there", podOf("1", pulled), podOf("1", waitsFor("ErrImagePull", "x")), []string{"Warning Failed", "Warning Failed"}},
		{"and is not there again", podOf("1", waitsFor("ErrImagePull", "x")), podOf("1", waitsFor("ImagePullBackOff", "x")), []string{"Normal BackOff", "Warning Failed"}},
		{"it ends at once", podOf("1", running), podOf("1", crashed(3)), []string{"Warning BackOff"}},
		{"it is not ready", probed(podOf("1", running)), probed(podOf("1", sick)), []string{"Warning Unhealthy"}},
		{"it is killed and comes back", podOf("1", running), podOf("1", next), []string{"Normal Started", "Normal Killing"}},
		{"it goes", podOf("1", running), nil, []string{"Normal Killing"}},
		{"it is refused", nil, failed, []string{"Warning NodePorts"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := func(p *corev1.Pod) []corev1.Pod {
				if p == nil {
					return nil
				}
				return []corev1.Pod{*p}
			}
			var got []string
			Events(list(tt.old), list(tt.now), func(*corev1.Pod) bool { return true }, func(e Event) { got = append(got, e.Type+" "+e.Reason) })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			Events(list(tt.old), list(tt.now), func(*corev1.Pod) bool { return false }, func(e Event) { t.Errorf("%s of somebody else's pod", e.Reason) })
		})
	}
}
