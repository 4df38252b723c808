//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// patience is the longest that anything which works may take on a slow, busy machine. No test is about time.
const patience = 60 * time.Second

// plainPod is a static pod that somebody else wrote. No two tests give it the same name.
func plainPod(name string) string {
	return `apiVersion: v1
kind: Pod
metadata:
  name: ` + name + `
  namespace: kube-system
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: ` + host.Image + `
    imagePullPolicy: Never
    command: ` + obedient + `
`
}

// TestHost shows that the harness sees what it must see, with no agent: a pod that starts, one that stops, a manifest that
// cannot be parsed.
func TestHost(t *testing.T) {
	h := startMachine(t)
	mark := logMark(t, h) // tests before this one have the kubelet meet what it cannot parse
	path := filepath.Join(h.Manifests, "plain.yaml")
	write(t, path, plainPod("plain"))
	t.Cleanup(func() { empty(t, h) })
	took := host.Eventually(t, patience, func(ctx context.Context) error { return podReady(ctx, h, "plain-"+host.NodeName) })
	t.Logf("plain pod ready after %s", took.Round(time.Millisecond))

	if err := h.StopKubelet(); err != nil {
		t.Fatal(err)
	}
	if err := h.StartKubelet(t.Context()); err != nil {
		t.Fatal(err)
	}
	host.Eventually(t, patience, func(ctx context.Context) error { return podReady(ctx, h, "plain-"+host.NodeName) })
	runs, err := h.Runs("kube-system", "plain-")
	if err != nil || len(runs) != 2 || !runs[1].End.IsZero() {
		t.Fatalf("want a sandbox and a container that run on over the kubelet's restart, got %+v, %v", runs, err)
	}

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	host.Eventually(t, patience, func(ctx context.Context) error { return nothingRuns(ctx, h) })
	if after, err := h.Runs("kube-system", "plain-"); err != nil || len(after) != 2 {
		t.Fatalf("want nothing else to have run, got %+v, %v", after, err)
	}

	if lines, err := h.ParseErrors(mark); err != nil || len(lines) != 0 {
		t.Fatalf("want no parse error so far, got %q, %v", lines, err)
	}
	write(t, path, plainPod("plain")[:60])
	host.Eventually(t, patience, func(context.Context) error {
		if lines, err := h.ParseErrors(mark); err != nil || len(lines) == 0 {
			return fmt.Errorf("a broken manifest shows no parse error: %w", err)
		}
		return nil
	})
}

// write writes a file as the agent writes manifests: complete, by rename.
func write(t *testing.T, path, content string) {
	t.Helper()
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	if err := os.WriteFile(temp, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temp, path); err != nil {
		t.Fatal(err)
	}
}

// empty removes every manifest and waits until nothing runs.
func empty(t *testing.T, h *host.Host) {
	t.Helper()
	entries, err := os.ReadDir(h.Manifests)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if err := os.Remove(filepath.Join(h.Manifests, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	if err := host.Poll(ctx, func() error { return nothingRuns(ctx, h) }); err != nil {
		t.Errorf("emptying the host: %v", err)
	}
}

// nothingRuns returns an error that names what runs. The kubelet is asked for what it would start; what has not stopped is known
// from containerd, since the kubelet's own list of running pods may be 3 s old.
func nothingRuns(ctx context.Context, h *host.Host) error {
	pods, err := h.Pods(ctx)
	if err != nil {
		return err
	}
	if len(pods) > 0 {
		return fmt.Errorf("the kubelet has %d pods, %s among them", len(pods), pods[0].Name)
	}
	return ended(h, "", "")
}

// ended returns an error unless every container and sandbox of the pods has ended whose name begins with prefix.
func ended(h *host.Host, namespace, prefix string) error {
	runs, err := h.Runs(namespace, prefix)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if run.End.IsZero() {
			return fmt.Errorf("pod %s still runs: %+v", run.Pod, run)
		}
	}
	return nil
}

// podReady returns an error that says what the kubelet has instead of the Ready pod.
func podReady(ctx context.Context, h *host.Host, name string) error {
	pods, err := h.Pods(ctx)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		if pod.Name != name {
			continue
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("pod %q is not Ready: %+v", name, pod.Status)
	}
	return fmt.Errorf("no pod %q among %d", name, len(pods))
}
