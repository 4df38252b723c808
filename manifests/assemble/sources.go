package assemble

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/manifests/resolve"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// Object names a ConfigMap or a Secret; Kind is one of the kinds of package resolve.
type Object struct{ Kind, Namespace, Name string }

// String is "KIND NAMESPACE/NAME".
func (o Object) String() string { return o.Kind + " " + o.Namespace + "/" + o.Name }

// sourcesOf says in which file each of them stands.
func sourcesOf(o spec.Objects) map[Object]string {
	files := make(map[Object]string, len(o.ConfigMaps)+len(o.Secrets))
	for _, c := range o.ConfigMaps {
		files[Object{resolve.KindConfigMap, c.Object.Namespace, c.Object.Name}] = c.Source.File
	}
	for _, s := range o.Secrets {
		files[Object{resolve.KindSecret, s.Object.Namespace, s.Object.Name}] = s.Source.File
	}
	return files
}

// volumeSources are the spec files that a volume's content comes from, sorted.
func (a *Assembler) volumeSources(ds *spec.DaemonSet, volume string) []string {
	var files []string
	for _, o := range VolumeObjects(ds, volume) {
		if file, ok := a.sources[o]; ok {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// VolumeObjects are the ConfigMaps and Secrets that a volume of a DaemonSet's pod is made of, in the volume's order.
func VolumeObjects(ds *spec.DaemonSet, volume string) []Object {
	volumes := ds.Object.Spec.Template.Spec.Volumes
	i := slices.IndexFunc(volumes, func(v corev1.Volume) bool { return v.Name == volume })
	if i < 0 {
		return nil
	}
	return objectsOf(&volumes[i], ds.Object.Namespace)
}

func objectsOf(v *corev1.Volume, namespace string) []Object {
	switch {
	case v.ConfigMap != nil:
		return []Object{{resolve.KindConfigMap, namespace, v.ConfigMap.Name}}
	case v.Secret != nil:
		return []Object{{resolve.KindSecret, namespace, v.Secret.SecretName}}
	case v.Projected == nil:
		return nil
	}
	var out []Object
	for _, s := range v.Projected.Sources {
		if s.ConfigMap != nil {
			out = append(out, Object{resolve.KindConfigMap, namespace, s.ConfigMap.Name})
		}
		if s.Secret != nil {
			out = append(out, Object{resolve.KindSecret, namespace, s.Secret.Name})
		}
	}
	return out
}
