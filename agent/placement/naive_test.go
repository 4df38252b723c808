package placement_test

import (
	"regexp"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// naiveDecide is placement written down a second time, from the rules and without any library, for property tests.
func naiveDecide(ds *appsv1.DaemonSet, node *corev1.Node) (shouldRun, shouldContinueRunning bool) {
	pod := ds.Spec.Template.Spec
	if pod.NodeName != "" && pod.NodeName != node.Name {
		return false, false
	}
	for key, value := range pod.NodeSelector {
		if has, ok := node.Labels[key]; !ok || has != value {
			return false, false
		}
	}
	if !naiveAffinity(pod.Affinity, node) {
		return false, false
	}
	schedule, execute := naiveTaints(pod, node)
	return schedule && execute, execute
}

func naiveAffinity(affinity *corev1.Affinity, node *corev1.Node) bool {
	if affinity == nil || affinity.NodeAffinity == nil {
		return true
	}
	required := affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if required == nil {
		return true
	}
	return slices.ContainsFunc(required.NodeSelectorTerms, func(t corev1.NodeSelectorTerm) bool { return naiveTerm(t, node) })
}

func naiveTerm(term corev1.NodeSelectorTerm, node *corev1.Node) bool {
	if len(term.MatchExpressions)+len(term.MatchFields) == 0 {
		return false
	}
	for _, e := range term.MatchExpressions {
		value, present := node.Labels[e.Key]
		if !naiveValid(e) || !naiveExpression(e, value, present) {
			return false
		}
	}
	for _, f := range term.MatchFields {
		if len(f.Values) != 1 || (f.Operator != "In" && f.Operator != "NotIn") {
			return false
		}
		value := ""
		if f.Key == "metadata.name" {
			value = node.Name
		}
		if node.Name != "" && (value == f.Values[0]) != (f.Operator == "In") {
			return false
		}
	}
	return true
}

var (
	labelName   = regexp.MustCompile(`^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$`)
	labelPrefix = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/`)
)

func naiveValid(e corev1.NodeSelectorRequirement) bool {
	name := labelPrefix.ReplaceAllString(e.Key, "")
	if len(name) > 63 || !labelName.MatchString(name) {
		return false
	}
	for _, value := range e.Values {
		if value != "" && (len(value) > 63 || !labelName.MatchString(value)) {
			return false
		}
	}
	switch e.Operator {
	case "In", "NotIn":
		return len(e.Values) > 0
	case "Exists", "DoesNotExist":
		return len(e.Values) == 0
	case "Gt", "Lt":
		return len(e.Values) == 1 && naiveInteger(e.Values[0])
	}
	return false
}

func naiveExpression(e corev1.NodeSelectorRequirement, value string, present bool) bool {
	switch e.Operator {
	case "In":
		return present && slices.Contains(e.Values, value)
	case "NotIn":
		return !present || !slices.Contains(e.Values, value)
	case "Exists":
		return present
	case "DoesNotExist":
		return !present
	}
	if !present || !naiveInteger(value) {
		return false
	}
	label, _ := strconv.ParseInt(value, 10, 64)
	bound, _ := strconv.ParseInt(e.Values[0], 10, 64)
	return (e.Operator == "Gt" && label > bound) || (e.Operator == "Lt" && label < bound)
}

func naiveInteger(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

func naiveTaints(pod corev1.PodSpec, node *corev1.Node) (schedule, execute bool) {
	schedule, execute = true, true
	for _, taint := range node.Spec.Taints {
		if naiveAutomatic(pod, taint) || slices.ContainsFunc(pod.Tolerations, func(t corev1.Toleration) bool { return naiveTolerates(t, taint) }) {
			continue
		}
		schedule = schedule && taint.Effect != "NoSchedule"
		execute = execute && taint.Effect != "NoExecute"
	}
	return schedule, execute
}

func naiveAutomatic(pod corev1.PodSpec, taint corev1.Taint) bool {
	switch taint.Key + ":" + string(taint.Effect) {
	case "node.kubernetes.io/not-ready:NoExecute", "node.kubernetes.io/unreachable:NoExecute",
		"node.kubernetes.io/disk-pressure:NoSchedule", "node.kubernetes.io/memory-pressure:NoSchedule",
		"node.kubernetes.io/pid-pressure:NoSchedule", "node.kubernetes.io/unschedulable:NoSchedule":
		return true
	case "node.kubernetes.io/network-unavailable:NoSchedule":
		return pod.HostNetwork
	}
	return false
}

func naiveTolerates(t corev1.Toleration, taint corev1.Taint) bool {
	keyFits := t.Key == "" || t.Key == taint.Key
	effectFits := t.Effect == "" || t.Effect == taint.Effect
	valueFits := t.Operator == "Exists" || ((t.Operator == "" || t.Operator == "Equal") && t.Value == taint.Value)
	return keyFits && effectFits && valueFits
}
