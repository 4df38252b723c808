package placement_test

import (
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/placement/placementtest"
)

// BenchmarkFleet decides 100 DaemonSets for 10,000 nodes. The bar is one second on one core for all of them, which is
// the figure scan-s; bar-s is printed beside it.
func BenchmarkFleet(b *testing.B) {
	g := placementtest.Gen{C: rand.New(rand.NewPCG(7, 42))}
	compiled := make([]*placement.Compiled, 100)
	for i := range compiled {
		compiled[i] = placement.Compile(g.DaemonSet())
	}
	nodes := make([]*corev1.Node, 10_000)
	for i := range nodes {
		nodes[i] = g.Node()
	}
	placed := 0
	for b.Loop() {
		for _, c := range compiled {
			for _, node := range nodes {
				if run, _ := c.Fits(node); run {
					placed++
				}
			}
		}
	}
	scan := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(float64(len(compiled)*len(nodes))/scan, "decisions/s")
	b.ReportMetric(scan, "scan-s")
	b.ReportMetric(1, "bar-s")
	b.ReportMetric(float64(placed)/float64(b.N), "placed")
}

// BenchmarkDecide is one decision with its reasons.
func BenchmarkDecide(b *testing.B) {
	g := placementtest.Gen{C: rand.New(rand.NewPCG(7, 42))}
	compiled, node := placement.Compile(g.DaemonSet()), g.Node()
	for b.Loop() {
		compiled.Decide(node)
	}
}
