package reconcile

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/manifestdir"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

var lately = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A file that is not ours is in the way where it has our file's name, or declares our pod.
func TestConflict(t *testing.T) {
	m := render.Manifest{Namespace: "a", FileName: "daemonsetd-a-x-r.yaml", PodName: "x-r"}
	for name, c := range map[string]struct {
		foreign manifestdir.ForeignPod
		want    string
	}{
		"another":          {manifestdir.ForeignPod{FileName: "etcd.yaml", Namespace: "a", Name: "etcd"}, ""},
		"of its name":      {manifestdir.ForeignPod{FileName: m.FileName, Reason: "has no mark"}, "belongs to somebody else (it has no mark)"},
		"of its pod":       {manifestdir.ForeignPod{FileName: "b.yaml", Namespace: "a", Name: "x-r"}, "declares the pod a/x-r"},
		"another's pod":    {manifestdir.ForeignPod{FileName: "b.yaml", Namespace: "b", Name: "x-r"}, ""},
		"unreadable, ours": {manifestdir.ForeignPod{FileName: "c.yaml"}, ""},
	} {
		got := conflict([]manifestdir.ForeignPod{c.foreign}, m)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// readySince is a pod that is ready since then.
func readySince(at time.Time) *corev1.Pod {
	return &corev1.Pod{Status: corev1.PodStatus{
		Phase: corev1.PodRunning,
		Conditions: []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(at),
		}},
	}}
}

func TestPlanPod(t *testing.T) {
	for name, c := range map[string]struct {
		pod      *corev1.Pod
		minReady int32
		want     plan.Pod
	}{
		"ready":         {readySince(lately.Add(-time.Minute)), 0, plan.Pod{Ready: true, Available: true}},
		"for too short": {readySince(lately.Add(-10 * time.Second)), 30, plan.Pod{Ready: true, AvailableAt: lately.Add(20 * time.Second)}},
		"for long":      {readySince(lately.Add(-time.Minute)), 30, plan.Pod{Ready: true, Available: true}},
		"not ready":     {&corev1.Pod{}, 0, plan.Pod{}},
		"failed":        {&corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted"}}, 0, plan.Pod{Failed: true}},
	} {
		got := planPod(c.pod, c.minReady, lately)
		if got.Ready != c.want.Ready || got.Available != c.want.Available || got.Failed != c.want.Failed || !got.AvailableAt.Equal(c.want.AvailableAt) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if !got.Available && got.Message == "" {
			t.Errorf("%s: it does not say why it is not available", name)
		}
	}
}

// Only a fresh answer of the kubelet says that a pod is up; an old one, and one from before the manifest was written or removed,
// says nothing.
func TestPodOf(t *testing.T) {
	up := plan.Pod{Ready: true, Available: true}
	for name, c := range map[string]struct {
		answers plan.Kubelet
		memory  plan.Memory
		want    rollout.Pod
	}{
		"it is not asked":          {plan.Kubelet{AssumeReady: true}, plan.Memory{}, rollout.PodUp},
		"it has never answered":    {plan.Kubelet{}, plan.Memory{}, rollout.PodUnknown},
		"it has long been silent":  {plan.Kubelet{PodsAt: lately.Add(-2 * silence), Pods: map[string]plan.Pod{"a/x-r-node-1": up}}, plan.Memory{}, rollout.PodUnknown},
		"it does not list the pod": {plan.Kubelet{PodsAt: lately}, plan.Memory{}, rollout.PodUnknown},
		"it does not run the pod, for certain": {
			plan.Kubelet{PodsAt: lately, Absent: map[string]bool{"a/x-r-node-1": true}}, plan.Memory{}, rollout.PodDown,
		},
		"it is of another node": {
			plan.Kubelet{PodsAt: lately, OtherNode: "other", Pods: map[string]plan.Pod{"a/x-r-node-1": up}}, plan.Memory{}, rollout.PodUnknown,
		},
		"it is not available": {plan.Kubelet{PodsAt: lately, Pods: map[string]plan.Pod{"a/x-r-node-1": {Ready: true}}}, plan.Memory{}, rollout.PodDown},
		"it is":               {plan.Kubelet{PodsAt: lately, Pods: map[string]plan.Pod{"a/x-r-node-1": up}}, plan.Memory{}, rollout.PodUp},
		"it was, before its manifest was written": {
			plan.Kubelet{PodsAt: lately, Pods: map[string]plan.Pod{"a/x-r-node-1": up}}, plan.Memory{WrittenAt: lately}, rollout.PodUnknown,
		},
		"it was, before its manifest was removed": {
			answers: plan.Kubelet{PodsAt: lately, Pods: map[string]plan.Pod{"a/x-r-node-1": up}},
			memory:  plan.Memory{Leaving: []plan.Leaving{{PodName: "x-r", RemovedAt: lately}}},
			want:    rollout.PodUnknown,
		},
	} {
		it := itemOf("a", "x")
		it.Memory = c.memory
		s := &Snapshot{Host: "node-1", Now: lately, Kubelet: &kubelet.Snapshot{}, Answers: c.answers}
		if got, _ := podOf(s, it, &plan.Present{PodName: "x-r"}); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// The words that the kubelet's own events have.
func TestNodeReason(t *testing.T) {
	for want, c := range map[string]corev1.NodeCondition{
		"NodeReady":             {Type: corev1.NodeReady, Status: corev1.ConditionTrue},
		"NodeNotReady":          {Type: corev1.NodeReady, Status: corev1.ConditionUnknown},
		"NodeHasDiskPressure":   {Type: corev1.NodeDiskPressure, Status: corev1.ConditionTrue},
		"NodeHasNoDiskPressure": {Type: corev1.NodeDiskPressure, Status: corev1.ConditionFalse},
	} {
		if got := nodeReason(c); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
