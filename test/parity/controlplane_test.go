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

	"github.com/daemonsetd/daemonsetd/test/e2e/host"
	"github.com/daemonsetd/daemonsetd/test/parity/apiserver"
)

// controlPlane is etcd, an API server, a controller manager and a scheduler, all on 127.0.0.1.
type controlPlane struct {
	programs programs
	host     *host.Host
	dir      string
	api      client
	// applied has the objects that came from each file.
	applied map[string][]string
}

// start starts everything on the host and gives the kubeconfig for the kubelet, as host.Options.ControlPlane wants it.
func (c *controlPlane) start(ctx context.Context, h *host.Host) (string, error) {
	c.host, c.dir = h, filepath.Join(h.Dir, "control-plane")
	if err := os.Mkdir(c.dir, 0o700); err != nil {
		return "", err
	}
	server, err := apiserver.Start(ctx, h, apiserver.Options{Programs: c.programs.server, Dir: c.dir, ServiceRange: "10.215.0.0/24"})
	if err != nil {
		return "", err
	}
	c.api = client{server}
	kubeconfig := filepath.Join(c.dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, fmt.Appendf(nil, kubeconfigForm, server.CertFile, server.Base, apiserver.Token), 0o600); err != nil {
		return "", err
	}
	return kubeconfig, c.startControllers(kubeconfig)
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

// startControllers starts those that a DaemonSet's pod needs: its own; the one that takes the taint of a node that was not
// ready away; and those that make a namespace's service account and the certificate that goes with its token.
func (c *controlPlane) startControllers(kubeconfig string) error {
	_, manager := c.run(c.programs.controllerManager, "--kubeconfig", kubeconfig, "--leader-elect=false", "--secure-port", "0",
		"--use-service-account-credentials=false", "--service-account-private-key-file", c.api.server.TokenKey,
		"--root-ca-file", c.api.server.CertFile,
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
			err = errors.Join(err, c.api.server.Do(ctx, apiserver.Request{Method: http.MethodDelete, Path: path}, nil))
		}
	}
	c.applied[name] = paths
	return err
}
