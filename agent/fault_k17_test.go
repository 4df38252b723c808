package agent

import (
	"net/http"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// TestFaultK17: a kubelet ceases to tell what runs, while the agent does. The last answer still has the old pod; it counts no longer than a pod takes to
// stop.
func TestFaultK17(t *testing.T) {
	for name, fault := range map[string]*kubeletsim.Fault{
		"it answers 405": {Status: http.StatusMethodNotAllowed, Body: "Debug endpoints are disabled."},
		"it hangs":       {Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				b := newBed(t, kubeletsim.Options{})
				b.run()
				b.lay("specs.d/logger.yaml", logger("logger:1"))
				b.phase(api.PhaseAvailable)
				sleep(10 * time.Second) // the last good answer, which may be 3 s old, has the pod
				b.kubelet.SetFault("/runningpods/", fault)
				b.eventually("the problem is told", func() bool { return b.health("KubeletPodsUnknown") })
				began := time.Now()
				b.lay("specs.d/logger.yaml", logger("logger:2"))
				b.eventually("the new pod is ready", func() bool { _, ready := b.runsImage("logger:2"); return ready })
				// Its grace period of 1 s and 10 s.
				if took := time.Since(began); took < 11*time.Second || took > 20*time.Second {
					t.Errorf("the old pod was waited for %v, want the grace period and 10 s", took)
				}
			})
		})
	}
}

// TestFaultK17ByHand: the manifest was removed by somebody else while the kubelet did not tell what runs.
func TestFaultK17ByHand(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		stop := b.run()
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.phase(api.PhaseAvailable)
		stop()
		b.run()
		b.phase(api.PhaseAvailable)
		sleep(10 * time.Second)
		b.kubelet.SetFault("/runningpods/", &kubeletsim.Fault{Status: http.StatusMethodNotAllowed})
		b.eventually("the problem is told", func() bool { return b.health("KubeletPodsUnknown") })
		b.remove("manifests/" + b.manifests()[0])
		b.eventually("the manifest is back", func() bool { return len(b.manifests()) == 1 })
		b.phase(api.PhaseAvailable)
	})
}
