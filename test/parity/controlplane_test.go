//go:build parity

package parity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// token is everybody's credential; the API server lets whoever has one do everything.
const token = "parity"

// startTimeout is the longest that a part of the control plane may take until it answers.
const startTimeout = 2 * time.Minute

// controlPlane is etcd, an API server, a controller manager and a scheduler, all on 127.0.0.1.
type controlPlane struct {
	programs programs
	host     *host.Host
	dir      string
	api      *client
	// applied has the objects that came from each file.
	applied map[string][]string
}

// start starts everything on the host and gives the kubeconfig for the kubelet, as host.Options.ControlPlane wants it.
func (c *controlPlane) start(ctx context.Context, h *host.Host) (string, error) {
	c.host, c.dir = h, filepath.Join(h.Dir, "control-plane")
	if err := os.Mkdir(c.dir, 0o700); err != nil {
		return "", err
	}
	pki, err := newPKI(c.dir)
	if err != nil {
		return "", err
	}
	ports, err := host.FreePorts(3)
	if err != nil {
		return "", err
	}
	if err := c.startEtcd(ports[0], ports[1]); err != nil {
		return "", err
	}
	if err := c.startAPIServer(ctx, pki, ports[0], ports[2]); err != nil {
		return "", err
	}
	kubeconfig := filepath.Join(c.dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, fmt.Appendf(nil, kubeconfigForm, pki.cert, c.api.base, token), 0o600); err != nil {
		return "", err
	}
	return kubeconfig, c.startControllers(kubeconfig, pki)
}

const kubeconfigForm = `apiVersion: v1
kind: Config
clusters:
- name: parity
  cluster: {certificate-authority: %q, server: %q}
users:
- name: parity
  user: {token: %q}
contexts:
- name: parity
  context: {cluster: parity, user: parity}
current-context: parity
`

func (c *controlPlane) run(program string, args ...string) (*host.Process, error) {
	return c.host.Run(filepath.Join(c.dir, filepath.Base(program)+".log"), append([]string{program}, args...)...)
}

func (c *controlPlane) startEtcd(clients, peers int) error {
	url := fmt.Sprintf("http://127.0.0.1:%d", peers)
	clientURL := fmt.Sprintf("http://127.0.0.1:%d", clients)
	_, err := c.run(c.programs.etcd, "--data-dir", filepath.Join(c.dir, "etcd"), "--unsafe-no-fsync", "--log-level", "warn",
		"--listen-client-urls", clientURL, "--advertise-client-urls", clientURL,
		"--listen-peer-urls", url, "--initial-advertise-peer-urls", url, "--initial-cluster", "default="+url)
	return err
}

// startAPIServer starts the API server, which waits for etcd by itself, and waits until it is ready.
func (c *controlPlane) startAPIServer(ctx context.Context, pki pki, etcd, port int) error {
	tokens := filepath.Join(c.dir, "tokens.csv")
	if err := os.WriteFile(tokens, []byte(token+`,parity,parity,"system:masters"`+"\n"), 0o600); err != nil {
		return err
	}
	process, err := c.run(c.programs.apiserver, "--etcd-servers", fmt.Sprintf("http://127.0.0.1:%d", etcd),
		"--bind-address", "127.0.0.1", "--secure-port", fmt.Sprint(port), "--tls-cert-file", pki.cert, "--tls-private-key-file", pki.key,
		"--token-auth-file", tokens, "--authorization-mode", "AlwaysAllow", "--service-cluster-ip-range", "10.215.0.0/24",
		"--service-account-issuer", "https://parity.example", "--service-account-key-file", pki.tokenKey,
		"--service-account-signing-key-file", pki.tokenKey, "--endpoint-reconciler-type", "none", "--cert-dir", c.dir)
	if err != nil {
		return err
	}
	if c.api, err = newClient(port, pki.cert); err != nil {
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
		return c.api.do(ctx, http.MethodGet, "/readyz", nil, nil)
	})
}

// startControllers starts those that a DaemonSet's pod needs: its own; the one that takes the taint of a node that was not
// ready away; and those that make a namespace's service account and the certificate that goes with its token.
func (c *controlPlane) startControllers(kubeconfig string, pki pki) error {
	_, manager := c.run(c.programs.controllerManager, "--kubeconfig", kubeconfig, "--leader-elect=false", "--secure-port", "0",
		"--use-service-account-credentials=false", "--service-account-private-key-file", pki.tokenKey, "--root-ca-file", pki.cert,
		"--controllers", "daemonset-controller,node-lifecycle-controller,serviceaccount-controller,root-ca-certificate-publisher-controller")
	_, scheduler := c.run(c.programs.scheduler, "--kubeconfig", kubeconfig, "--leader-elect=false", "--secure-port", "0")
	return errors.Join(manager, scheduler)
}

// apply takes a file of objects. As in a directory of specs, those that the file of that name had before and has no longer are
// removed.
func (c *controlPlane) apply(ctx context.Context, name string, documents []byte) error {
	paths, err := c.api.apply(ctx, documents)
	if err != nil {
		return err
	}
	for _, path := range c.applied[name] {
		if !slices.Contains(paths, path) {
			err = errors.Join(err, c.api.do(ctx, http.MethodDelete, path, nil, nil))
		}
	}
	c.applied[name] = paths
	return err
}
