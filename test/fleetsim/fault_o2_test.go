package fleetsim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/test/fleetsim"
)

// TestFaultO2: a program that ends 5 seconds after each start, without a readiness probe, is available for moments on
// every host. After three restarts its host has failed, and the others hold.
func TestFaultO2(t *testing.T) {
	cfg := fleetsim.Config{
		Hosts: 8, Seed: 7, Log: t.Output(), Faults: memnet.Faults{DelayMin: time.Millisecond, DelayMax: 2 * time.Millisecond},
	}
	fleetsim.Run(t, cfg, func(t *testing.T, f *fleetsim.Fleet) {
		file := func(image string) string { return strings.Replace(logger(image, ""), "daemonsetd.io/soak: 0s", "", 1) }
		f.LayAll("logger.yaml", file("logger:1"))
		f.StartAll()
		watch(t, f, len(f.Hosts), time.Minute, func() bool { return f.Count(key, "logger:1") == len(f.Hosts) })
		f.Step(11 * time.Minute)
		f.LayAll("logger.yaml", file("logger:2"))
		for range 40 {
			f.Step(5 * time.Second)
			for _, h := range f.Hosts {
				for _, p := range h.Kubelet.Pods() {
					if p.Spec.Containers[0].Image == "logger:2" {
						h.Kubelet.Restart(p.Namespace, p.Name)
					}
				}
			}
		}
		touched := 0
		for _, h := range f.Hosts {
			for _, p := range h.Kubelet.Pods() {
				if p.Spec.Containers[0].Image == "logger:2" {
					touched++
				}
			}
		}
		if touched == 0 || touched > 4 {
			t.Errorf("%d of %d hosts have the program that ends again and again", touched, len(f.Hosts))
		}
		t.Logf("%d hosts have it", touched)
	})
}
