package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/placement"
)

// TestFaultK13: what is said of a DaemonSet is true of what is there.
func TestFaultK13(t *testing.T) {
	away := answering(rev1)
	away.Healthy = false
	evicted := func(d placement.Decision) []Wanted {
		w := wants(rev1, d)
		w[0].Evicted = true
		return w
	}
	left := map[string]Memory{key: {Stood: []Leaving{{PodName: manifest(rev1).PodName, GraceSeconds: 30}}}}
	for _, c := range []struct {
		name    string
		in      Input
		phase   Phase
		message string
	}{
		{"the kubelet is away, and the node not ready", Input{Wanted: wants(rev1, stays), Present: []Present{stands(rev1)}, Kubelet: away}, PhaseUnknown, "the kubelet is not answering"},
		{"a taint keeps new pods off, and one runs", Input{Wanted: wants(rev1, stays), Present: []Present{stands(rev1)}, Kubelet: answering(rev1)}, PhaseMisscheduled, "the running pod stays"},
		{"a taint keeps new pods off, and none runs", Input{Wanted: wants(rev1, stays), Kubelet: answering()}, PhaseNotPlaced, "taint x"},
		{"a manifest removed by hand", Input{Wanted: wants(rev1, runs), Kubelet: answering(rev1), Memories: left}, PhaseStarting, "its manifest was removed"},
		{"an old manifest removed by hand", Input{Wanted: wants(rev2, runs), Kubelet: answering(rev1), Memories: left}, PhaseUpdating, "the old pod is stopping"},
		{"a taint that is not tolerated at all", Input{Wanted: evicted(leaves), Kubelet: answering()}, PhaseNotPlaced, "label y"},
		{"a taint that was tolerated for a time", Input{Wanted: evicted(runs), Kubelet: answering()}, PhaseNotPlaced, "tolerationSeconds are over"},
		{"the same, and it may stay though it would not be started", Input{Wanted: evicted(stays), Kubelet: answering()}, PhaseNotPlaced, "tolerationSeconds are over"},
	} {
		c.in.Now, c.in.Node = start.Add(time.Millisecond), node
		if st := Make(c.in).Statuses[0]; st.Phase != c.phase || !strings.Contains(st.Message, c.message) {
			t.Errorf("%s: %s: %s, want %s: %s", c.name, st.Phase, st.Message, c.phase, c.message)
		} else if said := strings.Contains(st.Message, "tolerationSeconds"); said != strings.Contains(c.message, "tolerationSeconds") {
			t.Errorf("%s: %s speaks of tolerationSeconds", c.name, st.Message)
		}
	}
}
