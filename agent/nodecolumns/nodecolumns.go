// Package nodecolumns has the columns of kubectl get nodes, made from a node as kubectl's server makes them (printNode
// of pkg/printers/internalversion/printers.go). It is pure, and stands by itself so that dsctl, which prints the
// columns, does not carry the gossip from which the agent makes the nodes.
package nodecolumns

import (
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// AnnotationLeft is on the node of a member that has left the fleet for good; its value is "true". It is for Status.
const AnnotationLeft = "daemonsetd.io/left"

const (
	unknown = "<unknown>"
	none    = "<none>"

	labelRolePrefix = "node-role.kubernetes.io/"
	labelRole       = "kubernetes.io/role"
)

// Columns are the headers that go with Cells.
func Columns(wide bool) []string {
	columns := []string{"NAME", "STATUS", "ROLES", "AGE", "VERSION"}
	if wide {
		columns = append(columns, "INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME")
	}
	return columns
}

// Cells are the values of one node at the moment now.
func Cells(n *corev1.Node, now time.Time, wide bool) []string {
	cells := []string{n.Name, Status(n), Roles(n), Age(n.CreationTimestamp.Time, now), Version(n)}
	if wide {
		cells = append(cells, InternalIP(n), ExternalIP(n), OSImage(n), KernelVersion(n), ContainerRuntime(n))
	}
	return cells
}

// Status is Ready, NotReady or, with no condition Ready, Unknown; with SchedulingDisabled behind it for a node that is
// cordoned, and with Left, which kubectl does not have, for one that has left the fleet.
func Status(n *corev1.Node) string {
	status := "Unknown"
	for _, c := range n.Status.Conditions {
		switch {
		case c.Type != corev1.NodeReady:
		case c.Status == corev1.ConditionTrue:
			status = "Ready"
		default:
			status = "NotReady"
		}
	}
	if n.Spec.Unschedulable {
		status += ",SchedulingDisabled"
	}
	if n.Annotations[AnnotationLeft] == "true" {
		status += ",Left"
	}
	return status
}

// Roles is what the labels node-role.kubernetes.io/ROLE and kubernetes.io/role=ROLE name, sorted.
func Roles(n *corev1.Node) string {
	roles := map[string]bool{}
	for key, value := range n.Labels {
		role, named := strings.CutPrefix(key, labelRolePrefix)
		switch {
		case named:
		case key == labelRole:
			role = value
		default:
			continue
		}
		if role != "" {
			roles[role] = true
		}
	}
	if len(roles) == 0 {
		return none
	}
	return strings.Join(slices.Sorted(maps.Keys(roles)), ",")
}

// Age is how long ago a moment was, in the words of kubectl.
func Age(created, now time.Time) string {
	if created.IsZero() {
		return unknown
	}
	return duration.HumanDuration(now.Sub(created))
}

// Version is the kubelet's; empty when it is not known.
func Version(n *corev1.Node) string { return n.Status.NodeInfo.KubeletVersion }

// InternalIP is the first address of that type.
func InternalIP(n *corev1.Node) string { return address(n, corev1.NodeInternalIP) }

// ExternalIP is the first address of that type.
func ExternalIP(n *corev1.Node) string { return address(n, corev1.NodeExternalIP) }

func address(n *corev1.Node, kind corev1.NodeAddressType) string {
	for _, a := range n.Status.Addresses {
		if a.Type == kind {
			return a.Address
		}
	}
	return none
}

// OSImage is the name of the distribution.
func OSImage(n *corev1.Node) string { return or(n.Status.NodeInfo.OSImage, unknown) }

// KernelVersion is the kernel's release with the architecture.
func KernelVersion(n *corev1.Node) string {
	version := or(n.Status.NodeInfo.KernelVersion, unknown)
	if arch := n.Status.NodeInfo.Architecture; arch != "" {
		version += " (" + arch + ")"
	}
	return version
}

// ContainerRuntime is the runtime with its version.
func ContainerRuntime(n *corev1.Node) string {
	return or(n.Status.NodeInfo.ContainerRuntimeVersion, unknown)
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}
