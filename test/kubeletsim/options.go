package kubeletsim

import (
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Options says what to simulate. Dir and NodeName are needed.
type Options struct {
	// Dir is the directory of static pods.
	Dir string
	// NodeName is the node's name as the kubelet has it.
	NodeName string
	// NodeLabels are the labels of the kubelet's own node object, against which it admits; the ones that every kubelet
	// sets come on top.
	NodeLabels map[string]string
	// FileCheckFrequency is the period of listing Dir; 0: 20 s.
	FileCheckFrequency time.Duration
	// Manual turns fsnotify off: changes are seen through Notify, Scan and the listing alone.
	Manual bool
	// ScanEvery calls Scan by itself with that period; 0: never. It stands in for fsnotify where that cannot be had.
	ScanEvery time.Duration
	// RunningAge is how old /runningpods/ may be; 0: 3 s, as the kubelet's. Below 0 it is never old, which stands in for
	// the cgroups in which an agent sees the end of a pod at once.
	RunningAge time.Duration
	// Behaviour says how a pod's containers behave; nil: DefaultBehaviour for all.
	Behaviour func(*corev1.Pod) Behaviour
	// Pull is how long it takes to pull an image that is not on the host; below 0 it cannot be pulled, and is tried again
	// later. Nil: every image is here at once.
	Pull func(image string) time.Duration
	// Runtime is where containers live, and images; nil: a new one. Hand over the Runtime of an earlier Kubelet to
	// simulate a restart of the kubelet, which stops no container.
	Runtime *Runtime
	// Owner names what must not run twice at once, for Violations; empty: nothing. Nil: the value of the annotation
	// daemonsetd.io/daemonset.
	Owner func(*corev1.Pod) string
	// Seed is that of the jitter in the kubelet's retries.
	Seed uint64
	// Version is what /metrics says; empty: v1.37.2.
	Version string
}

// Behaviour is how the containers of one pod behave.
type Behaviour struct {
	// Start is how long it takes from the pod's admission until its containers run; Ready, from then until they are
	// ready. Ready below 0 means never.
	Start, Ready time.Duration
	// Stop is how long the containers take to stop when they are told to; it is cut at the pod's grace period. Below 0
	// they ignore the signal and are killed when the grace period is over.
	Stop time.Duration
	// Exit is how long the containers run after each start until they end, with exit code 3; 0: for ever. They are started
	// again at once, then after 10 s, and after twice as long each time, of which the status says CrashLoopBackOff.
	Exit time.Duration
	// Lose is how long after each start they stop being ready; 0: never.
	Lose time.Duration
	// Waits is the reason for which the containers are never started, such as ErrImagePull; empty: they are.
	Waits string
	// Reject, when it is not empty, is the reason for which the kubelet refuses the pod on admission; Message says more.
	Reject, Message string
}

// DefaultBehaviour is about what a small container with a readiness probe of 1 s was measured to do with a real
// kubelet.
func DefaultBehaviour() Behaviour {
	return Behaviour{Start: 100 * time.Millisecond, Ready: 200 * time.Millisecond, Stop: 50 * time.Millisecond}
}

// Periods of the real kubelet (pkg/kubelet/kubelet.go).
const (
	housekeepingPeriod = 2 * time.Second
	runtimeCachePeriod = 3 * time.Second
	backOffPeriod      = 10 * time.Second
	backOffJitter      = 0.5
	crashBackOff       = 10 * time.Second
	maxCrashBackOff    = 5 * time.Minute
	orphanGrace        = time.Second
	defaultListPeriod  = 20 * time.Second
	maxLog             = 100_000
)

func (o *Options) setDefaults() {
	if o.FileCheckFrequency <= 0 {
		o.FileCheckFrequency = defaultListPeriod
	}
	if o.RunningAge == 0 {
		o.RunningAge = runtimeCachePeriod
	}
	if o.Behaviour == nil {
		o.Behaviour = func(*corev1.Pod) Behaviour { return DefaultBehaviour() }
	}
	if o.Runtime == nil {
		o.Runtime = NewRuntime()
	}
	if o.Owner == nil {
		o.Owner = func(pod *corev1.Pod) string { return pod.Annotations["daemonsetd.io/daemonset"] }
	}
	if o.Version == "" {
		o.Version = "v1.37.2"
	}
	labels := map[string]string{
		"kubernetes.io/hostname": o.NodeName, "kubernetes.io/os": "linux",
		"kubernetes.io/arch": "amd64",
	}
	maps.Copy(labels, o.NodeLabels)
	o.NodeLabels = labels
}
