package main

import (
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// TestFaultK13: no running pod is spoken of where none is.
func TestFaultK13(t *testing.T) {
	for phase, want := range map[string]string{
		api.PhaseNotPlaced:    "it would not be started here, and no pod of it runs",
		api.PhaseMisscheduled: "it would not be started here, but a running pod may stay",
		api.PhaseUnknown:      "it would not be started here, but a running pod may stay",
	} {
		if got := verdict(api.Explanation{ShouldContinueRunning: true, Phase: phase}); got != want {
			t.Errorf("%s: %q, want %q", phase, got, want)
		}
	}
}
