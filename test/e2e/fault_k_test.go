//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	kubeletconfig "k8s.io/kubelet/config/v1beta1"

	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// unhealthy waits until the agent tells of a problem.
func (a *agent) unhealthy(t *testing.T, code string) {
	t.Helper()
	host.Eventually(t, 2*patience, func(ctx context.Context) error {
		status, err := a.status(ctx)
		if err != nil {
			return err
		}
		for _, h := range status.Health {
			if h.Code == code {
				t.Logf("%s: %s; %s", h.Code, h.Text, h.Remedy)
				return nil
			}
		}
		return fmt.Errorf("want the problem %s, got %+v", code, status.Health)
	})
}

// TestFaultK1: the kubelet has another name for its node than the agent. Nothing is replaced, also by an agent that starts so, and the problem is told;
// when the names agree the new pod follows the old one.
func TestFaultK1(t *testing.T) {
	a := newAgent(t)
	a.start(t)
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "1", ""))
	a.running(t, a.name, "1")
	before := a.runs(t, a.name)
	a.stop(t)

	a.node = "renamed"
	a.start(t)
	a.unhealthy(t, "KubeletOtherNode")
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "2", ""))
	host.Throughout(t, 15*time.Second, func(context.Context) error { return sameRuns(a, t, before) })
	a.unhealthy(t, "ManifestNotListed")
	if err := sameRuns(a, t, before); err != nil {
		t.Error(err)
	}
	a.stop(t)

	a.node = host.NodeName
	a.start(t)
	a.running(t, a.name, "2")
	noTwo(t, host.PodTimes(a.runs(t, a.name)))
}

// TestFaultK17: the kubelet is restarted without its debugging handlers, so that it does not tell what runs any more, while the agent runs. A new template
// comes, and the new pod starts when the old one has had its grace period and 10 s.
func TestFaultK17(t *testing.T) {
	a := newAgent(t)
	a.start(t)
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "1", ""))
	a.running(t, a.name, "1")
	a.settled(t)
	restart := func(change func(*kubeletconfig.KubeletConfiguration)) {
		t.Helper()
		a.host.Change = change
		if err := errors.Join(a.host.StopKubelet(), a.host.StartKubelet(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // the others need it as it was
		a.host.Change = nil
		if err := errors.Join(a.host.StopKubelet(), a.host.StartKubelet(context.WithoutCancel(t.Context()))); err != nil {
			t.Error(err)
		}
	})
	restart(func(c *kubeletconfig.KubeletConfiguration) { c.EnableDebuggingHandlers = new(false) })
	a.unhealthy(t, "KubeletPodsUnknown")
	began := time.Now()
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "2", ""))
	a.running(t, a.name, "2")
	t.Logf("new template -> new pod Ready, while the kubelet does not tell what runs: %s", time.Since(began).Round(time.Millisecond))
	noTwo(t, host.PodTimes(a.runs(t, a.name)))
}

// TestFaultK9: the kubelet's file that the agent knows names another directory than the one that the kubelet reads.
func TestFaultK9(t *testing.T) {
	a := newAgent(t)
	other := a.path("other")
	data, err := os.ReadFile(a.host.KubeletConfig)
	if err != nil {
		t.Fatal(err)
	}
	config := strings.ReplaceAll(string(data), a.host.Manifests, other)
	write(t, a.path("kubelet.yaml"), config)
	a.flags = []string{
		"--kubelet-config", a.path("kubelet.yaml"), "--kubelet-url", a.host.KubeletURL(), "--kubelet-healthz-url", a.host.HealthzURL(), "--log-level", "debug",
	}
	a.start(t)
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "1", ""))
	a.running(t, a.name, "1")
	a.unhealthy(t, "KubeletDirectory")
	if names, err := a.manifests(); err != nil || len(names) != 1 {
		t.Errorf("want one manifest where the kubelet reads it, got %q, %v", names, err)
	}
	if names, err := filepath.Glob(filepath.Join(other, "*")); err != nil || len(names) != 0 {
		t.Errorf("want none where only the file says so, got %q, %v", names, err)
	}
}
