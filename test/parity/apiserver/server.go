package apiserver

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

const (
	// Token is everybody's credential.
	Token = "parity"
	// startTimeout is the longest that the API server may take until it is ready.
	startTimeout = 2 * time.Minute
	maxAnswer    = 16 << 20
)

// Build builds a program of the control plane's module into bin/e2e, where the next run finds it up to date, and gives
// its path. The repository is at root.
func Build(ctx context.Context, root, name, pkg string) (string, error) {
	out := filepath.Join(root, "bin", "e2e", name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Dir = filepath.Join(root, "test", "parity", "controlplane")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
	}
	return out, nil
}

// Programs has the paths of the two programs.
type Programs struct{ Etcd, APIServer string }

// BuildPrograms builds both, one after the other.
func BuildPrograms(ctx context.Context, root string) (Programs, error) {
	etcd, err := Build(ctx, root, "etcd", "go.etcd.io/etcd/server/v3")
	if err != nil {
		return Programs{}, err
	}
	server, err := Build(ctx, root, "kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver")
	return Programs{Etcd: etcd, APIServer: server}, err
}

// Options says what to start.
type Options struct {
	Programs
	// Dir takes data, keys and logs. It has to be there.
	Dir string
	// ServiceRange is where Services have their addresses, as a CIDR.
	ServiceRange string
	// Args are more arguments of the API server.
	Args []string
}

// Server is an API server that runs on 127.0.0.1.
type Server struct {
	// Base is its URL, CertFile the certificate to trust, TokenKey the key that signs the tokens of service accounts.
	Base, CertFile, TokenKey string

	http *http.Client
}

// Start starts both programs on the host, whose end is theirs, and waits until the API server is ready.
func Start(ctx context.Context, h *host.Host, o Options) (*Server, error) {
	pki, err := newPKI(o.Dir)
	if err != nil {
		return nil, err
	}
	ports, err := host.FreePorts(3)
	if err != nil {
		return nil, err
	}
	if err := startEtcd(h, o, ports[0], ports[1]); err != nil {
		return nil, err
	}
	s := &Server{Base: fmt.Sprintf("https://127.0.0.1:%d", ports[2]), CertFile: pki.cert, TokenKey: pki.tokenKey}
	if s.http, err = trusting(pki.cert); err != nil {
		return nil, err
	}
	return s, s.start(ctx, h, o, pki, ports[0], ports[2])
}

func startEtcd(h *host.Host, o Options, clients, peers int) error {
	url := fmt.Sprintf("http://127.0.0.1:%d", peers)
	clientURL := fmt.Sprintf("http://127.0.0.1:%d", clients)
	_, err := h.Run(filepath.Join(o.Dir, "etcd.log"), o.Etcd, "--data-dir", filepath.Join(o.Dir, "etcd"),
		"--unsafe-no-fsync", "--log-level", "warn", "--listen-client-urls", clientURL, "--advertise-client-urls", clientURL,
		"--listen-peer-urls", url, "--initial-advertise-peer-urls", url, "--initial-cluster", "default="+url)
	return err
}

// start starts the API server, which waits for etcd by itself, and waits until it is ready.
func (s *Server) start(ctx context.Context, h *host.Host, o Options, pki pki, etcd, port int) error {
	tokens := filepath.Join(o.Dir, "tokens.csv")
	if err := os.WriteFile(tokens, []byte(Token+`,parity,parity,"system:masters"`+"\n"), 0o600); err != nil {
		return err
	}
	process, err := h.Run(filepath.Join(o.Dir, "kube-apiserver.log"), append([]string{
		o.APIServer, "--etcd-servers", fmt.Sprintf("http://127.0.0.1:%d", etcd),
		"--bind-address", "127.0.0.1", "--secure-port", fmt.Sprint(port),
		"--tls-cert-file", pki.cert, "--tls-private-key-file", pki.key,
		"--token-auth-file", tokens, "--authorization-mode", "AlwaysAllow", "--service-cluster-ip-range", o.ServiceRange,
		"--service-account-issuer", "https://parity.example", "--service-account-key-file", pki.tokenKey,
		"--service-account-signing-key-file", pki.tokenKey, "--endpoint-reconciler-type", "none", "--cert-dir", o.Dir,
	}, o.Args...)...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ctx, dead := context.WithCancelCause(ctx)
	defer dead(nil)
	return host.Poll(ctx, func() error {
		if err := process.Alive(); err != nil {
			text, _ := os.ReadFile(process.Log())
			dead(fmt.Errorf("%w\n%s", err, text[max(0, len(text)-4000):]))
		}
		return s.Do(ctx, Request{Path: "/readyz"}, nil)
	})
}

// trusting gives a client that trusts one certificate.
func trusting(certFile string) (*http.Client, error) {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(cert) {
		return nil, fmt.Errorf("no certificate in %q", certFile)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}, nil
}

// Request is a question.
type Request struct {
	// Method is GET when empty.
	Method string
	// Path is that of the URL, with the query.
	Path string
	Body []byte
	// ContentType is the body's; application/json when empty.
	ContentType string
}

// StatusError is an answer other than success.
type StatusError struct {
	// Code is the HTTP status.
	Code int
	// Text is the body, mostly a metav1.Status in JSON.
	Text string
}

// Error gives the status and the beginning of the body.
func (e *StatusError) Error() string {
	return fmt.Sprintf("status %d: %s", e.Code, e.Text[:min(len(e.Text), 1000)])
}

// Do sends a request and decodes the answer into out unless that is nil. An answer other than success is a StatusError.
func (s *Server) Do(ctx context.Context, r Request, out any) error {
	method := cmp.Or(r.Method, http.MethodGet)
	req, err := http.NewRequestWithContext(ctx, method, s.Base+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+Token)
	req.Header.Set("Content-Type", cmp.Or(r.ContentType, "application/json"))
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %w", method, r.Path, &StatusError{resp.StatusCode, string(text)})
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}
