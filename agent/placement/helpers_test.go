package placement_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/placement"
)

const (
	noSchedule = corev1.TaintEffectNoSchedule
	noExecute  = corev1.TaintEffectNoExecute
)

// answer is the pair that the controller computes.
type answer struct{ run, stay bool }

var (
	runs  = answer{true, true}
	stays = answer{false, true}
	goes  = answer{false, false}
)

func check(t *testing.T, ds *appsv1.DaemonSet, node *corev1.Node, want answer) {
	t.Helper()
	decision := placement.Decide(ds, node)
	if got := (answer{decision.ShouldRun, decision.ShouldContinueRunning}); got != want {
		t.Errorf("Decide = %+v, want %+v; reasons: %+v", got, want, decision.Reasons)
	}
}

func daemonSet(pod corev1.PodSpec) *appsv1.DaemonSet {
	ds := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "ds"}}
	ds.Spec.Template.Spec = pod
	return ds
}

// terms is a DaemonSet with these required nodeSelectorTerms.
func terms(list ...corev1.NodeSelectorTerm) *appsv1.DaemonSet {
	return daemonSet(corev1.PodSpec{Affinity: required(list...)})
}

func required(list ...corev1.NodeSelectorTerm) *corev1.Affinity {
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: list},
	}}
}

func term(expressions ...corev1.NodeSelectorRequirement) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchExpressions: expressions}
}

func fieldTerm(fields ...corev1.NodeSelectorRequirement) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchFields: fields}
}

func want(key string, operator corev1.NodeSelectorOperator, values ...string) corev1.NodeSelectorRequirement {
	return corev1.NodeSelectorRequirement{Key: key, Operator: operator, Values: values}
}

func tolerating(list ...corev1.Toleration) *appsv1.DaemonSet {
	return daemonSet(corev1.PodSpec{Tolerations: list})
}

// labelled is the node n1 with labels given as key, value, key, value.
func labelled(pairs ...string) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{}}}
	for i := 0; i < len(pairs); i += 2 {
		node.Labels[pairs[i]] = pairs[i+1]
	}
	return node
}

func tainted(taints ...corev1.Taint) *corev1.Node {
	node := labelled()
	node.Spec.Taints = taints
	return node
}

func taint(key, value string, effect corev1.TaintEffect) corev1.Taint {
	return corev1.Taint{Key: key, Value: value, Effect: effect}
}
