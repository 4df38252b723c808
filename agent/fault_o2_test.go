package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// TestFaultO2Soak: a new pod of which nothing but its program says that it works is available for the rollout when it has
// been ready for 10 seconds, to the moment, also when the agent is restarted meanwhile; Kubernetes' columns are Kubernetes'.
func TestFaultO2Soak(t *testing.T) {
	for name, c := range map[string]struct {
		extra string
		annot string
		soak  time.Duration
	}{
		"by default":     {"", "", 10 * time.Second},
		"as in kubectl":  {"", `"0s"`, 0},
		"longer":         {"", "1m", time.Minute},
		"with a probe":   {"    startupProbe: {exec: {command: [\"true\"]}}", "", 0},
		"both":           {"    startupProbe: {exec: {command: [\"true\"]}}", "7s", 7 * time.Second},
		"agent restarts": {"", "30s", 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				b := newBed(t, kubeletsim.Options{})
				stop := b.run()
				file := func(image string) string {
					text := strings.Replace(logger(image, c.extra), "  annotations: {"+noSoak+"}\n", "", 1)
					if c.annot != "" {
						text = strings.Replace(text, "  name: logger\n", "  name: logger\n  annotations: {daemonsetd.io/soak: "+c.annot+"}\n", 1)
					}
					return text
				}
				host := func() api.RolloutHost {
					t.Helper()
					list, err := b.client.Rollouts(t.Context(), api.RolloutRequest{})
					if err != nil || len(list.Items) != 1 {
						t.Fatal(list, err)
					}
					return list.Items[0].Self
				}
				b.lay("specs.d/logger.yaml", file("logger:1"))
				b.phase(api.PhaseAvailable)
				sleep(2 * time.Minute)
				b.lay("specs.d/logger.yaml", file("logger:2"))
				b.eventually("the new pod is ready", func() bool { _, ready := b.runsImage("logger:2"); return ready })
				ready := time.Now()
				b.phase(api.PhaseAvailable)
				if name == "agent restarts" {
					sleep(c.soak / 2)
					stop()
					b.run()
				}
				b.eventually("the rollout takes it for available", func() bool { return host().Phase == "Available" })
				const slack = 2 * time.Second // of the kubelet's list, and of whole seconds
				if took := time.Since(ready); took < c.soak-slack/2 || took > c.soak+slack {
					t.Errorf("after %s, want %s", took, c.soak)
				}
			})
		})
	}
}
