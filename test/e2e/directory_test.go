//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// blocked waits until the DaemonSet is blocked by something.
func (a *agent) blocked(t *testing.T, by string) {
	t.Helper()
	host.Eventually(t, patience, func(ctx context.Context) error {
		ds, err := a.daemonSet(ctx, a.name)
		if err != nil || ds.Phase != api.PhaseBlocked || !strings.Contains(ds.Message, by) {
			return fmt.Errorf("want the DaemonSet blocked by %q, got %+v (%w)", by, ds, err)
		}
		return nil
	})
}

// TestFaultK2: a copy of a manifest in the kubelet's directory is one that the kubelet runs. It is told, nothing runs beside
// it that was not there, and when it is gone the new template comes.
func TestFaultK2(t *testing.T) {
	a := newAgent(t)
	a.start(t)
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "1", ""))
	a.running(t, a.name, "1")
	names, err := a.manifests()
	if err != nil || len(names) != 1 {
		t.Fatalf("want one manifest, got %q, %v", names, err)
	}
	// Of another pod, so that the kubelet takes it for one of its own.
	data, err := os.ReadFile(filepath.Join(a.host.Manifests, names[0]))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(a.host.Manifests, "backup.yaml")
	copied := a.name + "-copy"
	write(t, file, string(bytes.Replace(data, []byte("\n  name: "+a.name), []byte("\n  name: "+copied), 1)))
	a.blocked(t, "backup.yaml")
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "2", ""))
	host.Throughout(t, 5*time.Second, func(ctx context.Context) error {
		pods, err := a.pods(ctx, a.name)
		for _, p := range pods {
			if p.Spec.Containers[0].Env[0].Value == "2" {
				return fmt.Errorf("the new revision runs beside the copy: %s", p.Name)
			}
		}
		return err
	})
	status, err := a.dsctl(t.Context(), "status")
	if err == nil || !strings.Contains(string(status), "ManifestCopied") || !strings.Contains(string(status), file) {
		t.Errorf("status ends with %v and says:\n%s", err, status)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	a.running(t, a.name, "2")
}

// TestFaultK4 is a small file system in the place of the kubelet's directory, with no room for the new manifest: the old
// pod runs on, and the new one comes when there is room.
func TestFaultK4(t *testing.T) {
	a := newAgent(t)
	remount(t, a.host, func() error {
		return unix.Mount("tmpfs", a.host.Manifests, "tmpfs", 0, "size=64k,mode=755")
	})
	t.Cleanup(func() { remount(t, a.host, func() error { return unix.Unmount(a.host.Manifests, unix.MNT_DETACH) }) })
	a.start(t)
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "1", ""))
	a.running(t, a.name, "1")
	before := a.runs(t, a.name)

	ballast := filepath.Join(a.host.Manifests, ".ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	t.Logf("filled: %v", err)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "2", ""))
	a.blocked(t, "no space left on device")
	host.Throughout(t, listPeriod, func(context.Context) error { return sameRuns(a, t, before) })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	a.running(t, a.name, "2")
	if err := os.Remove(filepath.Join(a.specs(), "spec.yaml")); err != nil {
		t.Fatal(err)
	}
	a.gone(t)
}

// remount changes what is mounted on the kubelet's directory; the kubelet watches what it found there when it started.
func remount(t *testing.T, h *host.Host, change func() error) {
	t.Helper()
	if err := h.StopKubelet(); err != nil {
		t.Fatal(err)
	}
	if err := change(); err != nil {
		t.Fatal(err)
	}
	if err := h.StartKubelet(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}
