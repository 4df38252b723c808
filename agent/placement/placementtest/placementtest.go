// Package placementtest makes DaemonSets and nodes for tests of placement. What it makes need not be valid: the
// DaemonSet controller looks at whatever is stored, and has an answer for every operator, key, value and effect. The
// vocabulary is small, so that a node matches about as often as it does not.
package placementtest

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Chooser is a source of choices: *rand.Rand of math/rand/v2, or a property test's.
type Chooser interface {
	// IntN gives a number from 0 to n-1.
	IntN(n int) int
}

// Gen makes objects from the choices of C.
type Gen struct{ C Chooser }

// DaemonSet makes a DaemonSet of which only what placement reads is set.
func (g Gen) DaemonSet() *appsv1.DaemonSet {
	ds := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "ds", UID: "ds"}}
	pod := &ds.Spec.Template.Spec
	if g.oneIn(8) {
		pod.NodeName = pick(g, nodeNames)
	}
	pod.HostNetwork = g.oneIn(3)
	pod.NodeSelector = g.selector()
	pod.Affinity = g.affinity()
	pod.Tolerations = list(g, 4, g.Toleration)
	return ds
}

// Node makes a node with a name, labels, taints and conditions.
func (g Gen) Node() *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: pick(g, nodeNames)}}
	if !g.oneIn(8) {
		node.Labels = map[string]string{}
		for range g.C.IntN(6) {
			node.Labels[pick(g, labelKeys)] = pick(g, labelValues)
		}
	}
	node.Spec.Unschedulable = g.oneIn(4)
	node.Spec.Taints = list(g, 4, g.Taint)
	node.Status.Conditions = list(g, 3, g.condition)
	return node
}

// Toleration makes a toleration of any form, also of those that validation refuses.
func (g Gen) Toleration() corev1.Toleration {
	toleration := corev1.Toleration{
		Key:      pick(g, taintKeys),
		Operator: pick(g, TolerationOperators),
		Value:    pick(g, taintValues),
		Effect:   pick(g, Effects),
	}
	switch g.C.IntN(4) {
	case 0:
		toleration.Key = ""
	case 1:
		toleration.Effect = ""
	case 2:
		toleration.Operator, toleration.Value = corev1.TolerationOpExists, ""
	}
	if g.oneIn(3) {
		toleration.TolerationSeconds = new(pick(g, seconds))
	}
	return toleration
}

// Taint makes a taint; timeAdded is not set.
func (g Gen) Taint() corev1.Taint {
	taint := corev1.Taint{Key: pick(g, taintKeys), Value: pick(g, taintValues), Effect: pick(g, Effects)}
	if g.oneIn(2) {
		taint.Value = ""
	}
	return taint
}

func (g Gen) condition() corev1.NodeCondition {
	return corev1.NodeCondition{
		Type: pick(g, conditions),
		Status: pick(g, []corev1.ConditionStatus{
			corev1.ConditionTrue, corev1.ConditionFalse,
			corev1.ConditionUnknown,
		}),
		Reason:             pick(g, []string{"", "KubeletNotReady"}),
		Message:            pick(g, []string{"", "container runtime is down"}),
		LastTransitionTime: metav1.NewTime(time.Unix(1_700_000_000, 0)),
	}
}

func (g Gen) selector() map[string]string {
	switch g.C.IntN(6) {
	case 0:
		return map[string]string{}
	case 1:
		selector := map[string]string{}
		for range 1 + g.C.IntN(2) {
			selector[pick(g, labelKeys)] = pick(g, labelValues)
		}
		return selector
	}
	return nil
}

func (g Gen) affinity() *corev1.Affinity {
	switch g.C.IntN(8) {
	case 0, 1, 2:
		return nil
	case 3:
		return &corev1.Affinity{}
	}
	affinity := &corev1.NodeAffinity{}
	if g.oneIn(8) {
		affinity.PreferredDuringSchedulingIgnoredDuringExecution = []corev1.PreferredSchedulingTerm{{
			Weight:     1,
			Preference: g.term(),
		}}
		return &corev1.Affinity{NodeAffinity: affinity}
	}
	terms := []corev1.NodeSelectorTerm{g.term(), g.term(), g.term()}[:1+g.C.IntN(3)]
	if g.oneIn(8) {
		terms = list(g, 4, g.term)
	}
	affinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: terms}
	return &corev1.Affinity{NodeAffinity: affinity}
}

func (g Gen) term() corev1.NodeSelectorTerm {
	term := corev1.NodeSelectorTerm{}
	if g.oneIn(12) {
		return term
	}
	term.MatchExpressions = list(g, 3, g.expression)
	if g.oneIn(4) {
		term.MatchFields = list(g, 3, g.field)
	}
	return term
}

func (g Gen) expression() corev1.NodeSelectorRequirement {
	r := corev1.NodeSelectorRequirement{Key: pick(g, labelKeys), Operator: pick(g, LabelOperators)}
	if g.oneIn(6) {
		r.Operator = pick(g, wrongOperators)
	}
	if g.oneIn(12) {
		r.Key = pick(g, wrongKeys)
	}
	r.Values = g.values(r.Operator, labelValues)
	if (r.Operator == corev1.NodeSelectorOpGt || r.Operator == corev1.NodeSelectorOpLt) && !g.oneIn(4) {
		r.Values = []string{pick(g, integers)}
	}
	return r
}

func (g Gen) field() corev1.NodeSelectorRequirement {
	r := corev1.NodeSelectorRequirement{
		Key:      pick(g, fieldKeys),
		Operator: pick(g, []corev1.NodeSelectorOperator{corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn}),
	}
	if g.oneIn(8) {
		r.Operator = pick(g, slices.Concat(wrongOperators, LabelOperators))
	}
	r.Values = []string{pick(g, nodeNames)}
	if g.oneIn(8) {
		r.Values = list(g, 3, func() string { return pick(g, nodeNames) })
	}
	return r
}

// values mostly gives as many as the operator wants.
func (g Gen) values(operator corev1.NodeSelectorOperator, from []string) []string {
	count := 1 + g.C.IntN(3)
	switch operator {
	case corev1.NodeSelectorOpExists, corev1.NodeSelectorOpDoesNotExist:
		count = 0
	case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
		count = 1
	}
	if g.oneIn(8) {
		count = g.C.IntN(3)
	}
	var values []string
	for range count {
		values = append(values, pick(g, from))
	}
	return values
}

func (g Gen) oneIn(n int) bool { return g.C.IntN(n) == n-1 }

func pick[T any](g Gen, from []T) T { return from[g.C.IntN(len(from))] }

// list has up to limit-1 elements; without any it is nil or an empty list.
func list[T any](g Gen, limit int, element func() T) []T {
	count := g.C.IntN(limit)
	if count == 0 && g.oneIn(2) {
		return nil
	}
	elements := make([]T, 0, count)
	for range count {
		elements = append(elements, element())
	}
	return elements
}
