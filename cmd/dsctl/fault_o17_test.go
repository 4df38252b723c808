package main

import (
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
)

// TestFaultO17AFileWins: a change over which a file wins was "labeled", with exit code 0.
func TestFaultO17AFileWins(t *testing.T) {
	const hint = "\n  hint: a file wins over what dsctl sets: change it there\n"
	for _, c := range []struct {
		args     []string
		answer   api.NodePatchResult
		out, err string
	}{
		{
			[]string{"label", "disk=hdd", "--overwrite"},
			api.NodePatchResult{
				Node: "edge-1", Operation: "labeled", Changed: []string{"disk=hdd"},
				Labels: []api.NodeLabel{{Key: "disk", Value: "ssd", Source: api.SourceFile, File: "/etc/daemonsetd/node.yaml"}},
			},
			"node/edge-1 kept, not all of it in effect: disk=hdd\n",
			`label disk stays "ssd": /etc/daemonsetd/node.yaml sets it`,
		},
		{
			[]string{"label", "disk-"},
			api.NodePatchResult{
				Node: "edge-1", Operation: "not labeled",
				Labels: []api.NodeLabel{{Key: "disk", Value: "ssd", Source: api.SourceFile, File: "node.d/a.yaml"}},
			},
			"node/edge-1 not labeled\n", `label disk stays "ssd": node.d/a.yaml sets it`,
		},
		{
			[]string{"taint", "k=v:NoExecute", "m-", "--overwrite"},
			api.NodePatchResult{
				Node: "edge-1", Operation: "modified", Changed: []string{"k=v:NoExecute"},
				Taints: []api.NodeTaint{
					{Key: "k", Value: "w", Effect: "NoExecute", Source: api.SourceFile, File: "node.yaml"},
					{Key: "k", Value: "v", Effect: "NoSchedule", Source: api.SourceFile, File: "node.yaml"},
					{Key: "m", Effect: "NoSchedule", Source: api.SourceFile, File: "node.yaml"},
				},
			},
			"node/edge-1 kept, not all of it in effect: k=v:NoExecute\n",
			"taint k=w:NoExecute stays: node.yaml sets it; taint m:NoSchedule stays: node.yaml sets it",
		},
		{
			[]string{"uncordon"},
			api.NodePatchResult{Node: "edge-1", Operation: "not uncordoned", Unschedulable: true},
			"node/edge-1 not uncordoned\n", "spec.unschedulable stays true: a file of the node sets it",
		},
	} {
		b := filled()
		b.PatchAnswer = c.answer
		got := invoke(t, apitest.Serve(t, b, nil), c.args...)
		if want := "dsctl: error: " + c.err + hint; got.code != exitFailed || withoutVersionWarning(got.err) != want {
			t.Errorf("%v: exit %d, %q; want 1, %q", c.args, got.code, got.err, want)
		}
		if got.out != c.out {
			t.Errorf("%v: %q, want %q", c.args, got.out, c.out)
		}
	}
	// The same value as in the file, or one that only the agent has, is in effect.
	for _, source := range []string{api.SourceFile, api.SourceRuntime} {
		b := filled()
		b.PatchAnswer = api.NodePatchResult{
			Node: "edge-1", Operation: "labeled", Changed: []string{"disk=ssd"},
			Labels: []api.NodeLabel{{Key: "disk", Value: "ssd", Source: source}},
		}
		got := invoke(t, apitest.Serve(t, b, nil), "label", "disk=ssd")
		if got.code != exitOK || !strings.Contains(got.out, "labeled: disk=ssd") {
			t.Errorf("from %s: exit %d, %q", source, got.code, got.out)
		}
	}
}
