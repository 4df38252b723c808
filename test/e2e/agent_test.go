//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// namespace is that of every DaemonSet of these tests.
const namespace = "e2e"

// agent is daemonsetd on the shared host, with directories of its own.
type agent struct {
	host *host.Host
	dir  string
	// name is that of the test's DaemonSet: no other test has one of that name.
	name string
	// program and ctl are the built binaries.
	program, ctl string
	// node is the node's name, flags what the agent is started with besides that and its paths.
	node  string
	flags []string
	// network is the path of the network namespace that the agent runs in; empty: the host's.
	network string
	process *host.Process
}

// newAgent prepares an agent and does not start it. When the test ends, the agent is stopped and the host emptied.
func newAgent(t *testing.T) *agent {
	t.Helper()
	a := &agent{
		host:    startMachine(t),
		dir:     t.TempDir(),
		node:    host.NodeName,
		name:    strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")),
		program: buildProgram(t, ".", "./cmd/daemonsetd"),
		ctl:     buildProgram(t, ".", "./cmd/dsctl"),
	}
	a.flags = append(kubeletFlags(a.host), "--log-level", "debug")
	a.makeDirs(t)
	if entries, err := os.ReadDir(a.host.Manifests); err != nil || len(entries) != 0 {
		t.Fatalf("want an empty host, got %v, %v", entries, err)
	}
	t.Cleanup(func() { a.clean(t) })
	return a
}

// makeDirs makes the agent's directories and its configuration.
func (a *agent) makeDirs(t *testing.T) {
	t.Helper()
	for _, dir := range []string{a.specs(), a.path("run"), a.path("state")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, a.path("daemonsetd.yaml"), "# Everything is given by flags.\n")
}

// kubeletFlags are for an agent beside the host's kubelet.
func kubeletFlags(h *host.Host) []string {
	return []string{
		"--manifests-dir", h.Manifests, "--kubelet-config", h.KubeletConfig, "--kubelet-url", h.KubeletURL(), "--kubelet-healthz-url", h.HealthzURL(),
	}
}

func (a *agent) path(name string) string { return filepath.Join(a.dir, name) }
func (a *agent) specs() string           { return a.path("specs.d") }
func (a *agent) log() string             { return a.path("agent.log") }

// clean stops the agent, shows what it logged if the test failed, and empties the host.
func (a *agent) clean(t *testing.T) {
	t.Helper()
	if a.process != nil {
		if err := a.process.Stop(patience); err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		if text, err := os.ReadFile(a.log()); err == nil {
			t.Logf("the agent's log:\n%s", text)
		}
	}
	empty(t, a.host)
}

// start starts the agent and does not wait for it.
func (a *agent) start(t *testing.T) {
	t.Helper()
	args := append([]string{
		a.program,
		"--config", a.path("daemonsetd.yaml"),
		"--specs-dir", a.specs(),
		"--node-file", a.path("node.yaml"),
		"--state-dir", a.path("state"),
		"--runtime-dir", a.path("run"),
		"--socket", a.socket(),
		"--node-name", a.node,
		"--log-format", "json",
	}, a.flags...)
	run := a.host.Run
	if a.network != "" {
		run = func(log string, args ...string) (*host.Process, error) { return a.host.RunIn(a.network, log, args...) }
	}
	var err error
	if a.process, err = run(a.log(), args...); err != nil {
		t.Fatal(err)
	}
}

func (a *agent) socket() string { return a.path("run/agent.sock") }

// stop ends the agent as its service manager would. It must end well.
func (a *agent) stop(t *testing.T) {
	t.Helper()
	if err := errors.Join(a.process.Stop(patience), a.process.ExitErr()); err != nil {
		t.Fatalf("stopping the agent: %v", err)
	}
}

// kill ends the agent without a chance to do anything.
func (a *agent) kill(t *testing.T) {
	t.Helper()
	if err := a.process.Alive(); err != nil {
		t.Fatalf("before it was killed: %v", err)
	}
	if err := a.process.Kill(); err != nil {
		t.Fatal(err)
	}
}

// spec writes a spec file by rename.
func (a *agent) spec(t *testing.T, name, content string) {
	t.Helper()
	write(t, filepath.Join(a.specs(), name), content)
}

// dsctl runs the client and gives what it prints, with an error that has its exit status when that is not 0.
func (a *agent) dsctl(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, a.ctl, append([]string{"--socket", a.socket()}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("dsctl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, err
}

// label sets or removes labels, once the agent listens.
func (a *agent) label(t *testing.T, args ...string) {
	t.Helper()
	host.Eventually(t, patience, func(ctx context.Context) error {
		if err := a.process.Alive(); err != nil {
			t.Fatal(err)
		}
		_, err := a.dsctl(ctx, append([]string{"label"}, args...)...)
		return err
	})
}

// status asks for the agent's view. That dsctl ends with 1 because something is unhealthy is no error here.
func (a *agent) status(ctx context.Context) (api.Status, error) {
	var status api.Status
	out, err := a.dsctl(ctx, "status", "-o", "json")
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 1) {
		return status, err
	}
	if err := json.Unmarshal(out, &status); err != nil {
		return status, fmt.Errorf("dsctl status: %w in %q", err, out)
	}
	return status, nil
}

// daemonSet gives the agent's view of one DaemonSet.
func (a *agent) daemonSet(ctx context.Context, name string) (api.DaemonSetStatus, error) {
	status, err := a.status(ctx)
	if err != nil {
		return api.DaemonSetStatus{}, err
	}
	for _, ds := range status.DaemonSets {
		if ds.Name == namespace+"/"+name {
			return ds, nil
		}
	}
	return api.DaemonSetStatus{}, fmt.Errorf("the agent knows no DaemonSet %q", name)
}

// running waits until exactly one pod of the DaemonSet is Ready, with an environment variable REV of that value, and gives it.
func (a *agent) running(t *testing.T, name, rev string) corev1.Pod {
	t.Helper()
	var found corev1.Pod
	host.Eventually(t, patience, func(ctx context.Context) error {
		if err := a.process.Alive(); err != nil {
			t.Fatal(err)
		}
		pods, err := a.pods(ctx, name)
		if err != nil {
			return err
		}
		if len(pods) != 1 {
			return fmt.Errorf("want one pod of %q, got %d", name, len(pods))
		}
		found = pods[0]
		if got := found.Spec.Containers[0].Env[0].Value; got != rev {
			return fmt.Errorf("pod %q has REV %q, want %q", found.Name, got, rev)
		}
		return podReady(ctx, a.host, found.Name)
	})
	return found
}

// pods gives the kubelet's pods of the DaemonSet.
func (a *agent) pods(ctx context.Context, name string) ([]corev1.Pod, error) {
	all, err := a.host.Pods(ctx)
	return ofDaemonSet(all, name), err
}

// gone waits until the kubelet has no pod of the DaemonSet and no container and no sandbox of it runs.
func (a *agent) gone(t *testing.T) time.Duration {
	t.Helper()
	return host.Eventually(t, patience, func(ctx context.Context) error {
		pods, err := a.pods(ctx, a.name)
		if err != nil {
			return err
		}
		if len(pods) > 0 {
			return fmt.Errorf("the kubelet has pod %q", pods[0].Name)
		}
		return ended(a.host, namespace, a.name+"-")
	})
}

func ofDaemonSet(pods []corev1.Pod, name string) []corev1.Pod {
	var own []corev1.Pod
	for _, pod := range pods {
		if pod.Namespace == namespace && strings.HasPrefix(pod.Name, name+"-") && pod.Annotations[render.AnnotationPull] == "" {
			own = append(own, pod)
		}
	}
	return own
}

// runs gives every run of a container or sandbox of the DaemonSet so far.
func (a *agent) runs(t *testing.T, name string) []host.Run {
	t.Helper()
	runs, err := a.host.Runs(namespace, name+"-")
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// manifests gives the names of the files in the kubelet's directory, hidden ones too.
func (a *agent) manifests() ([]string, error) {
	entries, err := os.ReadDir(a.host.Manifests)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, err
}

// Commands of a container. The first ignores SIGTERM, as every program does that runs as process 1 and does not handle it; the
// second ends at once.
const (
	stubborn = `[/bin/sleep, "1000000"]`
	obedient = `[/bin/sh, -c, "trap 'exit 0' TERM; sleep 1000000 & wait"]`
)

// daemonSetYAML is a DaemonSet whose pod is stubborn, has a grace of 1 s, and is Ready when a probe has run in it. Extra is
// YAML of the pod's spec, each line indented by six.
func daemonSetYAML(name, rev, extra string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: %[1]s
  namespace: %[2]s
spec:
  selector:
    matchLabels: {app: %[1]s}
  template:
    metadata:
      labels: {app: %[1]s}
    spec:
      terminationGracePeriodSeconds: 1
%[5]s      containers:
      - name: main
        image: %[4]s
        imagePullPolicy: Never
        command: %[6]s
        env:
        - {name: REV, value: %[3]q}
        readinessProbe:
          exec: {command: [/bin/true]}
          periodSeconds: 1
`, name, namespace, rev, host.Image, extra, stubborn)
}
