package spec

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/apis/core/helper"
	coredefaults "k8s.io/kubernetes/pkg/apis/core/v1"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
)

// checkNode stands for the node's name: a file is checked for the whole fleet. Whether the pod's name is too long with
// the real one is checked where the manifest is made.
const checkNode = "node-1.example.com"

// CheckPod says why a kubelet would refuse a static pod file with this pod, as pkg/kubelet/config (common.go,
// tryDecodeSinglePod) decides it: defaults, the kubelet's own changes, ValidatePodCreate, and no reference to an API
// object. Validation runs with no option set, as kubelets up to 1.34 do; later ones allow a little more. The pod is not
// changed.
func CheckPod(pod *corev1.Pod) field.ErrorList {
	v1 := pod.DeepCopy()
	coredefaults.SetObjectDefaults_Pod(v1)
	internal := &core.Pod{}
	if err := coredefaults.Convert_v1_Pod_To_core_Pod(v1, internal, nil); err != nil {
		return field.ErrorList{field.InternalError(field.NewPath("spec"), err)}
	}
	if internal.Name == "" {
		return field.ErrorList{field.Required(field.NewPath("metadata", "name"), "a static pod needs a name")}
	}
	asStaticPod(internal, checkNode)
	allowPrivileged()
	errs := corevalidation.ValidatePodCreate(internal, corevalidation.PodValidationOptions{})
	if _, resource, err := podutil.HasAPIObjectReference(internal); err != nil {
		errs = append(errs, field.Forbidden(field.NewPath("spec"), err.Error()))
	} else if resource != "" {
		errs = append(errs, field.Forbidden(field.NewPath("spec"), "static pods may not reference "+resource))
	}
	return errs
}

// configHash is kubetypes.ConfigHashAnnotationKey; that package would bring in much of the kubelet.
const configHash = "kubernetes.io/config.hash"

// asStaticPod changes the pod as applyDefaults in pkg/kubelet/config/common.go does.
func asStaticPod(pod *core.Pod, nodeName string) {
	pod.UID = "0123456789abcdef0123456789abcdef"
	pod.Name += "-" + strings.ToLower(nodeName)
	if pod.Namespace == "" {
		pod.Namespace = metav1.NamespaceDefault
	}
	pod.Spec.NodeName = nodeName
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[configHash] = string(pod.UID)
	helper.AddOrUpdateTolerationInPod(pod, &core.Toleration{
		Operator: core.TolerationOpExists,
		Effect:   core.TaintEffectNoExecute,
	})
	pod.Status.Phase = core.PodPending
}
