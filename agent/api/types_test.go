package api

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/manifests/diag"
)

// The wire form that scripts read.
func TestWireForms(t *testing.T) {
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"problem": {
			Problems(diag.List{{Severity: diag.Error, File: "f", Line: 3, Column: 7, Path: "spec.x", Message: "m", Hint: "h", Snippet: "secret"}}),
			`[{"severity":"error","file":"f","line":3,"column":7,"path":"spec.x","message":"m","hint":"h"}]`,
		},
		"no problems": {Problems(nil), `[]`},
		"explanation": {
			Explanation{DaemonSet: "ns/name", Node: "n", ShouldRun: true, ShouldContinueRunning: true, Reasons: []Reason{
				{Predicate: "NodeAffinity", Passed: true, Message: "m"},
			}},
			`{"daemonset":"ns/name","node":"n","shouldRun":true,"shouldContinueRunning":true,` +
				`"reasons":[{"predicate":"NodeAffinity","passed":true,"message":"m"}]}`,
		},
	} {
		data, err := json.Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, string(data)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestHealthy(t *testing.T) {
	for _, c := range []struct {
		name   string
		status Status
		want   bool
	}{
		{"ready", Status{State: StateReady}, true},
		{"starting", Status{State: StateStarting}, true},
		{"degraded", Status{State: StateDegraded}, false},
		{"information", Status{State: StateReady, Health: []HealthItem{{Severity: SeverityInfo}}}, true},
		{"warning", Status{State: StateReady, Health: []HealthItem{{Severity: SeverityInfo}, {Severity: SeverityWarning}}}, false},
	} {
		if got := c.status.Healthy(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
