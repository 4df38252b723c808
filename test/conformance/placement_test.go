package conformance

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/daemon"
	"k8s.io/kubernetes/pkg/controller/daemon/util"
	"sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/placement/placementtest"
)

// answer is the pair of booleans that the controller computes.
type answer struct{ run, stay bool }

// TestPlacement compares Decide and Fits with the controller's NodeShouldRunDaemonPod, and Tolerations with those that
// the controller writes into the pods.
func TestPlacement(t *testing.T) {
	pairs := number(t, "CONFORMANCE_PAIRS", 100_000)
	g := placementtest.Gen{C: newRandom(t)}
	seen, answers := coverage{}, map[answer]int{}
	for i := range pairs {
		ds, node := g.DaemonSet(), g.Node()
		want := upstreamAnswer(ds, node)
		compiled := placement.Compile(ds)
		decision := compiled.Decide(node)
		run, stay := compiled.Fits(node)
		got, quick := answer{decision.ShouldRun, decision.ShouldContinueRunning}, answer{run, stay}
		if got != want || quick != want {
			t.Fatalf("pair %d: Decide %+v, Fits %+v, the controller %+v\n%s", i, got, quick, want, dump(ds, node))
		}
		if diff := cmp.Diff(upstreamTolerations(ds), placement.Tolerations(ds)); diff != "" {
			t.Fatalf("pair %d: tolerations (-controller +ours):\n%s\n%s", i, diff, dump(ds, node))
		}
		seen.pair(ds, node)
		answers[want]++
	}
	seen.check(t)
	checkAnswers(t, answers, pairs)
}

func upstreamAnswer(ds *appsv1.DaemonSet, node *corev1.Node) answer {
	run, stay := daemon.NodeShouldRunDaemonPod(klog.Logger{}, node, ds)
	return answer{run, stay}
}

func upstreamTolerations(ds *appsv1.DaemonSet) []corev1.Toleration {
	pod := ds.DeepCopy().Spec.Template.Spec
	util.AddOrUpdateDaemonPodTolerations(&pod)
	return pod.Tolerations
}

// checkAnswers wants each of the three possible answers often enough to mean something.
func checkAnswers(t *testing.T, answers map[answer]int, pairs int) {
	t.Helper()
	for _, a := range []answer{{true, true}, {false, true}, {false, false}} {
		percent := 100 * float64(answers[a]) / float64(pairs)
		t.Logf("shouldRun=%-5t shouldContinueRunning=%-5t %7d pairs (%.1f %%)", a.run, a.stay, answers[a], percent)
		if percent < 5 {
			t.Errorf("shouldRun=%t shouldContinueRunning=%t is the answer of %.1f %% of the pairs, want at least 5 %%", a.run, a.stay, percent)
		}
	}
	t.Logf("%d pairs compared, all equal", pairs)
}

// dump writes objects down so that a failing pair can be tried by hand.
func dump(objects ...any) string {
	text := ""
	for _, object := range objects {
		data, err := yaml.Marshal(object)
		if err != nil {
			data = []byte(err.Error())
		}
		text += "---\n" + string(data)
	}
	return text
}
