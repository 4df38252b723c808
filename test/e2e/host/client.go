package host

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const maxAnswer = 16 << 20

// client asks the kubelet, from within its network namespace, and trusts its one certificate.
type client struct {
	base string
	http *http.Client
}

func newClient(port int, certFile, network string) (*client, error) {
	pem, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %q", certFile)
	}
	return &client{
		base: fmt.Sprintf("https://127.0.0.1:%d", port),
		http: &http.Client{
			Timeout: 10 * time.Second,
			Transport: &http.Transport{
				TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
				DisableKeepAlives: true,
				DialContext: func(ctx context.Context, kind, address string) (net.Conn, error) {
					return dialIn(ctx, network, kind, address)
				},
			},
		},
	}, nil
}

// pods asks for a PodList.
func (c *client) pods(ctx context.Context, path string) ([]corev1.Pod, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s: %s", path, resp.Status, strings.TrimSpace(string(body)))
	}
	var list corev1.PodList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("GET %s: %w", path, err)
	}
	return list.Items, nil
}

// Pods lists the pods that the kubelet has accepted, with their status. A pod leaves this list when its manifest goes,
// long before its containers stop.
func (h *Host) Pods(ctx context.Context) ([]corev1.Pod, error) { return h.client.pods(ctx, "/pods") }

// RunningPods lists the pods of which a container or a sandbox runs, without their status. Their names and namespaces
// are the runtime's.
func (h *Host) RunningPods(ctx context.Context) ([]corev1.Pod, error) {
	return h.client.pods(ctx, "/runningpods/")
}
