package render

import (
	"maps"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// kubeletAnnotations is the prefix of the annotations that the kubelet keeps its books in
// (pkg/kubelet/types/pod_update.go): kubernetes.io/config.hash, .source, .seen and .mirror. A pod that brought them
// along would be taken for a mirror pod.
const kubeletAnnotations = "kubernetes.io/config."

// Pod builds the static pod of a DaemonSet, and says what of the template could not go into it. The pod lacks the
// checksum annotation, which Render adds. The DaemonSet is not changed and shares no memory with the pod.
//
// Tolerations are those of the template. The controller's automatic ones are not added: the kubelet does not hold a
// node's taints against a static pod (AdmissionCheck and the predicate admit handler in pkg/kubelet/lifecycle), so they
// would only make the file longer; whether the node's taints are tolerated has been decided before a pod is rendered.
//
// The pod's host name is the template's business: without spec.hostname it is the pod's full name, cut to 63
// characters, and therefore changes with the revision.
//
// Names are not checked; that is CheckNames.
func Pod(ds *appsv1.DaemonSet, o Options) (*corev1.Pod, []Change) {
	template := ds.Spec.Template.DeepCopy()
	var c changes
	c.metadata(&template.ObjectMeta)
	c.spec(&template.Spec, tokenless(ds))
	return &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name:        PodName(ds.Name, o.Revision),
			Namespace:   ds.Namespace,
			Labels:      labels(template.Labels, o),
			Annotations: annotations(template.Annotations, ds, o),
		},
		Spec: template.Spec,
	}, c
}

// AnnotationMissingServiceAccount on a DaemonSet says with "true" that its pod is known to run without its service
// account, and with "false" that it is of no use without, for which package spec refuses it.
const AnnotationMissingServiceAccount = "daemonsetd.io/allow-missing-service-account"

// tokenless says whether nobody misses the service account: its token was not asked for, or the operator says so.
func tokenless(ds *appsv1.DaemonSet) bool {
	automount := ds.Spec.Template.Spec.AutomountServiceAccountToken
	return automount != nil && !*automount || ds.Annotations[AnnotationMissingServiceAccount] == "true"
}

func labels(template map[string]string, o Options) map[string]string {
	out := maps.Clone(template)
	if out == nil {
		out = make(map[string]string, 1)
	}
	out[LabelRevision] = o.Revision
	return out
}

func annotations(template map[string]string, ds *appsv1.DaemonSet, o Options) map[string]string {
	out := make(map[string]string, len(template)+4)
	for k, v := range template {
		if !strings.HasPrefix(k, kubeletAnnotations) && k != AnnotationChecksum && k != AnnotationPull {
			out[k] = v
		}
	}
	out[AnnotationDaemonSet] = ds.Namespace + "/" + ds.Name
	out[AnnotationRevision] = o.Revision
	out[AnnotationSource] = source(o)
	return out
}

// source is the path as it can stand in YAML: a file name may hold any bytes.
func source(o Options) string { return strings.ToValidUTF8(o.Source, "\uFFFD") }

func gracePeriod(seconds *int64) int64 {
	if seconds == nil {
		return corev1.DefaultTerminationGracePeriodSeconds
	}
	return *seconds
}
