package resolve

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

const specPath = "spec.template.spec."

// Resolve finds everything that the DaemonSet's pod refers to. It never fails: what is wanting is in Result.Missing.
func Resolve(in Input) Result {
	return resolve(in, false)
}

// Placeholder resolves a DaemonSet without any of the objects and facts that it refers to: every object is taken to be
// there with every key, empty. Its DaemonSet is what the kubelet's rules can be held against before the objects are
// known, and its Missing has what no object can cure: BadAnnotation, BadPath and Unknowable.
func Placeholder(ds *appsv1.DaemonSet) Result {
	const address = "192.0.2.1" // of the range for examples (RFC 5737)
	return resolve(Input{DaemonSet: ds, NodeName: "node", NodeAddress: address, NodeAddresses: []string{address}}, true)
}

// resolver gathers a Result.
type resolver struct {
	in Input
	// any makes every object exist, with every key.
	any     bool
	objects map[objectKey]object
	out     Result
	env     digest
	// envBytes is what was written into the environment, and envFull is set when that was too much.
	envBytes int
	envFull  bool

	class digest
	facts digest
}

func resolve(in Input, anyObject bool) Result {
	r := &resolver{in: in, any: anyObject, objects: map[objectKey]object{}}
	r.out.ds, r.out.node = in.DaemonSet.DeepCopy(), strings.ToLower(in.NodeName)
	labels := r.annotations()
	pod := &r.out.ds.Spec.Template.Spec
	for _, g := range containerGroups(pod) {
		for i := range g.containers {
			r.container(&g.containers[i], element(specPath+g.field, i), labels)
		}
	}
	r.volumes(pod)
	r.priority(pod)
	r.digests()
	return r.out
}

// digests is last: it needs everything else.
func (r *resolver) digests() {
	if r.in.DaemonSet.Annotations[AnnotationRestart] == "true" {
		// Neither the revision, which is made of the digests, nor the node may be in them.
		for _, t := range r.out.trees(pod{ds: r.out.ds}) {
			r.out.Digests = append(r.out.Digests, t.Digest)
		}
	}
	r.out.Digests = append(r.out.Digests, r.env.sums()...)
	r.out.Digests = append(r.out.Digests, r.class.sums()...)
	r.out.NodeDigests = r.facts.sums()
	r.out.Digests = append(r.out.Digests, r.out.NodeDigests...)
}

func (r *resolver) missing(m Missing) { r.out.Missing = append(r.out.Missing, m) }

// problem is a Missing about the DaemonSet itself.
func (r *resolver) problem(reason Reason, path, detail string) {
	r.missing(Missing{
		Reason: reason, Kind: KindDaemonSet, Namespace: r.in.DaemonSet.Namespace, Name: r.in.DaemonSet.Name,
		Path: path, Detail: detail,
	})
}

func (r *resolver) change(c render.Change) { r.out.Changes = append(r.out.Changes, c) }

// containerGroup is the containers of one field of a pod.
type containerGroup struct {
	field      string
	containers []corev1.Container
}

// containerGroups leaves out ephemeral containers: package render takes them out of the pod.
func containerGroups(pod *corev1.PodSpec) []containerGroup {
	return []containerGroup{{"initContainers", pod.InitContainers}, {"containers", pod.Containers}}
}

// Trees is the volumes' files, sorted by volume. The revision is that of the pod which they are laid for: a downwardAPI
// source may tell the pod's name or labels.
func (r Result) Trees(revision string) []Tree {
	return r.trees(pod{ds: r.ds, revision: revision, node: r.node})
}

func (r Result) trees(of pod) []Tree {
	out := make([]Tree, len(r.plans))
	for i := range r.plans {
		out[i] = r.plans[i].tree(of)
	}
	return out
}

// DaemonSet is a copy with everything in its place: variables hold their values and config volumes are directories of
// the host. Dir says where the files of a tree are, as an absolute path; it should look at nothing but Volume and
// Secret, since the content of the tree is that for no revision. The copy is the caller's own.
func (r Result) DaemonSet(dir func(t Tree) string) *appsv1.DaemonSet {
	ds := r.ds.DeepCopy()
	dirs := make(map[string]string, len(r.plans))
	for _, t := range r.Trees("") {
		dirs[t.Volume] = dir(t)
	}
	mountFromHost(&ds.Spec.Template.Spec, dirs)
	return ds
}

// mountFromHost makes volumes directories of the host. The kubelet mounts config volumes read-only whatever the
// container asks for (makeMounts in pkg/kubelet/kubelet_pods.go), but not those of the host.
func mountFromHost(pod *corev1.PodSpec, dirs map[string]string) {
	for i := range pod.Volumes {
		v := &pod.Volumes[i]
		if dir, ok := dirs[v.Name]; ok {
			v.VolumeSource = corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{
				Path: dir,
				Type: new(corev1.HostPathDirectory),
			}}
		}
	}
	for _, g := range containerGroups(pod) {
		for i := range g.containers {
			for j := range g.containers[i].VolumeMounts {
				m := &g.containers[i].VolumeMounts[j]
				if _, ok := dirs[m.Name]; ok {
					m.ReadOnly = true
				}
			}
		}
	}
}
