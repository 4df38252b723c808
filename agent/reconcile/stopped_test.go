package reconcile

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

func TestStopwatch(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const uid, full = "0123456789abcdef", "default/logger-bbbbbbbbbb-node-1"
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "logger-bbbbbbbbbb-node-1", UID: types.UID(uid), Annotations: map[string]string{render.AnnotationDaemonSet: "default/logger"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}},
		Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "c", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}},
	}
	waiting := *pod.DeepCopy()
	waiting.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}
	later, removed := now.Add(2*time.Second), now.Add(time.Second)

	tests := []struct {
		name     string
		before   corev1.Pod
		populous bool // while it was observed
		procs    string
		after    kubelet.Snapshot
		want     bool
	}{
		{"its last process has ended", pod, true, "", kubelet.Snapshot{Pods: kubelet.Answered[[]corev1.Pod](nil, later)}, true},
		{"a process lives", pod, true, "17\n", kubelet.Snapshot{Pods: kubelet.Answered[[]corev1.Pod](nil, later)}, false},
		{"the kubelet has not noticed", pod, true, "", kubelet.Snapshot{Pods: kubelet.Answered([]corev1.Pod{pod}, later)}, false},
		{"the kubelet was asked before the removal", pod, true, "", kubelet.Snapshot{Pods: kubelet.Answered[[]corev1.Pod](nil, now)}, false},
		{"the kubelet does not answer", pod, true, "", kubelet.Snapshot{Pods: kubelet.Answered[[]corev1.Pod](nil, later).Failed(&kubelet.Error{})}, false},
		{"it was about to start", waiting, true, "", kubelet.Snapshot{Pods: kubelet.Answered[[]corev1.Pod](nil, later)}, false},
		{"it never had a process", pod, false, "", kubelet.Snapshot{Pods: kubelet.Answered[[]corev1.Pod](nil, later)}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mount := t.TempDir()
			dir := filepath.Join(mount, "memory/kubepods/pod"+uid)
			procs := func(text string) {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			procs("")
			if tt.populous {
				procs("17\n")
			}
			w := stopwatch{cgroups: kubelet.Cgroups{Mount: mount}, pods: map[string]watched{}}
			w.observe([]corev1.Pod{tt.before}, now)
			procs(tt.procs)
			if got := w.stopped(&tt.after, full, removed); got != tt.want {
				t.Errorf("stopped %v, want %v", got, tt.want)
			}
			w.observe(nil, now.Add(2*forgetWatched))
			if len(w.pods) != 0 {
				t.Error("a pod that is long gone is remembered")
			}
		})
	}
}
