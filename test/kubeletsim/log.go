package kubeletsim

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Kind says what an Event is about.
type Kind string

// The kinds of events.
const (
	// KindUp and KindDown: the kubelet began and ceased to run.
	KindUp   Kind = "Up"
	KindDown Kind = "Down"
	// KindParseError: a manifest could not be read, decoded or validated.
	KindParseError Kind = "ParseError"
	// KindWatchError: fsnotify gave up; it is started again.
	KindWatchError Kind = "WatchError"
	// KindDuplicate: two manifests of the directory have the same pod.
	KindDuplicate Kind = "Duplicate"
	// KindAdded and KindRemoved: the kubelet took up a pod, and gave it up.
	KindAdded   Kind = "Added"
	KindRemoved Kind = "Removed"
	// KindUpdated: a pod changed under the same UID.
	KindUpdated Kind = "Updated"
	// KindRejected: a pod was refused on admission.
	KindRejected Kind = "Rejected"
	// KindQueued: a pod waits because another of the same name has not ended.
	KindQueued Kind = "Queued"
	// KindStarted, KindReady, KindRestarted, KindStopping and KindStopped: what the containers of a pod did.
	KindStarted   Kind = "Started"
	KindReady     Kind = "Ready"
	KindRestarted Kind = "Restarted"
	KindStopping  Kind = "Stopping"
	KindStopped   Kind = "Stopped"
	// KindFailed: a pod ended for good.
	KindFailed Kind = "Failed"
	// KindOverlap: two pods of one owner ran at once.
	KindOverlap Kind = "Overlap"
	// KindDropped: the log was full; Message says how many events are missing.
	KindDropped Kind = "Dropped"
)

// Event is one thing that happened.
type Event struct {
	Time time.Time
	Kind Kind
	// Pod is namespace/name as the kubelet has it, UID its UID, Owner what Options.Owner says of it. Empty where the
	// event is not about a pod.
	Pod   string
	UID   types.UID
	Owner string
	// File is the path of a manifest, where one is meant.
	File    string
	Message string
}

// String shows the event on one line, with the time of day.
func (e Event) String() string {
	return fmt.Sprintf("%s %-10s %s%s %s", e.Time.Format("15:04:05.000"), e.Kind, e.Pod, e.File, e.Message)
}

// journal is a bounded log.
type journal struct {
	events  []Event
	dropped int
}

func (j *journal) add(e Event) {
	if len(j.events) >= maxLog {
		j.dropped++
		return
	}
	e.Time = time.Now()
	j.events = append(j.events, e)
}

func (j *journal) copy() []Event {
	out := slices.Clone(j.events)
	if j.dropped > 0 {
		out = append(out, Event{Time: time.Now(), Kind: KindDropped, Message: fmt.Sprintf("%d events", j.dropped)})
	}
	return out
}

// Log returns everything that happened, oldest first.
func (k *Kubelet) Log() []Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.journal.copy()
}

// Violations returns the events that never happen to a kubelet whose directory is written as it should be: Overlap,
// ParseError, Duplicate, and Dropped, since what was dropped may have been one of them.
func (k *Kubelet) Violations() []Event {
	return slices.DeleteFunc(k.Log(), func(e Event) bool {
		switch e.Kind {
		case KindOverlap, KindParseError, KindDuplicate, KindDropped:
			return false
		default:
			return true
		}
	})
}

// note adds an event about a pod. The caller holds k.mu.
func (k *Kubelet) note(kind Kind, pod *corev1.Pod, message string) {
	k.journal.add(Event{Kind: kind, Pod: fullName(pod), UID: pod.UID, Owner: k.opts.Owner(pod), Message: message})
}

// noteFile adds an event about a file. The caller holds k.mu.
func (k *Kubelet) noteFile(kind Kind, file, message string) {
	k.journal.add(Event{Kind: kind, File: file, Message: message})
}

// fullName is namespace/name of a pod.
func fullName(pod *corev1.Pod) string { return pod.Namespace + "/" + pod.Name }
