package render

// Options is what a rendering depends on besides the DaemonSet. The same DaemonSet and Options give the same bytes.
type Options struct {
	// NodeName is the node's name as the kubelet has it; the kubelet appends it to the pod's name.
	NodeName string
	// Revision is the result of Revision for the DaemonSet's template.
	Revision string
	// Source is the path of the spec file, told in the header comment and an annotation.
	Source string
}

// Manifest is one static pod file.
type Manifest struct {
	// Namespace and DaemonSet name what it belongs to.
	Namespace, DaemonSet string
	// Revision is the controller-revision-hash.
	Revision string
	// PodName is metadata.name in the file; the kubelet runs it as PodName-<node name>.
	PodName string
	// FileName is the base name in the kubelet's directory; see the function.
	FileName string
	// Source is the spec file.
	Source string
	// GracePeriodSeconds is the pod's terminationGracePeriodSeconds.
	GracePeriodSeconds int64
	// Pull is set where the pod is none of the DaemonSet, but pulls the images of one; see the function.
	Pull bool
	// Data is the file's bytes. Nil where only the header was wanted.
	Data []byte
}

// Change is something of the template that a static pod cannot carry and that was left out or replaced.
type Change struct {
	// Path is the field path relative to the DaemonSet: spec.template.spec.serviceAccountName.
	Path string
	// Message says what was done and what it means for the pod.
	Message string
	// Silent is set where the change has no effect that its user would notice (nodeSelector and affinity have been
	// decided already); it is not reported as a warning.
	Silent bool
}
