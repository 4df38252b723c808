package fleet

import (
	"crypto/sha256"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

// epoch is when the tests' nodes were made.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) metav1.Time { return metav1.Time{Time: epoch.Add(d)} }

func pointerAt(d time.Duration) *metav1.Time {
	t := at(d)
	return &t
}

// exampleNode has something of everything that is told.
func exampleNode() *corev1.Node {
	return &corev1.Node{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{
			CreationTimestamp: at(0),
			Labels: map[string]string{
				"kubernetes.io/hostname": "storage-1", "kubernetes.io/arch": "amd64", "disktype": "ssd",
				"node-role.kubernetes.io/storage": "", "topology.kubernetes.io/zone": "z1",
			},
			Annotations: map[string]string{"example.com/rack": "row 4,\nrack 2"},
		},
		Spec: corev1.NodeSpec{
			Unschedulable: true,
			Taints: []corev1.Taint{
				{Key: "dedicated", Value: "storage", Effect: corev1.TaintEffectNoSchedule},
				{Key: "node.kubernetes.io/not-ready", Effect: corev1.TaintEffectNoExecute, TimeAdded: pointerAt(time.Hour)},
				{Key: "node.kubernetes.io/not-ready", Effect: corev1.TaintEffectNoSchedule},
				{Key: "node.kubernetes.io/unschedulable", Effect: corev1.TaintEffectNoSchedule},
			},
		},
		Status: corev1.NodeStatus{
			Conditions: []corev1.NodeCondition{
				{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasSufficientMemory", Message: "kubelet has sufficient memory available", LastTransitionTime: at(time.Minute)},
				{Type: corev1.NodeDiskPressure, Status: corev1.ConditionUnknown, Reason: "NoStatistics", LastTransitionTime: at(2 * time.Minute)},
				{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "KubeletNotReady", Message: "the kubelet does not answer", LastTransitionTime: at(time.Hour)},
				{Type: "KernelDeadlock", Status: corev1.ConditionFalse, LastTransitionTime: at(time.Hour)},
			},
			Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.4"}, {Type: corev1.NodeHostName, Address: "storage-1"}},
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion: "v1.37.2", OSImage: "Debian GNU/Linux 13 (trixie)", KernelVersion: "6.12.0", ContainerRuntimeVersion: "containerd://2.1.4",
				Architecture: "amd64", OperatingSystem: "linux",
			},
		},
	}
}

func exampleExtras() Extras {
	return Extras{AgentVersion: "v1.4.0", Kubelet: "Unreachable", Specs: digestOf([]byte("specs")), Started: epoch.Add(30 * time.Minute)}
}

// anyText is text with things in it that nobody wants on a terminal.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "ok", "\x1b[2J", "a\nb", "\u202eabc", "\xff\xfe", "ä\u0000ö"}))
}

func anyKey() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`([a-z0-9.]{1,20}/)?[A-Za-z0-9][-A-Za-z0-9_.]{0,40}`),
		rapid.SampledFrom([]string{"kubernetes.io/hostname", "node-role.kubernetes.io/x", "bad key", ""}),
	)
}

func anyValue() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9]?[-A-Za-z0-9_.]{0,62}`), rapid.SampledFrom([]string{"", "bad value"}))
}

func anyTime() *rapid.Generator[metav1.Time] {
	return rapid.Custom(func(t *rapid.T) metav1.Time {
		if rapid.Bool().Draw(t, "none") {
			return metav1.Time{}
		}
		return metav1.Time{Time: time.Unix(rapid.Int64Range(-10, 1<<40).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos"))}
	})
}

func anyTaint() *rapid.Generator[corev1.Taint] {
	return rapid.Custom(func(t *rapid.T) corev1.Taint {
		taint := corev1.Taint{
			Key: anyKey().Draw(t, "key"), Value: anyValue().Draw(t, "value"),
			Effect: rapid.SampledFrom([]corev1.TaintEffect{"NoSchedule", "NoExecute", "PreferNoSchedule", "Later", ""}).Draw(t, "effect"),
		}
		if added := anyTime().Draw(t, "added"); !added.IsZero() {
			taint.TimeAdded = &added
		}
		return taint
	})
}

func anyCondition() *rapid.Generator[corev1.NodeCondition] {
	return rapid.Custom(func(t *rapid.T) corev1.NodeCondition {
		return corev1.NodeCondition{
			Type:   rapid.OneOf(rapid.SampledFrom([]corev1.NodeConditionType{"Ready", "DiskPressure", "NetworkUnavailable"}), rapid.Map(anyKey(), func(s string) corev1.NodeConditionType { return corev1.NodeConditionType(s) })).Draw(t, "type"),
			Status: rapid.SampledFrom([]corev1.ConditionStatus{"True", "False", "Unknown", "Perhaps"}).Draw(t, "status"),
			Reason: anyText().Draw(t, "reason"), Message: rapid.OneOf(anyText(), rapid.StringN(0, -1, 2000)).Draw(t, "message"),
			LastTransitionTime: anyTime().Draw(t, "transition"), LastHeartbeatTime: anyTime().Draw(t, "heartbeat"),
		}
	})
}

// anyNode is a node as nobody would have it, up to far above every limit.
func anyNode() *rapid.Generator[*corev1.Node] {
	return rapid.Custom(func(t *rapid.T) *corev1.Node {
		size := rapid.SampledFrom([]int{3, 30, 700}).Draw(t, "size")
		n := exampleNode()
		n.CreationTimestamp = anyTime().Draw(t, "created")
		n.Spec.Unschedulable = rapid.Bool().Draw(t, "unschedulable")
		n.Labels = rapid.MapOfN(anyKey(), anyValue(), 0, min(size, 40)).Draw(t, "labels")
		if size > 100 {
			for i := range size {
				n.Labels[fmt.Sprintf("feature.node.kubernetes.io/cpu-cpuid.%04d", i)] = "true"
			}
		}
		n.Annotations = rapid.MapOfN(anyKey(), anyText(), 0, min(size, 40)).Draw(t, "annotations")
		n.Spec.Taints = rapid.SliceOfN(anyTaint(), 0, min(size, 40)).Draw(t, "taints")
		n.Status.Conditions = rapid.SliceOfN(anyCondition(), 0, min(size, 40)).Draw(t, "conditions")
		n.Status.NodeInfo.OSImage = anyText().Draw(t, "image")
		for i := range rapid.IntRange(0, size).Draw(t, "addresses") {
			n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("10.0.%d.%d", i/256, i%256)})
		}
		return n
	})
}

// digestOf is the digest of a file's content, as manifests/spec makes it.
func digestOf(content []byte) Digest {
	sum := sha256.Sum256(content)
	return Digest(sum[:len(Digest{})])
}

func anyExtras() *rapid.Generator[Extras] {
	return rapid.Custom(func(t *rapid.T) Extras {
		return Extras{AgentVersion: anyText().Draw(t, "version"), Kubelet: anyText().Draw(t, "kubelet"), Started: anyTime().Draw(t, "started").Time}
	})
}
