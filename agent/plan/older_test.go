package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// withOlder has the first revision cared for while the second is wanted and may not have its place.
func withOlder(w []Wanted) []Wanted {
	w[0].Older = new(manifest(rev1))
	return w
}

// TestOlderIsCaredFor: a pod of an earlier revision that may not be replaced is tried again when the kubelet has given it up, and a hand edit
// of its manifest undone, as long as it can be written again.
func TestOlderIsCaredFor(t *testing.T) {
	waiting := held(wants(rev2, runs))
	again := map[string]Memory{key: {Again: rev1}}
	for _, c := range []struct {
		name string
		in   Input
		want []string
		// again is what is remembered to come back.
		again string
	}{
		{"refused under a hold", Input{Wanted: withOlder(held(wants(rev2, runs))), Present: []Present{stands(rev1)}, Kubelet: failed(rev1)}, []string{"remove " + rev1}, rev1},
		{"refused, the new one blocked", Input{Wanted: withOlder(blocked(wants(rev2, runs))), Present: []Present{stands(rev1)}, Kubelet: failed(rev1)}, []string{"remove " + rev1}, rev1},
		{"refused, cannot be written again", Input{Wanted: waiting, Present: []Present{stands(rev1)}, Kubelet: failed(rev1)}, nil, ""},
		{"refused, may be replaced", Input{Wanted: withOlder(wants(rev2, runs)), Present: []Present{stands(rev1)}, Kubelet: failed(rev1)}, []string{"remove " + rev1}, ""},
		{"edited by hand", Input{Wanted: withOlder(held(wants(rev2, runs))), Present: []Present{edited(rev1)}, Kubelet: answering(rev1)}, []string{"restore " + rev1}, ""},
		{"edited, the name too", Input{Wanted: withOlder(held(wants(rev2, runs))), Present: []Present{renamed(edited(rev1))}, Kubelet: answering(rev1)}, []string{"remove " + rev1}, rev1},
		{"comes back", Input{Wanted: withOlder(held(wants(rev2, runs))), Kubelet: answering(), Memories: again}, []string{"write " + rev1}, rev1},
		{"comes back though it may be replaced now", Input{Wanted: withOlder(wants(rev2, runs)), Kubelet: answering(), Memories: again}, []string{"write " + rev2}, rev1},
		{"removed by somebody else", Input{Wanted: withOlder(held(wants(rev2, runs))), Kubelet: answering()}, []string{"write " + rev2}, ""},
		{"another one came back", Input{Wanted: withOlder(held(wants(rev2, runs))), Kubelet: answering(), Memories: map[string]Memory{key: {Again: rev3}}}, []string{"write " + rev2}, rev3},
		{"stands again", Input{Wanted: withOlder(held(wants(rev2, runs))), Present: []Present{stands(rev1)}, Kubelet: answering(rev1), Memories: again}, nil, ""},
		{"the node does not qualify any more", Input{Wanted: withOlder(held(wants(rev2, leaves))), Kubelet: answering(), Memories: again}, nil, ""},
		{"still stopping", Input{Wanted: withOlder(held(wants(rev2, runs))), Kubelet: answering(), Memories: map[string]Memory{key: {
			Again: rev1, Leaving: []Leaving{{PodName: manifest(rev1).PodName, RemovedAt: start.Add(-time.Second), Hold: start.Add(time.Second)}},
		}}}, nil, rev1},
	} {
		c.in.Now, c.in.Node = start, node
		out := Make(c.in)
		var got []string
		for _, a := range out.Acts {
			got = append(got, string(a.Kind)+" "+a.Revision)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, diff)
		}
		if m := out.Memories[key]; m.Again != c.again {
			t.Errorf("%s: %q is to come back, want %q", c.name, m.Again, c.again)
		}
	}
}
