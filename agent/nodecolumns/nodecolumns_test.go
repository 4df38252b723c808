package nodecolumns

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// epoch is when the example was made.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// exampleNode has something of everything that has a column.
func exampleNode() *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			CreationTimestamp: metav1.Time{Time: epoch},
			Labels:            map[string]string{"disktype": "ssd", "node-role.kubernetes.io/storage": ""},
		},
		Spec: corev1.NodeSpec{Unschedulable: true},
		Status: corev1.NodeStatus{
			Conditions: []corev1.NodeCondition{
				{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse},
				{Type: corev1.NodeReady, Status: corev1.ConditionFalse},
			},
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: "10.0.0.4"}, {Type: corev1.NodeHostName, Address: "storage-1"},
			},
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion: "v1.37.2", OSImage: "Debian GNU/Linux 13 (trixie)", KernelVersion: "6.12.0",
				ContainerRuntimeVersion: "containerd://2.1.4", Architecture: "amd64", OperatingSystem: "linux",
			},
		},
	}
}

func TestCells(t *testing.T) {
	n := exampleNode()
	n.Name = "storage-1"
	n.Labels["kubernetes.io/role"] = "cache"
	n.Labels["node-role.kubernetes.io/"] = "ignored"
	n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: "10.9.9.9"})
	now := epoch.Add(50 * time.Hour)
	if got, want := Cells(n, now, true), []string{
		"storage-1", "NotReady,SchedulingDisabled", "cache,storage", "2d2h", "v1.37.2",
		"10.0.0.4", "<none>", "Debian GNU/Linux 13 (trixie)", "6.12.0 (amd64)", "containerd://2.1.4",
	}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, want := Cells(&corev1.Node{}, now, true), []string{"", "Unknown", "<none>", "<unknown>", "", "<none>", "<none>", "<unknown>", "<unknown>", "<unknown>"}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, wide := range []bool{false, true} {
		if got, want := len(Cells(n, now, wide)), len(Columns(wide)); got != want {
			t.Errorf("wide %v: %d cells, %d columns", wide, got, want)
		}
	}
}

func TestStatus(t *testing.T) {
	ready := func(s corev1.ConditionStatus) []corev1.NodeCondition {
		return []corev1.NodeCondition{{Type: corev1.NodeDiskPressure, Status: corev1.ConditionTrue}, {Type: corev1.NodeReady, Status: s}}
	}
	for want, n := range map[string]corev1.Node{
		"Ready":                       {Status: corev1.NodeStatus{Conditions: ready(corev1.ConditionTrue)}},
		"NotReady":                    {Status: corev1.NodeStatus{Conditions: ready(corev1.ConditionFalse)}},
		"Ready,SchedulingDisabled":    {Spec: corev1.NodeSpec{Unschedulable: true}, Status: corev1.NodeStatus{Conditions: ready(corev1.ConditionTrue)}},
		"Unknown":                     {Status: corev1.NodeStatus{Conditions: ready(corev1.ConditionTrue)[:1]}},
		"Unknown,SchedulingDisabled":  {Spec: corev1.NodeSpec{Unschedulable: true}},
		"NotReady,SchedulingDisabled": {Spec: corev1.NodeSpec{Unschedulable: true}, Status: corev1.NodeStatus{Conditions: ready(corev1.ConditionUnknown)}},
	} {
		if got := Status(&n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
