package node

import (
	"fmt"
	"testing"
)

// BenchmarkUpdate is the cost of looking when nothing changed, with a dozen files.
func BenchmarkUpdate(b *testing.B) {
	r := newRig(b)
	put(b, r.config.NodeFile, withLabel("a", "b"))
	for i := range 10 {
		put(b, r.path(fmt.Sprintf("etc/node.d/%d.yaml", i)), withLabel(fmt.Sprintf("k%d", i), "v"))
	}
	put(b, r.path("run/conditions.d/Link"), "status: False\n")
	in := Inputs{Kubelet: KubeletStatus{Healthy: true}}
	r.update(in)
	b.ReportAllocs()
	for b.Loop() {
		r.Update(r.now, in)
	}
}
