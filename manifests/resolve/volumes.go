package resolve

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// volumes plans the tree of every volume that has a ConfigMap or a Secret in it. One that nothing mounts becomes an
// empty directory, which keeps the numbers of the others: the kubelet does not look at it (processPodVolumes in
// pkg/kubelet/volumemanager/populator), so an object that is missing for it must not hold up the pod.
func (r *resolver) volumes(pod *corev1.PodSpec) {
	mounted := mountedVolumes(pod)
	var files, bytes int
	for i := range pod.Volumes {
		v, at := &pod.Volumes[i], element(specPath+"volumes", i)
		switch {
		case !refers(v):
		case !mounted[v.Name]:
			v.VolumeSource = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
			r.change(render.Change{Path: at, Message: "replaced by an empty directory: no container mounts it", Silent: true})
		default:
			r.volume(pod, v, at)
			n, size := r.laid()
			files, bytes = files+n, bytes+size
		}
		if files > MaxFiles || bytes > MaxFileBytes {
			r.problem(BadPath, at, fmt.Sprintf("the volumes up to this one have %d files with %d bytes, and one DaemonSet "+
				"may have %d with %d: mount fewer of them, or put what is large into the image", files, bytes, MaxFiles,
				MaxFileBytes))
			break
		}
	}
	slices.SortFunc(r.out.plans, func(a, b plan) int { return strings.Compare(a.shape.Volume, b.shape.Volume) })
}

// MaxFiles and MaxFileBytes limit the files of all volumes of one DaemonSet. Each volume has its own copy of what it
// shows, so that a file of one megabyte could fill any disk, and Secrets lie in memory.
const (
	MaxFiles     = 20_000
	MaxFileBytes = 128 << 20
)

// laid is how many files the volume that was planned last has, and how many bytes.
func (r *resolver) laid() (files, bytes int) {
	if len(r.out.plans) == 0 {
		return 0, 0
	}
	last := r.out.plans[len(r.out.plans)-1]
	for _, f := range last.files {
		bytes += len(f.Data)
	}
	return len(last.files), bytes
}

func mountedVolumes(pod *corev1.PodSpec) map[string]bool {
	mounted := map[string]bool{}
	for _, g := range containerGroups(pod) {
		for _, c := range g.containers {
			for _, m := range c.VolumeMounts {
				mounted[m.Name] = true
			}
		}
	}
	return mounted
}

// refers says whether a volume is one that a static pod cannot have as it is, and can have once it is resolved.
// Projected volumes with tokens, trust bundles or certificates are left alone: package spec refuses them.
func refers(v *corev1.Volume) bool {
	if v.Projected == nil {
		return v.ConfigMap != nil || v.Secret != nil
	}
	return !slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool {
		return s.ServiceAccountToken != nil || s.ClusterTrustBundle != nil || s.PodCertificate != nil
	})
}

func (r *resolver) volume(pod *corev1.PodSpec, v *corev1.Volume, at string) {
	if v.Projected != nil && !slices.ContainsFunc(v.Projected.Sources, fromObject) {
		r.unproject(v, at)
		return
	}
	b := &builder{resolver: r, at: at, files: map[string]planned{}}
	b.plan.shape.Volume, b.plan.shape.MountPoints = v.Name, mountPoints(pod, v.Name)
	b.plan.shape.Memory = v.ConfigMap == nil
	if s := pod.SecurityContext; s != nil {
		b.plan.shape.FSGroup = s.FSGroup
	}
	switch {
	case v.ConfigMap != nil:
		b.begin(v.ConfigMap.DefaultMode, v.ConfigMap.DefaultUser, at+".configMap")
		b.object(reference{KindConfigMap, v.ConfigMap.Name, at + ".configMap", optional(v.ConfigMap.Optional)},
			v.ConfigMap.Items)
	case v.Secret != nil:
		b.begin(v.Secret.DefaultMode, v.Secret.DefaultUser, at+".secret")
		b.object(reference{KindSecret, v.Secret.SecretName, at + ".secret", optional(v.Secret.Optional)}, v.Secret.Items)
	default:
		b.begin(v.Projected.DefaultMode, v.Projected.DefaultUser, at+".projected")
		b.projected(v.Projected.Sources, at+".projected.sources")
	}
	r.out.plans = append(r.out.plans, b.finish())
}

func fromObject(s corev1.VolumeProjection) bool { return s.ConfigMap != nil || s.Secret != nil }

// unproject makes a projected volume that has downwardAPI sources alone a downwardAPI volume. Both give the same files,
// but a kubelet without an API server sets up no projected volume at all (collectData in pkg/volume/projected).
func (r *resolver) unproject(v *corev1.Volume, at string) {
	p := v.Projected
	to := &corev1.DownwardAPIVolumeSource{DefaultMode: p.DefaultMode, DefaultUser: p.DefaultUser}
	for _, s := range p.Sources {
		if s.DownwardAPI != nil {
			to.Items = append(to.Items, s.DownwardAPI.Items...)
		}
	}
	v.VolumeSource = corev1.VolumeSource{DownwardAPI: to}
	r.change(render.Change{
		Path: at + ".projected", Silent: true,
		Message: "replaced by a downwardAPI volume with the same files: a kubelet without an API server sets up no " +
			"projected volumes",
	})
}

func (b *builder) projected(sources []corev1.VolumeProjection, at string) {
	for i, s := range sources {
		at := element(at, i)
		switch {
		case s.ConfigMap != nil:
			b.object(reference{KindConfigMap, s.ConfigMap.Name, at + ".configMap", optional(s.ConfigMap.Optional)},
				s.ConfigMap.Items)
		case s.Secret != nil:
			b.object(reference{KindSecret, s.Secret.Name, at + ".secret", optional(s.Secret.Optional)}, s.Secret.Items)
		case s.DownwardAPI != nil:
			b.downward(s.DownwardAPI.Items, at+".downwardAPI.items")
		}
	}
}
