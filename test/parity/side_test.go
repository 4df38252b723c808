//go:build parity

package parity

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

const (
	// namespace is that of every object of the specs.
	namespace = "parity"
	// podNetwork is none that the end-to-end tests use, which may run at the same time.
	podNetwork = "10.214.0.0/24"
	// patience is the longest that anything which works may take on a slow, busy machine. No test is about time.
	patience = 2 * time.Minute
)

// side is one of the two ways to run DaemonSets.
type side struct {
	// options are those of the host, beside what both have.
	options host.Options
	// begin does what the host needs before files can be applied.
	begin func(ctx context.Context, h *host.Host) error
	// apply takes the file of objects, or what replaces some of them.
	apply func(ctx context.Context, name string, documents []byte) error
}

// cluster is the real thing.
func cluster(p programs) side {
	c := &controlPlane{programs: p, applied: map[string][]string{}}
	return side{
		options: host.Options{ControlPlane: c.start, SyncFrequency: 2 * time.Second},
		begin:   func(context.Context, *host.Host) error { return nil },
		apply:   c.apply,
	}
}

// alone is daemonsetd with a kubelet that has no API server.
func alone(p programs) side {
	var specs string
	return side{
		begin: func(_ context.Context, h *host.Host) error {
			specs = filepath.Join(h.Dir, "agent", "specs.d")
			return startAgent(h, p.daemonsetd, specs)
		},
		apply: func(_ context.Context, name string, documents []byte) error {
			temp := filepath.Join(specs, "."+name+".tmp")
			if err := os.WriteFile(temp, documents, 0o600); err != nil {
				return err
			}
			return os.Rename(temp, filepath.Join(specs, name))
		},
	}
}

// startAgent starts daemonsetd, its runtime directory in memory as on any host. Host.Stop ends it and unmounts that.
func startAgent(h *host.Host, program, specs string) error {
	dir := filepath.Dir(specs)
	run := filepath.Join(dir, "run")
	for _, d := range []string{dir, specs, run, filepath.Join(dir, "state")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return err
		}
	}
	if err := syscall.Mount("tmpfs", run, "tmpfs", 0, "mode=0755,size=16m"); err != nil {
		return &os.PathError{Op: "mount", Path: run, Err: err}
	}
	config := filepath.Join(dir, "daemonsetd.yaml")
	if err := os.WriteFile(config, []byte("# Everything is given by flags.\n"), 0o600); err != nil {
		return err
	}
	_, err := h.Run(agentLog(h), program,
		"--config", config, "--specs-dir", specs, "--node-file", filepath.Join(dir, "node.yaml"), "--manifests-dir", h.Manifests,
		"--state-dir", filepath.Join(dir, "state"), "--runtime-dir", run, "--socket", filepath.Join(run, "agent.sock"),
		"--node-name", host.NodeName, "--kubelet-config", h.KubeletConfig, "--kubelet-url", h.KubeletURL(),
		"--kubelet-healthz-url", h.HealthzURL(), "--log-level", "debug", "--log-format", "json")
	return err
}

func agentLog(h *host.Host) string { return filepath.Join(h.Dir, "agent.log") }

// seenBy is what every container reported, before and after the change of the objects.
type seenBy struct{ first, updated reports }

// run starts a host, applies the specs and gives what the containers see, then the updates, and again. Nothing is left of the
// host then.
func (s side) run(t *testing.T, p programs) seenBy {
	t.Helper()
	s.options.Kubelet, s.options.PodNetwork = p.kubelet, podNetwork
	s.options.Programs = map[string]string{"/bin/probe": p.probe}
	h, err := host.Start(interrupted, s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			tellLogs(t, h)
		}
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.begin(interrupted, h); err != nil {
		t.Fatal(err)
	}
	var out seenBy
	applied, pods := time.Now(), wantedPods(t)
	s.applyAll(t, "specs")
	out.first = eventually(t, func() (reports, error) { return collect(h, pods) })
	t.Logf("specs applied -> every container has reported: %s", time.Since(applied).Round(time.Millisecond))
	applied = time.Now()
	s.applyAll(t, "update")
	out.updated = eventually(t, func() (reports, error) {
		all, err := collect(h, pods)
		return all, errors.Join(err, all.updated())
	})
	t.Logf("objects changed -> every file has: %s", time.Since(applied).Round(time.Millisecond))
	return out
}

// applyAll applies every file of the directory, in order.
func (s side) applyAll(t *testing.T, dir string) {
	t.Helper()
	for _, path := range specFiles(t, dir) {
		documents, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func() (struct{}, error) {
			return struct{}{}, s.apply(interrupted, filepath.Base(path), documents)
		})
	}
}

func eventually[T any](t *testing.T, f func() (T, error)) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(interrupted, patience)
	defer cancel()
	var out T
	err := host.Poll(ctx, func() (err error) {
		out, err = f()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// tellLogs shows the end of every log, which goes with the host.
func tellLogs(t *testing.T, h *host.Host) {
	t.Helper()
	logs, _ := filepath.Glob(filepath.Join(h.Dir, "control-plane", "*.log"))
	for _, path := range append(logs, h.KubeletLog, agentLog(h)) {
		if text, err := os.ReadFile(path); err == nil {
			t.Logf("the end of %s:\n%s", filepath.Base(path), text[max(0, len(text)-8000):])
		}
	}
}
