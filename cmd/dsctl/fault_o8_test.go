package main

import (
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
)

// TestFaultO8OneWord: of a replacement the difference is shown and not all of the old manifest and of the new one.
func TestFaultO8OneWord(t *testing.T) {
	manifest := func(image string) string {
		return strings.Repeat("# many lines\n", 40) + "image: " + image + "\n" + strings.Repeat("# and more\n", 40)
	}
	b := filled()
	b.PlanAnswer = api.PlanResult{Node: "edge-1", Valid: true, DaemonSets: []api.DaemonSetPlan{
		{
			DaemonSet: "default/log", Action: api.PlanReplace, FromRevision: "a", ToRevision: "b", Anyway: true, Reasons: []string{"the template has changed"},
			Changes: []api.FileChange{{Action: "remove", File: "/m/log", Old: "hidden\n"}},
		},
		{
			DaemonSet: "default/web", Action: api.PlanReplace, FromRevision: "c", ToRevision: "d", Reasons: []string{"the template has changed"},
			InPlaceOf: "/specs.d/web.yaml", Changes: []api.FileChange{
				{Action: "remove", File: "/m/web-c.yaml", Old: manifest("web:1"), Reason: "the template has changed"},
				{Action: "write", File: "/m/web-d.yaml", New: manifest("web:2"), Reason: "when the old pod has stopped"},
			},
		},
	}}
	socket := apitest.Serve(t, b, nil)
	s := streams{in: strings.NewReader("kind: DaemonSet\n")}
	got := invokeWith(t, s, "--socket", socket, "plan", "-f", "-")
	if got.code != exitDiffers {
		t.Errorf("exit %d, %s", got.code, got.err)
	}
	golden(t, "agent/plan-one-word.txt", got.out)
	if asked := b.Asked(); len(asked) != 1 || asked[0].(api.PlanRequest).Files[0].Name != stdinName {
		t.Errorf("asked %v", asked)
	}
	// What would happen without the files is no difference.
	b.PlanAnswer.DaemonSets = b.PlanAnswer.DaemonSets[:1]
	if got := invokeWith(t, s, "--socket", socket, "plan", "-f", "-"); got.code != exitOK || strings.Contains(got.out, "hidden") {
		t.Errorf("exit %d: %s", got.code, got.out)
	}
}
