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
// tryDecodeSinglePod) decides it: defaults, the kubelet's own changes, ValidatePodCreate with the options that the pod
// itself gives, and no reference to an API object. It is the kubelet of the version that this is built with; older ones
// take a little less, of which a file is warned. The pod is not changed.
func CheckPod(pod *corev1.Pod) field.ErrorList {
	internal, errs := staticPod(pod)
	if len(errs) > 0 {
		return errs
	}
	errs = corevalidation.ValidatePodCreate(internal, kubeletOptions(internal))
	if _, resource, err := podutil.HasAPIObjectReference(internal); err != nil {
		errs = append(errs, field.Forbidden(field.NewPath("spec"), err.Error()))
	} else if resource != "" {
		errs = append(errs, field.Forbidden(field.NewPath("spec"), "static pods may not reference "+resource))
	}
	return errs
}

// staticPod is the pod as the kubelet validates it.
func staticPod(pod *corev1.Pod) (*core.Pod, field.ErrorList) {
	v1 := pod.DeepCopy()
	coredefaults.SetObjectDefaults_Pod(v1)
	internal := &core.Pod{}
	if err := coredefaults.Convert_v1_Pod_To_core_Pod(v1, internal, nil); err != nil {
		return nil, field.ErrorList{field.InternalError(field.NewPath("spec"), err)}
	}
	if internal.Name == "" {
		return nil, field.ErrorList{field.Required(field.NewPath("metadata", "name"), "a static pod needs a name")}
	}
	asStaticPod(internal, checkNode)
	allowPrivileged()
	return internal, nil
}

func kubeletOptions(pod *core.Pod) corevalidation.PodValidationOptions {
	return podutil.GetValidationOptionsFromPodSpecAndMeta(&pod.Spec, nil, &pod.ObjectMeta, nil)
}

// oldKubelet is what kubelets before a version have against a pod that later ones take.
type oldKubelet struct {
	before string
	errs   field.ErrorList
}

// checkOldKubelets says what older kubelets have against a pod that CheckPod takes. Up to 1.34 they validated with no
// option set, and 1.35 had two of the features off that the options follow.
func checkOldKubelets(pod *corev1.Pod) oldKubelet {
	internal, errs := staticPod(pod)
	if len(errs) > 0 {
		return oldKubelet{}
	}
	options := kubeletOptions(internal)
	options.AllowRestartAllContainers = false
	options.InPlacePodLevelResourcesVerticalScalingEnabled = false
	if errs := corevalidation.ValidatePodCreate(internal, options); len(errs) > 0 {
		return oldKubelet{"1.36", errs}
	}
	if errs := corevalidation.ValidatePodCreate(internal, corevalidation.PodValidationOptions{}); len(errs) > 0 {
		return oldKubelet{"1.35", errs}
	}
	return oldKubelet{}
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
