package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFaultK6 holds what is said where acts were not done: that it is blocked, why, and what stands.
func TestFaultK6(t *testing.T) {
	edited := stands(rev1)
	edited.Intact = false
	for _, c := range []struct {
		name    string
		wanted  []Wanted
		present []Present
		acts    int
		current string
	}{
		{"a first manifest is not written", wants(rev1, runs), nil, 1, ""},
		{"an old one is not removed", wants(rev2, runs), []Present{stands(rev1)}, 1, rev1},
		{"a superseded one is not removed", wants(rev2, runs), []Present{stands(rev1), stands(rev2)}, 1, rev2},
		{"an edited one is not restored", wants(rev1, runs), []Present{edited}, 1, rev1},
		{"one that nobody declares is not removed", nil, []Present{stands(rev1)}, 1, rev1},
		{"the node does not qualify, and it is not removed", wants(rev1, leaves), []Present{stands(rev1)}, 1, rev1},
		{"the kubelet refused the pod, and it is not removed", wants(rev3, runs), []Present{stands(rev3)}, 1, rev3},
	} {
		k := answering(rev1)
		k.Running = map[string]bool{}
		k.Pods[full(rev2)] = allReady
		k.Pods[full(rev3)] = Pod{Failed: true, Message: "Evicted"}
		in := Input{Now: start, Node: node, Wanted: c.wanted, Present: c.present, Kubelet: k, Memories: map[string]Memory{}}
		out := Make(in)
		if len(out.Acts) != c.acts {
			t.Errorf("%s: %+v", c.name, out.Acts)
		}
		planned := out.Statuses[0]
		out.NotDone(in, key, "no space")
		want := Status{Key: key, Phase: PhaseBlocked, Message: "no space", Revision: planned.Revision, Current: c.current, Until: planned.Until}
		if c.current != "" {
			want.FileName, want.PodName = stands(c.current).FileName, stands(c.current).PodName
		}
		if diff := cmp.Diff(want, out.Statuses[0]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, diff)
		}
		if m := out.Memories[key]; m.WrittenAt != (time.Time{}) || m.Retry != (Retry{}) {
			t.Errorf("%s: remembered as done: %+v", c.name, m)
		}
		in.Now, in.Memories = start.Add(time.Second), out.Memories
		if again := Make(in); len(again.Acts) != c.acts || len(again.Memories[key].Leaving) != len(out.Memories[key].Leaving) {
			t.Errorf("%s: the next time %+v", c.name, again)
		}
	}
}

// TestFaultK4Next: whatever takes a pod down to have it come back, in this form or another, says what follows.
func TestFaultK4Next(t *testing.T) {
	renamed := stands(rev1)
	renamed.Intact, renamed.Renamed = false, true
	refused := answering(rev1)
	refused.Pods[full(rev1)] = Pod{Failed: true}
	older := manifest(rev1)
	held := wants(rev2, runs)
	held[0].Hold, held[0].Older = "not its turn", &older
	blocked := wants(rev1, runs)
	blocked[0].Blocked = "a ConfigMap is missing"
	for _, c := range []struct {
		name    string
		wanted  []Wanted
		present Present
		kubelet Kubelet
		next    string
	}{
		{"a new template", wants(rev2, runs), stands(rev1), answering(rev1), rev2},
		{"an edit of the pod's name", wants(rev1, runs), renamed, answering(rev1), rev1},
		{"a pod that the kubelet refused", wants(rev1, runs), stands(rev1), refused, rev1},
		{"an older one that the kubelet refused", held, stands(rev1), refused, rev1},
		{"one that may not be written again", blocked, stands(rev1), refused, ""},
		{"one that has no place here any more", wants(rev1, stays), stands(rev1), refused, ""},
		{"one that nobody declares", nil, stands(rev1), answering(rev1), ""},
	} {
		out := Make(Input{Now: start, Node: node, Wanted: c.wanted, Present: []Present{c.present}, Kubelet: c.kubelet, Memories: map[string]Memory{}})
		if len(out.Acts) != 1 || out.Acts[0].Kind != Remove {
			t.Errorf("%s: %+v", c.name, out.Acts)
			continue
		}
		got := ""
		if n := out.Acts[0].Next; n != nil {
			got = n.Revision
		}
		if got != c.next {
			t.Errorf("%s: %q follows, want %q", c.name, got, c.next)
		}
	}
}
