package reconcile

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// TestFaultK8: the clock was set back an hour while a pod ran, so that it is ready since a time in the future: that counts from when it was first seen.
func TestFaultK8(t *testing.T) {
	for name, c := range map[string]struct {
		// told is since when the pod is ready, from now, and available after how long.
		told, available time.Duration
	}{
		"an hour from now":  {time.Hour, 5 * time.Second},
		"just now":          {0, 5 * time.Second},
		"two seconds ago":   {-2 * time.Second, 3 * time.Second},
		"long ago":          {-time.Hour, 0},
		"a second from now": {time.Second, 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &Reconciler{cfg: Config{Kubelet: &aKubelet{}}, stopped: stopwatch{pods: map[string]watched{}}}
			begin := time.Now()
			pod := readySince(begin.Add(c.told).Truncate(time.Second))
			pod.Namespace, pod.Name, pod.UID = "default", "logger-bbbbbbbbbb-node-1", "u"
			pod.Annotations = map[string]string{render.AnnotationDaemonSet: "default/logger"}
			ds := &spec.DaemonSet{Object: itemOf("default", "logger").DS.Object.DeepCopy()}
			ds.Object.Spec.MinReadySeconds = 5
			specs := &spec.Snapshot{Objects: spec.Objects{DaemonSets: []*spec.DaemonSet{ds}}}
			for {
				now := time.Now()
				s := &Snapshot{
					Host: "node-1", Now: now, Specs: specs,
					Kubelet: &kubelet.Snapshot{Healthy: true, Node: "node-1", Pods: kubelet.Answered([]corev1.Pod{*pod}, now)},
				}
				p := r.kubeletInput(s).Pods["default/logger-bbbbbbbbbb-node-1"]
				if p.Available {
					break
				}
				if want := begin.Add(c.available); !p.AvailableAt.Equal(want) {
					t.Errorf("%s: available at %v, want %v", name, p.AvailableAt, want)
				}
				if now.Sub(begin) > time.Minute {
					t.Fatalf("%s: not available after %v", name, now.Sub(begin))
				}
				time.Sleep(100 * time.Millisecond)
			}
			if took := time.Since(begin); took != c.available {
				t.Errorf("%s: available after %v, want %v", name, took, c.available)
			}
		})
	}
}
