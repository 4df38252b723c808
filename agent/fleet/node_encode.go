package fleet

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// FromNode is the body of the node section for a node. Equal facts give equal bytes: nothing that only moves with time
// is in it, such as the heartbeat of a condition, and neither are the name and what a control plane keeps in a Node.
//
// It always fits into MaxSection. What finds no room is left out and named in the second result, which is to be
// reported on the host: annotations go first; then labels, the longest first and those of Kubernetes itself last; of
// taints the ones that only prefer; of conditions those that are not the kubelet's. Keys and values that no other host
// could take are left out too, and long texts are shortened.
//
// The error is for what cannot happen: that the encoder refuses the wire structs, or counts otherwise than this
// function.
func FromNode(n *corev1.Node, x Extras) ([]byte, LeftOut, error) {
	c, err := theCodec()
	if err != nil {
		return nil, LeftOut{}, err
	}
	t := teller{enc: c.Enc}
	wire := wireNode{
		Unschedulable: n.Spec.Unschedulable,
		Info:          t.info(n.Status.NodeInfo),
		AgentVersion:  t.text("agent version", x.AgentVersion, maxInfo),
		Kubelet:       t.text("kubelet state", x.Kubelet, maxInfo),
		Specs:         x.Specs.wire(), Created: seconds(n.CreationTimestamp.Time), Started: seconds(x.Started),
	}
	t.room = MaxSection - roomHeads - t.size(wire)
	wire.Conditions = t.conditions(n.Status.Conditions)
	wire.Taints = t.taints(n.Spec.Taints)
	wire.Addresses = t.addresses(n.Status.Addresses)
	wire.Labels = t.labels(n.Labels)
	wire.Annotations = t.annotations(n.Annotations)
	wire.LeftOut = t.left.Counts()
	body, err := c.Enc.Marshal(wire)
	if err == nil {
		err = t.err
	}
	if err == nil && len(body) > MaxSection {
		err = fmt.Errorf("it has %d bytes, more than the %d that were counted", len(body), MaxSection)
	}
	if err != nil {
		return nil, LeftOut{}, fmt.Errorf("encode the node section: %w", err)
	}
	t.left.sort()
	return body, t.left, nil
}

func (t *teller) info(i corev1.NodeSystemInfo) wireInfo {
	return wireInfo{
		Kubelet: t.text("kubelet version", i.KubeletVersion, maxInfo),
		OSImage: t.text("OS image", i.OSImage, maxInfo),
		Kernel:  t.text("kernel version", i.KernelVersion, maxInfo),
		Runtime: t.text("container runtime version", i.ContainerRuntimeVersion, maxInfo),
		Arch:    t.text("architecture", i.Architecture, maxInfo),
		OS:      t.text("operating system", i.OperatingSystem, maxInfo),
	}
}

// conditions are told in the kubelet's order, others after them by type.
func (t *teller) conditions(all []corev1.NodeCondition) []wireCondition {
	wire := make([]wireCondition, 0, len(all))
	for _, c := range all {
		if !isName(string(c.Type)) || !isStatus(string(c.Status)) {
			t.left.Conditions = append(t.left.Conditions, string(c.Type))
			continue
		}
		wire = append(wire, wireCondition{
			Type: string(c.Type), Status: string(c.Status), Transition: seconds(c.LastTransitionTime.Time),
			Reason:  t.text("reason of condition "+string(c.Type), c.Reason, maxReason),
			Message: t.text("message of condition "+string(c.Type), c.Message, maxMessage),
		})
	}
	slices.SortStableFunc(wire, compareConditions)
	wire = slices.CompactFunc(wire, func(a, b wireCondition) bool { return a.Type == b.Type })
	kept, left := fit(t, roomConditions, maxElements, wire, func(c wireCondition) (int, string) {
		return t.size(c), c.Type
	})
	t.left.Conditions = append(t.left.Conditions, left...)
	return kept
}

// compareConditions is the order of a kubelet's node status, with the conditions of others behind it.
func compareConditions(a, b wireCondition) int {
	return cmp.Or(cmp.Compare(conditionRank(a.Type), conditionRank(b.Type)), cmp.Compare(a.Type, b.Type))
}

func conditionRank(kind string) int {
	known := [...]corev1.NodeConditionType{
		corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure,
		corev1.NodeReady, corev1.NodeNetworkUnavailable,
	}
	if i := slices.Index(known[:], corev1.NodeConditionType(kind)); i >= 0 {
		return i
	}
	return len(known)
}

// taints are chosen by how much they do to a pod, and told by key and effect.
func (t *teller) taints(all []corev1.Taint) []wireTaint {
	wire := make([]wireTaint, 0, len(all))
	for _, a := range all {
		w := wireTaint{Key: a.Key, Value: a.Value, Effect: string(a.Effect)}
		if a.TimeAdded != nil {
			w.Added = seconds(a.TimeAdded.Time)
		}
		if !isName(w.Key) || !isValue(w.Value) || !isName(w.Effect) {
			t.left.Taints = append(t.left.Taints, w.name())
			continue
		}
		wire = append(wire, w)
	}
	slices.SortStableFunc(wire, compareTaints)
	wire = slices.CompactFunc(wire, func(a, b wireTaint) bool { return compareTaints(a, b) == 0 })
	slices.SortStableFunc(wire, func(a, b wireTaint) int {
		return cmp.Compare(effectRank(a.Effect), effectRank(b.Effect))
	})
	kept, left := fit(t, roomTaints, maxElements, wire, func(w wireTaint) (int, string) { return t.size(w), w.name() })
	t.left.Taints = append(t.left.Taints, left...)
	slices.SortFunc(kept, compareTaints)
	return kept
}

func (w wireTaint) name() string { return w.Key + ":" + w.Effect }

func compareTaints(a, b wireTaint) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Effect, b.Effect))
}

func effectRank(effect string) int {
	switch corev1.TaintEffect(effect) {
	case corev1.TaintEffectNoExecute:
		return 0
	case corev1.TaintEffectNoSchedule:
		return 1
	}
	return 2
}

// addresses keep their order: the first of a type is the one to use.
func (t *teller) addresses(all []corev1.NodeAddress) []wireAddress {
	wire := make([]wireAddress, 0, len(all))
	for _, a := range all {
		kind, _ := cut(scrub(string(a.Type)), maxInfo)
		address := scrub(a.Address)
		if kind == "" || address == "" || len(address) > maxAddress {
			t.left.Addresses = append(t.left.Addresses, address)
			continue
		}
		wire = append(wire, wireAddress{Type: kind, Address: address})
	}
	kept, left := fit(t, roomAddresses, maxElements, wire, func(a wireAddress) (int, string) {
		return t.size(a), a.Address
	})
	t.left.Addresses = append(t.left.Addresses, left...)
	return kept
}

func isStatus(s string) bool {
	switch corev1.ConditionStatus(s) {
	case corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown:
		return true
	}
	return false
}
