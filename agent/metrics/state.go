package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// State is what the metrics of DaemonSets and their pods are made of.
type State struct {
	// DaemonSets are the declared ones, with the status over the fleet as this host knows it.
	DaemonSets []*appsv1.DaemonSet
	// Pods are this host's pods of DaemonSets of ours.
	Pods []*corev1.Pod
	// Here is how each DaemonSet stands on this host.
	Here []Here
	// Problems are how many problems of each code there are; every code is in it.
	Problems map[Problem]int
}

// Here is how one DaemonSet stands on this host.
type Here struct {
	Namespace, Name string
	// ShouldRun: a pod should run here. Available: one is available. Down is why none is though it should, in one
	// CamelCase word; empty: it is not down.
	ShouldRun, Available bool
	Down                 string
	// Phase and Rollout are the words that `dsctl status` and `dsctl rollout status` have for it; empty: none.
	Phase, Rollout string
}

// Problem is a health code with its severity.
type Problem struct{ Code, Severity string }

// Descriptors. Names that begin with kube_ are kube-state-metrics' own, with its labels and meanings.
var (
	ofDaemonSet = []string{"namespace", "daemonset"}
	ofPod       = []string{"namespace", "pod", "uid"}
	ofContainer = []string{"namespace", "pod", "uid", "container"}

	desired = desc("kube_daemonset_status_desired_number_scheduled",
		"Nodes of the fleet that should run the daemon pod.", ofDaemonSet...)
	current = desc("kube_daemonset_status_current_number_scheduled",
		"Nodes that should run the daemon pod and have one.", ofDaemonSet...)
	misscheduled = desc("kube_daemonset_status_number_misscheduled",
		"Nodes that should not run the daemon pod and have one.", ofDaemonSet...)
	ready = desc("kube_daemonset_status_number_ready",
		"Nodes that should run the daemon pod and have one that is ready.", ofDaemonSet...)
	available = desc("kube_daemonset_status_number_available",
		"Nodes that should run the daemon pod and have one that is available.", ofDaemonSet...)
	unavailable = desc("kube_daemonset_status_number_unavailable",
		"Nodes that should run the daemon pod and have none that is available.", ofDaemonSet...)
	updated = desc("kube_daemonset_status_updated_number_scheduled",
		"Nodes that have a daemon pod of the latest revision.", ofDaemonSet...)

	podPhase = desc("kube_pod_status_phase", "1 for the phase that the pod has.", append(ofPod[:3:3], "phase")...)
	podReady = desc("kube_pod_status_ready", "1 for the status that the pod's condition Ready has.",
		append(ofPod[:3:3], "condition")...)
	restarts = desc("kube_pod_container_status_restarts_total", "Restarts of the container.", ofContainer...)
	cReady   = desc("kube_pod_container_status_ready", "1 while the container is ready.", ofContainer...)
	cRunning = desc("kube_pod_container_status_running", "1 while the container runs.", ofContainer...)
	cWaiting = desc("kube_pod_container_status_waiting", "1 while the container waits.", ofContainer...)
	cReason  = desc("kube_pod_container_status_waiting_reason", "1 for the reason for which the container waits.",
		append(ofContainer[:4:4], "reason")...)
	cEnded = desc("kube_pod_container_status_terminated", "1 while the container has ended.", ofContainer...)
	cLast  = desc("kube_pod_container_status_last_terminated_reason",
		"1 for the reason of the container's last end.", append(ofContainer[:4:4], "reason")...)
	cExit = desc("kube_pod_container_status_last_terminated_exitcode", "Exit code of the container's last end.",
		ofContainer...)

	shouldRun = desc("daemonsetd_daemonset_should_run", "1 where a pod should run on this host.", ofDaemonSet...)
	up        = desc("daemonsetd_daemonset_available", "1 while a pod is available on this host.", ofDaemonSet...)
	down      = desc("daemonsetd_daemonset_down",
		"1 while a pod should run on this host and none is available, for longer than the grace.",
		append(ofDaemonSet[:2:2], "reason")...)
	phase = desc("daemonsetd_daemonset_phase", "1 for the phase that the DaemonSet has on this host.",
		append(ofDaemonSet[:2:2], "phase")...)
	rolloutPhase = desc("daemonsetd_daemonset_rollout_phase", "1 for where this host stands in the rollout.",
		append(ofDaemonSet[:2:2], "phase")...)
	problems = desc("daemonsetd_health_problems", "Problems of this host, by health code; every code is there.",
		"code", "severity")

	all = []*prometheus.Desc{
		desired, current, misscheduled, ready, available, unavailable, updated, podPhase, podReady, restarts, cReady,
		cRunning, cWaiting, cReason, cEnded, cLast, cExit, shouldRun, up, down, phase, rolloutPhase, problems,
	}
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// reasons are those that a label may have: the kubelet's and the runtime's for containers, and this agent's. Whatever
// else comes is Other.
var reasons = []string{
	"Blocked", "Completed", "ContainerCannotRun", "ContainerCreating", "ContainerStatusUnknown", "CrashLoopBackOff",
	"CreateContainerConfigError", "CreateContainerError", "CreatePodSandboxError", "DeadlineExceeded",
	"ErrImageNeverPull", "ErrImagePull", "Error", "Evicted", "ImageInspectError", "ImagePullBackOff",
	"InvalidImageName", "NoPod", "NodeAffinity", "NodePorts", "NodeShutdown", "NotReady", "OOMKilled", "OutOfcpu",
	"OutOfmemory", "OutOfpods", "PodInitializing", "PostStartHookError", "PreStartHookError", "RegistryUnavailable",
	"RunContainerError", "SignatureValidationFailed", "StartError", "Terminated", "UnexpectedAdmissionError",
}

func bounded(reason string) string {
	if _, known := slices.BinarySearch(reasons, reason); known {
		return reason
	}
	return "Other"
}

// StateCollector makes metrics of what look gives, each time that they are asked for. As many as there are pods of
// DaemonSets, and no more: what is gone leaves nothing behind.
type StateCollector struct{ look func() State }

// NewStateCollector makes one. Look may be called from any goroutine.
func NewStateCollector(look func() State) *StateCollector { return &StateCollector{look} }

// Describe implements prometheus.Collector.
func (c *StateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range all {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *StateCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.look()
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		if m, err := prometheus.NewConstMetric(d, kind, value, labels...); err == nil {
			ch <- m // an error is a name that is not UTF-8, which no object has
		}
	}
	g := func(d *prometheus.Desc, value float64, labels ...string) {
		send(d, prometheus.GaugeValue, value, labels...)
	}
	for _, ds := range s.DaemonSets {
		st := &ds.Status
		for d, n := range map[*prometheus.Desc]int32{
			desired: st.DesiredNumberScheduled, current: st.CurrentNumberScheduled, misscheduled: st.NumberMisscheduled,
			ready: st.NumberReady, available: st.NumberAvailable, unavailable: st.NumberUnavailable,
			updated: st.UpdatedNumberScheduled,
		} {
			g(d, float64(n), ds.Namespace, ds.Name)
		}
	}
	for i := range s.Here {
		s.Here[i].collect(g)
	}
	for _, pod := range s.Pods {
		collectPod(pod, g, func(value float64, labels ...string) {
			send(restarts, prometheus.CounterValue, value, labels...)
		})
	}
	for p, n := range s.Problems {
		g(problems, float64(n), p.Code, p.Severity)
	}
}

type gaugeFunc func(d *prometheus.Desc, value float64, labels ...string)

func (h *Here) collect(g gaugeFunc) {
	g(shouldRun, number(h.ShouldRun), h.Namespace, h.Name)
	g(up, number(h.Available), h.Namespace, h.Name)
	if h.Down != "" {
		g(down, 1, h.Namespace, h.Name, bounded(h.Down))
	}
	if h.Phase != "" {
		g(phase, 1, h.Namespace, h.Name, h.Phase)
	}
	if h.Rollout != "" {
		g(rolloutPhase, 1, h.Namespace, h.Name, h.Rollout)
	}
}

func collectPod(pod *corev1.Pod, g gaugeFunc, count func(value float64, labels ...string)) {
	id := []string{pod.Namespace, pod.Name, string(pod.UID)}
	for _, p := range []corev1.PodPhase{
		corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded, corev1.PodFailed, corev1.PodUnknown,
	} {
		g(podPhase, number(pod.Status.Phase == p), append(id[:3:3], string(p))...)
	}
	isReady := corev1.ConditionUnknown
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			isReady = c.Status
		}
	}
	for status, word := range map[corev1.ConditionStatus]string{
		corev1.ConditionTrue: "true", corev1.ConditionFalse: "false", corev1.ConditionUnknown: "unknown",
	} {
		g(podReady, number(isReady == status), append(id[:3:3], word)...)
	}
	for i := range pod.Status.ContainerStatuses {
		c := &pod.Status.ContainerStatuses[i]
		id := append(id[:3:3], c.Name)
		count(float64(c.RestartCount), id...)
		g(cReady, number(c.Ready), id...)
		g(cRunning, number(c.State.Running != nil), id...)
		g(cWaiting, number(c.State.Waiting != nil), id...)
		g(cEnded, number(c.State.Terminated != nil), id...)
		if w := c.State.Waiting; w != nil && w.Reason != "" {
			g(cReason, 1, append(id[:4:4], bounded(w.Reason))...)
		}
		if end := c.LastTerminationState.Terminated; end != nil {
			g(cLast, 1, append(id[:4:4], bounded(end.Reason))...)
			g(cExit, float64(end.ExitCode), id...)
		}
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
