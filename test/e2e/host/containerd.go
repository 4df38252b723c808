package host

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// containerdConfig is for containerd 1.6 and 1.7. restrict_oom_score_adj is for machines without CAP_SYS_RESOURCE,
// where runc may not lower it; the network namespaces stay under the state directory, so that they go with it.
const containerdConfig = `version = 2
root = %[1]q
state = %[2]q
[grpc]
  address = %[3]q
[plugins."io.containerd.internal.v1.opt"]
  path = %[6]q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %[4]q
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = %[5]q
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = %[7]q
`

// networkConfig gives each pod without hostNetwork a veth pair of its own; no bridge and no firewall rule stays behind.
const networkConfig = `{
  "cniVersion": "0.4.0",
  "name": "e2e",
  "plugins": [{
    "type": "ptp",
    "ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": %q}]]}
  }]
}
`

// startContainerd starts containerd and waits until it answers.
func (h *Host) startContainerd(ctx context.Context) error {
	cni := filepath.Join(h.Dir, "cni")
	if err := os.MkdirAll(cni, 0o755); err != nil {
		return err
	}
	config := filepath.Join(h.Dir, "containerd.toml")
	files := map[string]string{
		config: fmt.Sprintf(containerdConfig, filepath.Join(h.Dir, "containerd"), filepath.Join(h.Dir, "run"),
			h.runtimeSocket(), Image, cni, filepath.Join(h.Dir, "opt"), filepath.Join(h.Dir, "runc")),
		filepath.Join(cni, "10-e2e.conflist"): fmt.Sprintf(networkConfig, filepath.Join(h.Dir, "ipam"),
			cmp.Or(h.opts.PodNetwork, DefaultPodNetwork)),
	}
	for path, content := range files {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	var err error
	h.containerd, err = h.Run(filepath.Join(h.Dir, "containerd.log"), "containerd", "--config", config)
	if err != nil {
		return fmt.Errorf("%w (Debian packages containerd, runc)", err)
	}
	return h.waitFor(ctx, h.containerd, func(ctx context.Context) error {
		_, err := h.ctr(ctx, "version")
		return err
	})
}

func (h *Host) runtimeSocket() string { return filepath.Join(h.Dir, "containerd.sock") }

// ctr runs containerd's own client in the namespace of the kubelet's containers and gives what it prints.
func (h *Host) ctr(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ctr", append([]string{"--address", h.runtimeSocket(), "--namespace", "k8s.io"},
		args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ctr %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}

// waitFor waits until ready returns nil, and no longer than the process lives.
func (h *Host) waitFor(ctx context.Context, p *Process, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not ready within %s", startTimeout))
	defer cancel()
	ctx, dead := context.WithCancelCause(ctx)
	defer dead(nil)
	err := Poll(ctx, func() error {
		if err := p.Alive(); err != nil {
			dead(err)
			return err
		}
		return ready(ctx)
	})
	if err != nil {
		return fmt.Errorf("waiting for %s: %w\n%s", p.name, err, Tail(p.log, 20))
	}
	return nil
}
