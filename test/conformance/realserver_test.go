//go:build parity

package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/test/e2e/host"
	"github.com/daemonsetd/daemonsetd/test/parity/apiserver"
)

// realServer is a kube-apiserver of the version of the libraries, with nothing stored.
type realServer struct {
	server *apiserver.Server
	// resources are the kinds of each group and version that was asked for, by the kind's name.
	resources map[string]map[string]metav1.APIResource
}

// startRealServer starts one, which ends with the test.
func startRealServer(t *testing.T) *realServer {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("the API server runs in a cgroup of its own, which needs root")
	}
	if err := host.Sweep(); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	programs, err := apiserver.BuildPrograms(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.New(host.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
	})
	server, err := apiserver.Start(t.Context(), h, apiserver.Options{
		Programs: programs, Dir: h.Dir,
		// kubeadm's, of which published Services name addresses, and one of the other family, so that a file may ask for both.
		ServiceRange: "10.96.0.0/12,fd00:10:96::/112",
		Args: []string{
			// As every distribution sets it: node daemons are privileged.
			"--allow-privileged",
			// It refuses objects of a namespace that is not there. A specs directory declares no namespaces, and whether one is
			// there says nothing of the file.
			"--disable-admission-plugins", "NamespaceLifecycle",
			// A port outside of the range is a matter of the cluster's settings.
			"--service-node-port-range", "1-65535",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &realServer{server: server, resources: map[string]map[string]metav1.APIResource{}}
}

// noPlaceError is why an object cannot even be sent: the API server has no such kind.
type noPlaceError string

func (e noPlaceError) Error() string { return string(e) }

// refuses gives the reason why a client cannot create the object of one document, "" where it can; nothing is stored. As
// kubectl does, it looks up where objects of the kind are before it sends one.
func (s *realServer) refuses(ctx context.Context, document []byte) (string, error) {
	path, err := s.place(ctx, document)
	if reason, ok := errors.AsType[noPlaceError](err); ok {
		return string(reason), nil
	}
	if err != nil {
		return "", err
	}
	kind := "application/yaml"
	if json.Valid(document) {
		kind = "application/json"
	}
	err = s.server.Do(ctx, apiserver.Request{
		Method: http.MethodPost, Path: path + "?dryRun=All&fieldValidation=Strict", Body: document, ContentType: kind,
	}, nil)
	if status, ok := errors.AsType[*apiserver.StatusError](err); ok {
		var said metav1.Status
		if err := json.Unmarshal([]byte(status.Text), &said); err != nil || status.Code < 400 || status.Code >= 500 {
			return "", fmt.Errorf("want a refusal: %w", status)
		}
		if said.Reason == metav1.StatusReasonAlreadyExists {
			return "", nil // it has been validated before; the API server has made the same by itself
		}
		return said.Message, nil
	}
	return "", err
}

// place gives the path of the URL of the collection that the object belongs to.
func (s *realServer) place(ctx context.Context, document []byte) (string, error) {
	var object struct {
		APIVersion, Kind string
		Metadata         any
	}
	if err := yaml.Unmarshal(document, &object); err != nil {
		return "", noPlaceError(fmt.Sprintf("kubectl cannot read it: %v", err))
	}
	if object.Kind == "" || object.APIVersion == "" {
		return "", noPlaceError("kubectl wants apiVersion and kind")
	}
	prefix := "/apis/" + object.APIVersion
	if !strings.Contains(object.APIVersion, "/") {
		prefix = "/api/" + object.APIVersion
	}
	resource, err := s.resource(ctx, prefix, object.Kind)
	if err != nil || !resource.Namespaced {
		return prefix + "/" + resource.Name, err
	}
	namespace := metav1.NamespaceDefault
	if fields, ok := object.Metadata.(map[string]any); ok {
		if given, ok := fields["namespace"].(string); ok && given != "" {
			namespace = given
		}
	}
	return prefix + "/namespaces/" + url.PathEscape(namespace) + "/" + resource.Name, nil
}

func (s *realServer) resource(ctx context.Context, prefix, kind string) (metav1.APIResource, error) {
	if _, asked := s.resources[prefix]; !asked {
		var list metav1.APIResourceList
		err := s.server.Do(ctx, apiserver.Request{Path: prefix}, &list)
		if status, ok := errors.AsType[*apiserver.StatusError](err); err != nil && (!ok || status.Code != http.StatusNotFound) {
			return metav1.APIResource{}, err
		}
		s.resources[prefix] = map[string]metav1.APIResource{}
		for _, r := range list.APIResources {
			if !strings.Contains(r.Name, "/") {
				s.resources[prefix][r.Kind] = r
			}
		}
	}
	resource, ok := s.resources[prefix][kind]
	if !ok {
		return metav1.APIResource{}, noPlaceError(fmt.Sprintf("the API server has no kind %q at %s", kind, prefix))
	}
	return resource, nil
}
