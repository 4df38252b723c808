package spec

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/manifests/diag"
	"github.com/daemonsetd/daemonsetd/manifests/strictyaml"
)

// reference is a place in a pod template that names a ConfigMap or a Secret.
type reference struct {
	path, kind, name string
}

// references refuses every use of a ConfigMap or a Secret. The kubelet takes no static pod that has one, optional or not,
// and putting the contents into the pod is not built yet.
func references(d *strictyaml.Document, ds *appsv1.DaemonSet) diag.List {
	pod := &ds.Spec.Template.Spec
	var list diag.List
	for _, r := range append(volumeReferences(pod), containerReferences(pod)...) {
		list = append(list, d.Problem(diag.Error, r.path,
			fmt.Sprintf("%s %q is used here: this version cannot use ConfigMaps and Secrets in pods yet", r.kind, r.name), ""))
	}
	return list
}

func volumeReferences(pod *corev1.PodSpec) []reference {
	var out []reference
	for i := range pod.Volumes {
		v, at := &pod.Volumes[i], fmt.Sprintf("%svolumes[%d].", podPrefix, i)
		if v.ConfigMap != nil {
			out = append(out, reference{at + "configMap.name", kindConfigMap, v.ConfigMap.Name})
		}
		if v.Secret != nil {
			out = append(out, reference{at + "secret.secretName", kindSecret, v.Secret.SecretName})
		}
		for j, s := range sources(v) {
			at := fmt.Sprintf("%sprojected.sources[%d].", at, j)
			if s.ConfigMap != nil {
				out = append(out, reference{at + "configMap.name", kindConfigMap, s.ConfigMap.Name})
			}
			if s.Secret != nil {
				out = append(out, reference{at + "secret.name", kindSecret, s.Secret.Name})
			}
		}
	}
	return out
}

func containerReferences(pod *corev1.PodSpec) []reference {
	var out []reference
	for _, group := range containerGroups(pod) {
		for i := range group.containers {
			out = append(out, envReferences(&group.containers[i], fmt.Sprintf("%s%s[%d].", podPrefix, group.field, i))...)
		}
	}
	return out
}

func envReferences(c *corev1.Container, at string) []reference {
	var out []reference
	for i, e := range c.EnvFrom {
		if e.ConfigMapRef != nil {
			out = append(out, reference{fmt.Sprintf("%senvFrom[%d].configMapRef.name", at, i), kindConfigMap, e.ConfigMapRef.Name})
		}
		if e.SecretRef != nil {
			out = append(out, reference{fmt.Sprintf("%senvFrom[%d].secretRef.name", at, i), kindSecret, e.SecretRef.Name})
		}
	}
	for i, e := range c.Env {
		if e.ValueFrom == nil {
			continue
		}
		at := fmt.Sprintf("%senv[%d].valueFrom.", at, i)
		if r := e.ValueFrom.ConfigMapKeyRef; r != nil {
			out = append(out, reference{at + "configMapKeyRef.name", kindConfigMap, r.Name})
		}
		if r := e.ValueFrom.SecretKeyRef; r != nil {
			out = append(out, reference{at + "secretKeyRef.name", kindSecret, r.Name})
		}
	}
	return out
}

// containerGroup is the containers of one field of a pod.
type containerGroup struct {
	field      string
	containers []corev1.Container
}

func containerGroups(pod *corev1.PodSpec) []containerGroup {
	return []containerGroup{{"initContainers", pod.InitContainers}, {"containers", pod.Containers}}
}
