package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const rev3 = "zzzzzzzzzz"

// up is a kubelet whose pods of these revisions are available.
func up(revs ...string) Kubelet {
	k := answering(revs...)
	for _, rev := range revs {
		k.Pods[full(rev)] = Pod{Ready: true, Available: true}
	}
	return k
}

// down is a kubelet whose pods of these revisions run and are not available.
func down(revs ...string) Kubelet {
	k := answering(revs...)
	for _, rev := range revs {
		k.Pods[full(rev)] = Pod{Message: "it does not answer"}
	}
	return k
}

// TestSurge: the new pod starts beside the old one, and an available pod is never taken down before another one is.
func TestSurge(t *testing.T) {
	for _, c := range []struct {
		name    string
		wanted  string
		surge   bool
		hold    string
		present []string
		kubelet Kubelet
		want    []string
	}{
		{"the new one beside the old one", rev2, true, "", []string{rev1}, up(rev1), []string{"write " + rev2}},
		{"not its turn", rev2, true, "later", []string{rev1}, up(rev1), nil},
		{"the old one is not available: it is replaced", rev2, true, "", []string{rev1}, down(rev1), []string{"remove " + rev1}},
		{"the new one is not available yet", rev2, true, "", []string{rev1, rev2}, up(rev1), nil},
		{"the new one is available", rev2, true, "", []string{rev1, rev2}, up(rev1, rev2), []string{"remove " + rev1}},
		{"the old one fails meanwhile", rev2, true, "", []string{rev1, rev2}, down(rev1, rev2), []string{"remove " + rev1}},
		{"another file before the new one is available", rev3, true, "", []string{rev1, rev2}, up(rev1), []string{"remove " + rev2, "write " + rev3}},
		{"the same, in the other order", rev3, true, "", []string{rev2, rev1}, up(rev1), []string{"remove " + rev2, "write " + rev3}},
		{"no surge any more, in the middle of one", rev2, false, "", []string{rev1, rev2}, up(rev1), nil},
		{"no surge any more, at its end", rev2, false, "", []string{rev1, rev2}, up(rev1, rev2), []string{"remove " + rev1}},
	} {
		in := Input{Now: start, Node: node, Wanted: wants(c.wanted, runs), Kubelet: c.kubelet}
		in.Wanted[0].Surge, in.Wanted[0].Hold = c.surge, c.hold
		for _, rev := range c.present {
			in.Present = append(in.Present, stands(rev))
		}
		var got []string
		for _, a := range Make(in).Acts {
			got = append(got, string(a.Kind)+" "+a.Revision)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, diff)
		}
	}
}

// TestFaultO2SurgeSoak: the old pod goes when the new one has been ready for the soak, and the plan is made again then.
func TestFaultO2SurgeSoak(t *testing.T) {
	for _, c := range []struct {
		name  string
		ready time.Time
		soak  time.Duration
		acts  int
		again time.Time
	}{
		{"no soak", start, 0, 1, time.Time{}},
		{"not yet for as long", start.Add(-4 * time.Second), 10 * time.Second, 0, start.Add(6 * time.Second)},
		{"for as long", start.Add(-10 * time.Second), 10 * time.Second, 1, time.Time{}},
		{"it is not known since when", time.Time{}, 10 * time.Second, 1, time.Time{}},
	} {
		in := Input{Now: start, Node: node, Wanted: wants(rev2, runs), Kubelet: up(rev1, rev2), Present: []Present{stands(rev1), stands(rev2)}}
		in.Wanted[0].Surge, in.Wanted[0].Soak = true, c.soak
		in.Kubelet.Pods[full(rev2)] = Pod{Ready: true, Available: true, ReadySince: c.ready}
		out := Make(in)
		if len(out.Acts) != c.acts || !out.Again.Equal(c.again) {
			t.Errorf("%s: %v, again %s", c.name, out.Acts, out.Again)
		}
		if out.Statuses[0].Phase != PhaseAvailable {
			t.Errorf("%s: %s, though Kubernetes calls it available", c.name, out.Statuses[0].Phase)
		}
	}
}
