package outage

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Event is something that happened to a container, in a kubelet's words (pkg/kubelet/events/event.go).
type Event struct {
	Pod *corev1.Pod
	// Container is the container's name; empty: it is about the pod.
	Container string
	// Type is corev1.EventTypeNormal or EventTypeWarning.
	Type            string
	Reason, Message string
}

// Events gives what can be told from two lists of a kubelet's pods, the older first, of those that are ours. A kubelet
// without an API server keeps its own events to itself. What happened between two lists and was over is not seen, and
// what a pod did before it was listed first is not told. No message has a count or a time in it, so that what happens
// again is counted as one event.
func Events(old, now []corev1.Pod, ours func(*corev1.Pod) bool, tell func(Event)) {
	before := make(map[types.UID]*corev1.Pod, len(old))
	for i := range old {
		before[old[i].UID] = &old[i]
	}
	for i := range now {
		pod := &now[i]
		was := before[pod.UID]
		delete(before, pod.UID)
		if ours(pod) {
			podEvents(was, pod, tell)
		}
	}
	for i := range old { // in their order
		if pod := &old[i]; before[pod.UID] != nil && ours(pod) {
			gone(pod, tell)
		}
	}
}

// gone tells of a pod that the kubelet does not want to run any more.
func gone(pod *corev1.Pod, tell func(Event)) {
	for i := range pod.Status.ContainerStatuses {
		if c := &pod.Status.ContainerStatuses[i]; c.State.Running != nil {
			tell(Event{pod, c.Name, corev1.EventTypeNormal, "Killing", "Stopping container " + c.Name})
		}
	}
}

func podEvents(was, pod *corev1.Pod, tell func(Event)) {
	if was == nil {
		was = &corev1.Pod{}
	}
	if pod.Status.Phase == corev1.PodFailed && was.Status.Phase != corev1.PodFailed {
		tell(Event{pod, "", corev1.EventTypeWarning, word(pod.Status.Reason, "Failed"), bounded(pod.Status.Message)})
	}
	probed := map[string]bool{}
	for i := range pod.Spec.Containers {
		probed[pod.Spec.Containers[i].Name] = pod.Spec.Containers[i].ReadinessProbe != nil
	}
	for i := range pod.Spec.InitContainers {
		probed[pod.Spec.InitContainers[i].Name] = pod.Spec.InitContainers[i].ReadinessProbe != nil
	}
	for _, lists := range [][2][]corev1.ContainerStatus{
		{was.Status.InitContainerStatuses, pod.Status.InitContainerStatuses},
		{was.Status.ContainerStatuses, pod.Status.ContainerStatuses},
	} {
		for i := range lists[1] {
			c := &lists[1][i]
			containerEvents(status(lists[0], c.Name), c, probed[c.Name], func(kind, reason, format string, args ...any) {
				tell(Event{pod, c.Name, kind, reason, bounded(fmt.Sprintf(format, args...))})
			})
		}
	}
}

// status is that of a container by name; an empty one where there is none.
func status(list []corev1.ContainerStatus, name string) *corev1.ContainerStatus {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return &corev1.ContainerStatus{}
}

// containerEvents tells of one container. Probed: it has a readiness probe.
func containerEvents(was, c *corev1.ContainerStatus, probed bool,
	tell func(kind, reason, format string, args ...any),
) {
	const normal, warning = corev1.EventTypeNormal, corev1.EventTypeWarning
	started := c.State.Running != nil && (was.State.Running == nil || was.ContainerID != c.ContainerID)
	switch {
	case started && was.ImageID == "" && c.RestartCount == 0:
		tell(normal, "Pulled", "Container image %q is present on this machine", c.Image)
		tell(normal, "Started", "Started container %s", c.Name)
	case started:
		tell(normal, "Started", "Started container %s", c.Name)
	}
	if c.State.Running != nil && was.State.Running != nil && was.ContainerID == c.ContainerID && was.Ready && !c.Ready &&
		probed {
		tell(warning, "Unhealthy", "Readiness probe failed")
	}
	if end := newEnd(was, c); end != nil && (end.ExitCode == 137 || end.ExitCode == 143) && end.Reason != "OOMKilled" {
		tell(normal, "Killing", "Container %s was stopped with exit code %d and is started again", c.Name, end.ExitCode)
	}
	w := c.State.Waiting
	if w == nil || was.State.Waiting != nil && was.State.Waiting.Reason == w.Reason &&
		was.RestartCount == c.RestartCount {
		return
	}
	switch w.Reason {
	case "ErrImagePull":
		tell(warning, "Failed", "Failed to pull image %q: %s", c.Image, w.Message)
		tell(warning, "Failed", "Error: ErrImagePull")
	case "ImagePullBackOff":
		tell(normal, "BackOff", "Back-off pulling image %q", c.Image)
		tell(warning, "Failed", "Error: ImagePullBackOff")
	case "CrashLoopBackOff":
		text := ""
		if end := c.LastTerminationState.Terminated; end != nil {
			text = fmt.Sprintf(": it ended with exit code %d (%s)", end.ExitCode, end.Reason)
		}
		tell(warning, "BackOff", "Back-off restarting failed container %s%s", c.Name, text)
	default:
		if _, known := waitKinds[w.Reason]; known {
			tell(warning, "Failed", "Error: %s: %s", w.Reason, w.Message)
		}
	}
}

// newEnd is how a container has ended since it was looked at last; nil: it has not.
func newEnd(was, c *corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	if was.Name == "" {
		return nil
	}
	end := c.LastTerminationState.Terminated
	if end == nil || was.LastTerminationState.Terminated != nil &&
		was.LastTerminationState.Terminated.ContainerID == end.ContainerID &&
		was.LastTerminationState.Terminated.FinishedAt.Equal(&end.FinishedAt) {
		return nil
	}
	return end
}
