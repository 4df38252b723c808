package render

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	// AnnotationPull holds namespace/name of the DaemonSet whose images a pod pulls. It is the mark of such a manifest, as
	// AnnotationDaemonSet is of one that runs the DaemonSet's pod; no manifest has both.
	AnnotationPull = "daemonsetd.io/pulls-for"

	// pullPrefix begins the names of their files. FileName gives none that begins so.
	pullPrefix = "daemonsetd_pull-"
	// pullSuffix ends the names of their pods. PodName gives none that ends so.
	pullSuffix = ".pull"
	// pullCommand is a program that no image has: the kubelet pulls an image before it tries to start anything of it.
	pullCommand = "/nonexistent/daemonsetd-pulls-this-image-and-runs-nothing"
)

// PullImage is an image that a pod needs.
type PullImage struct {
	Name string
	// Policy is the imagePullPolicy of the container that wants it; Always where one of several does.
	Policy corev1.PullPolicy
}

// Images are the images of a manifest's pod that its kubelet may have to pull, in the order in which it would: those of
// init containers, of containers and of volumes, each once. Containers that forbid it (Never) are left out.
func Images(m Manifest) ([]PullImage, error) {
	doc, err := podOf(m.Data)
	if err != nil {
		return nil, fmt.Errorf("images of manifest %q: %w", m.FileName, err)
	}
	var out []PullImage
	add := func(name string, policy corev1.PullPolicy) {
		i := slices.IndexFunc(out, func(p PullImage) bool { return p.Name == name })
		switch {
		case name == "" || policy == corev1.PullNever:
		case i < 0:
			out = append(out, PullImage{Name: name, Policy: policy})
		case policy == corev1.PullAlways:
			out[i].Policy = policy
		}
	}
	for _, list := range [][]corev1.Container{doc.Spec.InitContainers, doc.Spec.Containers} {
		for i := range list {
			add(list[i].Image, list[i].ImagePullPolicy)
		}
	}
	for i := range doc.Spec.Volumes {
		if v := doc.Spec.Volumes[i].Image; v != nil {
			add(v.Reference, v.PullPolicy)
		}
	}
	return out, nil
}

// PullPodName is metadata.name of the pod that pulls the images of a DaemonSet's revision.
func PullPodName(daemonSet, revision string) string { return PodName(daemonSet, revision) + pullSuffix }

// IsPullPodName tells whether a pod's name in a manifest is that of a pod that pulls images.
func IsPullPodName(podName string) bool {
	name, ok := strings.CutSuffix(podName, pullSuffix)
	_, revision, _ := cutLast(name, "-")
	return ok && IsRevision(revision)
}

// PullFileName is the base name of the manifest of such a pod.
func PullFileName(namespace, daemonSet, revision string) string {
	return pullPrefix + namespace + "_" + daemonSet + "-" + revision + fileSuffix
}

// IsPullFileName tells whether name has the form of PullFileName.
func IsPullFileName(name string) bool {
	rest, ok := strings.CutPrefix(name, pullPrefix)
	if !ok {
		return false
	}
	rest, ok = strings.CutSuffix(rest, fileSuffix)
	names, revision, _ := cutLast(rest, "-")
	return ok && len(name) <= maxFileName && !strings.ContainsAny(rest, "/\x00") && IsRevision(revision) &&
		strings.Contains(names, "_")
}

// revisionInPullFileName takes the revision out of the file name of a pod that pulls the images of a DaemonSet.
func revisionInPullFileName(fileName, namespace, daemonSet string) (string, bool) {
	rest, _ := strings.CutSuffix(fileName, fileSuffix)
	_, revision, _ := cutLast(rest, "-")
	return revision, IsRevision(revision) && fileName == PullFileName(namespace, daemonSet, revision)
}

// Pull is the manifest of a pod that has the kubelet pull images, and starts nothing of them: its containers ask for a
// program that no image has, and are not restarted. It belongs to the same DaemonSet and revision as m, whose images
// they are, and asks for nothing that m's pod does not ask for: no resources, no ports, no volumes, and the host's
// network, so that no address is taken for it. An error is that it cannot be named, as the name is longer than m's.
func Pull(m Manifest, nodeName string, images []PullImage) (Manifest, error) {
	doc, err := podOf(m.Data)
	if err != nil {
		return Manifest{}, fmt.Errorf("pulling the images of manifest %q: %w", m.FileName, err)
	}
	out := Manifest{
		Namespace: m.Namespace, DaemonSet: m.DaemonSet, Revision: m.Revision, Source: m.Source, Pull: true,
		PodName: PullPodName(m.DaemonSet, m.Revision), FileName: PullFileName(m.Namespace, m.DaemonSet, m.Revision),
		GracePeriodSeconds: 1,
	}
	full := out.PodName + "-" + strings.ToLower(nodeName)
	if errs := validation.IsDNS1123Subdomain(full); len(errs) > 0 || len(full) > maxPodName(m.Namespace) ||
		len(out.FileName) > maxFileName {
		return Manifest{}, fmt.Errorf("pod name %q in namespace %q is too long for the kubelet", full, m.Namespace)
	}
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: out.PodName, Namespace: out.Namespace,
			Annotations: map[string]string{
				AnnotationPull:     m.Namespace + "/" + m.DaemonSet,
				AnnotationRevision: m.Revision,
				AnnotationSource:   m.Source,
			},
		},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, HostNetwork: true, TerminationGracePeriodSeconds: &out.GracePeriodSeconds,
			AutomountServiceAccountToken: new(false), EnableServiceLinks: new(false),
			PriorityClassName: doc.Spec.PriorityClassName, Priority: doc.Spec.Priority,
			PreemptionPolicy: doc.Spec.PreemptionPolicy, RuntimeClassName: doc.Spec.RuntimeClassName,
			OS: doc.Spec.OS, Tolerations: doc.Spec.Tolerations,
		},
	}
	for i, image := range images {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{
			Name: fmt.Sprintf("pull-%d", i), Image: image.Name, ImagePullPolicy: image.Policy,
			Command: []string{pullCommand},
		})
	}
	out.Data, err = encode(pod, pullComment(m))
	if err != nil {
		return Manifest{}, fmt.Errorf("manifest that pulls the images of DaemonSet %s/%s: %w", m.Namespace, m.DaemonSet, err)
	}
	return out, nil
}

func pullComment(m Manifest) string {
	return fmt.Sprintf(`# Written by daemonsetd for DaemonSet %s/%s, revision %s.
# The kubelet pulls these images before the old pod stops. Nothing of them is run, and this file goes
# once they are here. To do without, annotate the DaemonSet: daemonsetd.io/pre-pull: "false".
`, m.Namespace, m.DaemonSet, m.Revision)
}
