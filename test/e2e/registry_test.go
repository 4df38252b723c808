//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Media types of the OCI image specification.
const (
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
	ociConfig   = "application/vnd.oci.image.config.v1+json"
	ociLayer    = "application/vnd.oci.image.layer.v1.tar"
)

// registry is a container registry over plain HTTP on the loopback address, which containerd asks without being told
// anything of it. Its layers come as slowly as is wanted.
type registry struct {
	server *httptest.Server
	// pulled is, by image, when the last byte of its layer went out.
	mu     sync.Mutex
	pulled map[string]time.Time
	blobs  map[string][]byte
	images map[string][]byte
	layers map[string]string
	// slow is how long a layer takes.
	slow time.Duration
}

func newRegistry(t *testing.T, slow time.Duration) *registry {
	t.Helper()
	r := &registry{
		pulled: map[string]time.Time{}, blobs: map[string][]byte{}, images: map[string][]byte{}, layers: map[string]string{},
		slow: slow,
	}
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.server.Close)
	return r
}

// name is an image's name with the registry's address.
func (r *registry) name(image string) string {
	return strings.TrimPrefix(r.server.URL, "http://") + "/" + image
}

// push adds an image with busybox in it, and something that no other one has.
func (r *registry) push(t *testing.T, repository, tag string) {
	t.Helper()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Fatal(err)
	}
	own := make([]byte, 1<<20)
	_, _ = rand.Read(own)
	layer := archive(t, []tar.Header{
		{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "bin/busybox", Mode: 0o755},
		{Name: "bin/sh", Typeflag: tar.TypeSymlink, Linkname: "busybox"},
		{Name: "bin/sleep", Typeflag: tar.TypeSymlink, Linkname: "busybox"},
		{Name: "bin/true", Typeflag: tar.TypeSymlink, Linkname: "busybox"},
		{Name: "own", Mode: 0o644},
	}, [][]byte{nil, busybox, nil, nil, nil, own})
	config := encoded(t, map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Cmd": []string{"/bin/sleep", "1000000"}, "Env": []string{"PATH=/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(layer)}},
	})
	manifest := encoded(t, map[string]any{
		"schemaVersion": 2, "mediaType": ociManifest,
		"config": map[string]any{"mediaType": ociConfig, "digest": digest(config), "size": len(config)},
		"layers": []any{map[string]any{"mediaType": ociLayer, "digest": digest(layer), "size": len(layer)}},
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blobs[digest(config)], r.blobs[digest(layer)] = config, layer
	r.images[repository+":"+tag], r.images[repository+"@"+digest(manifest)] = manifest, manifest
	r.layers[digest(layer)] = repository + ":" + tag
}

// complete is when the layer of an image had gone out whole; zero: it has not.
func (r *registry) complete(image string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pulled[image]
}

func (r *registry) serve(w http.ResponseWriter, req *http.Request) {
	path := strings.TrimPrefix(req.URL.Path, "/v2/")
	if repository, reference, ok := strings.Cut(path, "/manifests/"); ok {
		sep := ":"
		if strings.HasPrefix(reference, "sha256:") {
			sep = "@"
		}
		r.mu.Lock()
		manifest, known := r.images[repository+sep+reference]
		r.mu.Unlock()
		if !known {
			http.Error(w, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`, http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", ociManifest)
		w.Header().Set("Docker-Content-Digest", digest(manifest))
		w.Header().Set("Content-Length", fmt.Sprint(len(manifest)))
		_, _ = w.Write(manifest)
		return
	}
	_, sum, ok := strings.Cut(path, "/blobs/")
	r.mu.Lock()
	blob, known := r.blobs[sum]
	image := r.layers[sum]
	r.mu.Unlock()
	if !ok || !known {
		http.Error(w, `{"errors":[{"code":"BLOB_UNKNOWN"}]}`, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
	if req.Method == http.MethodHead {
		return
	}
	if image == "" {
		_, _ = w.Write(blob)
		return
	}
	if !trickle(w, req, blob, r.slow) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pulled[image] = time.Now()
}

// trickle writes in as many parts as there are tenths of a second in slow, and says whether all went out.
func trickle(w http.ResponseWriter, req *http.Request, blob []byte, slow time.Duration) bool {
	const tick = 100 * time.Millisecond
	parts := max(int(slow/tick), 1)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for i := range parts {
		from, to := len(blob)*i/parts, len(blob)*(i+1)/parts
		if _, err := w.Write(blob[from:to]); err != nil {
			return false
		}
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		select {
		case <-ticker.C:
		case <-req.Context().Done():
			return false
		}
	}
	return true
}

func digest(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func archive(t *testing.T, headers []tar.Header, bodies [][]byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i, header := range headers {
		header.Size = int64(len(bodies[i]))
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bodies[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
