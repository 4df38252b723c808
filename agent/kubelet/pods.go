package kubelet

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// PodName is the name under which the kubelet runs the static pod whose manifest says name
// (pkg/kubelet/config/common.go:generatePodName).
func PodName(name, nodeName string) string { return name + "-" + strings.ToLower(nodeName) }

// PodReady reports whether the condition Ready of the pod is True (pkg/api/v1/pod/util.go:IsPodReady).
func PodReady(pod *corev1.Pod) bool {
	c := readyCondition(pod)
	return c != nil && c.Status == corev1.ConditionTrue
}

// PodAvailable reports whether the pod has been ready for minReadySeconds (pkg/api/v1/pod/util.go:IsPodAvailable). The
// kubelet without an API server forgets on a restart since when a pod has been ready and counts anew.
func PodAvailable(pod *corev1.Pod, minReadySeconds int32, now time.Time) bool {
	if !PodReady(pod) {
		return false
	}
	if minReadySeconds == 0 {
		return true
	}
	since := readyCondition(pod).LastTransitionTime
	return !since.IsZero() && !since.Add(time.Duration(minReadySeconds)*time.Second).After(now)
}

// ReadySince is since when the pod is ready, by the kubelet's clock, which is the host's; zero: it is not ready, or the
// kubelet does not say since when.
//
// A kubelet without an API server forgets it on a restart, and tells the time of the restart (its own start of the pod,
// status.startTime, is then later than that of the containers). Where nothing but the containers decides whether the
// pod is ready, without a probe and without a hook that delays them, what it forgot is no loss: the pod is ready since
// the last of its containers was started, and unbroken says so.
func ReadySince(pod *corev1.Pod) (since time.Time, unbroken bool) {
	c := readyCondition(pod)
	if c == nil || c.Status != corev1.ConditionTrue {
		return time.Time{}, false
	}
	if at := lastStart(pod); !at.IsZero() && pod.Status.StartTime != nil && pod.Status.StartTime.After(at) {
		return at, true
	}
	return c.LastTransitionTime.Time, false
}

// lastStart is when the last of the containers that run was started; zero: it is not known, or something else decides
// whether the pod is ready, too.
func lastStart(pod *corev1.Pod) (last time.Time) {
	if len(pod.Spec.ReadinessGates) > 0 {
		return time.Time{}
	}
	containers := pod.Spec.Containers
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			containers = append(slices.Clip(containers), c)
		}
	}
	for i := range containers {
		c := &containers[i]
		hook := c.Lifecycle != nil && c.Lifecycle.PostStart != nil
		at := startOf(pod, c.Name)
		if c.ReadinessProbe != nil || c.StartupProbe != nil || hook || at.IsZero() {
			return time.Time{}
		}
		if at.After(last) {
			last = at
		}
	}
	return last
}

// startOf is when the container that runs was started; zero: none runs.
func startOf(pod *corev1.Pod, container string) time.Time {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			if r := list[i].State.Running; r != nil && list[i].Name == container {
				return r.StartedAt.Time
			}
		}
	}
	return time.Time{}
}

// Failed reports whether the pod has failed for good. The kubelet never starts such a static pod again: it was
// rejected on admission, evicted, or ended by a shutdown of the node.
func Failed(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodFailed }

// FindPod returns the pod of that namespace and manifest name on the node, nil when the list has none.
func FindPod(pods []corev1.Pod, namespace, name, nodeName string) *corev1.Pod {
	full := PodName(name, nodeName)
	for i := range pods {
		if pods[i].Namespace == namespace && pods[i].Name == full {
			return &pods[i]
		}
	}
	return nil
}

// restarts adds up the restart counts of all containers of the pod.
func restarts(pod *corev1.Pod) (sum int64) {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			sum += int64(list[i].RestartCount)
		}
	}
	return sum
}

// Ends is how the containers of a pod end.
type Ends struct {
	// Restarts is how often they were restarted, in sum.
	Restarts uint32
	// Looping: the kubelet waits longer and longer before it restarts one (CrashLoopBackOff).
	Looping bool
	// Why is one sentence on the last one that ended, or on why the pod is not ready; empty where it is and none ended.
	Why string
}

// EndsOf is how the containers of the pod have ended so far.
func EndsOf(pod *corev1.Pod) Ends {
	e := Ends{Restarts: uint32(min(max(restarts(pod), 0), math.MaxUint32))} //nolint:gosec // it is within its limits
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			c := &list[i]
			e.Looping = e.Looping || c.State.Waiting != nil && c.State.Waiting.Reason == "CrashLoopBackOff"
			if t := c.LastTerminationState.Terminated; t != nil {
				e.Why = fmt.Sprintf("container %s ended with exit code %d (%s), and was restarted %d times",
					c.Name, t.ExitCode, t.Reason, c.RestartCount)
			}
		}
	}
	switch {
	case e.Why != "":
	case !PodReady(pod):
		e.Why = PodMessage(pod)
	case e.Restarts > 0:
		e.Why = fmt.Sprintf("its containers were restarted %d times", e.Restarts)
	}
	return e
}

func readyCondition(pod *corev1.Pod) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == corev1.PodReady {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// ReadyTold is since when the pod is ready, as the kubelet says, by its clock; zero: it is not ready.
func ReadyTold(pod *corev1.Pod) time.Time {
	if c := readyCondition(pod); c != nil && c.Status == corev1.ConditionTrue {
		return c.LastTransitionTime.Time
	}
	return time.Time{}
}

// PodMessage is one sentence on why a pod is not ready.
func PodMessage(pod *corev1.Pod) string {
	if pod.Status.Message != "" {
		return pod.Status.Reason + ": " + pod.Status.Message
	}
	if pod.Status.Reason != "" {
		return pod.Status.Reason
	}
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, c := range list {
			if w := c.State.Waiting; w != nil && w.Reason != "PodInitializing" && w.Reason != "" {
				return fmt.Sprintf("container %s waits: %s %s", c.Name, w.Reason, w.Message)
			}
			if t := c.State.Terminated; t != nil && t.ExitCode != 0 {
				return fmt.Sprintf("container %s ended with exit code %d (%s)", c.Name, t.ExitCode, t.Reason)
			}
		}
	}
	text := "the pod is not ready yet"
	if c := readyCondition(pod); c != nil && c.Status != corev1.ConditionTrue && c.Reason != "" {
		text += ": " + c.Reason
		if c.Message != "" {
			text += ": " + c.Message
		}
	}
	return text
}
