package spec

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

const podPrefix = "spec.template.spec."

// forbidden is something that a static pod cannot have.
type forbidden[T any] struct {
	// field is the path below what is looked at.
	field  string
	has    func(T) bool
	reason string
	hint   string
}

const (
	useHostPath = "use a hostPath or emptyDir volume"
	noSecretRef = "a static pod cannot refer to a Secret for the access to this volume"
)

// refusedPodFields, refusedVolumes and refusedProjections are the whole list of what is refused although an API server
// would accept it (HasAPIObjectReference in pkg/api/pod/util.go and ValidatePodCreate are why), but for what package
// resolve cannot put into files and an unwanted lack of a service account. References to ConfigMaps and Secrets are
// resolved.
func refusedPodFields() []forbidden[*corev1.PodSpec] {
	return []forbidden[*corev1.PodSpec]{
		{
			"resourceClaims", func(s *corev1.PodSpec) bool { return len(s.ResourceClaims) > 0 },
			"resource claims are made and bound by an API server", "use a device plugin's extended resource",
		},
		{
			"schedulingGates", func(s *corev1.PodSpec) bool { return len(s.SchedulingGates) > 0 },
			"a static pod is not scheduled, so nothing would ever open the gates", "remove them",
		},
	}
}

func refusedVolumes() []forbidden[*corev1.VolumeSource] {
	return []forbidden[*corev1.VolumeSource]{
		{
			"persistentVolumeClaim", func(v *corev1.VolumeSource) bool { return v.PersistentVolumeClaim != nil },
			"persistent volume claims are bound by an API server", useHostPath,
		},
		{
			"csi", func(v *corev1.VolumeSource) bool { return v.CSI != nil },
			"CSI volumes need a CSIDriver object in an API server", useHostPath,
		},
		{
			"ephemeral", func(v *corev1.VolumeSource) bool { return v.Ephemeral != nil },
			"generic ephemeral volumes need persistent volume claims, which are bound by an API server",
			"use an emptyDir volume",
		},
		{
			"glusterfs", func(v *corev1.VolumeSource) bool { return v.Glusterfs != nil },
			"glusterfs volumes need an Endpoints object in an API server", useHostPath,
		},
		{
			"azureFile", func(v *corev1.VolumeSource) bool { return v.AzureFile != nil },
			"azureFile volumes need a Secret in an API server", useHostPath,
		},
		{"cephfs.secretRef", func(v *corev1.VolumeSource) bool {
			return v.CephFS != nil && v.CephFS.SecretRef != nil
		}, noSecretRef, "use secretFile"},
		{"cinder.secretRef", func(v *corev1.VolumeSource) bool {
			return v.Cinder != nil && v.Cinder.SecretRef != nil
		}, noSecretRef, useHostPath},
		{"flexVolume.secretRef", func(v *corev1.VolumeSource) bool {
			return v.FlexVolume != nil && v.FlexVolume.SecretRef != nil
		}, noSecretRef, useHostPath},
		{
			"rbd.secretRef", func(v *corev1.VolumeSource) bool { return v.RBD != nil && v.RBD.SecretRef != nil }, noSecretRef,
			"use keyring",
		},
		{"scaleIO.secretRef", func(v *corev1.VolumeSource) bool {
			return v.ScaleIO != nil && v.ScaleIO.SecretRef != nil
		}, noSecretRef, useHostPath},
		{
			"iscsi.secretRef", func(v *corev1.VolumeSource) bool { return v.ISCSI != nil && v.ISCSI.SecretRef != nil },
			noSecretRef, useHostPath,
		},
		{"storageos.secretRef", func(v *corev1.VolumeSource) bool {
			return v.StorageOS != nil && v.StorageOS.SecretRef != nil
		}, noSecretRef, useHostPath},
	}
}

func refusedProjections() []forbidden[*corev1.VolumeProjection] {
	return []forbidden[*corev1.VolumeProjection]{
		{
			"serviceAccountToken", func(v *corev1.VolumeProjection) bool { return v.ServiceAccountToken != nil },
			"service account tokens are issued by an API server", "mount a token file from the host, if the program needs one",
		},
		{
			"clusterTrustBundle", func(v *corev1.VolumeProjection) bool { return v.ClusterTrustBundle != nil },
			"cluster trust bundles are objects of an API server", "mount the CA file from the host",
		},
		{
			"podCertificate", func(v *corev1.VolumeProjection) bool { return v.PodCertificate != nil },
			"pod certificates are issued by an API server", "mount a certificate from the host",
		},
	}
}

// refusals finds everything in a DaemonSet that a static pod cannot have.
func refusals(d *strictyaml.Document, ds *appsv1.DaemonSet) diag.List {
	pod := &ds.Spec.Template.Spec
	list := refuse(d, podPrefix, pod, refusedPodFields())
	for i := range pod.Volumes {
		v := &pod.Volumes[i]
		at := fmt.Sprintf("%svolumes[%d].", podPrefix, i)
		list = append(list, refuse(d, at, &v.VolumeSource, refusedVolumes())...)
		for j := range sources(v) {
			list = append(list, refuse(d, fmt.Sprintf("%sprojected.sources[%d].", at, j), &v.Projected.Sources[j],
				refusedProjections())...)
		}
	}
	return list
}

func sources(v *corev1.Volume) []corev1.VolumeProjection {
	if v.Projected == nil {
		return nil
	}
	return v.Projected.Sources
}

func refuse[T any](d *strictyaml.Document, at string, in T, table []forbidden[T]) diag.List {
	var list diag.List
	for _, r := range table {
		if r.has(in) {
			list = append(list, d.Problem(diag.Error, at+r.field, "a static pod cannot have "+r.field+": "+r.reason, r.hint))
		}
	}
	return list
}

// annotations refuses what package resolve cannot understand, and a pod without a service account where the DaemonSet
// says that it is of no use.
func annotations(d *strictyaml.Document, ds *appsv1.DaemonSet) diag.List {
	var list diag.List
	for _, bad := range resolve.CheckAnnotations(ds) {
		list = append(list, d.Problem(diag.Error, "metadata.annotations["+bad.Key+"]", "invalid "+bad.Key+": "+bad.Message,
			""))
	}
	if ds.Annotations[resolve.AnnotationMissingServiceAccount] != "false" {
		return list
	}
	for _, account := range []struct{ field, name string }{
		{"serviceAccountName", ds.Spec.Template.Spec.ServiceAccountName},
		{"serviceAccount", ds.Spec.Template.Spec.DeprecatedServiceAccount},
	} {
		if account.name != "" {
			list = append(list, d.Problem(diag.Error, podPrefix+account.field,
				"a static pod cannot have "+account.field+": service accounts belong to an API server, and the annotation "+
					resolve.AnnotationMissingServiceAccount+" says that the pod must not run without",
				"set the annotation to \"true\" to run it without a token"))
		}
	}
	return list
}

// strategies refuses what package strategy cannot follow. The DaemonSet has its defaults.
func strategies(d *strictyaml.Document, ds *appsv1.DaemonSet) diag.List {
	var list diag.List
	for _, bad := range strategy.Check(ds) {
		name := strictyaml.Leaf(bad.Path)
		if key, ok := strings.CutPrefix(name, "annotations["); ok {
			name = strings.TrimSuffix(key, "]")
		}
		list = append(list, d.Problem(diag.Error, bad.Path, "invalid "+name+": "+bad.Message, ""))
	}
	return list
}
