package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFaultK1: what the kubelet has not been seen to know is neither gone nor down.
func TestFaultK1(t *testing.T) {
	with := func(k Kubelet, change func(*Kubelet)) Kubelet {
		change(&k)
		return k
	}
	since := func(ago time.Duration) Memory {
		return Memory{Leaving: []Leaving{{PodName: "logger-" + rev1, RemovedAt: start.Add(-ago), GraceSeconds: 1}}}
	}
	removed := since(5 * time.Second)
	other := func(k *Kubelet) { k.Healthy, k.OtherNode = false, "other" }
	never := func(k *Kubelet) { k.Gone = func(string, time.Time) bool { return false } }
	unnamed := func(k *Kubelet) { never(k); k.NameUnknown = true }
	for _, c := range []struct {
		name    string
		surge   bool
		present []string
		kubelet Kubelet
		memory  Memory
		want    []string
	}{
		{"the old pod is listed", false, []string{rev1}, answering(rev1), Memory{}, []string{"remove " + rev1}},
		{"it is not", false, []string{rev1}, answering(), Memory{}, nil},
		{"it does not run, for certain", false, []string{rev1}, with(answering(), func(k *Kubelet) { k.Absent = map[string]bool{full(rev1): true} }), Memory{}, []string{"remove " + rev1}},
		{"the kubelet is of another node", false, []string{rev1}, with(answering(), other), Memory{}, nil},
		{"so it is, and lists the pod all the same", false, []string{rev1}, with(answering(rev1), other), Memory{}, nil},
		{"a surge, and the old pod is not listed", true, []string{rev1}, answering(), Memory{}, nil},
		{"the new pod is available, the old one not listed", true, []string{rev1, rev2}, up(rev2), Memory{}, nil},
		{"an old pod under another name ends", false, nil, with(answering(), func(k *Kubelet) { k.Running[key+"-"+rev1+"-other.example.org"] = true }), Memory{}, nil},
		{"a pod of another DaemonSet whose name ends as a revision", false, nil, with(answering(), func(k *Kubelet) { k.Running[key+"-"+rev1+"-"+rev2+"-"+node] = true }), Memory{}, []string{"write " + rev2}},
		{"the old pod is not listed any more", false, nil, answering(), removed, []string{"write " + rev2}},
		{"that is no proof", false, nil, with(answering(), never), removed, nil},
		{"no name is known", false, nil, with(answering(), unnamed), removed, nil},
		{"no name is known, and it has been waited for", false, nil, with(answering(), unnamed), since(11 * time.Second), []string{"write " + rev2}},
		{"another node's has nothing of it, after any time", false, nil, with(answering(), other), since(time.Hour), nil},
	} {
		in := Input{Now: start, Node: node, Wanted: wants(rev2, runs), Kubelet: c.kubelet, Memories: map[string]Memory{key: c.memory}}
		in.Wanted[0].Surge = c.surge
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

// TestFaultK17: what a kubelet said that does not say it any more counts for as long as a pod takes to stop, and what it said of a refusal not at all.
func TestFaultK17(t *testing.T) {
	stale := answering(rev1)
	stale.RunningUnknown = true
	early, late := stale, stale
	early.RunningAt, late.RunningAt = start.Add(-39*time.Second), start.Add(-41*time.Second)
	leaving := func(since time.Duration) Memory {
		return Memory{Leaving: []Leaving{{PodName: "logger-" + rev1, RemovedAt: start.Add(-since), GraceSeconds: 5}}}
	}
	failed := answering(rev2)
	failed.Pods[full(rev2)] = Pod{Failed: true, Message: "NodePorts"}
	silent := failed
	silent.PodsUnknown, silent.RunningUnknown = true, true
	for _, c := range []struct {
		name    string
		present []string
		kubelet Kubelet
		memory  Memory
		want    []string
	}{
		{"the old pod is waited for", nil, stale, leaving(14 * time.Second), nil},
		{"it has been waited for", nil, stale, leaving(15 * time.Second), []string{"write " + rev2}},
		{"one of which nothing else is known", nil, early, Memory{}, nil},
		{"so long ago", nil, late, Memory{}, []string{"write " + rev2}},
		{"the kubelet has refused the pod", []string{rev2}, failed, Memory{}, []string{"remove " + rev2}},
		{"it had, and does not tell now", []string{rev2}, silent, Memory{}, nil},
	} {
		in := Input{Now: start, Node: node, Wanted: wants(rev2, runs), Kubelet: c.kubelet, Memories: map[string]Memory{key: c.memory}}
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

// TestFaultK8: a clock that was set back an hour does not hold the next try for an hour.
func TestFaultK8(t *testing.T) {
	k := answering(rev1)
	k.Pods[full(rev1)] = Pod{Failed: true, Message: "NodePorts"}
	memory := Memory{Retry: Retry{Revision: rev1, Delay: time.Second, Last: start.Add(time.Hour)}}
	for range 3 {
		out := Make(Input{Now: start, Node: node, Wanted: wants(rev1, runs), Present: []Present{stands(rev1)}, Kubelet: k, Memories: map[string]Memory{key: memory}})
		if len(out.Acts) != 0 || out.Again.After(start.Add(time.Second)) {
			t.Fatalf("%v, again at %v", out.Acts, out.Again)
		}
		memory = out.Memories[key]
	}
	if memory.Retry.Last.After(start) {
		t.Errorf("the last try is at %v, after now", memory.Retry.Last)
	}
}
