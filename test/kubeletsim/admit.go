package kubeletsim

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// rejection is why a pod failed.
type rejection struct{ reason, message string }

// admit takes up a pod: it is refused for good, or it gets a worker (pkg/kubelet/kubelet.go:HandlePodAdditions). A pod
// that has failed stays failed for as long as its status is remembered, which is until housekeeping finds it gone.
func (k *Kubelet) admit(pod *corev1.Pod) {
	if _, failed := k.failed[pod.UID]; failed {
		return
	}
	if w := k.workers[pod.UID]; w == nil || !w.ending() {
		if r, ok := k.refuse(pod); ok {
			k.failed[pod.UID] = r
			k.note(KindRejected, pod, r.reason+": "+r.message)
			return
		}
	}
	k.start(pod)
}

// refuse checks what a kubelet checks of a static pod that matters here: its node affinity against the kubelet's own
// labels, and host ports (pkg/scheduler/eventhandlers.go:AdmissionCheck).
func (k *Kubelet) refuse(pod *corev1.Pod) (rejection, bool) {
	if b := k.opts.Behaviour(pod); b.Reject != "" {
		return rejection{b.Reject, "Pod was rejected: " + b.Message}, true
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: k.opts.NodeName, Labels: k.opts.NodeLabels}}
	if ok, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node); err != nil || !ok {
		return rejection{"NodeAffinity", "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node " +
			"affinity/selector"}, true
	}
	for _, other := range k.active() {
		if port, clash := clash(pod, other); clash {
			return rejection{
					"NodePorts",
					fmt.Sprintf("Pod was rejected: Predicate NodePorts failed: host port %d is taken by %s", port, fullName(other)),
				},
				true
		}
	}
	return rejection{}, false
}

// active returns the admitted pods that the kubelet still has. A removed one does not count, even while it stops.
func (k *Kubelet) active() (pods []*corev1.Pod) {
	for uid, w := range k.workers {
		if _, has := k.pods[uid]; has && !w.ending() {
			pods = append(pods, w.pod)
		}
	}
	return pods
}

// clash returns a host port that both pods want.
func clash(a, b *corev1.Pod) (int32, bool) {
	taken := map[string]bool{}
	for _, p := range hostPorts(b) {
		taken[fmt.Sprint(p.Protocol, p.HostPort)] = true
	}
	for _, p := range hostPorts(a) {
		if taken[fmt.Sprint(p.Protocol, p.HostPort)] {
			return p.HostPort, true
		}
	}
	return 0, false
}

func hostPorts(pod *corev1.Pod) (ports []corev1.ContainerPort) {
	for i := range pod.Spec.Containers {
		for _, p := range pod.Spec.Containers[i].Ports {
			if p.HostPort != 0 {
				ports = append(ports, p)
			}
		}
	}
	return ports
}

// Fail ends a running pod for good, as a shutdown of the node does. It reports whether there was such a pod.
func (k *Kubelet) Fail(namespace, podName, reason, message string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.worker(namespace + "/" + podName)
	if w == nil {
		return false
	}
	k.failed[w.pod.UID] = rejection{reason, message}
	k.note(KindFailed, w.pod, reason+": "+message)
	k.kill(w.pod.UID, 0)
	k.nudge()
	return true
}

// Restart lets the containers of a pod end and start again: its restart count grows, and it is not ready until the time
// of its Behaviour has passed. It reports whether such a pod ran.
func (k *Kubelet) Restart(namespace, podName string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.worker(namespace + "/" + podName)
	if w == nil || w.phase != running {
		return false
	}
	w.restarts++
	k.note(KindRestarted, w.pod, "")
	k.setReady(w, false)
	k.scheduleReady(w)
	k.nudge()
	return true
}

// SetReady sets whether a running pod is ready, against its Behaviour, until SetReady or Restart is called again. It
// reports whether such a pod ran.
func (k *Kubelet) SetReady(namespace, podName string, ready bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.worker(namespace + "/" + podName)
	if w == nil || w.phase != running {
		return false
	}
	w.due = time.Time{}
	k.setReady(w, ready)
	return true
}
