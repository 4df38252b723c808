package spec

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// Source is where an object stands.
type Source struct {
	// File is the path of the spec file as it was given to Parse.
	File string
	// Document counts the YAML documents of the file from 0.
	Document int
	// Line and Column count from 1 and name the first key of the object.
	Line, Column int
}

// DaemonSet is one accepted DaemonSet. Its fields are shared between goroutines and must not be changed.
type DaemonSet struct {
	// Object is decoded strictly, defaulted and validated by the upstream code.
	Object *appsv1.DaemonSet
	Source Source
	// Template is the canonical JSON (sorted keys, no white space) of spec.template as the user wrote it, before any
	// defaulting: what the revision is computed from, so that no library upgrade moves it.
	Template []byte

	// KubeletFrom is the first version of the kubelet that takes the pod, as "1.35"; empty: all that are supported do. An
	// older one refuses the manifest, and stops the pod that runs. KubeletNeeds says what it would have against it.
	KubeletFrom, KubeletNeeds string

	// places is what Unresolved answers with.
	places places
}

// Key is namespace/name.
func (d *DaemonSet) Key() string { return d.Object.Namespace + "/" + d.Object.Name }

// ConfigMap is an accepted object that DaemonSets may refer to.
type ConfigMap struct {
	Object *corev1.ConfigMap
	Source Source
}

// Secret is an accepted object that DaemonSets may refer to. All of its content is in Object.Data, that of stringData
// too.
type Secret struct {
	Object *corev1.Secret
	Source Source
}

// Service is an accepted object. Nothing uses it yet.
type Service struct {
	Object *corev1.Service
	Source Source
}

// PriorityClass is an accepted object that DaemonSets may name.
type PriorityClass struct {
	Object *schedulingv1.PriorityClass
	Source Source
}

// Objects is what one file, or a whole directory, declares.
type Objects struct {
	DaemonSets []*DaemonSet
	ConfigMaps []*ConfigMap
	Secrets    []*Secret
	Services   []*Service
	// PriorityClasses belong to no namespace.
	PriorityClasses []*PriorityClass
}

// Parsed is the outcome of reading one file.
type Parsed struct {
	Objects
	// Problems is sorted by place. When it has an error, the file is bad as a whole and Objects is empty.
	Problems diag.List
}

// FileStatus is what the loader knows of one file of the specs directory.
type FileStatus struct {
	// File is the path.
	File string
	// Digest is the SHA-256 of the bytes in effect, in hex; empty when nothing of the file is in effect.
	Digest string
	// Bad is set while the bytes on disk cannot be used; Problems says why.
	Bad bool
	// LastGood is set while Objects in effect come from an earlier, kept version of the file.
	LastGood bool
	// Pending is set while a file that is being written in place has not been still for long enough, and while one that
	// has vanished has not been gone for long enough to count as removed.
	Pending  bool
	Problems diag.List
	// Objects counts the objects in effect that came from the file.
	Objects int
}

// Snapshot is everything in effect at one moment. It is immutable.
type Snapshot struct {
	// Objects is sorted by namespace and name within a kind; no object stands twice.
	Objects
	// Files is sorted by path.
	Files []FileStatus
	// PassedOver are the entries of the specs directory that look like spec files and are none, for information.
	PassedOver diag.List
	// DirProblem is set when the directory as a whole is missing or cannot be read: everything stays as it was.
	DirProblem string

	// unlisted and undecided are what Undecided answers from.
	unlisted  bool
	undecided map[string]struct{}
}
