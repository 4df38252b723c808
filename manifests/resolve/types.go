package resolve

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

const (
	// AnnotationRestart on a DaemonSet makes the content of its volumes part of the revision, so that a change replaces
	// the pod instead of its files: "true" or "false".
	AnnotationRestart = "daemonsetd.io/restart-on-config-change"
	// AnnotationNodeLabels on a DaemonSet sets labels of the node as environment variables; see ParseNodeLabels.
	AnnotationNodeLabels = "daemonsetd.io/env-from-node-labels"
	// AnnotationMissingServiceAccount is package render's.
	AnnotationMissingServiceAccount = render.AnnotationMissingServiceAccount
)

// The kinds that a Missing may be about.
const (
	KindConfigMap = "ConfigMap"
	KindSecret    = "Secret"
	KindNode      = "Node"
	KindDaemonSet = "DaemonSet"
)

// Input is what Resolve looks at. Nothing of it is changed.
type Input struct {
	// DaemonSet is defaulted and validated, as package spec gives it.
	DaemonSet *appsv1.DaemonSet
	// ConfigMap and Secret find objects of the DaemonSet's own namespace. Nil finds none. Of a Secret only Data counts:
	// package spec has put stringData there.
	ConfigMap func(name string) (*corev1.ConfigMap, bool)
	Secret    func(name string) (*corev1.Secret, bool)
	// PriorityClass finds a class that is declared. Nil finds none.
	PriorityClass func(name string) (*schedulingv1.PriorityClass, bool)
	// Elsewhere gives a namespace that has an object of the kind and the name, for the message that the DaemonSet's own
	// has none; "" where none has. Nil: none has.
	Elsewhere func(kind, name string) string
	// NodeName is the node's name as the kubelet has it.
	NodeName string
	// NodeLabels is the node's labels.
	NodeLabels map[string]string
	// NodeAddress is the first address of type InternalIP, NodeAddresses all of them in order. Empty while not known.
	NodeAddress   string
	NodeAddresses []string
}

// Result is a resolved DaemonSet. It is immutable.
type Result struct {
	// Missing is everything for which the pod cannot be made yet, in the order of the pod template. While it is not empty
	// nothing may be written; what runs stays.
	Missing []Missing
	// Changes is what was replaced and behaves differently for it, in the form of package render.
	Changes []render.Change
	// Digests are SHA-256 in hex of what has to be part of the revision (render.Revision): the values that were written
	// into the environment, what the PriorityClass sets, and with AnnotationRestart the trees. A DaemonSet that refers to
	// nothing has none.
	Digests []string
	// NodeDigests are those of Digests that come from this node's labels and addresses. A revision with them differs from
	// node to node although the files are the same.
	NodeDigests []string
	// ClassMissing is set where the pod names a PriorityClass that is not declared.
	ClassMissing bool

	ds    *appsv1.DaemonSet
	node  string
	plans []plan
}

// Tree is the files of one volume of a pod.
type Tree struct {
	// Volume is the volume's name in the pod.
	Volume string
	// Secret is set where the content, or some of it, comes from a Secret: it belongs into memory, not on a disk.
	Secret bool
	// Memory is set where the kubelet has the volume in memory, whatever its content: Secrets and everything projected
	// (wrappedVolumeSpec in pkg/volume/secret and pkg/volume/projected). The directory of such a volume has the sticky
	// bit.
	Memory bool
	// Files is sorted by path. No path is a directory of another.
	Files []File
	// MountPoints are directories that other mounts of the pod need below this volume's, sorted: beside the files, mode
	// 0755, empty. The runtime cannot make them because the volume is mounted read-only
	// (pkg/volume/util/nested_volumes.go).
	MountPoints []string
	// DefaultMode is the volume's; the files' own modes are final already.
	DefaultMode int32
	// FSGroup is the group that owns every file and directory of the tree. With it directories get the bits 02550 on top
	// of their own (changeFilePermission in pkg/volume/volume_linux.go, for read-only volumes); the files' modes have
	// theirs.
	FSGroup *int64
	// Digest is SHA-256 in hex of all of the above but Memory, which no change of an object changes.
	Digest string
}

// File is one file of a Tree.
type File struct {
	// Path is relative, clean, with slashes.
	Path string
	// Mode is the permission bits, those added for FSGroup included.
	Mode int32
	// Data is the content. It may be shared with the object that it comes from and must not be changed.
	Data []byte
}

// Reason says why something of Missing is there.
type Reason string

const (
	// ObjectMissing: the ConfigMap or the Secret is not declared.
	ObjectMissing Reason = "ObjectMissing"
	// KeyMissing: the object is declared and lacks the key.
	KeyMissing Reason = "KeyMissing"
	// AddressMissing: the node's address is not known.
	AddressMissing Reason = "AddressMissing"
	// BadName: a key cannot be the name of an environment variable.
	BadName Reason = "BadName"
	// BadValue: a value cannot be that of an environment variable.
	BadValue Reason = "BadValue"
	// BadPath: a volume's files cannot be laid.
	BadPath Reason = "BadPath"
	// BadAnnotation: an annotation of the DaemonSet cannot be understood.
	BadAnnotation Reason = "BadAnnotation"
	// Unknowable: only the kubelet knows the value, so that no file can be laid with it.
	Unknowable Reason = "Unknowable"
)

// Missing is one thing for which a pod cannot be made.
type Missing struct {
	Reason Reason `json:"reason"`
	// Kind, Namespace and Name say which object lacks something or has something that cannot be used.
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Key is the key of the object, where it is about one.
	Key string `json:"key,omitempty"`
	// Path is the field of the DaemonSet that needs it: spec.template.spec.containers[0].env[1].valueFrom.secretKeyRef.
	Path string `json:"path"`
	// Detail says more where the reason alone does not: the name of the variable, or what is wrong. Never a value.
	Detail string `json:"detail,omitempty"`
}
