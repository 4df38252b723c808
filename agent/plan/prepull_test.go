package plan

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// pullOf is the manifest that pulls the images of a revision, as it is written.
func pullOf(rev string) render.Manifest {
	return render.Manifest{
		Namespace: "default", DaemonSet: "logger", Revision: rev, PodName: render.PullPodName("logger", rev),
		FileName: render.PullFileName("default", "logger", rev), GracePeriodSeconds: 1, Pull: true,
	}
}

// pullStands is the same, as it stands.
func pullStands(rev string) Present {
	m := pullOf(rev)
	return Present{FileName: m.FileName, Key: key, Revision: rev, PodName: m.PodName, GracePeriodSeconds: 1, Intact: true}
}

// replacing is a host on which rev1 runs, rev2 is wanted, and an image of that is not here.
func replacing() Input {
	in := Input{
		Now: start.Add(time.Second), Node: node, Wanted: wants(rev2, runs), Present: []Present{stands(rev1)},
		Kubelet: answering(rev1), Memories: map[string]Memory{},
	}
	in.Wanted[0].Pull = &Pull{Manifest: pullOf(rev2), Images: []string{"logger:2"}}
	return in
}

// TestPrePull: the old pod stays until the images of the new one are here, and the pod that pulls them goes then.
func TestPrePull(t *testing.T) {
	const pulls, ends, removes = "pull " + rev2 + " " + ReasonPulling, "end-pull " + rev2 + " " + ReasonPulled,
		"remove " + rev1 + " " + ReasonReplacing
	began := func(done time.Time) map[string]Memory {
		return map[string]Memory{key: {Pulled: Pulled{Revision: rev2, Began: start.Add(-time.Minute), Done: done}}}
	}
	says := func(in *Input, pod PullPod) {
		in.Pulls, in.Memories = []Present{pullStands(rev2)}, began(time.Time{})
		in.Kubelet.Pulls = map[string]PullPod{key + "-" + rev2 + ".pull-" + node: pod}
	}
	for _, c := range []struct {
		name   string
		change func(*Input)
		acts   []string
		phase  Phase
	}{
		{"an image is not here: it is pulled", func(*Input) {}, []string{pulls}, PhaseWaiting},
		{"all are here", func(in *Input) { in.Wanted[0].Pull = nil }, []string{removes}, PhaseUpdating},
		{"the kubelet has not listed the pod that pulls", func(in *Input) {
			in.Pulls, in.Memories = []Present{pullStands(rev2)}, began(time.Time{})
		}, nil, PhaseWaiting},
		{"it is pulling", func(in *Input) { says(in, PullPod{}) }, nil, PhaseWaiting},
		{"it cannot", func(in *Input) { says(in, PullPod{Failing: true, Message: "not found"}) }, nil, PhaseWaiting},
		{"it cannot, and the old pod is down", func(in *Input) {
			in.Kubelet.Pods[full(rev1)] = Pod{}
			says(in, PullPod{Failing: true, Message: "not found"})
		}, nil, PhaseWaiting},
		{"it has", func(in *Input) { says(in, PullPod{Done: true}) }, []string{removes, ends}, PhaseUpdating},
		{
			"it was refused", func(in *Input) { says(in, PullPod{Refused: true, Message: "evicted"}) }, []string{removes, ends}, PhaseUpdating,
		},
		{"an answer from before it was written", func(in *Input) {
			says(in, PullPod{Done: true})
			in.Memories = map[string]Memory{key: {Pulled: Pulled{Revision: rev2, Began: start}}}
		}, nil, PhaseWaiting},
		{"it has, a moment ago", func(in *Input) { in.Memories = began(start) }, []string{removes}, PhaseUpdating},
		{"it has, long ago", func(in *Input) { in.Memories = began(start.Add(-time.Hour)) }, []string{pulls}, PhaseWaiting},
		{"of another revision", func(in *Input) {
			in.Pulls, in.Memories = []Present{pullStands(rev3)}, map[string]Memory{key: {Pulled: Pulled{Revision: rev3, Done: start}}}
		}, []string{"end-pull " + rev3 + " " + ReasonPulled, pulls}, PhaseWaiting},
		{"somebody has edited it", func(in *Input) {
			says(in, PullPod{})
			in.Pulls[0].Intact = false
		}, []string{pulls}, PhaseWaiting},
		{"the old pod is down", func(in *Input) { in.Kubelet.Pods[full(rev1)] = Pod{} }, []string{pulls}, PhaseWaiting},
		{"not its turn", func(in *Input) { in.Wanted[0].Hold = "b goes first" }, nil, PhaseWaiting},
		{"nearly its turn", func(in *Input) {
			in.Wanted[0].Hold, in.Wanted[0].Pull.Ahead = "b goes first", true
		}, []string{pulls}, PhaseWaiting},
		{"nearly its turn, and it has", func(in *Input) {
			says(in, PullPod{Done: true})
			in.Wanted[0].Hold, in.Wanted[0].Pull.Ahead = "b goes first", true
		}, []string{ends}, PhaseWaiting},
		{"nearly its turn, and it has long ago", func(in *Input) {
			in.Memories = began(start.Add(-time.Hour))
			in.Wanted[0].Hold, in.Wanted[0].Pull.Ahead = "b goes first", true
		}, nil, PhaseWaiting},
		{"not its turn any more, and it is pulling", func(in *Input) {
			says(in, PullPod{})
			in.Wanted[0].Hold = "b goes first"
		}, nil, PhaseWaiting},
		{"the kubelet does not answer for a moment", func(in *Input) {
			says(in, PullPod{})
			in.Kubelet.Healthy, in.Wanted[0].Pull = false, nil
		}, nil, PhaseWaiting},
		{"the file cannot be read", func(in *Input) {
			says(in, PullPod{})
			in.Undecided, in.Wanted[0].Pull = func(string) bool { return true }, nil
		}, nil, PhaseBlocked},
		{"the file asks for what runs again", func(in *Input) {
			says(in, PullPod{})
			in.Wanted = wants(rev1, runs)
		}, []string{ends}, PhaseAvailable},
		{"the node does not qualify any more", func(in *Input) {
			says(in, PullPod{})
			in.Wanted[0].Decision = leaves
		}, []string{"remove " + rev1 + " " + ReasonNotQualified, ends}, PhaseRemoving},
		{"no file declares it any more", func(in *Input) {
			says(in, PullPod{})
			in.Wanted = nil
		}, []string{"remove " + rev1 + " " + ReasonDeleted, ends}, PhaseRemoving},
		{"nothing is left but the pod that pulls, as after a crash", func(in *Input) {
			in.Wanted, in.Present, in.Pulls = nil, nil, []Present{pullStands(rev2)}
			in.Kubelet = answering()
		}, []string{ends}, ""},
	} {
		in := replacing()
		c.change(&in)
		before := maps.Clone(in.Memories)
		out := Make(in)
		got := briefly(out)
		if diff := cmp.Diff(brief{Acts: c.acts, Phase: c.phase}, brief{Acts: got.Acts, Phase: got.Phase}); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, diff)
		}
		if diff := cmp.Diff(before, in.Memories); diff != "" {
			t.Errorf("%s: the input was changed\n%s", c.name, diff)
		}
	}
}

// TestPrePullPodIsNoneOfTheDaemonSet: what pulls is never waited for as a pod of a DaemonSet is, whatever the names.
func TestPrePullPodIsNoneOfTheDaemonSet(t *testing.T) {
	for _, name := range []string{"logger", "logger-" + rev1, "a"} {
		pod := "default/" + render.PullPodName(name, rev2) + "-" + node
		for _, other := range []string{"logger", "logger-" + rev1, "a", "logger.pull", "logger-pull"} {
			if Ours("default/"+other, pod, node) {
				t.Errorf("%s is taken for a pod of %s", pod, other)
			}
		}
	}
	in := replacing()
	in.Present, in.Wanted[0].Pull = nil, nil
	in.Kubelet = answering()
	in.Kubelet.Running["default/"+render.PullPodName("logger", rev2)+"-"+node] = true
	if got := briefly(Make(in)); len(got.Acts) != 1 || got.Acts[0] != "write "+rev2+" "+ReasonCreate {
		t.Errorf("the new pod waits for the end of the one that pulls: %+v", got)
	}
}
