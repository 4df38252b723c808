// Package render turns a DaemonSet and a node into the file of one static pod, and reads such a file back.
//
// The bytes are a function of the DaemonSet and Options alone: the package knows no clock, no disk and no node state,
// keys are sorted, and nothing is counted. The same input gives the same bytes on every host and in every run, so a
// file on disk can be compared with what it should be.
//
// A file of ours is told from others by its name and by one annotation (see Inspect). The checksum in it finds edits
// made by hand; it is not a signature and protects against nobody who means harm.
package render

import appsv1 "k8s.io/api/apps/v1"

const (
	// AnnotationDaemonSet holds namespace/name of the DaemonSet. It is the mark: a file under one of our names that lacks
	// it belongs to somebody else. Deleting it is how an operator takes a file over.
	AnnotationDaemonSet = "daemonsetd.io/daemonset"
	// AnnotationRevision holds the revision, as the controller-revision-hash label does.
	AnnotationRevision = "daemonsetd.io/revision"
	// AnnotationSource holds the path of the spec file that the DaemonSet came from when the manifest was written.
	AnnotationSource = "daemonsetd.io/source"
	// AnnotationChecksum holds "sha256:" and 64 hex digits: the digest of the file without these digits.
	AnnotationChecksum = "daemonsetd.io/checksum"
	// LabelRevision is the label by which a pod's revision is known, as in a cluster.
	LabelRevision = appsv1.ControllerRevisionHashLabelKey

	// MaxSize is the most bytes a manifest may have, and the most that Inspect looks into. The kubelet's own limit is
	// 10 MiB (pkg/kubelet/config/file.go); this one is lower because parsing YAML takes a hundred times its size in
	// memory, and higher than any environment that Linux would let a container start with.
	MaxSize = 2 << 20
)
