//go:build parity

package parity

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// client asks the API server.
type client struct {
	base string
	http *http.Client
}

func newClient(port int, certFile string) (*client, error) {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(cert) {
		return nil, fmt.Errorf("no certificate in %q", certFile)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	return &client{fmt.Sprintf("https://127.0.0.1:%d", port), &http.Client{Transport: transport, Timeout: 30 * time.Second}}, nil
}

// statusError is an answer other than success.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.code, e.text) }

// do sends a request with a JSON body, or none, and decodes the answer into out unless that is nil.
func (c *client) do(ctx context.Context, method, path string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %w", method, path, &statusError{resp.StatusCode, string(text[:min(len(text), 1000)])})
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

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
func (c *client) apply(ctx context.Context, documents []byte) ([]string, error) {
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
		err = c.do(ctx, http.MethodPost, collection, body, nil)
		if status, ok := errors.AsType[*statusError](err); ok && status.code == http.StatusConflict {
			err = c.do(ctx, http.MethodPut, path, body, nil)
		}
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", object.Kind, object.Metadata.Name, err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}
