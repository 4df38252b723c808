package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"unicode/utf16"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/daemonsetd/daemonsetd/manifests/resolve"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

var errOtherwise = errors.New("this version of daemonsetd reads the template otherwise")

// Of is what Record keeps of a DaemonSet. The numbers and times are for the caller to set.
func Of(ds *spec.DaemonSet, fleet string) Revision {
	r := Revision{
		Fleet: fleet, ChangeCause: ds.Object.Annotations[AnnotationChangeCause], Source: ds.Source.File,
		Template: ds.Template,
	}
	for _, key := range resolve.Annotations() {
		if v, ok := ds.Object.Annotations[key]; ok {
			if r.Annotations == nil {
				r.Annotations = map[string]string{}
			}
			r.Annotations[key] = v
		}
	}
	return r
}

// Same says whether two revisions say the same, whenever they were the target.
func (r Revision) Same(as Revision) bool {
	return r.Fleet == as.Fleet && r.Number == as.Number && shortened(r.ChangeCause) == shortened(as.ChangeCause) &&
		r.Source == as.Source &&
		maps.Equal(r.Annotations, as.Annotations) && bytes.Equal(r.Template, as.Template)
}

// Restore gives the DaemonSet as it would be with the template of a revision: everything that says how it is placed
// beside the template, updated and found is as it is now. It goes the way of a spec file, so that defaults are the
// same, and an error says that the template is not accepted any more.
func Restore(current *spec.DaemonSet, r Revision) (*spec.DaemonSet, error) {
	data, err := object(current.Object, r)
	if err != nil {
		return nil, restoring(current, r, err)
	}
	parsed := spec.Parse(current.Source.File, data)
	if errs := parsed.Problems.Errors(); len(errs) > 0 {
		return nil, restoring(current, r, fmt.Errorf("%s: %s", errs[0].Path, errs[0].Message))
	}
	if n := len(parsed.DaemonSets); n != 1 {
		return nil, restoring(current, r, fmt.Errorf("it gives %d DaemonSets", n))
	}
	ds := parsed.DaemonSets[0]
	if ds.Key() != current.Key() || !bytes.Equal(ds.Template, r.Template) {
		return nil, restoring(current, r, errOtherwise)
	}
	ds.Source = current.Source
	return ds, nil
}

func restoring(ds *spec.DaemonSet, r Revision, err error) error {
	return fmt.Errorf("revision %s of DaemonSet %q cannot be used any more: %w", r.Fleet, ds.Key(), err)
}

// object is the DaemonSet with the revision's template, as JSON.
func object(current *appsv1.DaemonSet, r Revision) ([]byte, error) {
	var template struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(r.Template, &template); err != nil {
		return nil, err
	}
	annotations := maps.Clone(current.Annotations)
	for _, key := range resolve.Annotations() {
		delete(annotations, key)
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	maps.Copy(annotations, r.Annotations)
	data, err := json.Marshal(map[string]any{
		"apiVersion": "apps/v1", "kind": "DaemonSet",
		"metadata": map[string]any{
			"namespace": current.Namespace, "name": current.Name, "labels": current.Labels,
			"annotations": annotations,
		},
		"spec": map[string]any{
			"selector": selector(current.Spec.Selector, template.Metadata.Labels), "template": json.RawMessage(r.Template),
			"updateStrategy": current.Spec.UpdateStrategy, "minReadySeconds": current.Spec.MinReadySeconds,
			"revisionHistoryLimit": current.Spec.RevisionHistoryLimit,
		},
	})
	return ascii(data), err
}

// ascii writes everything else in JSON as an escape: a template may have characters that a spec file may not, where
// YAML has them as escapes.
func ascii(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for _, r := range string(data) {
		switch {
		case r < 0x7f:
			out = append(out, byte(r))
		case r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
	}
	return out
}

// selector is the DaemonSet's own, or, where the labels have changed along with it, one that matches the template. In
// an API server it cannot change, and here nothing is found by it.
func selector(current *metav1.LabelSelector, podLabels map[string]string) *metav1.LabelSelector {
	if s, err := metav1.LabelSelectorAsSelector(current); err == nil && s.Matches(labels.Set(podLabels)) {
		return current
	}
	return &metav1.LabelSelector{MatchLabels: podLabels}
}
