package fleet

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DecodeNode reads a node section. The node has no name: by which it goes is not for this section to say. The error is
// ErrMalformed and says what is wrong. Keys of a later version are skipped and counted. The results do not refer to
// body.
func DecodeNode(body []byte) (*corev1.Node, Facts, error) {
	wire, unknown, err := decode[wireNode](body, nodeShape)
	if err != nil {
		return nil, Facts{}, err
	}
	var r reader
	n := &corev1.Node{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{
			CreationTimestamp: r.time(wire.Created), Labels: r.labels(wire.Labels), Annotations: r.annotations(wire.Annotations),
		},
		Spec: corev1.NodeSpec{Unschedulable: wire.Unschedulable, Taints: r.taints(wire.Taints)},
		Status: corev1.NodeStatus{
			Conditions: r.conditions(wire.Conditions), Addresses: r.addresses(wire.Addresses), NodeInfo: info(wire.Info),
		},
	}
	facts := Facts{
		Extras: Extras{
			AgentVersion: scrub(wire.AgentVersion), Kubelet: scrub(wire.Kubelet), Specs: r.digest(wire.Specs),
			Started: r.time(wire.Started).Time,
		},
		Ready: readyStatus(n), LeftOut: wire.LeftOut, UnknownKeys: unknown,
	}
	if r.err != nil {
		return nil, Facts{}, r.err
	}
	return n, facts, nil
}

// readyStatus is the status of the condition Ready; empty without one.
func readyStatus(n *corev1.Node) corev1.ConditionStatus {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status
		}
	}
	return ""
}

// reader turns wire values into those of Kubernetes and keeps the first error.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = malformed(format, args...)
	}
}

func (r *reader) digest(raw []byte) Digest {
	d, err := digestFrom(raw)
	if err != nil && r.err == nil {
		r.err = err
	}
	return d
}

func (r *reader) time(s int64) metav1.Time {
	t, err := metaMoment(s)
	if err != nil && r.err == nil {
		r.err = err
	}
	return t
}

func (r *reader) labels(wire map[string]string) map[string]string {
	if len(wire) > MaxLabels {
		r.fail("it has %d labels, at most %d are possible", len(wire), MaxLabels)
		return nil
	}
	return r.pairs(wire, func(key, value string) (string, bool) { return value, isValue(value) })
}

func (r *reader) annotations(wire map[string]string) map[string]string {
	return r.pairs(wire, func(_, value string) (string, bool) { return scrubLines(value), true })
}

// pairs makes every value what value says it is, and fails at one that is none.
func (r *reader) pairs(wire map[string]string, value func(key, value string) (string, bool)) map[string]string {
	for key, told := range wire {
		text, ok := value(key, told)
		if !isName(key) || !ok {
			r.fail("no label or annotation can be %q=%q", key, told)
			return nil
		}
		if text != told {
			wire[key] = text
		}
	}
	if len(wire) == 0 {
		return nil
	}
	return wire
}

func (r *reader) taints(wire []wireTaint) []corev1.Taint {
	slices.SortStableFunc(wire, compareTaints)
	var out []corev1.Taint
	for i, w := range wire {
		if !isName(w.Key) || !isValue(w.Value) || !isName(w.Effect) || i > 0 && compareTaints(w, wire[i-1]) == 0 {
			r.fail("the taint %q with the value %q is none, or stands there twice", w.name(), w.Value)
			return nil
		}
		taint := corev1.Taint{Key: w.Key, Value: w.Value, Effect: corev1.TaintEffect(w.Effect)}
		if w.Added != 0 {
			added := r.time(w.Added)
			taint.TimeAdded = &added
		}
		out = append(out, taint)
	}
	return out
}

func (r *reader) conditions(wire []wireCondition) []corev1.NodeCondition {
	slices.SortStableFunc(wire, compareConditions)
	var out []corev1.NodeCondition
	for i, w := range wire {
		if !isName(w.Type) || !isStatus(w.Status) || i > 0 && w.Type == wire[i-1].Type {
			r.fail("the condition %q with the status %q is none, or stands there twice", w.Type, w.Status)
			return nil
		}
		out = append(out, corev1.NodeCondition{
			Type: corev1.NodeConditionType(w.Type), Status: corev1.ConditionStatus(w.Status),
			Reason: scrub(w.Reason), Message: scrub(w.Message), LastTransitionTime: r.time(w.Transition),
		})
	}
	return out
}

func (r *reader) addresses(wire []wireAddress) []corev1.NodeAddress {
	var out []corev1.NodeAddress
	for _, w := range wire {
		out = append(out, corev1.NodeAddress{Type: corev1.NodeAddressType(scrub(w.Type)), Address: scrub(w.Address)})
	}
	return out
}

func info(w wireInfo) corev1.NodeSystemInfo {
	return corev1.NodeSystemInfo{
		KubeletVersion: scrub(w.Kubelet), OSImage: scrub(w.OSImage), KernelVersion: scrub(w.Kernel),
		ContainerRuntimeVersion: scrub(w.Runtime), Architecture: scrub(w.Arch), OperatingSystem: scrub(w.OS),
	}
}
