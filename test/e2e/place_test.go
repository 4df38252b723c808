//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// TestPlacement: a DaemonSet that is dropped in runs; without the label that it selects it goes, and comes back with it.
func TestPlacement(t *testing.T) {
	a := newAgent(t)
	a.start(t)
	a.label(t, "e2e.example/role=edge")
	start := time.Now()
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "1", "      nodeSelector: {e2e.example/role: edge}\n"))
	a.running(t, a.name, "1")
	t.Logf("spec file renamed into place -> pod Ready: %s", time.Since(start).Round(time.Millisecond))

	a.label(t, "e2e.example/role-")
	t.Logf("label removed -> pod stopped: %s", a.gone(t).Round(time.Millisecond))
	if names, err := a.manifests(); err != nil || len(names) != 0 {
		t.Errorf("want no manifest, got %q, %v", names, err)
	}

	start = time.Now()
	a.label(t, "e2e.example/role=edge")
	a.running(t, a.name, "1")
	t.Logf("label set -> pod Ready: %s", time.Since(start).Round(time.Millisecond))

	if err := os.Remove(filepath.Join(a.specs(), "spec.yaml")); err != nil {
		t.Fatal(err)
	}
	t.Logf("spec file removed -> pod stopped: %s", a.gone(t).Round(time.Millisecond))
}

// TestUpdate: each changed template replaces the pod, the old one has stopped before the new one starts, and the time that it
// took is told beside the bar; for a pod that stops when it is told to, and for one that has to be killed, which the kubelet does
// no earlier than after 2 s (pkg/kubelet/kuberuntime/kuberuntime_container.go: minimumGracePeriodInSeconds).
func TestUpdate(t *testing.T) {
	t.Run("StopsAtOnce", func(t *testing.T) { update(t, obedient) })
	t.Run("IsKilled", func(t *testing.T) { update(t, stubborn) })
}

// settled waits until the DaemonSet's pod has been there for a few seconds, as the pods of a host have. A kubelet that has just
// started a pod takes another second or more before it stops it.
func (a *agent) settled(t *testing.T) {
	t.Helper()
	const age = 5 * time.Second
	host.Eventually(t, patience, func(ctx context.Context) error {
		ds, err := a.daemonSet(ctx, a.name)
		if err != nil {
			return err
		}
		if ds.Phase != api.PhaseAvailable || ds.Pod == nil || time.Since(ds.Pod.StartedAt) < age {
			return fmt.Errorf("phase %s, pod %+v", ds.Phase, ds.Pod)
		}
		return nil
	})
}

func update(t *testing.T, command string) {
	t.Helper()
	const updates = 5
	a := newAgent(t)
	mark := logMark(t, a.host)
	yaml := func(rev string) string { return strings.ReplaceAll(daemonSetYAML(a.name, rev, ""), stubborn, command) }
	a.start(t)
	a.spec(t, "spec.yaml", yaml("0"))
	a.running(t, a.name, "0")
	var took []time.Duration
	for i := range updates {
		rev := strconv.Itoa(i + 1)
		a.settled(t)
		start := time.Now()
		a.spec(t, "spec.yaml", yaml(rev))
		a.running(t, a.name, rev)
		took = append(took, time.Since(start))
	}
	pods := host.PodTimes(a.runs(t, a.name))
	if len(pods) != updates+1 {
		t.Fatalf("want %d pods, one after the other, got %+v", updates+1, pods)
	}
	noTwo(t, pods)
	noParseErrors(t, a.host, mark)
	var gaps []time.Duration
	for i, pod := range pods[1:] {
		gaps = append(gaps, pod.Start.Sub(pods[i].End))
	}
	t.Logf("template changed -> new pod Ready, grace 1 s: %s (bar: 2.5 s)", spread(took))
	t.Logf("of which old pod stopped -> new pod started: %s", spread(gaps))
}

// spread tells the median, the worst and all.
func spread(took []time.Duration) string {
	for i := range took {
		took[i] = took[i].Round(time.Millisecond)
	}
	all := fmt.Sprint(took)
	slices.Sort(took)
	return fmt.Sprintf("median %s, worst %s, all %s", took[len(took)/2], took[len(took)-1], all)
}

// TestForeignManifest: a manifest that is not the agent's stays byte for byte as it is, and its pod runs on.
func TestForeignManifest(t *testing.T) {
	a := newAgent(t)
	path := filepath.Join(a.host.Manifests, "foreign.yaml")
	write(t, path, plainPod("foreign"))
	host.Eventually(t, patience, func(ctx context.Context) error { return podReady(ctx, a.host, "foreign-"+host.NodeName) })
	before := stat(t, path)
	runs := settledRuns(t, a.host, "kube-system", "foreign-")

	a.start(t)
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "1", ""))
	a.running(t, a.name, "1")
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "2", ""))
	a.running(t, a.name, "2")
	a.stop(t)
	a.start(t)
	if err := os.Remove(filepath.Join(a.specs(), "spec.yaml")); err != nil {
		t.Fatal(err)
	}
	a.gone(t)

	if diff := cmp.Diff(before, stat(t, path)); diff != "" {
		t.Errorf("the foreign manifest changed (-before +after):\n%s", diff)
	}
	after, err := a.host.Runs("kube-system", "foreign-")
	if diff := cmp.Diff(runs, after); err != nil || diff != "" {
		t.Errorf("the foreign pod did not simply run on (-before +after): %v\n%s", err, diff)
	}
}

// settledRuns are the containers of pods once none has come for some time: under load a kubelet may start one of a new pod twice, before it
// has seen its own first.
func settledRuns(t *testing.T, h *host.Host, namespace, prefix string) []host.Run {
	t.Helper()
	var runs []host.Run
	var since time.Time
	host.Eventually(t, patience, func(context.Context) error {
		now, err := h.Runs(namespace, prefix)
		if err != nil {
			return err
		}
		if len(now) == 0 || !cmp.Equal(runs, now) {
			runs, since = now, time.Now()
		}
		if quiet := time.Since(since); quiet < 5*time.Second {
			return fmt.Errorf("the same containers for %s", quiet)
		}
		return nil
	})
	return runs
}

// fileState is all of a file that somebody could have touched. Another inode is another file of the same name.
type fileState struct {
	Content string
	Mode    os.FileMode
	ModTime time.Time
	Inode   uint64
}

func stat(t *testing.T, path string) fileState {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fileState{
		Content: string(content),
		Mode:    info.Mode(),
		ModTime: info.ModTime(),
		Inode:   info.Sys().(*syscall.Stat_t).Ino,
	}
}

// noTwo fails when two pods ran at one moment.
func noTwo(t *testing.T, pods []host.Run) {
	t.Helper()
	for i, a := range pods {
		for _, b := range pods[i+1:] {
			if a.Overlaps(b) {
				t.Errorf("two pods at once:\n%+v\n%+v", a, b)
			}
		}
	}
}

// logMark is the present end of the kubelet's log.
func logMark(t *testing.T, h *host.Host) int64 {
	t.Helper()
	mark, err := h.LogMark()
	if err != nil {
		t.Fatal(err)
	}
	return mark
}

// noParseErrors fails when the kubelet has met a manifest that it could not use since mark.
func noParseErrors(t *testing.T, h *host.Host, mark int64) {
	t.Helper()
	lines, err := h.ParseErrors(mark)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Errorf("the kubelet logged: %s", line)
	}
}
