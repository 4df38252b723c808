package placement_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/placement"
)

// reasonsOf gives the reasons of one predicate, a line each: "passed|failed: message" and after " -> " the remedy.
func reasonsOf(ds *appsv1.DaemonSet, node *corev1.Node, predicate string) []string {
	var lines []string
	for _, reason := range placement.Decide(ds, node).Reasons {
		if reason.Predicate != predicate {
			continue
		}
		line := "failed: " + reason.Message
		if reason.Passed {
			line = "passed: " + reason.Message
		}
		if reason.Remedy != "" {
			line += " -> " + reason.Remedy
		}
		lines = append(lines, line)
	}
	return lines
}

// wording is what is said of one predicate.
type wording struct {
	name string
	ds   *appsv1.DaemonSet
	node *corev1.Node
	want []string
}

func checkWording(t *testing.T, predicate string, wordings []wording) {
	t.Helper()
	for _, w := range wordings {
		t.Run(w.name, func(t *testing.T) {
			if diff := cmp.Diff(w.want, reasonsOf(w.ds, w.node, predicate)); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNodeNameWording(t *testing.T) {
	nameless := &corev1.Node{}
	const remedy = " -> take nodeName out of spec.template.spec; a nodeSelector or a node affinity can name several nodes"
	checkWording(t, placement.NodeName, []wording{
		{"not set", daemonSet(corev1.PodSpec{}), labelled(), []string{"passed: no nodeName is set"}},
		{"this", daemonSet(corev1.PodSpec{NodeName: "n1"}), labelled(), []string{"passed: nodeName n1: this is the node"}},
		{"another", daemonSet(corev1.PodSpec{NodeName: "n2"}), labelled(), []string{"failed: nodeName n2: this node is n1" + remedy}},
		{"no name", daemonSet(corev1.PodSpec{NodeName: "n2"}), nameless, []string{"failed: nodeName n2: this node is without a name" + remedy}},
	})
}

func TestNodeSelectorWording(t *testing.T) {
	selecting := func(pairs ...string) *appsv1.DaemonSet {
		return daemonSet(corev1.PodSpec{NodeSelector: labelled(pairs...).Labels})
	}
	checkWording(t, placement.NodeSelector, []wording{
		{"none", selecting(), labelled(), []string{"passed: no nodeSelector is set"}},
		{
			"matches", selecting("zone", "a", "disk", "ssd"), labelled("zone", "a", "disk", "ssd"),
			[]string{"passed: nodeSelector disk=ssd,zone=a: the labels of the node match"},
		},
		{
			"another value and no label", selecting("zone", "a", "disk", "ssd", "same", "1"), labelled("disk", "hdd", "same", "1"),
			[]string{"failed: nodeSelector disk=ssd: the node has disk=hdd; nodeSelector zone=a: the node has no label zone -> dsctl label disk=ssd zone=a --overwrite"},
		},
		{
			"a label of the machine", selecting("kubernetes.io/arch", "arm64"), labelled("kubernetes.io/arch", "amd64"),
			[]string{"failed: nodeSelector kubernetes.io/arch=arm64: the node has kubernetes.io/arch=amd64" +
				" -> change the nodeSelector: the agent sets the label kubernetes.io/arch from the machine itself"},
		},
		{
			"a value that no label can have", selecting("disk", "two words"), labelled(),
			[]string{"failed: nodeSelector disk=two words: the node has no label disk -> correct the nodeSelector: no node can have the label disk=two words"},
		},
	})
}

func TestNodeAffinityWording(t *testing.T) {
	node := labelled("disk", "hdd", "rank", "abc", "kubernetes.io/os", "linux")
	const noLabel = " -> change the node affinity: no label that dsctl label can set was found that makes one of its terms match"
	checkWording(t, placement.NodeAffinity, []wording{
		{"none", tolerating(), node, []string{"passed: no required node affinity is set"}},
		{
			"the second term matches", terms(term(want("gpu", "Exists")), term(want("disk", "In", "ssd", "hdd"), want("gpu", "DoesNotExist"))), node,
			[]string{"passed: nodeSelectorTerms[1] matches: disk In [ssd, hdd], gpu DoesNotExist"},
		},
		{"no terms", terms(), node, []string{"failed: nodeSelectorTerms is an empty list, which matches no node" +
			" -> give nodeSelectorTerms a term that wants something, or leave the required node affinity out"}},
		{"an empty term", terms(corev1.NodeSelectorTerm{}), node, []string{"failed: nodeSelectorTerms[0] is empty, which matches no node" +
			" -> give nodeSelectorTerms a term that wants something, or leave the required node affinity out"}},
		{
			"each requirement that fails, and no other", terms(term(want("disk", "In", "ssd", "nvme"), want("disk", "Exists"), want("rank", "Gt", "5"), want("zone", "Exists"))), node,
			[]string{"failed: nodeSelectorTerms[0] wants disk In [ssd, nvme]: the node has disk=hdd, wants rank Gt [5]: the node has rank=abc, " +
				"which is not a 64-bit integer, wants zone Exists: the node has no label zone -> dsctl label disk=ssd rank=6 zone= --overwrite"},
		},
		{
			"a term that cannot be parsed keeps its index", terms(corev1.NodeSelectorTerm{}, term(want("disk", "in", "hdd"))), node,
			[]string{"failed: nodeSelectorTerms[0] is empty, which matches no node; nodeSelectorTerms[1] cannot be used and so matches no node " +
				`(nodeSelectorTerms[1].matchExpressions[0].operator: Unsupported value: "in": supported values: "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")` +
				" -> correct nodeSelectorTerms[1]"},
		},
		{
			"fields", terms(fieldTerm(want("metadata.name", "In", "n2"), want("spec.podCIDR", "In", "x"))), node,
			[]string{"failed: nodeSelectorTerms[0] wants field metadata.name In [n2]: the node is n1, " +
				"wants field spec.podCIDR In [x]: a node has no such field, which reads as empty" + noLabel},
		},
		{
			"the smallest change of labels", terms(term(want("a", "Exists"), want("b", "Exists")), term(want("disk", "NotIn", "hdd"))), node,
			[]string{"failed: nodeSelectorTerms[0] wants a Exists: the node has no label a, wants b Exists: the node has no label b; " +
				"nodeSelectorTerms[1] wants disk NotIn [hdd]: the node has disk=hdd -> dsctl label disk-"},
		},
		{
			"two wishes for one label", terms(term(want("disk", "In", "ssd", "nvme"), want("disk", "NotIn", "ssd"))), node,
			[]string{"failed: nodeSelectorTerms[0] wants disk In [ssd, nvme]: the node has disk=hdd -> dsctl label disk=nvme --overwrite"},
		},
		{
			"below", terms(term(want("rank", "Lt", "10"))), labelled("rank", "10"),
			[]string{"failed: nodeSelectorTerms[0] wants rank Lt [10]: the node has rank=10 -> dsctl label rank=9 --overwrite"},
		},
		{
			"above the largest integer", terms(term(want("rank", "Gt", "9223372036854775807"))), labelled("rank", "1"),
			[]string{"failed: nodeSelectorTerms[0] wants rank Gt [9223372036854775807]: the node has rank=1" + noLabel},
		},
		{
			"a label of the machine", terms(term(want("kubernetes.io/os", "In", "windows"))), node,
			[]string{"failed: nodeSelectorTerms[0] wants kubernetes.io/os In [windows]: the node has kubernetes.io/os=linux" + noLabel},
		},
	})
}

func TestTaintWording(t *testing.T) {
	dedicated := taint("dedicated", "gpu", noSchedule)
	notReady := tainted(taint(corev1.TaintNodeNotReady, "", noSchedule), taint(corev1.TaintNodeNotReady, "", noExecute))
	notReady.Status.Conditions = []corev1.NodeCondition{
		{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse},
		{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "KubeletNotReady", Message: "runtime is down"},
	}
	network := tainted(taint(corev1.TaintNodeNetworkUnavailable, "", noSchedule))
	network.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeNetworkUnavailable, Status: corev1.ConditionTrue, Reason: "NoRoute"}}
	const (
		add   = " -> add a toleration for "
		place = " to spec.template.spec.tolerations, or "
		stay  = " is not tolerated; a pod that runs already may stay"
		leave = " is not tolerated; a pod that runs already has to go"
	)
	checkWording(t, placement.TaintToleration, []wording{
		{"no taints", tolerating(), labelled(), []string{"passed: the node has no taint that keeps pods away"}},
		{"only such as do not matter", tolerating(), tainted(taint("a", "", corev1.TaintEffectPreferNoSchedule)), []string{"passed: the node has no taint that keeps pods away"}},
		{
			"each one that is not tolerated", tolerating(corev1.Toleration{Key: "b", Operator: "Exists"}),
			tainted(dedicated, taint("b", "", noSchedule), taint("c", "", noExecute)),
			[]string{
				"failed: taint dedicated=gpu:NoSchedule" + stay + add + "dedicated=gpu:NoSchedule" + place + "remove the taint with dsctl taint dedicated:NoSchedule-",
				"failed: taint c:NoExecute" + leave + add + "c:NoExecute" + place + "remove the taint with dsctl taint c:NoExecute-",
			},
		},
		{
			"which toleration it is", tolerating(corev1.Toleration{Key: "dedicated", Value: "gpu"}, forSeconds("a", 60), corev1.Toleration{Operator: "Exists", Effect: noExecute}),
			tainted(dedicated, taint("a", "", noExecute), taint("z", "", noExecute), taint(corev1.TaintNodeDiskPressure, "", noSchedule)),
			[]string{
				"passed: taint dedicated=gpu:NoSchedule is tolerated by the toleration dedicated=gpu; taint a:NoExecute is tolerated by the toleration a for 60 s; " +
					"taint z:NoExecute is tolerated by the toleration of every key:NoExecute; " +
					"taint node.kubernetes.io/disk-pressure:NoSchedule is tolerated by the automatic toleration node.kubernetes.io/disk-pressure:NoSchedule",
			},
		},
		{"tolerations of the key that do not match", tolerating(
			corev1.Toleration{Key: "dedicated", Operator: "Equal", Value: "cpu", Effect: noSchedule}, corev1.Toleration{Key: "dedicated", Operator: "exists"},
			corev1.Toleration{Key: "dedicated", Operator: "Gt", Value: "5"}, corev1.Toleration{Key: "dedicated", Operator: "Exists", Effect: noExecute}), tainted(dedicated), []string{
			"failed: taint dedicated=gpu:NoSchedule" + stay + "; the toleration dedicated=cpu:NoSchedule is for another value; " +
				`the toleration dedicated exists never matches: "exists" is no operator, Exists and Equal are; ` +
				"the toleration dedicated Gt 5 never matches: the operator Gt is off in Kubernetes unless a feature gate turns it on; " +
				"the toleration dedicated:NoExecute is for another effect" +
				add + "dedicated=gpu:NoSchedule" + place + "remove the taint with dsctl taint dedicated:NoSchedule-",
		}},
		{"a condition with its message", tolerating(), notReady, []string{
			"failed: taint node.kubernetes.io/not-ready:NoSchedule" + stay + "; it is implied by the condition Ready=False (KubeletNotReady: runtime is down); " +
				"the automatic toleration node.kubernetes.io/not-ready:NoExecute is for another effect" +
				add + "node.kubernetes.io/not-ready:NoSchedule" + place + "wait: the taint goes when the condition Ready is True",
		}},
		{"a condition with its reason", tolerating(), network, []string{
			"failed: taint node.kubernetes.io/network-unavailable:NoSchedule" + stay + "; it is implied by the condition NetworkUnavailable=True (NoRoute)" +
				add + "node.kubernetes.io/network-unavailable:NoSchedule" + place + "wait: the taint goes when the condition NetworkUnavailable is False",
		}},
		{"a taint of a condition that is not there", tolerating(), tainted(taint(corev1.TaintNodeUnreachable, "", noSchedule)), []string{
			"failed: taint node.kubernetes.io/unreachable:NoSchedule" + stay + "; it is implied by the condition Ready=Unknown, which the node does not have: it was set by hand; " +
				"the automatic toleration node.kubernetes.io/unreachable:NoExecute is for another effect" +
				add + "node.kubernetes.io/unreachable:NoSchedule" + place + "remove the taint with dsctl taint node.kubernetes.io/unreachable:NoSchedule-",
		}},
		{"a pressure taint of an effect that no condition implies", tolerating(), tainted(taint(corev1.TaintNodePIDPressure, "", noExecute)), []string{
			"failed: taint node.kubernetes.io/pid-pressure:NoExecute" + leave + "; the automatic toleration node.kubernetes.io/pid-pressure:NoSchedule is for another effect" +
				add + "node.kubernetes.io/pid-pressure:NoExecute" + place + "remove the taint with dsctl taint node.kubernetes.io/pid-pressure:NoExecute-",
		}},
	})
}

// TestMessagesAreBounded: thousands of terms, labels, values or tolerations are counted and not spelt out, and those
// that are not spelt out count all the same.
func TestMessagesAreBounded(t *testing.T) {
	const many = 5000
	pod := corev1.PodSpec{NodeSelector: map[string]string{}}
	var all []corev1.NodeSelectorTerm
	for i := range many {
		pod.NodeSelector["key-"+strconv.Itoa(i)] = "x"
		all = append(all, term(want("disk", "In", strings.Fields(strings.Repeat("x ", many/100))...)))
		pod.Tolerations = append(pod.Tolerations, corev1.Toleration{Key: "a", Value: strconv.Itoa(i)})
	}
	pod.Affinity = required(all...)
	node := tainted(taint("a", "", noSchedule))
	for _, reason := range placement.Decide(daemonSet(pod), node).Reasons {
		if len(reason.Message) > 8<<10 || len(reason.Remedy) > 8<<10 {
			t.Errorf("%s: a message of %d bytes, a remedy of %d", reason.Predicate, len(reason.Message), len(reason.Remedy))
		}
		if reason.Predicate != placement.NodeName && reason.Passed {
			t.Errorf("%s passed", reason.Predicate)
		}
	}
	last := terms(append(all, term(want("disk", "DoesNotExist")))...)
	check(t, last, labelled(), runs)
	if got := reasonsOf(last, labelled(), placement.NodeAffinity); len(got) != 1 || !strings.Contains(got[0], "after the first 16") {
		t.Errorf("reasons = %q", got)
	}
}
