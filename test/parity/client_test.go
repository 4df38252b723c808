//go:build parity

package parity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/test/parity/apiserver"
)

// client gives objects to the API server.
type client struct{ server *apiserver.Server }

// collections says where objects of a kind are.
var collections = map[string]string{
	"Namespace": "/api/v1/namespaces",
	"ConfigMap": "/api/v1/namespaces/" + namespace + "/configmaps",
	"Secret":    "/api/v1/namespaces/" + namespace + "/secrets",
	"DaemonSet": "/apis/apps/v1/namespaces/" + namespace + "/daemonsets",
}

// split gives the documents of a file, each with its last newline.
func split(text []byte) iter.Seq[[]byte] {
	return bytes.SplitSeq(bytes.ReplaceAll(text, []byte("\n---\n"), []byte("\n\x00")), []byte{0})
}

// apply makes every object of a file with YAML documents, or replaces what is there, and gives where they are.
func (c client) apply(ctx context.Context, documents []byte) ([]string, error) {
	var paths []string
	for document := range split(documents) {
		var object struct {
			metav1.TypeMeta
			Metadata metav1.ObjectMeta
		}
		body, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &object); err != nil {
			return nil, err
		}
		collection, ok := collections[object.Kind]
		if !ok {
			return nil, fmt.Errorf("no place for a %q", object.Kind)
		}
		path := collection + "/" + object.Metadata.Name
		err = c.server.Do(ctx, apiserver.Request{Method: http.MethodPost, Path: collection, Body: body}, nil)
		if status, ok := errors.AsType[*apiserver.StatusError](err); ok && status.Code == http.StatusConflict {
			err = c.server.Do(ctx, apiserver.Request{Method: http.MethodPut, Path: path, Body: body}, nil)
		}
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", object.Kind, object.Metadata.Name, err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}
