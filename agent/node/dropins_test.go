package node

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDropIns(t *testing.T) {
	r := newRig(t)
	path := r.path("run/conditions.d/NetworkUnavailable")
	put(t, path, "status: True\nreason: FabricDown\n")
	n := r.update()
	if status(n, "NetworkUnavailable") != yes || !cmp.Equal(strs(n.Spec.Taints), []string{"node.kubernetes.io/network-unavailable:NoSchedule"}) {
		t.Errorf("conditions %v, taints %v", n.Status.Conditions, n.Spec.Taints)
	}
	put(t, path, "status: maybe\n")
	if r.update() != n || !r.Describe().Problems.HasErrors() {
		t.Errorf("a bad drop-in changed the node, or was not reported: %v", r.Describe().Problems)
	}
	r.start()
	if got := r.update(); !cmp.Equal(got, n) {
		t.Errorf("a restart with a bad drop-in changed the node:\n%s", cmp.Diff(n, got))
	}
	put(t, r.path("run/conditions.d/Ready"), "status: False\n")
	if got := r.update(); status(got, "Ready") != yes {
		t.Error("a drop-in made the node NotReady")
	}
	if err := os.RemoveAll(r.path("run")); err != nil {
		t.Fatal(err)
	}
	if got := r.update(); status(got, "NetworkUnavailable") != "" || len(got.Spec.Taints) > 0 || len(r.Describe().Problems) > 0 {
		t.Errorf("after removal: %v, %v", got.Status.Conditions, r.Describe().Problems)
	}
}

func TestDropInExpires(t *testing.T) {
	r := newRig(t)
	path := r.path("run/conditions.d/Link")
	put(t, path, "status: True\nvalidFor: 9s\n")
	n := r.update()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	until := info.ModTime().Add(9 * time.Second)
	_, next := r.Update(until.Add(-time.Second), Inputs{Kubelet: KubeletStatus{Healthy: true}})
	if r.Node() != n || next > time.Second {
		t.Errorf("a second before the end: changed %v, next in %s", r.Node() != n, next)
	}
	r.Update(until, Inputs{Kubelet: KubeletStatus{Healthy: true}})
	if got := status(r.Node(), "Link"); got != maybe {
		t.Errorf("at the end: %s", got)
	}
	if err := os.Chtimes(path, until, until); err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Duration{time.Second, 2 * time.Second} {
		r.Update(until.Add(at), Inputs{Kubelet: KubeletStatus{Healthy: true}})
	}
	if got := status(r.Node(), "Link"); got != yes {
		t.Errorf("renewed: %s", got)
	}
}
