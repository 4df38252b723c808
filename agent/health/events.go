package health

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// Events records what happens to this host's DaemonSets and to its node, counted by type. It holds nothing that
// changes, and may be used by several goroutines, as its registry and its counter may.
type Events struct {
	registry *registry.Registry
	counter  *prometheus.CounterVec
	node     string
}

// NewEvents records into the registry, for the node of this name; counter has one label, the event's type.
func NewEvents(r *registry.Registry, counter *prometheus.CounterVec, node string) *Events {
	return &Events{registry: r, counter: counter, node: node}
}

// OfDaemonSet records something that happened to the DaemonSet with this key (namespace/name). Kind is
// corev1.EventTypeNormal or EventTypeWarning, reason one CamelCase word.
func (e *Events) OfDaemonSet(key, kind, reason, message string) {
	namespace, name, _ := strings.Cut(key, "/")
	e.record(registry.EventInput{
		Type: kind, Reason: reason, Message: message,
		Object: corev1.ObjectReference{APIVersion: "apps/v1", Kind: "DaemonSet", Namespace: namespace, Name: name},
	})
}

// OfContainer records something that happened to a container of a pod, as a kubelet does; container may be empty.
func (e *Events) OfContainer(pod *corev1.Pod, container, kind, reason, message string) {
	ref := corev1.ObjectReference{
		APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
	}
	if container != "" {
		ref.FieldPath = "spec.containers{" + container + "}"
	}
	e.record(registry.EventInput{Type: kind, Reason: reason, Message: message, Object: ref})
}

// OfNode records something that happened to this node.
func (e *Events) OfNode(kind, reason, message string) {
	e.record(registry.EventInput{
		Type: kind, Reason: reason, Message: message,
		Object: corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: e.node},
	})
}

func (e *Events) record(in registry.EventInput) {
	e.counter.WithLabelValues(in.Type).Inc()
	e.registry.Record(in)
}
