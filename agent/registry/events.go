package registry

import (
	"container/list"
	"fmt"
	"hash/fnv"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxMessage is how many bytes of an event's message are kept; Kubernetes has the same limit.
const maxMessage = 1024

// EventInput is something that happened to an object.
type EventInput struct {
	// Object is what it happened to: kind, namespace and name at least.
	Object corev1.ObjectReference
	// Type is corev1.EventTypeNormal or corev1.EventTypeWarning.
	Type string
	// Reason is CamelCase and short: ManifestWritten.
	Reason string
	// Message is one sentence for people.
	Message string
}

// eventKey is what makes two events the same one, seen again.
type eventKey struct {
	object                corev1.ObjectReference
	kind, reason, message string
}

// recorder orders the events by when they occurred last, so that the oldest one is the first to go.
type recorder struct {
	order   *list.List
	byKey   map[eventKey]*list.Element
	serial  uint64
	dropped uint64
}

type recorded struct {
	key   eventKey
	event *corev1.Event
}

func newRecorder() recorder {
	return recorder{order: list.New(), byKey: make(map[eventKey]*list.Element)}
}

// Record notes an event. One with the same object, type, reason and message as an earlier one that is still held is
// counted there, and its lastTimestamp moves; so a thing that happens every second is one event, not thousands.
func (r *Registry) Record(in EventInput) {
	in.Message = truncate(in.Message, maxMessage)
	r.mu.Lock()
	defer r.mu.Unlock()
	event := r.events.note(in, time.Now())
	event.Source = corev1.EventSource{Component: r.cfg.Component, Host: r.cfg.Host}
	t := r.tables[Events]
	t.Patch([]Object{event})
	for r.events.order.Len() > r.cfg.EventLimit {
		t.Patch(nil, r.events.drop())
	}
}

// note returns the event as it is now. The table has copies: what is returned may be changed by the next note.
func (rec *recorder) note(in EventInput, now time.Time) *corev1.Event {
	k := eventKey{in.Object, in.Type, in.Reason, in.Message}
	stamp := metav1.NewTime(now.Truncate(time.Second))
	if el, ok := rec.byKey[k]; ok {
		if held, ok := el.Value.(recorded); ok {
			held.event.Count++
			held.event.LastTimestamp = stamp
			rec.order.MoveToBack(el)
			return held.event
		}
	}
	event := rec.newEvent(in, stamp)
	rec.byKey[k] = rec.order.PushBack(recorded{k, event})
	return event
}

func (rec *recorder) newEvent(in EventInput, stamp metav1.Time) *corev1.Event {
	rec.serial++
	namespace := in.Object.Namespace
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:         namespace,
			Name:              eventName(in, rec.serial, stamp.Unix()),
			CreationTimestamp: stamp,
		},
		InvolvedObject: in.Object,
		Type:           in.Type,
		Reason:         in.Reason,
		Message:        in.Message,
		FirstTimestamp: stamp,
		LastTimestamp:  stamp,
		Count:          1,
	}
}

// drop forgets the event that occurred longest ago and returns its key in the table.
func (rec *recorder) drop() string {
	el := rec.order.Front()
	rec.order.Remove(el)
	rec.dropped++
	held, ok := el.Value.(recorded)
	if !ok {
		return ""
	}
	delete(rec.byKey, held.key)
	return keyOf(held.event)
}

// eventName is the object's name and a suffix that no other event of this or an earlier process has.
func eventName(in EventInput, serial uint64, unix int64) string {
	h := fnv.New64a()
	// Writing to a hash never fails.
	_, _ = fmt.Fprintf(h, "%d/%d/%s/%s/%s", unix, serial, in.Object.Kind, in.Reason, in.Message)
	return fmt.Sprintf("%s.%016x", in.Object.Name, h.Sum64())
}

// truncate cuts s to at most limit bytes, at a character's end, and shows that it did.
func truncate(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const mark = "..."
	cut := limit - len(mark)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + mark
}
