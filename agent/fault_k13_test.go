package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// TestFaultK13Toleration: explain and status speak of tolerationSeconds that are over where some were set and are over, and nowhere else.
func TestFaultK13Toleration(t *testing.T) {
	for name, c := range map[string]struct {
		// toleration is the DaemonSet's; wait is how long after the taint the pod has to be gone.
		toleration string
		wait       time.Duration
		over       bool
	}{
		"none":                  {"", 5 * time.Second, false},
		"of another taint":      {"tolerations: [{key: other, operator: Exists, effect: NoExecute, tolerationSeconds: 30}]", 5 * time.Second, false},
		"for half a minute":     {"tolerations: [{key: drained, operator: Exists, effect: NoExecute, tolerationSeconds: 30}]", 40 * time.Second, true},
		"for no time":           {"tolerations: [{key: drained, operator: Exists, effect: NoExecute, tolerationSeconds: 0}]", 5 * time.Second, true},
		"of every taint, a bit": {"tolerations: [{operator: Exists, effect: NoExecute, tolerationSeconds: 1}]", 10 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				b := newBed(t, kubeletsim.Options{})
				b.lay("specs.d/logger.yaml", logger("logger:1", c.toleration))
				b.run()
				b.phase(api.PhaseAvailable)
				if _, err := b.client.PatchNode(t.Context(), api.NodePatch{SetTaints: []api.Taint{{Key: "drained", Effect: "NoExecute"}}}); err != nil {
					t.Fatal(err)
				}
				// said is what is said of the DaemonSet, whether of its phase or among the reasons.
				said := func() string {
					list, err := b.client.Explain(t.Context(), api.ExplainRequest{DaemonSet: "logger"})
					if err != nil || len(list.Items) != 1 {
						t.Fatalf("%+v, %v", list, err)
					}
					e := list.Items[0]
					text := e.Phase + ": " + e.Message
					for _, r := range e.Reasons {
						text += "; " + r.Message
					}
					return text + "; " + b.daemonSet().Message
				}
				if c.wait > 30*time.Second {
					sleep(20 * time.Second)
					if text := said(); strings.Contains(text, "are over") || b.daemonSet().Phase != api.PhaseAvailable {
						t.Errorf("before the time is up: %s", text)
					}
				}
				sleep(c.wait)
				text := said()
				if b.daemonSet().Phase != api.PhaseNotPlaced || len(b.manifests()) > 0 {
					t.Errorf("the pod is still there: %s, %v", text, b.manifests())
				}
				if strings.Contains(text, "tolerationSeconds") != c.over {
					t.Errorf("%s, want it to speak of tolerationSeconds: %v", text, c.over)
				}
			})
		})
	}
}
