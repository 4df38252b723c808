package placement_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// edge is one case of a rule that is easily got wrong.
type edge struct {
	name string
	ds   *appsv1.DaemonSet
	node *corev1.Node
	want answer
}

func run(t *testing.T, edges []edge) {
	t.Helper()
	for _, e := range edges {
		t.Run(e.name, func(t *testing.T) { check(t, e.ds, e.node, e.want) })
	}
}

func TestEmptyTerms(t *testing.T) {
	ssd := labelled("disk", "ssd")
	preferred := &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{Weight: 1, Preference: term(want("disk", "In", "hdd"))}},
	}}
	run(t, []edge{
		{"no terms match nothing", terms(), ssd, goes},
		{"an empty term matches nothing", terms(corev1.NodeSelectorTerm{}), ssd, goes},
		{"empty lists in a term match nothing", terms(corev1.NodeSelectorTerm{
			MatchExpressions: []corev1.NodeSelectorRequirement{}, MatchFields: []corev1.NodeSelectorRequirement{},
		}), ssd, goes},
		{"an empty term does not spoil another", terms(corev1.NodeSelectorTerm{}, term(want("disk", "Exists"))), ssd, runs},
		{"affinity without nodeAffinity is no constraint", daemonSet(corev1.PodSpec{Affinity: &corev1.Affinity{}}), ssd, runs},
		{"nodeAffinity without required is no constraint", daemonSet(corev1.PodSpec{Affinity: preferred}), ssd, runs},
		{"an empty nodeSelector is no constraint", daemonSet(corev1.PodSpec{NodeSelector: map[string]string{}}), labelled(), runs},
		{"an empty value in a nodeSelector wants the label", daemonSet(corev1.PodSpec{NodeSelector: map[string]string{"disk": ""}}), labelled(), goes},
		{"an empty value in a nodeSelector is a value", daemonSet(corev1.PodSpec{NodeSelector: map[string]string{"disk": ""}}), labelled("disk", ""), runs},
	})
}

func TestLabelOperators(t *testing.T) {
	none, empty, ssd := labelled(), labelled("disk", ""), labelled("disk", "ssd")
	run(t, []edge{
		{"In without the label", terms(term(want("disk", "In", "ssd"))), none, goes},
		{"In with one of the values", terms(term(want("disk", "In", "hdd", "ssd"))), ssd, runs},
		{"In heeds the case", terms(term(want("disk", "In", "SSD"))), ssd, goes},
		{"NotIn without the label", terms(term(want("disk", "NotIn", "ssd"))), none, runs},
		{"NotIn with the value", terms(term(want("disk", "NotIn", "hdd", "ssd"))), ssd, goes},
		{"Exists with an empty value", terms(term(want("disk", "Exists"))), empty, runs},
		{"Exists without the label", terms(term(want("disk", "Exists"))), none, goes},
		{"DoesNotExist without the label", terms(term(want("disk", "DoesNotExist"))), none, runs},
		{"DoesNotExist with an empty value", terms(term(want("disk", "DoesNotExist"))), empty, goes},
		{"operators heed the case", terms(term(want("disk", "in", "ssd"))), ssd, goes},
	})
}

func TestComparisons(t *testing.T) {
	rank := func(value string) *corev1.Node { return labelled("rank", value) }
	run(t, []edge{
		{"Gt is strict", terms(term(want("rank", "Gt", "5"))), rank("5"), goes},
		{"Gt above", terms(term(want("rank", "Gt", "5"))), rank("6"), runs},
		{"Gt compares numbers, not text", terms(term(want("rank", "Gt", "9"))), rank("10"), runs},
		{"Lt is strict", terms(term(want("rank", "Lt", "5"))), rank("5"), goes},
		{"Lt below", terms(term(want("rank", "Lt", "5"))), rank("-6"), runs},
		{"Gt without the label", terms(term(want("rank", "Gt", "-1"))), labelled(), goes},
		{"Gt with a label that is no integer", terms(term(want("rank", "Gt", "5"))), rank("abc"), goes},
		{"Lt with a fraction", terms(term(want("rank", "Lt", "5"))), rank("1.5"), goes},
		{"Gt with a label beyond 64 bits", terms(term(want("rank", "Gt", "5"))), rank("9223372036854775808"), goes},
		{"Gt with the largest label", terms(term(want("rank", "Gt", "9223372036854775806"))), rank("9223372036854775807"), runs},
		{"Gt with a bound that is no integer", terms(term(want("rank", "Gt", "abc"))), rank("6"), goes},
		{"Gt with two bounds", terms(term(want("rank", "Gt", "1", "2"))), rank("6"), goes},
		{"a broken term does not spoil the next", terms(term(want("rank", "Gt", "abc")), term(want("rank", "Exists"))), rank("6"), runs},
		{"a broken term does not spoil the one before", terms(term(want("rank", "Exists")), term(want("rank", "Bogus"))), rank("6"), runs},
		{"a broken expression spoils its term", terms(term(want("rank", "Exists"), want("rank", "Gt", "abc"))), rank("6"), goes},
	})
}

func TestCombination(t *testing.T) {
	both := labelled("disk", "ssd", "zone", "a")
	withSelector := func(zone string, affinity *corev1.Affinity) *appsv1.DaemonSet {
		return daemonSet(corev1.PodSpec{NodeSelector: map[string]string{"zone": zone}, Affinity: affinity})
	}
	mixed := func(node string) corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{
			MatchExpressions: []corev1.NodeSelectorRequirement{want("disk", "In", "ssd")},
			MatchFields:      []corev1.NodeSelectorRequirement{want("metadata.name", "In", node)},
		}
	}
	run(t, []edge{
		{"selector and affinity both hold", withSelector("a", required(term(want("disk", "Exists")))), both, runs},
		{"selector fails, affinity holds", withSelector("b", required(term(want("disk", "Exists")))), both, goes},
		{"selector holds, affinity fails", withSelector("a", required(term(want("gpu", "Exists")))), both, goes},
		{"one of two terms is enough", terms(term(want("disk", "In", "hdd")), term(want("zone", "In", "a"))), both, runs},
		{"all expressions of a term must hold", terms(term(want("disk", "In", "ssd"), want("zone", "In", "b"))), both, goes},
		{"expressions and fields must hold", terms(mixed("n1")), both, runs},
		{"a field that fails spoils the term", terms(mixed("n2")), both, goes},
	})
}

func TestMatchFields(t *testing.T) {
	node := labelled(corev1.LabelHostname, "host-1")
	nameless := labelled()
	nameless.Name = ""
	run(t, []edge{
		{"the name of the node", terms(fieldTerm(want("metadata.name", "In", "n1"))), node, runs},
		{"not the label hostname", terms(fieldTerm(want("metadata.name", "In", "host-1"))), node, goes},
		{"NotIn", terms(fieldTerm(want("metadata.name", "NotIn", "n1"))), node, goes},
		{"two values", terms(fieldTerm(want("metadata.name", "In", "n1", "n2"))), node, goes},
		{"an operator for labels only", terms(fieldTerm(want("metadata.name", "Exists"))), node, goes},
		{"an unknown field reads as empty", terms(fieldTerm(want("spec.podCIDR", "NotIn", "x"))), node, runs},
		{"an unknown field is never a value", terms(fieldTerm(want("spec.podCIDR", "In", "x"))), node, goes},
		{"fields are not asked of a node without a name", terms(fieldTerm(want("metadata.name", "In", "n1"))), nameless, runs},
	})
}

func TestTemplateNodeName(t *testing.T) {
	tolerant := []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	run(t, []edge{
		{"another node", daemonSet(corev1.PodSpec{NodeName: "n2", Tolerations: tolerant}), labelled(), goes},
		{"this node", daemonSet(corev1.PodSpec{NodeName: "n1"}), labelled(), runs},
		{"comes before the taints", daemonSet(corev1.PodSpec{NodeName: "n2"}), tainted(taint("a", "", noSchedule)), goes},
		{"this node does not make up for a taint", daemonSet(corev1.PodSpec{NodeName: "n1"}), tainted(taint("a", "", noSchedule)), stays},
	})
}

func TestTaintEffects(t *testing.T) {
	plain := tolerating()
	cordoned := labelled()
	cordoned.Spec.Unschedulable = true
	run(t, []edge{
		{"NoSchedule lets a running pod stay", plain, tainted(taint("a", "", noSchedule)), stays},
		{"NoExecute does not", plain, tainted(taint("a", "", noExecute)), goes},
		{"NoExecute after NoSchedule", plain, tainted(taint("a", "", noSchedule), taint("b", "", noExecute)), goes},
		{"NoSchedule after NoExecute", plain, tainted(taint("b", "", noExecute), taint("a", "", noSchedule)), goes},
		{
			"NoSchedule beside a tolerated NoExecute", tolerating(corev1.Toleration{Key: "b", Operator: "Exists"}),
			tainted(taint("a", "", noSchedule), taint("b", "", noExecute)), stays,
		},
		{"PreferNoSchedule never matters", plain, tainted(taint("a", "", corev1.TaintEffectPreferNoSchedule)), runs},
		{"an unknown effect never matters", plain, tainted(taint("a", "", "noschedule")), runs},
		{"a cordon never matters", plain, cordoned, runs},
		{"nor does its taint", plain, tainted(taint(corev1.TaintNodeUnschedulable, "", noSchedule)), runs},
		{"but unschedulable:NoExecute does", plain, tainted(taint(corev1.TaintNodeUnschedulable, "", noExecute)), goes},
	})
}

func TestAutomaticTolerations(t *testing.T) {
	plain := tolerating()
	hostNetwork := daemonSet(corev1.PodSpec{HostNetwork: true})
	notReady := tainted(taint(corev1.TaintNodeNotReady, "", noSchedule), taint(corev1.TaintNodeNotReady, "", noExecute))
	unreachable := tainted(taint(corev1.TaintNodeUnreachable, "", noSchedule), taint(corev1.TaintNodeUnreachable, "", noExecute))
	run(t, []edge{
		{"not ready: no new pod, a running one stays", plain, notReady, stays},
		{"unreachable: no new pod, a running one stays", plain, unreachable, stays},
		{"not-ready:NoExecute alone", plain, tainted(taint(corev1.TaintNodeNotReady, "", noExecute)), runs},
		{"unreachable:NoExecute alone", plain, tainted(taint(corev1.TaintNodeUnreachable, "", noExecute)), runs},
		{"network unavailable", plain, tainted(taint(corev1.TaintNodeNetworkUnavailable, "", noSchedule)), stays},
		{"network unavailable with hostNetwork", hostNetwork, tainted(taint(corev1.TaintNodeNetworkUnavailable, "", noSchedule)), runs},
		{"network unavailable:NoExecute with hostNetwork", hostNetwork, tainted(taint(corev1.TaintNodeNetworkUnavailable, "", noExecute)), goes},
		{"memory pressure", plain, tainted(taint(corev1.TaintNodeMemoryPressure, "", noSchedule)), runs},
		{"disk pressure", plain, tainted(taint(corev1.TaintNodeDiskPressure, "", noSchedule)), runs},
		{"pid pressure", plain, tainted(taint(corev1.TaintNodePIDPressure, "", noSchedule)), runs},
		{"memory pressure:NoExecute", plain, tainted(taint(corev1.TaintNodeMemoryPressure, "", noExecute)), goes},
		{"out of service", plain, tainted(taint(corev1.TaintNodeOutOfService, "nodeshutdown", noExecute)), goes},
		{"whatever the value", plain, tainted(taint(corev1.TaintNodeDiskPressure, "x", noSchedule)), runs},
	})
}

func TestTolerationForms(t *testing.T) {
	gpu := tainted(taint("gpu", "a", noSchedule))
	run(t, []edge{
		{"no effect is every effect", tolerating(corev1.Toleration{Key: "gpu", Operator: "Equal", Value: "a"}), gpu, runs},
		{"another effect", tolerating(corev1.Toleration{Key: "gpu", Operator: "Exists", Effect: noExecute}), gpu, stays},
		{"no operator is Equal", tolerating(corev1.Toleration{Key: "gpu", Value: "a"}), gpu, runs},
		{"no operator is not Exists", tolerating(corev1.Toleration{Key: "gpu"}), gpu, stays},
		{"another value", tolerating(corev1.Toleration{Key: "gpu", Operator: "Equal", Value: "b"}), gpu, stays},
		{"Exists with a value does not look at it", tolerating(corev1.Toleration{Key: "gpu", Operator: "Exists", Value: "b"}), gpu, runs},
		{"Exists without a key is every taint", tolerating(corev1.Toleration{Operator: "Exists"}), gpu, runs},
		{"no key and no operator is every taint of that value", tolerating(corev1.Toleration{Value: "a"}), gpu, runs},
		{"an unknown operator", tolerating(corev1.Toleration{Key: "gpu", Operator: "exists"}), gpu, stays},
		{"Gt is off", tolerating(corev1.Toleration{Key: "rank", Operator: "Gt", Value: "5"}), tainted(taint("rank", "9", noSchedule)), stays},
		{"Lt is off", tolerating(corev1.Toleration{Key: "rank", Operator: "Lt", Value: "5"}), tainted(taint("rank", "1", noSchedule)), stays},
		{"tolerationSeconds do not count for placement", tolerating(corev1.Toleration{
			Key: "gpu", Operator: "Exists", Effect: noExecute, TolerationSeconds: new(int64(0)),
		}), tainted(taint("gpu", "a", noExecute)), runs},
	})
}

// TestConditionsAreNotLookedAt: conditions count through the taints that they imply, and through nothing else, as do
// resources and the pods on the node.
func TestConditionsAreNotLookedAt(t *testing.T) {
	down := labelled()
	down.Status.Conditions = []corev1.NodeCondition{
		{Type: corev1.NodeReady, Status: corev1.ConditionFalse},
		{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionTrue},
		{Type: corev1.NodeNetworkUnavailable, Status: corev1.ConditionTrue},
	}
	check(t, tolerating(), down, runs)

	unknown := tainted(taint(corev1.TaintNodeUnreachable, "", noSchedule))
	unknown.Status.Conditions = []corev1.NodeCondition{
		{Type: corev1.NodeReady, Status: corev1.ConditionUnknown},
		{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionUnknown},
	}
	check(t, tolerating(), unknown, stays)
}
