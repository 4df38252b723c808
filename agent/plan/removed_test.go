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
			in := Input{Now: start, Node: node, Kubelet: k, Wanted: onDelete(wants(rev2, runs)), Present: []Present{stands(rev1)}}
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
