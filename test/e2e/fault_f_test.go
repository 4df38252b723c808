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

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// restartKubelet starts another binary with another configuration in the place of the kubelet that runs.
func restartKubelet(ctx context.Context, t *testing.T, h *host.Host, binary string, change func(*kubeletconfig.KubeletConfiguration)) {
	t.Helper()
	h.Kubelet, h.Change = binary, change
	if err := errors.Join(h.StopKubelet(), h.StartKubelet(ctx)); err != nil {
		t.Fatal(err)
	}
}

// TestFaultF5: a container with a restartPolicy of its own. A kubelet that says that it is older than 1.35, and refuses such a pod as they do, is given
// none, so that what runs stays; when the kubelet is a newer one, the new pod follows.
func TestFaultF5(t *testing.T) {
	a := newAgent(t)
	current := a.host.Kubelet
	old := buildAs(t, "kubelet-old", "test/e2e/kubelet", "k8s.io/kubernetes/cmd/kubelet", "-ldflags=-X k8s.io/component-base/version.gitVersion=v1.34.4")
	t.Cleanup(func() { // the others need it as it was
		if a.host.Kubelet != current {
			restartKubelet(context.WithoutCancel(t.Context()), t, a.host, current, nil)
		}
	})
	restartKubelet(t.Context(), t, a.host, old, func(c *kubeletconfig.KubeletConfiguration) {
		c.FeatureGates = map[string]bool{"ContainerRestartRules": false}
	})
	a.start(t)
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "1", ""))
	a.running(t, a.name, "1")
	before, mark := a.runs(t, a.name), logMark(t, a.host)

	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "2", "")+"        restartPolicy: Always\n")
	host.Eventually(t, patience, func(ctx context.Context) error {
		ds, err := a.daemonSet(ctx, a.name)
		const says = "the kubelet here is v1.34.4, and refuses the pod before 1.35: "
		if err != nil || ds.Phase != api.PhaseBlocked || !strings.Contains(ds.Message, says) {
			return fmt.Errorf("want it Blocked with %q, got %+v (%w)", says, ds, err)
		}
		return nil
	})
	host.Throughout(t, 5*time.Second, func(context.Context) error { return sameRuns(a, t, before) })
	noParseErrors(t, a.host, mark)

	// What is said of that kubelet is true.
	foreign := filepath.Join(a.host.Manifests, "foreign.yaml")
	write(t, foreign, plainPod("refused")+"    restartPolicy: Always\n")
	host.Eventually(t, patience, func(context.Context) error {
		lines, err := a.host.ParseErrors(mark)
		if err == nil && !strings.Contains(strings.Join(lines, "\n"), "restartPolicy") {
			err = fmt.Errorf("want the kubelet to refuse the pod of the file %q, its log has %q", foreign, lines)
		}
		return err
	})
	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}

	restartKubelet(t.Context(), t, a.host, current, nil)
	a.running(t, a.name, "2")
	noTwo(t, host.PodTimes(a.runs(t, a.name)))
}

// TestFaultF11: a pod with a readiness gate, whose condition nobody here could set, is Ready without it; and of one that is not ready the reason is the
// kubelet's.
func TestFaultF11(t *testing.T) {
	a := newAgent(t)
	a.start(t)
	spec := daemonSetYAML(a.name, "1", "      readinessGates: [{conditionType: example.com/wait}]\n")
	a.spec(t, "spec.yaml", spec)
	if pod := a.running(t, a.name, "1"); len(pod.Spec.ReadinessGates) > 0 {
		t.Errorf("the kubelet's pod has gates: %+v", pod.Spec.ReadinessGates)
	}
	host.Eventually(t, patience, func(ctx context.Context) error {
		status, err := a.status(ctx)
		if err != nil || len(status.SpecFiles) != 1 || !strings.Contains(fmt.Sprint(status.SpecFiles[0].Problems), "readinessGates") {
			return fmt.Errorf("want a warning that the gates are left out, got %+v (%w)", status.SpecFiles, err)
		}
		return nil
	})
	a.spec(t, "spec.yaml", strings.Replace(strings.Replace(spec, "/bin/true", "/bin/false", 1), `"1"`, `"2"`, 1))
	host.Eventually(t, patience, func(ctx context.Context) error {
		ds, err := a.daemonSet(ctx, a.name)
		const says = "ContainersNotReady: containers with unready status: [main]"
		if err != nil || !strings.Contains(ds.Message, says) {
			return fmt.Errorf("want the kubelet's reason %q, got %+v (%w)", says, ds, err)
		}
		return nil
	})
}
