package kubeletsim

import (
	"cmp"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Runtime is the container runtime: what lives in it outlives the kubelet.
type Runtime struct {
	mu     sync.Mutex
	pods   map[types.UID]*sandbox
	images map[string]bool
}

// sandbox is one pod with its containers.
type sandbox struct {
	pod      *corev1.Pod
	owner    string
	since    time.Time
	restarts int32
}

// NewRuntime returns a Runtime in which nothing runs.
func NewRuntime() *Runtime {
	return &Runtime{pods: map[types.UID]*sandbox{}, images: map[string]bool{}}
}

// Running returns what runs at this very moment, by namespace and name. Each pod has a name, a namespace, a UID and the
// names and images of its containers, as the kubelet's list has it.
func (r *Runtime) Running() []corev1.Pod {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]corev1.Pod, 0, len(r.pods))
	for _, s := range r.pods {
		pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: s.pod.Name, Namespace: s.pod.Namespace, UID: s.pod.UID}}
		for i := range s.pod.Spec.Containers {
			c := &s.pod.Spec.Containers[i]
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: c.Name, Image: c.Image})
		}
		out = append(out, pod)
	}
	slices.SortFunc(out, func(a, b corev1.Pod) int {
		return cmp.Or(cmp.Compare(fullName(&a), fullName(&b)), cmp.Compare(a.UID, b.UID))
	})
	return out
}

// run starts a pod and returns the names of the pods of the same owner that run already.
func (r *Runtime) run(pod *corev1.Pod, owner string) (others []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.pods {
		if owner != "" && s.owner == owner {
			others = append(others, fullName(s.pod))
		}
	}
	r.pods[pod.UID] = &sandbox{pod: pod, owner: owner, since: time.Now()}
	slices.Sort(others)
	return others
}

// adopt returns since when a pod runs and how often it was restarted.
func (r *Runtime) adopt(uid types.UID) (since time.Time, restarts int32, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.pods[uid]
	if !ok {
		return time.Time{}, 0, false
	}
	return s.since, s.restarts, true
}

// count records how often a pod was restarted.
func (r *Runtime) count(uid types.UID, restarts int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.pods[uid]; ok {
		s.restarts = restarts
	}
}

func (r *Runtime) stop(uid types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pods, uid)
}

// list returns the pods that run.
func (r *Runtime) list() (pods []*corev1.Pod) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.pods {
		pods = append(pods, s.pod)
	}
	return pods
}
