package placement

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// The names that stand in Reason.Predicate.
const (
	// NodeName is spec.nodeName of the template.
	NodeName = "NodeName"
	// NodeSelector is spec.nodeSelector of the template.
	NodeSelector = "NodeSelector"
	// NodeAffinity is the required node affinity of the template.
	NodeAffinity = "NodeAffinity"
	// TaintToleration is the taints of the node against the tolerations of the template and the automatic ones.
	TaintToleration = "TaintToleration"
)

// maxDetails is how many terms, labels or tolerations one message spells out.
const maxDetails = 16

type keyValue struct{ key, value string }

func (p keyValue) String() string { return p.key + "=" + p.value }

func sortedPairs(set map[string]string) []keyValue {
	pairs := make([]keyValue, 0, len(set))
	for _, key := range slices.Sorted(maps.Keys(set)) {
		pairs = append(pairs, keyValue{key, set[key]})
	}
	return pairs
}

func (c *Compiled) nodeNameReason(node *corev1.Node) Reason {
	switch {
	case c.nodeName == "":
		return passed(NodeName, "no nodeName is set")
	case c.fitsNodeName(node):
		return passed(NodeName, fmt.Sprintf("nodeName %s: this is the node", c.nodeName))
	}
	return Reason{
		Predicate: NodeName,
		Message:   fmt.Sprintf("nodeName %s: this node is %s", c.nodeName, nameOf(node)),
		Remedy:    "take nodeName out of spec.template.spec; a nodeSelector or a node affinity can name several nodes",
	}
}

func (c *Compiled) selectorReason(node *corev1.Node) Reason {
	if len(c.selectorSet) == 0 {
		return passed(NodeSelector, "no nodeSelector is set")
	}
	if c.fitsSelector(node) {
		return passed(NodeSelector, fmt.Sprintf("nodeSelector %s: the labels of the node match", join(c.selectorSet, ",")))
	}
	var wrong []string
	change := labelChange{}
	for _, want := range c.selectorSet {
		if value, ok := node.Labels[want.key]; ok && value == want.value {
			continue
		}
		wrong = append(wrong, fmt.Sprintf("nodeSelector %s: %s", want, labelOf(node, want.key)))
		change[want.key] = &want.value
	}
	return Reason{
		Predicate: NodeSelector,
		Message:   joinSome(wrong, "; "),
		Remedy:    change.remedy("nodeSelector", node),
	}
}

func passed(predicate, message string) Reason {
	return Reason{Predicate: predicate, Passed: true, Message: message}
}

// labelOf says what the node has under a label's key.
func labelOf(node *corev1.Node, key string) string {
	value, ok := node.Labels[key]
	if !ok {
		return fmt.Sprintf("the node has no label %s", key)
	}
	return fmt.Sprintf("the node has %s=%s", key, value)
}

func nameOf(node *corev1.Node) string {
	if node.Name == "" {
		return "without a name"
	}
	return node.Name
}

func join(pairs []keyValue, separator string) string {
	texts := make([]string, len(pairs))
	for i, pair := range pairs {
		texts[i] = pair.String()
	}
	return joinSome(texts, separator)
}

// joinSome joins the first maxDetails texts and counts the rest.
func joinSome(texts []string, separator string) string {
	if len(texts) <= maxDetails {
		return strings.Join(texts, separator)
	}
	return fmt.Sprintf("%s%sand %d more", strings.Join(texts[:maxDetails], separator), separator, len(texts)-maxDetails)
}
