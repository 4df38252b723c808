package plan

import "testing"

// Somebody removes a manifest by hand, as OnDelete asks for: the new pod waits for the old one, even where the kubelet cannot be
// asked what runs.
func TestRemovedByHand(t *testing.T) {
	for name, k := range map[string]Kubelet{
		"not to be asked":       {AssumeReady: true},
		"running pods not told": {Healthy: true, RunningUnknown: true, PodsAt: start, RunningAt: start},
		"down":                  {},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{Now: start, Node: node, Kubelet: k, Wanted: held(wants(rev2, runs)), Present: []Present{stands(rev1)}}
			out := Make(in)
			if len(out.Acts) != 0 {
				t.Fatalf("acts %+v before the removal", out.Acts)
			}
			in.Present, in.Memories = nil, out.Memories
			if out = Make(in); len(out.Acts) != 0 || len(out.Memories[key].Leaving) != 1 {
				t.Errorf("acts %+v, memory %+v right after the removal", out.Acts, out.Memories[key])
			}
		})
	}
}

// What is known of a DaemonSet whose file cannot be read may be older than what runs: the older version's node selector takes
// nothing down. Of the same version it does.
func TestOlderPlacementStopsNothing(t *testing.T) {
	unread := func(string) bool { return true }
	in := Input{Now: start, Node: node, Kubelet: answering(rev2), Wanted: wants(rev1, leaves), Present: []Present{stands(rev2)}, Undecided: unread}
	if out := Make(in); len(out.Acts) != 0 || out.Statuses[0].Phase != PhaseBlocked {
		t.Errorf("%+v, %+v", out.Acts, out.Statuses)
	}
	in.Present, in.Kubelet = []Present{stands(rev1)}, answering(rev1)
	if out := Make(in); len(out.Acts) != 1 || out.Acts[0].Kind != Remove {
		t.Errorf("%+v, %+v", out.Acts, out.Statuses)
	}
}
