package main

import (
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
)

// TestFaultO3Settles: every verb that is answered from files first has the agent take up what is being written, once.
func TestFaultO3Settles(t *testing.T) {
	for _, line := range []string{
		"status", "diff", "explain", "get ds", "get nodes", "get specs", "get configs", "describe node edge-1",
		"rollout status kube-system/web", "rollout history kube-system/web", "rollout diff kube-system/web",
		"rollout undo kube-system/web", "rollout replace kube-system/web", "wait kube-system/web --for=rollout",
		"wait gone --for=delete", "label a=b", "taint a:NoExecute", "cordon",
	} {
		b := rolloutBackend()
		b.RolloutsAnswer.Items = []api.Rollout{over()}
		b.Fleet, b.FleetSpecs = fleetBackend().Fleet, fleetBackend().FleetSpecs
		b.Unsettled = []string{"/specs.d/late.yaml"}
		got := invoke(t, apitest.Serve(t, b, nil), strings.Fields(line)...)
		if n := b.Settles(); n != 1 {
			t.Errorf("%s: it settled %d times: %s", line, n, got.err)
		}
		if want := "warning: still being written, so that what it said before counts: /specs.d/late.yaml"; !strings.Contains(got.err, want) {
			t.Errorf("%s: %q does not have %q", line, got.err, want)
		}
	}
}
