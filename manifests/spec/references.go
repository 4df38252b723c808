package spec

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// places is where a DaemonSet refers to a ConfigMap, a Secret, a key of one, a PriorityClass or a field: by the path of
// the reference, and by that of the key, a problem that only lacks a message. The document itself would be too much to
// keep.
type places map[string]diag.Problem

const classPath = podPrefix + "priorityClassName"

// referencePlaces finds them. Package resolve names the same paths.
func referencePlaces(d *strictyaml.Document, ds *appsv1.DaemonSet) places {
	pod := &ds.Spec.Template.Spec
	found := places{}
	note := func(of, at string) { found[of] = d.Problem(diag.Warning, at, "", "") }
	if pod.PriorityClassName != "" {
		note(classPath, classPath)
	}
	for i := range pod.Volumes {
		volumePlaces(&pod.Volumes[i], fmt.Sprintf("%svolumes[%d].", podPrefix, i), note)
	}
	for _, group := range containerGroups(pod) {
		for i := range group.containers {
			envPlaces(&group.containers[i], fmt.Sprintf("%s%s[%d].", podPrefix, group.field, i), note)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found
}

func volumePlaces(v *corev1.Volume, at string, note func(of, at string)) {
	object := func(at, name string, items []corev1.KeyToPath) {
		note(at, at+"."+name)
		for i := range items {
			key := fmt.Sprintf("%s.items[%d].key", at, i)
			note(key, key)
		}
	}
	if v.ConfigMap != nil {
		object(at+"configMap", "name", v.ConfigMap.Items)
	}
	if v.Secret != nil {
		object(at+"secret", "secretName", v.Secret.Items)
	}
	for i, s := range sources(v) {
		at := fmt.Sprintf("%sprojected.sources[%d].", at, i)
		if s.ConfigMap != nil {
			object(at+"configMap", "name", s.ConfigMap.Items)
		}
		if s.Secret != nil {
			object(at+"secret", "name", s.Secret.Items)
		}
	}
}

func envPlaces(c *corev1.Container, at string, note func(of, at string)) {
	for i, e := range c.EnvFrom {
		at := fmt.Sprintf("%senvFrom[%d].", at, i)
		if e.ConfigMapRef != nil {
			note(at+"configMapRef", at+"configMapRef.name")
		}
		if e.SecretRef != nil {
			note(at+"secretRef", at+"secretRef.name")
		}
	}
	key := func(at string) {
		note(at, at+".name")
		note(at+".key", at+".key")
	}
	for i, e := range c.Env {
		at := fmt.Sprintf("%senv[%d].valueFrom.", at, i)
		if e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil {
			key(at + "configMapKeyRef")
		}
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			key(at + "secretKeyRef")
		}
		if e.ValueFrom != nil && e.ValueFrom.FieldRef != nil {
			note(at+"fieldRef", at+"fieldRef.fieldPath") // what is missing may be the node's
		}
	}
}

// containerGroup is the containers of one field of a pod.
type containerGroup struct {
	field      string
	containers []corev1.Container
}

func containerGroups(pod *corev1.PodSpec) []containerGroup {
	return []containerGroup{{"initContainers", pod.InitContainers}, {"containers", pod.Containers}}
}
