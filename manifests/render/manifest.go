package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

const (
	checksumPrefix = "sha256:"
	// checksumLine is what stands before the digits. Nothing else in a rendered file can begin a line so: only the
	// annotations' keys have this indentation in the first mapping of the file, and text in them is indented further.
	checksumLine  = "\n    " + AnnotationChecksum + ": " + checksumPrefix
	checksumChars = 2 * sha256.Size
)

// document is a Pod without the fields that a file must not have: status and creationTimestamp.
type document struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   objectMeta     `json:"metadata"`
	Spec       corev1.PodSpec `json:"spec"`
}

type objectMeta struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Render writes the manifest of a DaemonSet on a node, and says what of the template is not in it. The bytes depend on
// nothing but ds and o: a comment that says whose file it is, then one YAML document with sorted keys.
func Render(ds *appsv1.DaemonSet, o Options) (Manifest, []Change, error) {
	if err := CheckNames(ds, o); err != nil {
		return Manifest{}, nil, err
	}
	pod, changed := Pod(ds, o)
	data, err := encode(pod, comment(pod, o))
	if err != nil {
		return Manifest{}, nil, fmt.Errorf("manifest of DaemonSet %s/%s: %w", ds.Namespace, ds.Name, err)
	}
	return Manifest{
		Namespace:          ds.Namespace,
		DaemonSet:          ds.Name,
		Revision:           o.Revision,
		PodName:            pod.Name,
		FileName:           FileName(ds.Namespace, ds.Name, o.Revision),
		Source:             source(o),
		GracePeriodSeconds: gracePeriod(pod.Spec.TerminationGracePeriodSeconds),
		Data:               data,
	}, changed, nil
}

func comment(pod *corev1.Pod, o Options) string {
	return fmt.Sprintf(`# Written by daemonsetd for DaemonSet %s, revision %s, from %+q.
# Edits here are undone. To change the pod, change the DaemonSet; to end it, take the DaemonSet out of its file.
# To keep this file and run it yourself, delete the annotation %s.
`, pod.Annotations[AnnotationDaemonSet], o.Revision, source(o), AnnotationDaemonSet)
}

// encode gives the file's bytes, the checksum in its place.
func encode(pod *corev1.Pod, comment string) ([]byte, error) {
	doc := document{
		APIVersion: pod.APIVersion,
		Kind:       pod.Kind,
		Metadata: objectMeta{
			Name: pod.Name, Namespace: pod.Namespace, Labels: pod.Labels,
			Annotations: maps.Clone(pod.Annotations),
		},
		Spec: pod.Spec,
	}
	doc.Metadata.Annotations[AnnotationChecksum] = checksumPrefix + strings.Repeat("0", checksumChars)
	asJSON, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	asYAML, err := toYAML(asJSON)
	if err != nil {
		return nil, err
	}
	data := append([]byte(comment), asYAML...)
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%d bytes are more than the %d that a manifest may have", len(data), MaxSize)
	}
	at, ok := checksumAt(data)
	if !ok {
		return nil, errors.New("the checksum's place was not found")
	}
	copy(data[at:], checksum(data, at))
	return data, nil
}

// checksumAt finds where the checksum's digits begin.
func checksumAt(data []byte) (int, bool) {
	i := bytes.Index(data, []byte(checksumLine))
	at := i + len(checksumLine)
	return at, i >= 0 && len(data) >= at+checksumChars
}

// checksum digests the file without the digits at the given place.
func checksum(data []byte, at int) string {
	h := sha256.New()
	h.Write(data[:at])
	h.Write(data[at+checksumChars:])
	return hex.EncodeToString(h.Sum(nil))
}
