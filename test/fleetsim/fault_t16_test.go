package fleetsim_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/test/fleetsim"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// TestFaultT16: a bad revision has come to a halt, and the kubelets restart: their pods are not ready for a moment. No host takes that for a pod
// that is down, which would roll the bad revision out.
func TestFaultT16(t *testing.T) {
	cfg := fleetsim.Config{Hosts: 3, Behaviour: func(_ int, p *corev1.Pod) kubeletsim.Behaviour {
		b := kubeletsim.Behaviour{Start: time.Second, Ready: 2 * time.Second, Stop: time.Second}
		if p.Spec.Containers[0].Image == "logger:2" {
			b.Ready = -1
		}
		return b
	}}
	rolls(t, cfg, plain, func(t *testing.T, f *fleetsim.Fleet) {
		f.LayAll("logger.yaml", plain("logger:2"))
		watch(t, f, 1, time.Minute, func() bool { return len(f.Unavailable(key)) == 1 })
		for _, moment := range []time.Duration{300 * time.Millisecond, 4 * time.Second} {
			for _, h := range f.Hosts {
				if !h.Available(key, "logger:1") {
					continue
				}
				h.Kubelet.SetDown(true)
				f.Step(2 * time.Second)
				ready(t, h, false)
				h.Kubelet.SetDown(false)
				f.Step(moment)
				ready(t, h, true)
			}
		}
		began := time.Now()
		watch(t, f, 1, time.Minute, func() bool { return time.Since(began) > 20*time.Second })
		if n := f.Count(key, "logger:1"); n != 2 {
			t.Errorf("%d of 3 were not touched, 2 should not be", n)
		}
		f.LayAll("logger.yaml", plain("logger:3"))
		watch(t, f, 1, 5*time.Minute, func() bool { return f.Count(key, "logger:3") == 3 })
	})
}
