//go:build e2e

package e2e

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// canary is a Secret's value, which no log may have.
const canary = "canary-5d41402abc4b"

// reporter prints its variables APP_* and the digests of its files, and again whenever something of it has changed.
const reporter = `trap 'exit 0' TERM
while :; do
  { env | grep ^APP_ | sort; cd /config && sha256sum *; cd /secret && sha256sum *; } > /now 2>&1
  cmp -s /now /last || { cat /now; echo END; cp /now /last; }
  sleep 0.2 & wait $!
done`

// config is what a reporter sees.
type config struct {
	env, files, secrets map[string]string
}

func newConfig() config {
	return config{
		env:     map[string]string{"APP_LEVEL": "$(REV) $$ info", "APP_TOKEN": canary + "-env"},
		files:   map[string]string{"app.conf": "listen = 1\n", "extra": ""},
		secrets: map[string]string{"password": canary + "-file"},
	}
}

// report is what the reporter prints.
func (c config) report() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c.env)) {
		fmt.Fprintf(&b, "%s=%s\n", name, c.env[name])
	}
	for _, files := range []map[string]string{c.files, c.secrets} {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256([]byte(files[name])), name)
		}
	}
	return b.String()
}

// yaml is the objects and a DaemonSet of one reporter.
func (c config) yaml(name string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: ConfigMap
metadata: {name: files, namespace: %[2]s}
data: {app.conf: %[3]q, extra: %[4]q}
---
apiVersion: v1
kind: Secret
metadata: {name: secrets, namespace: %[2]s}
stringData: {password: %[5]q}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: env, namespace: %[2]s}
data: {LEVEL: %[6]q}
---
apiVersion: v1
kind: Secret
metadata: {name: env, namespace: %[2]s}
stringData: {TOKEN: %[7]q}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: %[1]s, namespace: %[2]s, annotations: {daemonsetd.io/soak: 0s}}
spec:
  selector:
    matchLabels: {app: %[1]s}
  template:
    metadata:
      labels: {app: %[1]s}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: %[8]s
        imagePullPolicy: Never
        command: [/bin/sh, -c, %[9]q]
        env:
        - {name: REV, value: "1"}
        - {name: APP_TOKEN, valueFrom: {secretKeyRef: {name: env, key: TOKEN}}}
        envFrom:
        - {prefix: APP_, configMapRef: {name: env}}
        volumeMounts:
        - {name: files, mountPath: /config}
        - {name: secrets, mountPath: /secret}
      volumes:
      - name: files
        configMap: {name: files}
      - name: secrets
        secret: {secretName: secrets, defaultMode: 0400}
`, name, namespace, c.files["app.conf"], c.files["extra"], c.secrets["password"], c.env["APP_LEVEL"], c.env["APP_TOKEN"], host.Image, reporter)
}

// TestConfig: a pod sees the environment and the files that ConfigMaps and Secrets declare; changed files come without a
// restart, a changed variable with a new pod.
func TestConfig(t *testing.T) {
	a := newAgent(t)
	earlier := len(a.runs(t, a.name))
	a.start(t)
	c := newConfig()
	a.spec(t, "spec.yaml", c.yaml(a.name))
	pod := a.reports(t, c)
	before := a.runs(t, a.name)

	c.files["app.conf"], c.secrets["password"] = "listen = 2\n", canary+"-changed"
	start := time.Now()
	a.spec(t, "spec.yaml", c.yaml(a.name))
	if after := a.reports(t, c); after.UID != pod.UID {
		t.Errorf("changed files replaced pod %s by %s", pod.Name, after.Name)
	}
	t.Logf("spec file with other files renamed into place -> the container has them: %s", time.Since(start).Round(time.Millisecond))
	if err := sameRuns(a, t, before); err != nil {
		t.Error(err)
	}

	c.env["APP_LEVEL"] = "debug"
	start = time.Now()
	a.spec(t, "spec.yaml", c.yaml(a.name))
	if after := a.reports(t, c); after.UID == pod.UID {
		t.Error("a changed variable did not replace the pod")
	}
	t.Logf("spec file with another variable renamed into place -> another pod has it: %s", time.Since(start).Round(time.Millisecond))
	pods := host.PodTimes(a.runs(t, a.name)[earlier:])
	if len(pods) != 2 {
		t.Errorf("want two pods, one after the other, got %+v", pods)
	}
	noTwo(t, pods)
	a.noCanary(t)
}

// TestMissingSecret: without a Secret that is not optional no pod starts, and one that runs stays as it is.
func TestMissingSecret(t *testing.T) {
	a := newAgent(t)
	earlier := len(a.runs(t, a.name))
	a.start(t)
	c := newConfig()
	whole := c.yaml(a.name)
	without := strings.Replace(whole, "kind: Secret\nmetadata: {name: secrets,", "kind: Secret\nmetadata: {name: other,", 1)
	blocked := func(ctx context.Context) error {
		ds, err := a.daemonSet(ctx, a.name)
		if err == nil && !strings.Contains(fmt.Sprintf("%+v", ds), "Secret "+namespace+"/secrets is not declared") {
			err = fmt.Errorf("want the Secret named as missing, got %+v", ds)
		}
		return err
	}
	a.spec(t, "spec.yaml", without)
	host.Eventually(t, patience, blocked)
	if runs := a.runs(t, a.name)[earlier:]; len(runs) != 0 {
		t.Fatalf("it ran without its Secret: %+v", runs)
	}
	a.spec(t, "spec.yaml", whole)
	a.reports(t, c)
	before := a.runs(t, a.name)
	a.spec(t, "spec.yaml", without)
	host.Eventually(t, patience, blocked)
	host.Throughout(t, 3*time.Second, func(context.Context) error {
		a.reports(t, c)
		return sameRuns(a, t, before)
	})
}

// TestReboot: after a reboot the kubelet comes up first and finds the manifest, but not the Secret, which was in memory. The
// pod waits for the agent, and no container ever runs without the file.
func TestReboot(t *testing.T) {
	h := startMachine(t)
	memory := filepath.Join(h.Dir, "memory")
	mountMemory(t, memory)
	t.Cleanup(func() {
		if err := errors.Join(syscall.Unmount(memory, syscall.MNT_DETACH), os.Remove(memory)); err != nil {
			t.Error(err)
		}
	})
	a := newAgent(t)
	if err := errors.Join(os.Remove(a.path("run")), os.Symlink(memory, a.path("run"))); err != nil {
		t.Fatal(err)
	}
	a.start(t)
	c := newConfig()
	a.spec(t, "spec.yaml", c.yaml(a.name))
	a.reports(t, c)

	a.stop(t)
	if err := errors.Join(h.StopKubelet(), h.KillContainers(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Unmount(memory, syscall.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	mountMemory(t, memory)
	mark := logMark(t, h)
	before := a.runs(t, a.name)
	if err := h.StartKubelet(t.Context()); err != nil {
		t.Fatal(err)
	}
	host.Eventually(t, patience, func(ctx context.Context) error { return a.waits(ctx, mark) })
	host.Throughout(t, 5*time.Second, func(ctx context.Context) error { return errors.Join(a.waits(ctx, mark), sameRuns(a, t, before)) })

	start := time.Now()
	a.start(t)
	pod := a.reports(t, c)
	// What the container before had printed is the last report until this one has printed its own.
	host.Eventually(t, patience, func(context.Context) error {
		if all, err := a.printed(&pod); err != nil || len(all) < 2 {
			return fmt.Errorf("want a second report, got %d, %w", len(all), err)
		}
		return nil
	})
	t.Logf("agent started after the kubelet -> the pod has its Secret: %s", time.Since(start).Round(time.Millisecond))
	a.onlyEver(t, &pod, c)
	a.noCanary(t)
}

func mountMemory(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755,size=16m"); err != nil {
		t.Fatalf("mounting a tmpfs at %q: %v", dir, err)
	}
}

// reports waits until the one pod of the DaemonSet last reported what the config says, and gives the pod.
func (a *agent) reports(t *testing.T, c config) corev1.Pod {
	t.Helper()
	var pod corev1.Pod
	host.Eventually(t, patience, func(ctx context.Context) error {
		if err := a.process.Alive(); err != nil {
			t.Fatal(err)
		}
		pods, err := a.pods(ctx, a.name)
		if err != nil {
			return err
		}
		if len(pods) != 1 {
			return fmt.Errorf("want one pod of %q, got %d", a.name, len(pods))
		}
		pod = pods[0]
		// The runtime tells of a container's start a moment after the container prints.
		if !slices.ContainsFunc(a.runs(t, a.name), func(r host.Run) bool {
			return r.UID == string(pod.UID) && r.Container == "main" && r.End.IsZero()
		}) {
			return fmt.Errorf("no container of pod %q runs", pod.Name)
		}
		all, err := a.printed(&pod)
		if err != nil {
			return err
		}
		if len(all) == 0 || all[len(all)-1] != c.report() {
			return fmt.Errorf("want the last report\n%s\ngot %q", c.report(), all)
		}
		return nil
	})
	return pod
}

// printed gives every report of the pod's container, over all of its starts.
func (a *agent) printed(pod *corev1.Pod) ([]string, error) {
	var all []string
	for n := 0; ; n++ {
		log, err := os.ReadFile(a.host.ContainerLog(pod, "main", n))
		if errors.Is(err, fs.ErrNotExist) && n > 0 {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		var b strings.Builder
		for line := range strings.Lines(string(log)) {
			// TIME STREAM F TEXT
			if fields := strings.SplitN(line, " ", 4); len(fields) == 4 {
				b.WriteString(fields[3])
			}
		}
		reports := strings.Split(b.String(), "END\n")
		// What comes after the last one is not whole yet.
		all = append(all, reports[:len(reports)-1]...)
	}
}

// waits returns an error unless the kubelet has the pod of the DaemonSet, and has said since the mark in its log that a
// directory which the pod needs is not there.
func (a *agent) waits(ctx context.Context, mark int64) error {
	pods, err := a.pods(ctx, a.name)
	if err != nil {
		return err
	}
	if len(pods) != 1 {
		return fmt.Errorf("want one pod of %q, got %d", a.name, len(pods))
	}
	log, err := os.ReadFile(a.host.KubeletLog)
	if err != nil {
		return err
	}
	failure := regexp.MustCompile(`MountVolume\.SetUp failed for volume "secrets" .*` + string(pods[0].UID) + `.*hostPath type check failed`)
	if !failure.Match(log[mark:]) {
		return fmt.Errorf("pod %q does not wait for its Secret: %+v", pods[0].Name, pods[0].Status)
	}
	return nil
}

// onlyEver fails if a container of the pod ever reported anything else, or ran without a report.
func (a *agent) onlyEver(t *testing.T, pod *corev1.Pod, c config) {
	t.Helper()
	all, err := a.printed(pod)
	if err != nil {
		t.Fatal(err)
	}
	for _, report := range all {
		if report != c.report() {
			t.Errorf("a container saw\n%s", report)
		}
	}
	var ran int
	for _, run := range a.runs(t, a.name) {
		if run.Container == "main" && run.UID == string(pod.UID) {
			ran++
		}
	}
	if ran != 2 || len(all) != ran {
		t.Errorf("want a container before and one after, each with one report, got %d containers and %d reports", ran, len(all))
	}
}

// noCanary fails if a Secret's value is where others may look.
func (a *agent) noCanary(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(a.log())
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"status", "-o", "json"},
		{"get", "configs", "-o", "json"},
		{"explain", "-o", "json"},
		{"events", "-o", "json"},
		{"diff"},
	} {
		out, err := a.dsctl(t.Context(), args...)
		if err != nil {
			t.Error(err)
		}
		text = append(text, out...)
	}
	if i := strings.Index(string(text), canary); i >= 0 {
		t.Errorf("a Secret's value is told: %s", text[max(0, i-300):i+len(canary)])
	}
}
