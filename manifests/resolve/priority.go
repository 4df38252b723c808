package resolve

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// priority sets what the pod's PriorityClass says, as the admission plug-in of an API server does on create (admitPod
// in plugin/pkg/admission/priority): the number is all that a kubelet looks at. The built-in classes are known without
// an object, to package render.
//
// Where an API server would refuse a pod with another priority of its own, the class wins here. Without the class a
// priority of the pod's own stays.
func (r *resolver) priority(pod *corev1.PodSpec) {
	name := pod.PriorityClassName
	if _, builtIn := render.BuiltInPriority(name); name == "" || builtIn {
		return
	}
	if r.any {
		if pod.Priority == nil {
			pod.Priority = new(int32(0))
		}
		return
	}
	var class *schedulingv1.PriorityClass
	if r.in.PriorityClass != nil {
		class, _ = r.in.PriorityClass(name)
	}
	if class == nil {
		r.out.ClassMissing = true
		return
	}
	if p := pod.Priority; p != nil && *p != class.Value {
		r.change(render.Change{
			Path:    specPath + "priority",
			Message: fmt.Sprintf("replaced by %d, the value of PriorityClass %q", class.Value, name),
		})
	}
	pod.Priority = new(class.Value)
	policy := ""
	if class.PreemptionPolicy != nil {
		policy = string(*class.PreemptionPolicy)
		pod.PreemptionPolicy = new(*class.PreemptionPolicy)
	}
	r.class.add(name, strconv.Itoa(int(class.Value)), policy)
}
