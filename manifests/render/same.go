package render

import (
	"bytes"
	"encoding/json"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// SamePod says whether two manifests that were rendered give the same pod, of the same name: what differs is at most
// how its quantities are written, which of its lists are empty and which not there, and the comment.
func SamePod(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	one, err := podOf(a)
	if err != nil {
		return false
	}
	other, err := podOf(b)
	return err == nil && apiequality.Semantic.DeepEqual(one, other)
}

func podOf(data []byte) (document, error) {
	var d document
	asJSON, err := utilyaml.ToJSON(data)
	if err == nil {
		err = json.Unmarshal(asJSON, &d)
	}
	delete(d.Metadata.Annotations, AnnotationChecksum)
	return d, err
}
