package assemble

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/manifests/resolve"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// object names a ConfigMap or a Secret.
type object struct{ kind, namespace, name string }

// sourcesOf says in which file each of them stands.
func sourcesOf(o spec.Objects) map[object]string {
	files := make(map[object]string, len(o.ConfigMaps)+len(o.Secrets))
	for _, c := range o.ConfigMaps {
		files[object{resolve.KindConfigMap, c.Object.Namespace, c.Object.Name}] = c.Source.File
	}
	for _, s := range o.Secrets {
		files[object{resolve.KindSecret, s.Object.Namespace, s.Object.Name}] = s.Source.File
	}
	return files
}

// volumeSources are the spec files that a volume's content comes from, sorted.
func (a *Assembler) volumeSources(ds *spec.DaemonSet, volume string) []string {
	var files []string
	for _, v := range ds.Object.Spec.Template.Spec.Volumes {
		if v.Name != volume {
			continue
		}
		for _, o := range objectsOf(&v, ds.Object.Namespace) {
			if file, ok := a.sources[o]; ok {
				files = append(files, file)
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

func objectsOf(v *corev1.Volume, namespace string) []object {
	switch {
	case v.ConfigMap != nil:
		return []object{{resolve.KindConfigMap, namespace, v.ConfigMap.Name}}
	case v.Secret != nil:
		return []object{{resolve.KindSecret, namespace, v.Secret.SecretName}}
	case v.Projected == nil:
		return nil
	}
	var out []object
	for _, s := range v.Projected.Sources {
		if s.ConfigMap != nil {
			out = append(out, object{resolve.KindConfigMap, namespace, s.ConfigMap.Name})
		}
		if s.Secret != nil {
			out = append(out, object{resolve.KindSecret, namespace, s.Secret.Name})
		}
	}
	return out
}
