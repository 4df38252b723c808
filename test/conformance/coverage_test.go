package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/daemonsetd/daemonsetd/agent/placement/placementtest"
)

// coverage counts what the generated objects had in them.
type coverage map[string]int

func (c coverage) add(format string, arguments ...any) { c[fmt.Sprintf(format, arguments...)]++ }

// pair notes the forms of a DaemonSet and a node.
func (c coverage) pair(ds *appsv1.DaemonSet, node *corev1.Node) {
	pod := ds.Spec.Template.Spec
	c.add("hostNetwork %t", pod.HostNetwork)
	c.add("nodeName set %t, equal %t", pod.NodeName != "", pod.NodeName == node.Name)
	c.add("nodeSelector %s", shape(pod.NodeSelector == nil, len(pod.NodeSelector)))
	c.add("labels %s", shape(node.Labels == nil, len(node.Labels)))
	c.affinity(pod.Affinity, node)
	for _, toleration := range pod.Tolerations {
		c.add("%s", formOf(toleration))
	}
	keys := map[string]bool{}
	for _, taint := range node.Spec.Taints {
		c.add("taint effect %q", taint.Effect)
		c.add("taint key repeated %t", keys[taint.Key])
		keys[taint.Key] = true
	}
}

func (c coverage) affinity(affinity *corev1.Affinity, node *corev1.Node) {
	switch {
	case affinity == nil:
		c.add("affinity nil")
	case affinity.NodeAffinity == nil:
		c.add("nodeAffinity nil")
	case affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil:
		c.add("required nil")
	default:
		terms := affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
		c.add("terms %s", shape(terms == nil, len(terms)))
		for _, term := range terms {
			c.term(term, node)
		}
	}
}

func (c coverage) term(term corev1.NodeSelectorTerm, node *corev1.Node) {
	c.add("term expressions %t, fields %t", len(term.MatchExpressions) > 0, len(term.MatchFields) > 0)
	for _, e := range term.MatchExpressions {
		c.add("expression %q %s", e.Operator, outcome(corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{e}}, node))
		if e.Operator == corev1.NodeSelectorOpGt || e.Operator == corev1.NodeSelectorOpLt {
			c.add("%s label is a number %t, bound is a number %t", e.Operator, isNumber(node.Labels[e.Key]), len(e.Values) == 1 && isNumber(e.Values[0]))
		}
	}
	for _, f := range term.MatchFields {
		c.add("field %q %s", f.Operator, outcome(corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{f}}, node))
		c.add("field key is metadata.name %t", f.Key == "metadata.name")
		c.add("field values %s", shape(f.Values == nil, len(f.Values)))
	}
}

func outcome(term corev1.NodeSelectorTerm, node *corev1.Node) string {
	selector, err := nodeaffinity.NewNodeSelector(&corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}})
	if err != nil {
		return "broken"
	}
	return fmt.Sprintf("matches %t", selector.Match(node))
}

func shape(isNil bool, length int) string {
	switch {
	case isNil:
		return "nil"
	case length <= 1:
		return strconv.Itoa(length)
	}
	return "many"
}

func isNumber(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

// formOf names a toleration by which of its fields are set and to what.
func formOf(t corev1.Toleration) string {
	seconds := "nil"
	if t.TolerationSeconds != nil {
		seconds = fmt.Sprintf("above zero %t", *t.TolerationSeconds > 0)
	}
	return fmt.Sprintf("toleration key %t, operator %q, value %t, effect %q, seconds %s", t.Key != "", t.Operator, t.Value != "", t.Effect, seconds)
}

// wanted lists everything that has to occur for the comparison to count.
func wanted() []string {
	list := []string{
		"hostNetwork true", "hostNetwork false",
		"nodeName set false, equal false", "nodeName set true, equal true", "nodeName set true, equal false",
		"nodeSelector nil", "nodeSelector 0", "nodeSelector 1", "nodeSelector many", "labels nil", "labels 0", "labels many",
		"affinity nil", "nodeAffinity nil", "required nil", "terms nil", "terms 0", "terms 1", "terms many",
		"term expressions false, fields false", "term expressions true, fields false",
		"term expressions false, fields true", "term expressions true, fields true",
		"field key is metadata.name true", "field key is metadata.name false",
		"field values nil", "field values 0", "field values 1", "field values many",
		"taint key repeated true",
	}
	for _, operator := range placementtest.LabelOperators {
		for _, outcome := range []string{"matches true", "matches false", "broken"} {
			list = append(list, fmt.Sprintf("expression %q %s", operator, outcome))
		}
	}
	for _, operator := range []string{"", "in", "IN", "notin", "gt"} {
		list = append(list, fmt.Sprintf("expression %q broken", operator))
	}
	for _, operator := range []string{"In", "NotIn"} {
		list = append(list, fmt.Sprintf("field %q matches true", operator), fmt.Sprintf("field %q matches false", operator))
	}
	for _, operator := range []string{"", "in", "Exists", "Gt"} {
		list = append(list, fmt.Sprintf("field %q broken", operator))
	}
	for _, operator := range []string{"Gt", "Lt"} {
		for _, numbers := range [][2]bool{{true, true}, {true, false}, {false, true}, {false, false}} {
			list = append(list, fmt.Sprintf("%s label is a number %t, bound is a number %t", operator, numbers[0], numbers[1]))
		}
	}
	for _, effect := range placementtest.Effects {
		list = append(list, fmt.Sprintf("taint effect %q", effect))
	}
	return append(list, wantedTolerations()...)
}

// wantedTolerations is every combination of the forms of the fields.
func wantedTolerations() []string {
	var list []string
	for _, operator := range placementtest.TolerationOperators {
		for _, effect := range placementtest.Effects {
			for _, seconds := range []*int64{nil, new(int64(0)), new(int64(1))} {
				for _, key := range []string{"", "k"} {
					for _, value := range []string{"", "v"} {
						list = append(list, formOf(corev1.Toleration{Key: key, Operator: operator, Value: value, Effect: effect, TolerationSeconds: seconds}))
					}
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// check fails the test for everything wanted that did not occur.
func (c coverage) check(t *testing.T) {
	t.Helper()
	list := wanted()
	for _, form := range list {
		if c[form] == 0 {
			t.Errorf("never generated: %s", form)
		}
	}
	rarest := slices.MinFunc(list, func(a, b string) int { return c[a] - c[b] })
	t.Logf("%d forms were wanted, %d occurred, the rarest of them %d times: %s", len(list), len(c), c[rarest], rarest)
}
