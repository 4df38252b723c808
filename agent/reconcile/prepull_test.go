package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeletconfigv1beta1 "k8s.io/kubelet/config/v1beta1"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// pullingSnapshot is a host on which x of revision bbbbbbbbbb runs with the image app:1, and cccccccccc with app:2 is wanted.
func pullingSnapshot(t *testing.T) (*Snapshot, *Item) {
	t.Helper()
	const old, next = "bbbbbbbbbb", "cccccccccc"
	ds := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "x"}}
	ds.Spec.Template.Spec.Containers = []corev1.Container{
		{Name: "main", Image: "app:2", ImagePullPolicy: corev1.PullIfNotPresent}, {Name: "side", Image: "side:1", ImagePullPolicy: corev1.PullIfNotPresent},
	}
	m, _, err := render.Render(ds, render.Options{NodeName: "node-1", Revision: next})
	if err != nil {
		t.Fatal(err)
	}
	it := itemOf("a", "x")
	it.Strategy.PrePull, it.Decision.ShouldRun, it.Want.Manifest = true, true, m
	it.Present = []plan.Present{{Key: "a/x", Revision: old, PodName: "x-" + old}}
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "x-" + old + "-node-1"}}
	pod.Spec.Containers = []corev1.Container{{Name: "main", Image: "app:1"}, {Name: "side", Image: "side:1"}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main", ImageID: "1"}, {Name: "side", ImageID: "2"}}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &Snapshot{
		Host: "node-1", Now: at, Specs: &spec.Snapshot{}, Items: []*Item{it},
		Kubelet: &kubelet.Snapshot{Healthy: true, Pods: kubelet.Answered([]corev1.Pod{pod}, at)},
	}, it
}

// TestPrePullWanted: images are pulled before where one is not known to be here, and the kubelet would tell how it goes.
func TestPrePullWanted(t *testing.T) {
	waits := func(count int) func(*Snapshot, *Item) {
		return func(_ *Snapshot, it *Item) {
			it.Hold, it.State.Phase = "others go first", rollout.PhaseWaiting
			it.Turn.Blockers = rollout.Blockers{Budget: 2, Count: count}
		}
	}
	config := func(limit int32) func(*Snapshot, *Item) {
		return func(s *Snapshot, _ *Item) {
			s.Kubelet.Config = kubelet.Answered(&kubeletconfigv1beta1.KubeletConfiguration{MaxPods: limit}, s.Now)
		}
	}
	pods := func(s *Snapshot) []corev1.Pod { p, _ := s.Kubelet.Pods.Now(); return p }
	for name, c := range map[string]struct {
		change func(*Snapshot, *Item)
		want   string
	}{
		"an image is not here": {func(*Snapshot, *Item) {}, "[app:2] false"},
		"nobody wants it":      {func(_ *Snapshot, it *Item) { it.Strategy.PrePull = false }, ""},
		"all are here":         {func(s *Snapshot, _ *Item) { pods(s)[0].Spec.Containers[0].Image = "app:2" }, ""},
		"it is there by another pull": {func(s *Snapshot, _ *Item) {
			pods(s)[0].Spec.Containers[0].Image = "app:2"
			pods(s)[0].Annotations = map[string]string{render.AnnotationPull: "a/y"}
		}, "[app:2 side:1] false"},
		"the kubelet is not asked":    {func(s *Snapshot, _ *Item) { s.Kubelet.AssumeReady = true }, ""},
		"the kubelet does not answer": {func(s *Snapshot, _ *Item) { s.Kubelet.Healthy = false }, ""},
		"it is another node's":        {func(s *Snapshot, _ *Item) { s.Kubelet.Stranger = &kubelet.Error{Err: errors.New("other")} }, ""},
		"it does not tell its pods":   {func(s *Snapshot, _ *Item) { s.Kubelet.Pods = s.Kubelet.Pods.Failed(&kubelet.Error{}) }, ""},
		"it has never told them":      {func(s *Snapshot, _ *Item) { s.Kubelet.Pods = kubelet.Answer[[]corev1.Pod]{} }, ""},
		"it takes no other pod":       {config(1), ""},
		"it takes one more":           {config(2), "[app:2] false"},
		"it has taken that one": {func(s *Snapshot, it *Item) {
			config(1)(s, it)
			s.Pulls = []plan.Present{{Key: "a/x", Revision: "cccccccccc"}}
		}, "[app:2] false"},
		"nothing stands":            {func(_ *Snapshot, it *Item) { it.Present = nil }, ""},
		"it stands":                 {func(_ *Snapshot, it *Item) { it.Present[0].Revision = "cccccccccc" }, ""},
		"the node does not qualify": {func(_ *Snapshot, it *Item) { it.Decision.ShouldRun = false }, ""},
		"it may not be written":     {func(_ *Snapshot, it *Item) { it.Blocked = "a Secret is missing" }, ""},
		"its turn is far":           {waits(4), ""},
		"its turn is next":          {waits(3), "[app:2] true"},
		"its turn is far, and it pulls": {func(s *Snapshot, it *Item) {
			waits(4)(s, it)
			s.Pulls = []plan.Present{{Key: "a/x", Revision: "cccccccccc"}}
		}, "[app:2] false"},
		"held, and next otherwise":    {func(s *Snapshot, it *Item) { waits(3)(s, it); it.State.Phase = rollout.PhaseHeld }, ""},
		"its manifest cannot be read": {func(_ *Snapshot, it *Item) { it.Want.Manifest.Data = []byte("{") }, ""},
	} {
		s, it := pullingSnapshot(t)
		c.change(s, it)
		got := ""
		if p := s.pull(it); p != nil {
			got = fmt.Sprint(p.Images, p.Ahead)
			if p.Manifest.Revision != "cccccccccc" || !p.Manifest.Pull {
				t.Errorf("%s: %+v", name, p.Manifest)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestPrePullTold: the rollout hears of a pull while it goes on.
func TestPrePullTold(t *testing.T) {
	s, it := pullingSnapshot(t)
	began := s.Now.Add(-time.Minute)
	it.Memory.Pulled = plan.Pulled{Revision: "cccccccccc", Began: began, Waits: "pulling app:2"}
	if p := pulling(s, it); p != nil {
		t.Errorf("nothing pulls: %+v", p)
	}
	s.Pulls = []plan.Present{{Key: "a/x", Revision: "cccccccccc"}}
	if p := pulling(s, it); p == nil || p.Revision != "cccccccccc" || !p.Since.Equal(began) || p.Why != "pulling app:2" {
		t.Errorf("got %+v", p)
	}
	it.Memory.Pulled.Done = s.Now
	if p := pulling(s, it); p != nil {
		t.Errorf("it is done: %+v", p)
	}
}

// TestPrePullPods: what pulls is told from the DaemonSet's own pods by its mark.
func TestPrePullPods(t *testing.T) {
	s, _ := pullingSnapshot(t)
	own, _ := s.Kubelet.Pods.Now()
	refused := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "p", Annotations: map[string]string{render.AnnotationPull: "a/x"}}}
	refused.Spec.Containers = []corev1.Container{{Name: "pull-0", Image: "app:2"}}
	refused.Status.Phase, refused.Status.Reason, refused.Status.Message = corev1.PodFailed, "OutOfpods", "no room"
	got := pullPods(append(slices.Clone(own), refused))
	if len(got) != 1 || got["a/p"] != (plan.PullPod{Refused: true, Message: "OutOfpods: no room"}) {
		t.Errorf("got %+v", got)
	}
}
