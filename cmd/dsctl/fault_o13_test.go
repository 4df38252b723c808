package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
)

// As with kubectl diff, 1 means that there are differences, and nothing else: who runs the command in a script can tell them from
// a file that cannot be used, an agent that is not there and every other failure, which all end with more than 1.
func TestFaultO13OneMeansDifferences(t *testing.T) {
	spec := filepath.Join(t.TempDir(), "web.yaml")
	if err := os.WriteFile(spec, []byte("kind: DaemonSet\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing.yaml")
	broken := func(b *apitest.Backend) { b.Err = api.Errorf(api.CodeInternal, "disk on fire") }
	invalid := func(b *apitest.Backend) {
		b.PlanAnswer = api.PlanResult{Problems: []api.Problem{{Severity: api.SeverityError, Message: "no"}}}
	}
	for _, c := range []struct {
		name string
		args []string
		edit func(*apitest.Backend)
		code int
	}{
		{"diff", []string{"diff"}, nil, exitDiffers},
		{"no diff", []string{"diff"}, func(b *apitest.Backend) { b.Changes = nil }, exitOK},
		{"diff fails", []string{"diff"}, broken, exitTrouble},
		{"plan", []string{"plan", "-f", spec}, nil, exitDiffers},
		{"plan of a bad file", []string{"plan", "-f", spec}, invalid, exitTrouble},
		{"plan fails", []string{"plan", "-f", spec}, broken, exitTrouble},
		{"plan of no file", []string{"plan", "-f", missing}, nil, exitTrouble},
		{"plan of nothing", []string{"plan", "-f", t.TempDir()}, nil, exitTrouble},
		{"plan of what", []string{"plan"}, nil, exitUsage},
		{"rollout diff", []string{"rollout", "diff", "kube-system/web"}, nil, exitDiffers},
		{"rollout diff of an unknown revision", []string{"rollout", "diff", "kube-system/web", "--from", "77"}, nil, exitTrouble},
		{"rollout diff fails", []string{"rollout", "diff", "kube-system/web"}, broken, exitTrouble},
	} {
		b := rolloutBackend()
		if c.edit != nil {
			c.edit(b)
		}
		got := invoke(t, apitest.Serve(t, b, nil), c.args...)
		if got.code != c.code {
			t.Errorf("%s: exit %d, want %d: %s", c.name, got.code, c.code, got.err)
		}
		if c.code == exitTrouble && c.name != "plan of a bad file" && !strings.Contains(got.err, "error: ") {
			t.Errorf("%s: it is not said why: %q", c.name, got.err)
		}
	}
	for _, args := range [][]string{{"diff"}, {"plan", "-f", spec}, {"rollout", "diff", "web"}} {
		if got := invoke(t, filepath.Join(t.TempDir(), "none"), args...); got.code != exitUnreachable {
			t.Errorf("%q without an agent: exit %d, want %d", args, got.code, exitUnreachable)
		}
	}
}
