package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
)

// TestFaultF9Status: of 171 lines of a host's status 139 said "has no effect".
func TestFaultF9Status(t *testing.T) {
	const file = "/etc/daemonsetd/specs.d/agent.yaml"
	problem := func(severity, message string) api.Problem {
		return api.Problem{Severity: severity, File: file, Line: 1, Column: 1, Message: message}
	}
	b := filled()
	b.StatusAnswer.SpecFiles[0].Problems = []api.Problem{
		problem(api.SeverityInfo, `ServiceAccount "agent" has no effect without an API server`),
		problem(api.SeverityWarning, "Secret default/agent is not declared, and a needs it"),
		problem(api.SeverityInfo, `ClusterRole "agent" has no effect without an API server`),
		problem(api.SeverityWarning, "Secret default/agent is not declared, and b (key \"k\") needs it"),
		problem(api.SeverityWarning, "ConfigMap default/agent has no key \"c\", which d needs"),
		problem(api.SeverityWarning, "ConfigMap default/agent has no key \"c\", which e needs"),
		problem(api.SeverityError, "bad"),
	}
	agedPod(b)
	socket := apitest.Serve(t, b, nil)
	golden(t, "agent/status-findings.txt", invoke(t, socket, "status").out)
	golden(t, "agent/status-findings-wide.txt", invoke(t, socket, "status", "-o", "wide").out)
	all := invoke(t, socket, "status", "-o", "jsonpath={.specFiles[0].problems[*].severity}").out
	if diff := cmp.Diff("info warning info warning warning warning error", all); diff != "" {
		t.Errorf("programs do not get everything (-want +got)\n%s", diff)
	}
}
