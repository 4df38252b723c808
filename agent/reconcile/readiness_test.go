package reconcile

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// TestFaultO2Readiness: since when a pod is ready, over several lists of the kubelet's. Seconds count from the start of
// this run's first list; told is what the kubelet says, on a clock that may be set in between.
func TestFaultO2Readiness(t *testing.T) {
	begin := time.Now() // with a monotonic reading, as in life
	at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	type list struct {
		// asked is when the kubelet was asked, told since when it says that the pod is ready.
		asked, told int
		down        bool
		restarts    int32
		uid         string
		// kubelet is when the kubelet was started; the container was, without a probe, at ran.
		kubelet, ran int
		want         int
	}
	const never = 1 << 20
	for name, lists := range map[string][]list{
		"found by an agent that starts":                 {{asked: 0, told: -30, want: -30}},
		"becomes ready":                                 {{asked: 0, down: true, want: never}, {asked: 2, told: 1, want: 1}, {asked: 7, told: 1, want: 1}},
		"the same list again":                           {{asked: 3, told: 1, want: 1}, {asked: 3, told: 2, want: 1}},
		"in the future":                                 {{asked: 0, told: 3600, want: 0}, {asked: 5, told: 3600, want: 0}},
		"the clock was set ahead before it was seen":    {{asked: 0, down: true, want: never}, {asked: 2, told: -3600, want: 0}},
		"its container was restarted between two lists": {{asked: 0, told: -30, want: -30}, {asked: 5, told: 3, restarts: 1, want: 3}},
		"restarted, and the clock was set ahead":        {{asked: 0, told: -30, want: -30}, {asked: 5, told: -60, restarts: 1, want: 0}},
		"another pod of that name":                      {{asked: 0, told: -30, want: -30}, {asked: 5, told: 3, uid: "b", want: 3}},
		"not ready for a moment between two lists":      {{asked: 0, told: -30, want: -30}, {asked: 5, told: 3, want: 3}},
		"the same, and the clock was set back":          {{asked: 0, told: -30, want: -30}, {asked: 5, told: -60, want: -30}},
		"not ready, and ready again":                    {{asked: 0, told: -30, want: -30}, {asked: 5, down: true, want: never}, {asked: 9, told: 7, want: 7}},
		"the kubelet restarts": {
			{asked: 0, told: -30, kubelet: -40, ran: -35, want: -30},
			{asked: 5, told: 4, kubelet: 3, ran: -35, want: -30},
			{asked: 9, told: 4, kubelet: 3, ran: -35, want: -30},
		},
		"the kubelet restarts, and has no status at first": {
			{asked: 0, told: -30, kubelet: -40, ran: -35, want: -30},
			{asked: 4, down: true, want: never},
			{asked: 5, told: 4, kubelet: 3, ran: -35, want: -35},
		},
		"the kubelet and the agent restart": {{asked: 0, told: -1, kubelet: -2, ran: -35, want: -35}},
	} {
		var r readiness
		for i, l := range lists {
			pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Namespace: "a", Name: "x-r-node-1", UID: "u", Annotations: map[string]string{render.AnnotationDaemonSet: "a/x"},
			}}
			if l.uid != "" {
				pod.UID = "b"
			}
			pod.Spec.Containers = []corev1.Container{{Name: "main"}}
			status := corev1.ConditionTrue
			if l.down {
				status = corev1.ConditionFalse
			}
			pod.Status = corev1.PodStatus{
				Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.NewTime(at(l.told).Round(0))}},
				ContainerStatuses: []corev1.ContainerStatus{{Name: "main", RestartCount: l.restarts}},
			}
			if l.kubelet != 0 {
				pod.Status.StartTime = new(metav1.NewTime(at(l.kubelet)))
				pod.Status.ContainerStatuses[0].State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(at(l.ran).Round(0))}
			}
			now := at(l.asked).Add(100 * time.Millisecond)
			if l.told > l.asked {
				now = at(l.asked)
			}
			r.observe([]corev1.Pod{pod}, at(l.asked), now)
			got, want := r.since("a/x-r-node-1"), at(l.want)
			if l.want == never {
				want = time.Time{}
			}
			if !got.Equal(want) {
				t.Errorf("%s, list %d: ready since %s, want %s", name, i, got.Sub(begin), want.Sub(begin))
			}
		}
	}
	var r readiness
	r.observe([]corev1.Pod{*readySince(begin)}, begin, begin)
	if len(r.pods) > 0 {
		t.Error("a pod that is none of ours is remembered")
	}
}
