package resolve

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

// drawPod makes a pod that refers to objects that are there, or not, in every way that there is.
func drawPod(t *rapid.T) *appsv1.DaemonSet {
	ds := &appsv1.DaemonSet{}
	ds.Namespace, ds.Name, ds.Annotations = "ns", "ds", map[string]string{}
	if rapid.Bool().Draw(t, "restart") {
		ds.Annotations[AnnotationRestart] = "true"
	}
	if rapid.Bool().Draw(t, "labels") {
		ds.Annotations[AnnotationNodeLabels] = "ZONE=zone,NONE=none"
	}
	pod := &ds.Spec.Template.Spec
	pod.HostNetwork = rapid.Bool().Draw(t, "hostNetwork")
	if rapid.Bool().Draw(t, "fsGroup") {
		pod.SecurityContext = &corev1.PodSecurityContext{FSGroup: new(int64(7))}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "volumes") {
		pod.Volumes = append(pod.Volumes, corev1.Volume{Name: fmt.Sprint("v", i), VolumeSource: drawVolume(t)})
	}
	for i := range rapid.IntRange(1, 2).Draw(t, "containers") {
		pod.Containers = append(pod.Containers, drawContainer(t, fmt.Sprint("c", i), len(pod.Volumes)))
	}
	pod.InitContainers = append(pod.InitContainers, drawContainer(t, "i", len(pod.Volumes)))
	return ds
}

func drawContainer(t *rapid.T, name string, volumes int) corev1.Container {
	c := corev1.Container{Name: name}
	for range rapid.IntRange(0, 2).Draw(t, "envFrom") {
		local, opt := corev1.LocalObjectReference{Name: drawName(t)}, new(rapid.Bool().Draw(t, "optional"))
		from := corev1.EnvFromSource{Prefix: rapid.SampledFrom([]string{"", "P_"}).Draw(t, "prefix")}
		if rapid.Bool().Draw(t, "secret") {
			from.SecretRef = &corev1.SecretEnvSource{LocalObjectReference: local, Optional: opt}
		} else {
			from.ConfigMapRef = &corev1.ConfigMapEnvSource{LocalObjectReference: local, Optional: opt}
		}
		c.EnvFrom = append(c.EnvFrom, from)
	}
	for range rapid.IntRange(0, 4).Draw(t, "env") {
		c.Env = append(c.Env, drawVariable(t))
	}
	for i := range volumes {
		if rapid.Bool().Draw(t, "mounted") {
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: fmt.Sprint("v", i), MountPath: fmt.Sprint("/m", i)})
		}
	}
	return c
}

func drawVariable(t *rapid.T) corev1.EnvVar {
	v := corev1.EnvVar{Name: rapid.SampledFrom([]string{"A", "B", "same"}).Draw(t, "name")}
	local, key, opt := corev1.LocalObjectReference{Name: drawName(t)}, drawKey(t), new(rapid.Bool().Draw(t, "optional"))
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		v.Value = rapid.SampledFrom([]string{"", "x", "$(A)$(same)$$"}).Draw(t, "value")
	case 1:
		v.ValueFrom = &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: local, Key: key, Optional: opt}}
	case 2:
		v.ValueFrom = &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: local, Key: key, Optional: opt}}
	default:
		v.ValueFrom = &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: rapid.SampledFrom([]string{"status.podIP", "metadata.name"}).Draw(t, "field")}}
	}
	return v
}

func drawName(t *rapid.T) string {
	return rapid.SampledFrom([]string{"conf", "keys", "none"}).Draw(t, "object")
}

func drawKey(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "same", "password", "raw", "nul", "none"}).Draw(t, "key")
}

func drawVolume(t *rapid.T) corev1.VolumeSource {
	var items []corev1.KeyToPath
	for range rapid.IntRange(0, 3).Draw(t, "items") {
		item := corev1.KeyToPath{Key: drawKey(t), Path: rapid.SampledFrom([]string{"a", "b/c", "a/b", "./d", "a//b"}).Draw(t, "path")}
		if rapid.Bool().Draw(t, "mode") {
			item.Mode = new(int32(0o400))
		}
		items = append(items, item)
	}
	name, opt, mode := drawName(t), new(rapid.Bool().Draw(t, "optional")), new(int32(0o644))
	local := corev1.LocalObjectReference{Name: name}
	switch rapid.IntRange(0, 3).Draw(t, "volume") {
	case 0:
		return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: local, Items: items, Optional: opt, DefaultMode: mode}}
	case 1:
		return corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name, Items: items, Optional: opt, DefaultMode: mode}}
	case 2:
		return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	}
	return corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{DefaultMode: mode, Sources: []corev1.VolumeProjection{
		{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: local, Items: items, Optional: opt}},
		{Secret: &corev1.SecretProjection{LocalObjectReference: local, Items: items, Optional: opt}},
		{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}}}}},
	}}}
}

func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ds, w := drawPod(t), newWorld()
		before := ds.DeepCopy()
		r := Resolve(w.input(ds))
		if diff := cmp.Diff(before, ds); diff != "" {
			t.Fatalf("the DaemonSet was changed:\n%s", diff)
		}
		if text := broken(r); text != "" {
			t.Fatal(text)
		}
		again := Resolve(w.input(ds))
		if diff := cmp.Diff([]any{r.Missing, r.Changes, r.Digests, r.DaemonSet(dir)}, []any{again.Missing, again.Changes, again.Digests, again.DaemonSet(dir)}); diff != "" {
			t.Fatalf("not the same twice:\n%s", diff)
		}
		for _, m := range Placeholder(ds).Missing {
			if m.Reason != BadPath && m.Reason != Unknowable && m.Reason != BadAnnotation {
				t.Fatalf("the placeholder misses an object: %v", m)
			}
		}
		if text := broken(Placeholder(ds)); text != "" {
			t.Fatalf("placeholder: %s", text)
		}
	})
}

// broken says what of a result cannot be: a reference that is left, a mount that is not read-only, trees or files out of
// order.
func broken(r Result) string {
	pod := r.DaemonSet(dir).Spec.Template.Spec
	hosted := map[string]bool{}
	for _, v := range pod.Volumes {
		if v.ConfigMap != nil || v.Secret != nil || v.Projected != nil && refers(&v) {
			return fmt.Sprintf("volume %s still refers", v.Name)
		}
		hosted[v.Name] = v.HostPath != nil && strings.HasPrefix(v.HostPath.Path, "/config/")
	}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		for _, e := range c.Env {
			if f := e.ValueFrom; f != nil && (f.ConfigMapKeyRef != nil || f.SecretKeyRef != nil) {
				return "variable " + e.Name + " still refers"
			}
		}
		if len(c.EnvFrom) > 0 {
			return "envFrom still refers"
		}
		for _, m := range c.VolumeMounts {
			if hosted[m.Name] && !m.ReadOnly {
				return fmt.Sprintf("volume %s can be written", m.Name)
			}
		}
	}
	return disorder(r)
}

func disorder(r Result) string {
	trees := r.Trees("rev")
	if !slices.IsSortedFunc(trees, func(a, b Tree) int { return strings.Compare(a.Volume, b.Volume) }) {
		return "the trees are not sorted"
	}
	for _, t := range trees {
		for i, f := range t.Files {
			if f.Path != path.Clean(f.Path) || path.IsAbs(f.Path) || strings.HasPrefix(f.Path, "..") || f.Path == "." {
				return fmt.Sprintf("path %q", f.Path)
			}
			if i > 0 && t.Files[i-1].Path >= f.Path {
				return fmt.Sprintf("files %q and %q are not in order", t.Files[i-1].Path, f.Path)
			}
			for dir := path.Dir(f.Path); dir != "." && len(r.Missing) == 0; dir = path.Dir(dir) {
				if slices.ContainsFunc(t.Files, func(f File) bool { return f.Path == dir }) {
					return fmt.Sprintf("%q is a file and a directory", dir)
				}
			}
		}
	}
	return ""
}

// FuzzResolve takes three YAML documents: a DaemonSet that nobody has validated, the ConfigMap conf and the Secret keys.
func FuzzResolve(f *testing.F) {
	f.Add("metadata: {name: ds, namespace: ns}\nspec: {template: {spec: {"+flow(mounting("configMap: {name: conf}", "hostNetwork: true"))+"}}}", "data: {a: b}", "data: {password: eA==}", "rev")
	f.Add("spec: {template: {spec: {containers: [{envFrom: [{secretRef: {name: keys}}, {configMapRef: {name: conf}}]}]}}}", "binaryData: {a: AA==}", "data: {1: eA==}", "")
	f.Add("metadata: {annotations: {daemonsetd.io/env-from-node-labels: 'A=b'}}", "", "", "")
	f.Fuzz(func(t *testing.T, daemonSet, configMap, secret, revision string) {
		ds, conf, keys := &appsv1.DaemonSet{}, &corev1.ConfigMap{}, &corev1.Secret{}
		if len(daemonSet)+len(configMap)+len(secret) > 1<<16 ||
			yaml.Unmarshal([]byte(daemonSet), ds) != nil || yaml.Unmarshal([]byte(configMap), conf) != nil || yaml.Unmarshal([]byte(secret), keys) != nil {
			return
		}
		w := newWorld()
		w.configMaps["conf"], w.secrets["keys"] = conf, keys
		r := Resolve(w.input(ds))
		r.Trees(revision)
		if text := broken(r); text != "" {
			t.Fatalf("%s\n%s", text, daemonSet)
		}
		Placeholder(ds).DaemonSet(dir)
	})
}

// flow makes the top level of a YAML block mapping the inside of a flow mapping.
func flow(block string) string {
	var tree any
	_ = yaml.Unmarshal([]byte(block), &tree)
	data, _ := yaml.Marshal(tree)
	asJSON, _ := yaml.YAMLToJSON(data)
	return strings.TrimSuffix(strings.TrimPrefix(string(asJSON), "{"), "}")
}
