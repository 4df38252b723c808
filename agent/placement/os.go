package placement

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// OS is spec.os of the template, in Reason.Predicate, and only where it is set. The controller does not look at it; the
// kubelet does, and fails the pod for good on another system (rejectPodAdmissionBasedOnOSField in
// pkg/kubelet/lifecycle).
const OS = "OS"

func osOf(pod *corev1.PodSpec) string {
	if pod.OS == nil {
		return ""
	}
	return string(pod.OS.Name)
}

// fitsOS goes by the label, as a nodeSelector would. A node without it is taken to fit.
func (c *Compiled) fitsOS(node *corev1.Node) bool {
	has, ok := node.Labels[corev1.LabelOSStable]
	return c.os == "" || !ok || has == c.os
}

func (c *Compiled) osReason(node *corev1.Node) Reason {
	message := fmt.Sprintf("os.name %s: %s", c.os, labelOf(node, corev1.LabelOSStable))
	if c.fitsOS(node) {
		return passed(OS, message)
	}
	return Reason{
		Predicate: OS, Message: message,
		Remedy: "take os out of spec.template.spec, if the image runs here",
	}
}
