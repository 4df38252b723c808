package resolve

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

const (
	// kubeletAnnotations begin the annotations that only the kubelet knows, ownAnnotations those of this project.
	kubeletAnnotations = "kubernetes.io/config."
	ownAnnotations     = "daemonsetd.io/"

	separate = "put it into a downwardAPI volume of its own, which the kubelet fills"
)

// pod is what is known of the pod when its files are laid.
type pod struct {
	ds             *appsv1.DaemonSet
	revision, node string
}

func (p pod) name() []byte { return []byte(render.PodName(p.ds.Name, p.revision) + "-" + p.node) }

func (p pod) labels() map[string]string {
	labels := maps.Clone(p.ds.Spec.Template.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[render.LabelRevision] = p.revision
	return labels
}

// downward adds the files of a downwardAPI source that shares its volume with objects, as CollectData in
// pkg/volume/downwardapi would fill them.
func (b *builder) downward(items []corev1.DownwardAPIVolumeFile, at string) {
	for i, item := range items {
		at := element(at, i)
		b.user(item.User, at+".user")
		var f planned
		var wrong string
		switch {
		case item.FieldRef != nil:
			at += ".fieldRef"
			f, wrong = b.field(item.FieldRef.FieldPath, at)
		case item.ResourceFieldRef != nil:
			at += ".resourceFieldRef"
			f, wrong = b.resource(item.ResourceFieldRef)
		}
		if wrong != "" {
			b.problem(Unknowable, at, wrong)
			continue
		}
		b.add(item.Path, item.Mode, f, at)
	}
}

// field gives the file of a field of the pod (ExtractFieldPathAsString in pkg/fieldpath), or why there is none.
func (b *builder) field(name, at string) (planned, string) {
	template := b.in.DaemonSet.Spec.Template
	switch name {
	case "metadata.name":
		return planned{late: pod.name}, ""
	case "metadata.namespace":
		return static(b.in.DaemonSet.Namespace), ""
	case "metadata.labels":
		return planned{late: func(p pod) []byte { return []byte(formatMap(p.labels())) }}, ""
	case "metadata.annotations":
		b.change(render.Change{Path: at, Message: "has the annotations of the pod template alone, without those that the " +
			"kubelet and daemonsetd add"})
		return static(formatMap(known(template.Annotations))), ""
	}
	if key, ok := subscript(name, "metadata.labels"); ok {
		return planned{late: func(p pod) []byte { return []byte(p.labels()[key]) }}, ""
	}
	if key, ok := subscript(name, "metadata.annotations"); ok && !foreign(key) {
		return static(template.Annotations[key]), ""
	}
	return planned{}, name + " is not known before the kubelet has read the pod: " + separate
}

func static(text string) planned { return planned{File: File{Data: []byte(text)}} }

// foreign says whether an annotation is set by somebody else than the pod template.
func foreign(key string) bool {
	return strings.HasPrefix(key, kubeletAnnotations) || strings.HasPrefix(key, ownAnnotations)
}

func known(annotations map[string]string) map[string]string {
	out := maps.Clone(annotations)
	maps.DeleteFunc(out, func(k, _ string) bool { return foreign(k) })
	return out
}

// subscript takes key out of name['key'].
func subscript(text, name string) (string, bool) {
	rest, ok := strings.CutPrefix(text, name+"['")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, "']")
}

// formatMap is one line key="value" for each key, sorted, as FormatMap in pkg/fieldpath writes it.
func formatMap(m map[string]string) string {
	lines := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		lines = append(lines, k+"="+strconv.Quote(m[k]))
	}
	return strings.Join(lines, "\n")
}

// resource gives the file of a container's limit or request (ExtractContainerResourceValue in pkg/api/v1/resource), or
// why there is none: without a limit the kubelet tells what the node can give, which only it knows.
func (b *builder) resource(ref *corev1.ResourceFieldSelector) (planned, string) {
	c, ok := containerNamed(&b.in.DaemonSet.Spec.Template.Spec, ref.ContainerName)
	if !ok {
		return planned{}, fmt.Sprintf("there is no container %q", ref.ContainerName)
	}
	which, name, _ := strings.Cut(ref.Resource, ".")
	quantity, ok := c.Resources.Limits[corev1.ResourceName(name)]
	if which == "requests" {
		// Limits are the default of requests (SetDefaults_Pod in pkg/apis/core/v1); in a DaemonSet nobody has filled them in.
		if request, has := c.Resources.Requests[corev1.ResourceName(name)]; has {
			quantity, ok = request, true
		} else if !ok {
			return static("0"), ""
		}
	}
	if (!ok || quantity.IsZero()) && which == "limits" && !strings.HasPrefix(name, corev1.ResourceHugePagesPrefix) {
		return planned{}, fmt.Sprintf("container %q has no limit for %s, so the value is the node's, which only the "+
			"kubelet knows: set the limit, or %s", c.Name, name, separate)
	}
	return static(inUnits(name, quantity, ref.Divisor)), ""
}

func containerNamed(pod *corev1.PodSpec, name string) (*corev1.Container, bool) {
	for _, list := range [][]corev1.Container{pod.Containers, pod.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i], true
			}
		}
	}
	return nil, false
}

// inUnits is how many times the divisor fits into the quantity, rounded up.
func inUnits(name string, quantity, divisor resource.Quantity) string {
	if divisor.IsZero() {
		divisor = *resource.NewQuantity(1, resource.DecimalSI)
	}
	n, unit := quantity.Value(), divisor.Value()
	if name == string(corev1.ResourceCPU) {
		n, unit = quantity.MilliValue(), divisor.MilliValue()
	}
	return strconv.FormatInt(int64(math.Ceil(float64(n)/float64(unit))), 10)
}
