package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFaultT15: what the kubelet has not said in this run is unknown, and an available pod may be hidden there: during a surge
// no manifest goes before it has answered.
func TestFaultT15(t *testing.T) {
	with := func(k Kubelet, change func(*Kubelet)) Kubelet {
		change(&k)
		return k
	}
	silent := Kubelet{Pods: map[string]Pod{}, Running: map[string]bool{}}
	for _, c := range []struct {
		name    string
		wanted  string
		surge   bool
		present []string
		kubelet Kubelet
		written time.Time
		want    []string
	}{
		{"nothing was heard", rev2, true, []string{rev1, rev2}, silent, time.Time{}, nil},
		{"nothing was heard, no surge any more", rev2, false, []string{rev1, rev2}, silent, time.Time{}, nil},
		{"it is well and has not listed its pods", rev2, true, []string{rev1, rev2}, with(silent, func(k *Kubelet) { k.Healthy = true }), time.Time{}, nil},
		{"its list fails", rev2, true, []string{rev1, rev2}, with(down(rev1, rev2), func(k *Kubelet) { k.PodsUnknown = true }), time.Time{}, nil},
		{"the list is older than the manifest", rev2, true, []string{rev1, rev2}, down(rev1), start, nil},
		{"it has missed a question", rev2, true, []string{rev1, rev2}, with(down(rev1, rev2), func(k *Kubelet) { k.Missed = true }), time.Time{}, nil},
		{"it is away, and both were available", rev2, true, []string{rev1, rev2}, with(up(rev1, rev2), func(k *Kubelet) { k.Healthy = false }), time.Time{}, nil},
		{"it answers", rev2, true, []string{rev1, rev2}, up(rev1, rev2), time.Time{}, []string{"remove " + rev1}},
		{"it is not asked", rev2, true, []string{rev1, rev2}, Kubelet{AssumeReady: true, Healthy: true}, time.Time{}, []string{"remove " + rev1}},
		{"before a surge", rev2, true, []string{rev1}, with(silent, func(k *Kubelet) { k.Healthy = true }), time.Time{}, nil},
		{"before a surge, its list fails", rev2, true, []string{rev1}, with(down(rev1), func(k *Kubelet) { k.PodsUnknown = true }), time.Time{}, nil},
		{"another surge in the middle of one", rev3, true, []string{rev1, rev2}, with(silent, func(k *Kubelet) { k.Healthy = true }), time.Time{}, nil},
		{"a turn to take the pod down needs no news of it", rev2, false, []string{rev1}, with(silent, func(k *Kubelet) { k.Healthy = true }), time.Time{}, []string{"remove " + rev1}},
	} {
		in := Input{Now: start, Node: node, Wanted: wants(c.wanted, runs), Kubelet: c.kubelet, Memories: map[string]Memory{key: {WrittenAt: c.written}}}
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
