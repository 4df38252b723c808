package kubeletsim

import (
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// Pods returns what /pods lists: the pods that the directory asks for, by name, with their status.
func (k *Kubelet) Pods() []corev1.Pod {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]corev1.Pod, 0, len(k.pods))
	for _, pod := range byName(maps.Values(k.pods)) {
		pod := pod.DeepCopy()
		pod.Status = k.status(pod)
		if k.amend != nil {
			k.amend(pod)
		}
		out = append(out, *pod)
	}
	return out
}

// Amend has every pod that is listed changed before it is given out, as to make its containers wait for something that
// is not simulated; nil: none is.
func (k *Kubelet) Amend(amend func(*corev1.Pod)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.amend = amend
}

// status builds the status of a pod. A kubelet without an API server leaves the addresses empty.
func (k *Kubelet) status(pod *corev1.Pod) corev1.PodStatus {
	if r, failed := k.failed[pod.UID]; failed {
		return corev1.PodStatus{Phase: corev1.PodFailed, Reason: r.reason, Message: r.message}
	}
	w := k.workers[pod.UID]
	if waits := k.opts.Behaviour(pod).Waits; waits != "" && w != nil && w.phase == starting {
		status := corev1.PodStatus{Phase: corev1.PodPending, Conditions: conditions(false, metav1.Time{})}
		for i := range pod.Spec.Containers {
			status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{
				Name: pod.Spec.Containers[i].Name, Image: pod.Spec.Containers[i].Image,
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: waits}},
			})
		}
		return status
	}
	if w != nil && (w.phase == ended || w.image != "" || w.unpulled != "") {
		return k.notStarted(w)
	}
	if w == nil || w.phase != running && w.phase != backingOff {
		return corev1.PodStatus{Phase: corev1.PodPending, Conditions: conditions(false, metav1.Time{})}
	}
	status := corev1.PodStatus{
		Phase: corev1.PodRunning, StartTime: new(metav1.NewTime(w.startedAt)),
		Conditions: conditions(w.ready, w.readySince),
	}
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		s := corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, ImageID: imageID(c.Image), Ready: w.ready, RestartCount: w.restarts,
			ContainerID: fmt.Sprintf("sim://%s/%s/%d", pod.UID, c.Name, w.restarts),
			Started:     new(true),
			State:       corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(w.startedAt)}},
		}
		if w.restarts > 0 && k.opts.Behaviour(pod).Exit > 0 {
			s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error"}
		}
		if w.phase == backingOff {
			s.Started = new(false)
			s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		}
		status.ContainerStatuses = append(status.ContainerStatuses, s)
	}
	return status
}

func conditions(ready bool, since metav1.Time) []corev1.PodCondition {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	return []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
		{Type: corev1.PodInitialized, Status: corev1.ConditionTrue},
		{Type: corev1.ContainersReady, Status: status, LastTransitionTime: since},
		{Type: corev1.PodReady, Status: status, LastTransitionTime: since},
	}
}

// runningPods returns what /runningpods/ lists: a copy that may be Options.RunningAge old
// (pkg/kubelet/container/runtime_cache.go).
func (k *Kubelet) runningPods() []corev1.Pod {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.cacheAt) > k.opts.RunningAge {
		k.refresh()
	}
	return k.cache
}

// SetSummary changes the answer of /stats/summary. The function is called once, with the answer so far.
func (k *Kubelet) SetSummary(change func(*statsv1alpha1.Summary)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(k.summary)
}

// SetMemoryAvailable sets node.memory.availableBytes, which the condition MemoryPressure comes from.
func (k *Kubelet) SetMemoryAvailable(bytes uint64) {
	k.SetSummary(func(s *statsv1alpha1.Summary) { s.Node.Memory.AvailableBytes = &bytes })
}

// defaultSummary is that of a machine with 8 GiB of memory and a disk of 100 GiB, at ease.
func defaultSummary(node string) *statsv1alpha1.Summary {
	const gib = 1 << 30
	at := metav1.NewTime(time.Now())
	disk := func() *statsv1alpha1.FsStats {
		return &statsv1alpha1.FsStats{
			Time: at, AvailableBytes: new(uint64(60 * gib)), CapacityBytes: new(uint64(100 * gib)),
			UsedBytes:  new(uint64(40 * gib)),
			InodesFree: new(uint64(5_000_000)), Inodes: new(uint64(6_000_000)), InodesUsed: new(uint64(1_000_000)),
		}
	}
	return &statsv1alpha1.Summary{Node: statsv1alpha1.NodeStats{
		NodeName: node, StartTime: at,
		Memory: &statsv1alpha1.MemoryStats{
			Time: at, AvailableBytes: new(uint64(6 * gib)), UsageBytes: new(uint64(2 * gib)),
			WorkingSetBytes: new(uint64(2 * gib)),
		},
		Fs:      disk(),
		Runtime: &statsv1alpha1.RuntimeStats{ImageFs: disk(), ContainerFs: disk()},
		Rlimit:  &statsv1alpha1.RlimitStats{Time: at, MaxPID: new(int64(32768)), NumOfRunningProcesses: new(int64(300))},
	}}
}
