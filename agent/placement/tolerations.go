package placement

import (
	"slices"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// comparisonOperators is the state of the feature gate TaintTolerationComparisonOperators, which in Kubernetes 1.37 is
// alpha and off: a toleration with the operator Lt or Gt matches no taint.
const comparisonOperators = false

// Tolerations gives the tolerations of the pods of the DaemonSet: those of the template and those that the controller
// adds to every DaemonSet's (AddOrUpdateDaemonPodTolerations in pkg/controller/daemon/util/daemonset_util.go). An added
// one takes the place of each entry of the template with the same key, operator, value and effect, and so makes a limit
// of time on it void; else it goes to the end. The DaemonSet is not changed.
func Tolerations(ds *appsv1.DaemonSet) []corev1.Toleration {
	pod := &ds.Spec.Template.Spec
	tolerations := slices.Clone(pod.Tolerations)
	for _, added := range automaticTolerations(pod.HostNetwork) {
		tolerations = addOrReplace(tolerations, added)
	}
	return tolerations
}

// automaticTolerations is in the controller's order.
func automaticTolerations(hostNetwork bool) []corev1.Toleration {
	added := []corev1.Toleration{
		exists(corev1.TaintNodeNotReady, corev1.TaintEffectNoExecute),
		exists(corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute),
		exists(corev1.TaintNodeDiskPressure, corev1.TaintEffectNoSchedule),
		exists(corev1.TaintNodeMemoryPressure, corev1.TaintEffectNoSchedule),
		exists(corev1.TaintNodePIDPressure, corev1.TaintEffectNoSchedule),
		exists(corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule),
	}
	if hostNetwork {
		added = append(added, exists(corev1.TaintNodeNetworkUnavailable, corev1.TaintEffectNoSchedule))
	}
	return added
}

func exists(key string, effect corev1.TaintEffect) corev1.Toleration {
	return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: effect}
}

// addOrReplace changes tolerations in place where it can.
func addOrReplace(tolerations []corev1.Toleration, added corev1.Toleration) []corev1.Toleration {
	replaced := false
	for i := range tolerations {
		if added.MatchToleration(&tolerations[i]) {
			tolerations[i] = added
			replaced = true
		}
	}
	if replaced {
		return tolerations
	}
	return append(tolerations, added)
}

// toleration gives the first toleration that matches the taint, which is the one whose tolerationSeconds count, or nil.
func (c *Compiled) toleration(taint *corev1.Taint) *corev1.Toleration {
	for i := range c.tolerations {
		if toleratesTaint(&c.tolerations[i], taint) {
			return &c.tolerations[i]
		}
	}
	return nil
}

func (c *Compiled) tolerates(taint *corev1.Taint) bool { return c.toleration(taint) != nil }

func toleratesTaint(toleration *corev1.Toleration, taint *corev1.Taint) bool {
	return toleration.ToleratesTaint(logr.Discard(), taint, comparisonOperators)
}

// keepsAway tells the taints that placement looks at; PreferNoSchedule, and an effect that is not known, have no say.
func keepsAway(taint *corev1.Taint) bool {
	return taint.Effect == corev1.TaintEffectNoSchedule || taint.Effect == corev1.TaintEffectNoExecute
}
