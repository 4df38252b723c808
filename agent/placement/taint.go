package placement

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// implied is the condition that stands behind a taint.
type implied struct {
	condition corev1.NodeConditionType
	status    corev1.ConditionStatus
	// healthy is the status with which the taint goes.
	healthy corev1.ConditionStatus
}

// conditionOf gives the condition that puts such a taint on a node (nodeConditionToTaintKeyStatusMap in
// pkg/controller/nodelifecycle/node_lifecycle_controller.go).
func conditionOf(taint *corev1.Taint) (implied, bool) {
	switch taint.Key {
	case corev1.TaintNodeNotReady:
		return implied{corev1.NodeReady, corev1.ConditionFalse, corev1.ConditionTrue}, true
	case corev1.TaintNodeUnreachable:
		return implied{corev1.NodeReady, corev1.ConditionUnknown, corev1.ConditionTrue}, true
	}
	condition := troubleOf(taint.Key)
	if condition == "" || taint.Effect != corev1.TaintEffectNoSchedule {
		return implied{}, false
	}
	return implied{condition, corev1.ConditionTrue, corev1.ConditionFalse}, true
}

// troubleOf gives the condition that is bad when it is True and implies a NoSchedule taint of this key, or "".
func troubleOf(key string) corev1.NodeConditionType {
	switch key {
	case corev1.TaintNodeMemoryPressure:
		return corev1.NodeMemoryPressure
	case corev1.TaintNodeDiskPressure:
		return corev1.NodeDiskPressure
	case corev1.TaintNodePIDPressure:
		return corev1.NodePIDPressure
	case corev1.TaintNodeNetworkUnavailable:
		return corev1.NodeNetworkUnavailable
	}
	return ""
}

func (c *Compiled) taintReasons(node *corev1.Node) []Reason {
	var failed []Reason
	var tolerated []string
	for i := range node.Spec.Taints {
		taint := &node.Spec.Taints[i]
		if !keepsAway(taint) {
			continue
		}
		if toleration := c.toleration(taint); toleration != nil {
			tolerated = append(tolerated, fmt.Sprintf("%s is tolerated by %s", nameTaint(taint), c.describe(toleration)))
			continue
		}
		failed = append(failed, c.untolerated(node, taint))
	}
	switch {
	case len(failed) > 0:
		return failed
	case len(tolerated) == 0:
		return []Reason{passed(TaintToleration, "the node has no taint that keeps pods away")}
	}
	return []Reason{passed(TaintToleration, joinSome(tolerated, "; "))}
}

func (c *Compiled) untolerated(node *corev1.Node, taint *corev1.Taint) Reason {
	message := []string{nameTaint(taint) + " is not tolerated", "a pod that runs already may stay"}
	if taint.Effect == corev1.TaintEffectNoExecute {
		message[1] = "a pod that runs already has to go"
	}
	if origin := originOf(node, taint); origin != "" {
		message = append(message, origin)
	}
	message = append(message, c.nearMisses(taint)...)
	return Reason{
		Predicate: TaintToleration,
		Message:   strings.Join(message, "; "),
		Remedy:    taintRemedy(node, taint),
	}
}

// originOf says which condition of the node implies the taint.
func originOf(node *corev1.Node, taint *corev1.Taint) string {
	origin, ok := conditionOf(taint)
	if !ok {
		return ""
	}
	text := fmt.Sprintf("it is implied by the condition %s=%s", origin.condition, origin.status)
	condition := findCondition(node, origin)
	switch {
	case condition == nil:
		return text + ", which the node does not have: it was set by hand"
	case condition.Message != "":
		return fmt.Sprintf("%s (%s: %s)", text, condition.Reason, condition.Message)
	case condition.Reason != "":
		return fmt.Sprintf("%s (%s)", text, condition.Reason)
	}
	return text
}

// findCondition gives the node's condition only if it has the status that implies the taint.
func findCondition(node *corev1.Node, origin implied) *corev1.NodeCondition {
	i := slices.IndexFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == origin.condition && c.Status == origin.status
	})
	if i < 0 {
		return nil
	}
	return &node.Status.Conditions[i]
}

// taintRemedy is the toleration to add, and how the taint goes otherwise.
func taintRemedy(node *corev1.Node, taint *corev1.Taint) string {
	add := fmt.Sprintf("add a toleration for %s to spec.template.spec.tolerations", taintText(taint))
	origin, ok := conditionOf(taint)
	if ok && findCondition(node, origin) != nil {
		return fmt.Sprintf("%s, or wait: the taint goes when the condition %s is %s", add, origin.condition, origin.healthy)
	}
	return fmt.Sprintf("%s, or remove the taint with dsctl taint %s:%s-", add, taint.Key, taint.Effect)
}

// nearMisses says of the tolerations that name the taint's key why each does not match.
func (c *Compiled) nearMisses(taint *corev1.Taint) []string {
	var texts []string
	for i := range c.tolerations {
		toleration := &c.tolerations[i]
		if toleration.Key != taint.Key || len(texts) == maxDetails {
			continue
		}
		texts = append(texts, c.describe(toleration)+" "+mismatch(toleration, taint))
	}
	return texts
}

// mismatch says why a toleration with the key of the taint does not match it.
func mismatch(toleration *corev1.Toleration, taint *corev1.Taint) string {
	switch {
	case toleration.Effect != "" && toleration.Effect != taint.Effect:
		return "is for another effect"
	case toleration.Operator == corev1.TolerationOpLt || toleration.Operator == corev1.TolerationOpGt:
		return fmt.Sprintf("never matches: the operator %s is off in Kubernetes unless a feature gate turns it on",
			toleration.Operator)
	case toleration.Operator != "" && toleration.Operator != corev1.TolerationOpEqual:
		return fmt.Sprintf("never matches: %q is no operator, Exists and Equal are", toleration.Operator)
	}
	return "is for another value"
}

// describe names a toleration by what it asks for.
func (c *Compiled) describe(t *corev1.Toleration) string {
	text := "the toleration"
	if slices.ContainsFunc(c.automatic, func(a corev1.Toleration) bool { return a == *t }) {
		text = "the automatic toleration"
	}
	switch {
	case t.Key == "" && t.Operator == corev1.TolerationOpExists:
		text += " of every key"
	case t.Operator == corev1.TolerationOpExists:
		text += " " + t.Key
	case t.Operator == "" || t.Operator == corev1.TolerationOpEqual:
		text += " " + t.Key + "=" + t.Value
	default:
		text += strings.TrimRight(fmt.Sprintf(" %s %s %s", t.Key, t.Operator, t.Value), " ")
	}
	if t.Effect != "" {
		text += ":" + string(t.Effect)
	}
	if t.TolerationSeconds != nil {
		text += fmt.Sprintf(" for %d s", max(*t.TolerationSeconds, 0))
	}
	return text
}

func nameTaint(taint *corev1.Taint) string { return "taint " + taintText(taint) }

// taintText is the taint as dsctl taint writes it: key=value:effect.
func taintText(taint *corev1.Taint) string {
	if taint.Value == "" {
		return fmt.Sprintf("%s:%s", taint.Key, taint.Effect)
	}
	return fmt.Sprintf("%s=%s:%s", taint.Key, taint.Value, taint.Effect)
}
