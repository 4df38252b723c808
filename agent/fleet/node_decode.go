package fleet

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DecodeNode reads a node section. The error is ErrMalformed and says what is wrong with it. Keys of a later version are
// skipped and counted. The result does not refer to body.
func DecodeNode(body []byte) (*Facts, error) { return decodeNode(body, nil) }

// decodeNode takes strings that many hosts have from words, so that each is in memory once.
func decodeNode(body []byte, words *words) (*Facts, error) {
	wire, unknown, err := decode[wireNode](body, nodeShape)
	if err != nil {
		return nil, err
	}
	r := reader{words: words}
	facts := &Facts{
		Extras: Extras{
			AgentVersion: r.text(wire.AgentVersion), Kubelet: r.text(wire.Kubelet), Specs: r.digest(wire.Specs), Started: r.time(wire.Started).Time,
		},
		Node: &corev1.Node{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
			ObjectMeta: metav1.ObjectMeta{
				CreationTimestamp: r.time(wire.Created), Labels: r.labels(wire.Labels), Annotations: r.annotations(wire.Annotations),
			},
			Spec: corev1.NodeSpec{Unschedulable: wire.Unschedulable, Taints: r.taints(wire.Taints)},
			Status: corev1.NodeStatus{
				Conditions: r.conditions(wire.Conditions), Addresses: r.addresses(wire.Addresses), NodeInfo: r.info(wire.Info),
			},
		},
		LeftOut: wire.LeftOut, UnknownKeys: unknown,
	}
	if r.err != nil {
		return nil, r.err
	}
	return facts, nil
}

// reader turns wire values into those of Kubernetes and keeps the first error.
type reader struct {
	words *words
	err   error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = malformed(format, args...)
	}
}

func (r *reader) text(s string) string { return r.words.of(scrub(s)) }

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

// pairs is a new map: the words may be those of another host.
func (r *reader) pairs(wire map[string]string, value func(key, value string) (string, bool)) map[string]string {
	if len(wire) == 0 {
		return nil
	}
	out := make(map[string]string, len(wire))
	for key, v := range wire {
		text, ok := value(key, v)
		if !isName(key) || !ok {
			r.fail("%q=%q is no label or annotation", key, v)
			return nil
		}
		if key != corev1.LabelHostname { // which no other host has
			text = r.words.of(text)
		}
		out[r.words.of(key)] = text
	}
	return out
}

func (r *reader) taints(wire []wireTaint) []corev1.Taint {
	slices.SortStableFunc(wire, compareTaints)
	var out []corev1.Taint
	for i, w := range wire {
		if !isName(w.Key) || !isValue(w.Value) || !isName(w.Effect) || i > 0 && compareTaints(w, wire[i-1]) == 0 {
			r.fail("the taint %q with the value %q is none, or stands there twice", w.name(), w.Value)
			return nil
		}
		taint := corev1.Taint{Key: r.words.of(w.Key), Value: r.words.of(w.Value), Effect: corev1.TaintEffect(r.words.of(w.Effect))}
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
			Type: corev1.NodeConditionType(r.words.of(w.Type)), Status: corev1.ConditionStatus(r.words.of(w.Status)),
			Reason: r.text(w.Reason), Message: r.text(w.Message), LastTransitionTime: r.time(w.Transition),
		})
	}
	return out
}

func (r *reader) addresses(wire []wireAddress) []corev1.NodeAddress {
	var out []corev1.NodeAddress
	for _, w := range wire {
		out = append(out, corev1.NodeAddress{Type: corev1.NodeAddressType(r.text(w.Type)), Address: scrub(w.Address)})
	}
	return out
}

func (r *reader) info(w wireInfo) corev1.NodeSystemInfo {
	return corev1.NodeSystemInfo{
		KubeletVersion: r.text(w.Kubelet), OSImage: r.text(w.OSImage), KernelVersion: r.text(w.Kernel),
		ContainerRuntimeVersion: r.text(w.Runtime), Architecture: r.text(w.Arch), OperatingSystem: r.text(w.OS),
	}
}
