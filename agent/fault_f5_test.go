package agent

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// TestFaultF5: what only a newer kubelet takes is not given to an older one, which would stop the pod that runs and start
// none; the reason names both versions. A kubelet of the version takes it. Of one that was built without a version nothing is known.
func TestFaultF5(t *testing.T) {
	for version, takes := range map[string]bool{"v1.34.4": false, "v1.35.0": true, "v1.37.2": true, "v0.0.0-master": true} {
		t.Run(version, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				b := newBed(t, kubeletsim.Options{Version: version})
				b.lay("specs.d/logger.yaml", logger("logger:1"))
				stop := b.run()
				b.phase(api.PhaseAvailable)
				first, before := b.daemonSet().CurrentRevision, b.identity()
				b.lay("specs.d/logger.yaml", logger("logger:1", "    restartPolicy: Always"))
				if takes {
					b.eventually("the new revision", func() bool {
						d := b.daemonSet()
						return d.CurrentRevision != first && d.Phase == api.PhaseAvailable
					})
					stop()
					return
				}
				b.phase(api.PhaseBlocked)
				if m := b.daemonSet().Message; !strings.Contains(m, "the kubelet here is v1.34.4, and refuses the pod before 1.35: ") {
					t.Errorf("message %q", m)
				}
				if diff := cmp.Diff(before, b.identity()); diff != "" {
					t.Errorf("the manifest was touched:\n%s", diff)
				}
				stop()
			})
		})
	}
}
