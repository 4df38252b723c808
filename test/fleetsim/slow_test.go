package fleetsim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/test/fleetsim"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// TestSlowOldPod: an old pod that takes longer to stop than a new one may take to start makes no good revision fail.
func TestSlowOldPod(t *testing.T) {
	cfg := fleetsim.Config{Hosts: 2, Behaviour: func(_ int, p *corev1.Pod) kubeletsim.Behaviour {
		stop := time.Second
		if p.Spec.Containers[0].Image == "logger:1" {
			stop = 12 * time.Minute
		}
		return kubeletsim.Behaviour{Start: time.Second, Ready: 2 * time.Second, Stop: stop}
	}}
	file := func(image string) string {
		text := logger(image, `, daemonsetd.io/auto-rollback: "true"`)
		return strings.Replace(text, "terminationGracePeriodSeconds: 2", "terminationGracePeriodSeconds: 900", 1)
	}
	rolls(t, cfg, file, func(t *testing.T, f *fleetsim.Fleet) {
		f.LayAll("logger.yaml", file("logger:2"))
		watch(t, f, 1, time.Hour, func() bool { return f.Count(key, "logger:2") == 2 })
		for _, h := range f.Hosts {
			if st := onDisk(t, h); st.Rejected.Generation != 0 {
				t.Errorf("%s has gone back: %+v", h.Name, st)
			}
		}
	})
}

// TestFaultT13Stories plays two in which acts fail, pods fail by themselves, kubelets have just come up, and disks are set back, alone and together.
func TestFaultT13Stories(t *testing.T) {
	for _, c := range []struct {
		hosts, budget, troubles int
		seed                    uint64
	}{{3, 1, 8, 11}, {4, 2, 8, 12}} {
		t.Run(fmt.Sprintf("%d hosts, budget %d, seed %d", c.hosts, c.budget, c.seed), func(t *testing.T) {
			play(t, c.hosts, c.budget, c.troubles, c.seed, true)
		})
	}
}
