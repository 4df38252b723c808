package placementtest

import (
	"math"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// LabelOperators are the operators that matchExpressions knows.
var LabelOperators = []corev1.NodeSelectorOperator{
	corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn, corev1.NodeSelectorOpExists,
	corev1.NodeSelectorOpDoesNotExist, corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt,
}

// TolerationOperators are the operators of tolerations, those that are known, those behind a feature gate and others.
var TolerationOperators = []corev1.TolerationOperator{
	"", corev1.TolerationOpEqual, corev1.TolerationOpExists, corev1.TolerationOpLt, corev1.TolerationOpGt, "exists",
	"equal", "NotIn",
}

// Effects are the effects of taints and tolerations, known ones and others.
var Effects = []corev1.TaintEffect{
	corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute, corev1.TaintEffectPreferNoSchedule,
	corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute, "", "noSchedule",
}

var (
	nodeNames = []string{"n1", "n2", "n1", ""}
	labelKeys = []string{"disk", "rank", "example.com/gpu", "zone", corev1.LabelHostname}
	wrongKeys = []string{"", "two words", "-dash", "a/b/c", strings.Repeat("k", 64)}
	integers  = []string{"1", "5", "10", "-3", "9223372036854775806", "9223372036854775807", "-9223372036854775808"}

	labelValues = []string{
		"ssd", "hdd", "ssd", "ssd", "ssd", "hdd", "SSD", "", "n1", "5", "6", "-3", "007", "+5", "1.5", "1e3", "0x10",
		"9223372036854775807", "9223372036854775808", "two words", strings.Repeat("v", 64),
	}

	wrongOperators = []corev1.NodeSelectorOperator{"", "in", "IN", "notin", "gt", "Equals", "Exist"}
	fieldKeys      = []string{
		"metadata.name", "metadata.name", "metadata.name", "metadata.namespace",
		"spec.unschedulable", "",
	}

	taintKeys = []string{
		"dedicated", "dedicated", "gpu", "gpu", "",
		corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable, corev1.TaintNodeUnschedulable, corev1.TaintNodeMemoryPressure,
		corev1.TaintNodeDiskPressure, corev1.TaintNodePIDPressure, corev1.TaintNodeNetworkUnavailable,
	}
	taintValues = []string{"", "a", "b", "5", "9"}

	seconds = []int64{math.MinInt64, -1, 0, 1, 30, 60, 300, math.MaxInt64}

	conditions = []corev1.NodeConditionType{
		corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure,
		corev1.NodeNetworkUnavailable,
	}
)
