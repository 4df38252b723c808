package backend

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// hidden stands for a value that is not shown.
const hidden = "<hidden>"

// hidePod returns the pod with every environment value hidden but for those that the DaemonSet's template has as they
// are: the others come from ConfigMaps and Secrets, and whoever may read the API may not for that reason read those.
// Of a pod that no DaemonSet declares, ds is nil, and nothing is known of where its values come from.
func hidePod(pod *corev1.Pod, ds *spec.DaemonSet) *corev1.Pod {
	literals := literalsOf(ds)
	out, something := pod.DeepCopy(), false
	for _, containers := range [][]corev1.Container{out.Spec.InitContainers, out.Spec.Containers} {
		for i := range containers {
			c := &containers[i]
			for j := range c.Env {
				if e := &c.Env[j]; e.Value != "" && !literals[literal{c.Name, e.Name, e.Value}] {
					e.Value, something = hidden, true
				}
			}
		}
	}
	if something {
		hideDigests(out)
	}
	return out
}

// hideDigests hides the annotations that are digests of all of the pod, the values that are hidden among it: whoever
// knows the rest could test guesses of those as fast as SHA-256 or the kubelet's MD5 goes.
func hideDigests(pod *corev1.Pod) {
	for _, key := range []string{render.AnnotationChecksum, annotationConfigHash, annotationConfigMirror} {
		if _, has := pod.Annotations[key]; has {
			pod.Annotations[key] = hidden
		}
	}
}

// Annotations of the kubelet's, of which each has an MD5 of the pod (pkg/kubelet/types/pod_update.go).
const (
	annotationConfigHash   = "kubernetes.io/config.hash"
	annotationConfigMirror = "kubernetes.io/config.mirror"
)

// literal is an environment variable of a container with its value.
type literal struct{ container, name, value string }

func literalsOf(ds *spec.DaemonSet) map[literal]bool {
	known := map[literal]bool{}
	if ds == nil {
		return known
	}
	pod := &ds.Object.Spec.Template.Spec
	for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for _, c := range containers {
			for _, e := range c.Env {
				known[literal{c.Name, e.Name, e.Value}] = true
			}
		}
	}
	return known
}

// hideManifest is a manifest's text for people, with the values hidden as hidePod does. What cannot be read as a pod
// is not shown at all.
func hideManifest(data []byte, ds *spec.DaemonSet) string {
	if len(data) == 0 {
		return ""
	}
	var pod corev1.Pod
	err := yaml.Unmarshal(data, &pod)
	if err == nil {
		pod.Status = corev1.PodStatus{}
		data, err = yaml.Marshal(hidePod(&pod, ds))
	}
	if err != nil {
		return fmt.Sprintf("(%d bytes that are no pod)\n", len(data))
	}
	return string(data)
}
