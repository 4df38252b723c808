package fleetsim_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/test/fleetsim"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// TestFaultT15: an agent restarts in the middle of a surge whose new pod is never ready, while its kubelet does not answer. The old pod is the only
// one that is available, and it stays.
func TestFaultT15(t *testing.T) {
	cfg := fleetsim.Config{Hosts: 2, Behaviour: func(_ int, p *corev1.Pod) kubeletsim.Behaviour {
		ready := 2 * time.Second
		if p.Spec.Containers[0].Image == "logger:2" {
			ready = -1
		}
		return kubeletsim.Behaviour{Start: time.Second, Ready: ready, Stop: time.Second}
	}}
	for name, c := range map[string]struct{ away, back func(k *kubeletsim.Kubelet) }{
		"the kubelet is down": {
			func(k *kubeletsim.Kubelet) { k.SetDown(true) },
			func(k *kubeletsim.Kubelet) { k.SetDown(false) },
		},
		"its list of pods hangs": {
			func(k *kubeletsim.Kubelet) { k.SetFault("/pods", &kubeletsim.Fault{Hang: true}) },
			func(k *kubeletsim.Kubelet) { k.SetFault("/pods", nil) },
		},
		"its list of pods fails": {
			func(k *kubeletsim.Kubelet) { k.SetFault("/pods", &kubeletsim.Fault{Status: 500}) },
			func(k *kubeletsim.Kubelet) { k.SetFault("/pods", nil) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			rolls(t, cfg, surging, func(t *testing.T, f *fleetsim.Fleet) {
				var h *fleetsim.Host
				f.LayAll("logger.yaml", surging("logger:2"))
				watch(t, f, 0, time.Minute, func() bool {
					for _, o := range f.Hosts {
						if len(o.Kubelet.Pods()) == 2 {
							h = o
						}
					}
					return h != nil
				})
				for _, away := range []bool{true, true, false} {
					if away {
						c.away(h.Kubelet)
					}
					h.Stop()
					h.Start()
					began := time.Now()
					watch(t, f, 0, time.Minute, func() bool { return time.Since(began) > 20*time.Second })
					c.back(h.Kubelet)
					began = time.Now()
					watch(t, f, 0, time.Minute, func() bool { return time.Since(began) > 20*time.Second })
				}
				f.LayAll("logger.yaml", surging("logger:3"))
				watch(t, f, 0, 10*time.Minute, func() bool { return f.Count(key, "logger:3") == 2 })
			})
		})
	}
}
