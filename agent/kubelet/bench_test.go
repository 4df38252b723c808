package kubelet

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// bodyOf is a list of n pods of a usual size.
func bodyOf(n int) string {
	var pods []corev1.Pod
	for i := range n {
		p := named(fmt.Sprintf("pod-%d", i))[0]
		for c := range 2 {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: fmt.Sprint("c", c), Image: "registry.example/some/image:1", Args: make([]string, 20), Env: make([]corev1.EnvVar, 10)})
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: fmt.Sprint("c", c), Ready: true, ImageID: "sha256:0123456789abcdef"})
		}
		pods = append(pods, p)
	}
	return list(pods)
}

// BenchmarkPoll is what one question costs in steady state, over TLS, this end and the other together. The poller asks
// twice a second for the health and every five seconds for the pods.
func BenchmarkPoll(b *testing.B) {
	server, _ := issue(b, nil, nil)
	for _, n := range []int{0, 10, 30, 110} {
		body := bodyOf(n)
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/healthz" {
				_, _ = io.WriteString(w, "ok")
				return
			}
			_, _ = io.WriteString(w, body)
		})
		url := serveTLS(b, &tls.Config{Certificates: []tls.Certificate{server.Certificate}}, handler)
		c, err := New(Settings{URL: url, ServingCertFile: file(b, server.certPEM)}, Config{})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("pods=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Pods(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
		if n == 0 {
			b.Run("health", func(b *testing.B) {
				for b.Loop() {
					if err := c.Health(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		c.Close()
	}
}
