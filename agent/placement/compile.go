package placement

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// Compiled is the part of a DaemonSet that placement depends on, parsed once so that it can be held against many nodes.
// It is immutable and safe for use by several goroutines. It refers to parts of the DaemonSet that it was compiled
// from, which must not be changed while it is in use.
type Compiled struct {
	os          string
	nodeName    string
	selector    nodeaffinity.RequiredNodeAffinity
	selectorSet []keyValue
	affinity    nodeaffinity.RequiredNodeAffinity
	required    *corev1.NodeSelector
	terms       []term
	tolerations []corev1.Toleration
	automatic   []corev1.Toleration
}

// Compile parses os, nodeName, nodeSelector, the required node affinity and the tolerations of the DaemonSet's
// template. It cannot fail: like the controller it takes a nodeSelectorTerm that cannot be parsed as one that no node
// matches, and Decide tells the error.
func Compile(ds *appsv1.DaemonSet) *Compiled {
	pod := &ds.Spec.Template.Spec
	required := requiredTerms(pod.Affinity)
	return &Compiled{
		os:          osOf(pod),
		nodeName:    pod.NodeName,
		selector:    nodeaffinity.NewRequiredNodeAffinity(pod.NodeSelector, nil),
		selectorSet: sortedPairs(pod.NodeSelector),
		affinity:    nodeaffinity.NewRequiredNodeAffinity(nil, pod.Affinity),
		required:    required,
		terms:       compileTerms(required),
		tolerations: Tolerations(ds),
		automatic:   automaticTolerations(pod.HostNetwork),
	}
}

// Decide compiles the DaemonSet and holds it against one node, which must not be nil.
func Decide(ds *appsv1.DaemonSet, node *corev1.Node) Decision { return Compile(ds).Decide(node) }

// Decide holds the DaemonSet against one node, which must not be nil. Of the node it reads the name, the labels and the
// taints; the conditions only to say which of them a taint comes from. Nothing else counts: not spec.unschedulable, not
// the resources that are free, not the ports in use.
func (c *Compiled) Decide(node *corev1.Node) Decision {
	shouldRun, shouldContinue := c.Fits(node)
	var reasons []Reason
	if c.os != "" {
		reasons = append(reasons, c.osReason(node))
	}
	reasons = append(reasons, c.nodeNameReason(node), c.selectorReason(node), c.affinityReason(node))
	return Decision{
		ShouldRun:             shouldRun,
		ShouldContinueRunning: shouldContinue,
		Reasons:               append(reasons, c.taintReasons(node)...),
	}
}

// Fits is Decide without the reasons, for scans of many nodes.
func (c *Compiled) Fits(node *corev1.Node) (shouldRun, shouldContinueRunning bool) {
	if !c.fitsOS(node) || !c.fitsNodeName(node) || !c.fitsSelector(node) || !c.fitsAffinity(node) {
		return false, false
	}
	return c.fitsTaints(node.Spec.Taints)
}

func (c *Compiled) fitsNodeName(node *corev1.Node) bool {
	return c.nodeName == "" || c.nodeName == node.Name
}

func (c *Compiled) fitsSelector(node *corev1.Node) bool {
	fits, _ := c.selector.Match(node) // a nodeSelector has no parse errors
	return fits
}

func (c *Compiled) fitsAffinity(node *corev1.Node) bool {
	fits, _ := c.affinity.Match(node) // as in the controller: a term with a parse error does not match, and that is all
	return fits
}

// fitsTaints: an untolerated NoSchedule taint keeps new pods away, an untolerated NoExecute taint also ends running
// ones.
func (c *Compiled) fitsTaints(taints []corev1.Taint) (shouldRun, shouldContinueRunning bool) {
	shouldRun = true
	for i := range taints {
		taint := &taints[i]
		if !keepsAway(taint) || c.tolerates(taint) {
			continue
		}
		if taint.Effect == corev1.TaintEffectNoExecute {
			return false, false
		}
		shouldRun = false
	}
	return shouldRun, true
}

func requiredTerms(affinity *corev1.Affinity) *corev1.NodeSelector {
	if affinity == nil || affinity.NodeAffinity == nil {
		return nil
	}
	return affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
}
