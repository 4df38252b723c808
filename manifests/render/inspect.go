package render

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// Header is what a manifest says about itself.
type Header struct {
	// Namespace and DaemonSet are those of the mark.
	Namespace, DaemonSet string
	// Revision is the one in the file's name.
	Revision string
	// FileName is the file's base name.
	FileName string
	// PodName is metadata.name as it stands in the file: what the kubelet runs is PodName-<node name>.
	PodName string
	// Source is the spec file that was rendered; empty where the annotation is gone.
	Source string
	// GracePeriodSeconds is the pod's terminationGracePeriodSeconds, 30 where the file gives none.
	GracePeriodSeconds int64
	// Pull is set where the pod only pulls images for the DaemonSet; see the function.
	Pull bool
	// Intact is set when the file has exactly the bytes that were rendered, under the name that they were rendered for.
	Intact bool
	// Drift says why the file is not intact, as a clause that follows "the file".
	Drift string
}

// Key is namespace/name of the DaemonSet.
func (h Header) Key() string { return h.Namespace + "/" + h.DaemonSet }

// ErrForeign is what every ForeignError is.
var ErrForeign = errors.New("not a file of daemonsetd")

// ForeignError says that a file is somebody else's, and what the kubelet would run from it.
type ForeignError struct {
	// FileName is the file's base name.
	FileName string
	// PodNamespace and PodName are those of the pod in the file, without the node's name; both are empty where the kubelet
	// would find no pod in it.
	PodNamespace, PodName string
	// DaemonSet is the DaemonSet (namespace/name) whose mark the file bears; empty where it bears none.
	DaemonSet string
	// Reason says why it is not ours, as a clause that follows "the file".
	Reason string
	// NoPod says why the kubelet finds no pod; nil where there is one.
	NoPod error
}

// Error implements error.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("file %q is not a file of daemonsetd: it %s", e.FileName, e.Reason)
}

// Is makes errors.Is(err, ErrForeign) true.
func (e *ForeignError) Is(target error) bool { return target == ErrForeign }

// Inspect reads a manifest back. A file is ours when its name is the one that FileName gives for the DaemonSet named by
// its annotation daemonsetd.io/daemonset, with any revision; whatever else was edited by hand, it is then a file of
// ours that drifted, and may be restored or removed. In a file that is no longer readable as YAML the annotation's line
// is enough. Every other file is foreign: a copy under another name, an empty file, a file of ours whose mark was
// deleted or changed. A manifest that pulls images (Pull) is told in the same way by a name and a mark of its own. The
// error is then a *ForeignError, which tells the pod that the kubelet would run, found as the kubelet finds it (first
// document, JSON or YAML, unknown fields and duplicate keys passed over).
func Inspect(fileName string, data []byte) (Header, error) {
	m, noPod := decode(data)
	pull := IsPullFileName(fileName)
	mark, podName, inName := AnnotationDaemonSet, PodName, revisionInFileName
	if pull {
		mark, podName, inName = AnnotationPull, PullPodName, revisionInPullFileName
	}
	owner := m.Metadata.Annotations[mark]
	if noPod != nil && owner == "" {
		owner = markLine(data, mark)
	}
	namespace, name, ok := strings.Cut(owner, "/")
	revision, named := inName(fileName, namespace, name)
	if !ok || !named {
		if pull {
			owner = m.Metadata.Annotations[AnnotationDaemonSet] // the mark of another pod than the DaemonSet's own is none
		}
		return Header{}, foreign(fileName, owner, m, noPod)
	}
	h := Header{
		Namespace: namespace, DaemonSet: name, Revision: revision, FileName: fileName, Pull: pull,
		PodName:            m.Metadata.Name,
		Source:             m.Metadata.Annotations[AnnotationSource],
		GracePeriodSeconds: gracePeriod(m.Spec.TerminationGracePeriodSeconds),
	}
	if h.PodName == "" {
		h.PodName = podName(name, revision)
	}
	h.Drift = drift(h, m, noPod, data)
	h.Intact = h.Drift == ""
	return h, nil
}

// InspectUnnamed reads a manifest back that has no name of its own yet. It is false for everything but the exact bytes
// that were rendered.
func InspectUnnamed(data []byte) (Header, bool) {
	m, noPod := decode(data)
	if noPod != nil {
		return Header{}, false
	}
	namespace, name, _ := strings.Cut(m.Metadata.Annotations[AnnotationDaemonSet], "/")
	h, err := Inspect(FileName(namespace, name, m.Metadata.Annotations[AnnotationRevision]), data)
	return h, err == nil && h.Intact
}

// minimal is the part of a manifest that is looked at.
type minimal struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		TerminationGracePeriodSeconds *int64 `json:"terminationGracePeriodSeconds"`
	} `json:"spec"`
}

// decode finds the pod as tryDecodeSinglePod in pkg/kubelet/config/common.go does, save for the validation.
func decode(data []byte) (minimal, error) {
	if len(data) > MaxSize {
		return minimal{}, fmt.Errorf("%d bytes are more than the %d that are looked into", len(data), MaxSize)
	}
	asJSON, err := utilyaml.ToJSON(data)
	if err != nil {
		return minimal{}, err
	}
	var m minimal
	if err := utiljson.Unmarshal(asJSON, &m); err != nil {
		return minimal{}, err
	}
	if m.APIVersion != "v1" || m.Kind != "Pod" {
		return m, fmt.Errorf("it holds apiVersion %q and kind %q, not a v1 Pod", m.APIVersion, m.Kind)
	}
	if m.Metadata.Name == "" {
		return m, errors.New("its pod has no name")
	}
	return m, nil
}

// markLine looks for the mark in a file that cannot be parsed.
func markLine(data []byte, mark string) string {
	for line := range strings.Lines(string(data)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), mark+":"); ok {
			return strings.Trim(strings.TrimSpace(v), `"'`)
		}
	}
	return ""
}

func foreign(fileName, owner string, m minimal, noPod error) *ForeignError {
	e := &ForeignError{FileName: fileName, DaemonSet: owner, NoPod: noPod}
	switch {
	case owner == "" && IsFileName(fileName):
		e.Reason = "has a name of ours, but lacks the annotation " + AnnotationDaemonSet
	case owner == "":
		e.Reason = "lacks the annotation " + AnnotationDaemonSet
	default:
		e.Reason = fmt.Sprintf("has the annotation %s: %q, but not a name for it", AnnotationDaemonSet, owner)
	}
	if noPod == nil {
		e.PodName, e.PodNamespace = m.Metadata.Name, m.Metadata.Namespace
		if e.PodNamespace == "" {
			e.PodNamespace = corev1.NamespaceDefault
		}
	}
	return e
}

// drift says how a file of ours differs from what was rendered; empty when it does not.
func drift(h Header, m minimal, noPod error, data []byte) string {
	if noPod != nil {
		return "cannot be read as a pod: " + noPod.Error()
	}
	at, ok := checksumAt(data)
	if !ok {
		return "has lost its checksum"
	}
	if checksum(data, at) != string(data[at:at+checksumChars]) {
		return "was edited: its checksum does not match"
	}
	if r := m.Metadata.Annotations[AnnotationRevision]; r != h.Revision {
		return fmt.Sprintf("was renamed: its annotation %s is %q", AnnotationRevision, r)
	}
	return ""
}
