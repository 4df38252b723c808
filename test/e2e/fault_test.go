//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// listPeriod is longer than the kubelet waits between two readings of its whole directory (fileCheckFrequency, 20 s).
const listPeriod = 22 * time.Second

// TestBrokenFile: a broken file over a good one stops nothing, not even over a restart of the agent and the kubelet's next
// reading of its directory.
func TestBrokenFile(t *testing.T) {
	a := newAgent(t)
	a.start(t)
	good := daemonSetYAML(a.name, "1", "")
	a.spec(t, "spec.yaml", good)
	a.running(t, a.name, "1")
	before := a.runs(t, a.name)

	a.spec(t, "spec.yaml", good[:len(good)/2]+"\n\t- broken: [")
	lastGood := func(ctx context.Context) error {
		status, err := a.status(ctx)
		if err != nil {
			return err
		}
		if len(status.SpecFiles) != 1 || !status.SpecFiles[0].Bad || !status.SpecFiles[0].LastGood {
			return fmt.Errorf("want the file bad and its last good version in effect, got %+v", status.SpecFiles)
		}
		return nil
	}
	host.Eventually(t, patience, lastGood)
	a.stop(t)
	a.start(t)
	host.Eventually(t, patience, lastGood)
	host.Throughout(t, listPeriod, func(context.Context) error { return sameRuns(a, t, before) })

	a.spec(t, "spec.yaml", good)
	host.Eventually(t, patience, func(ctx context.Context) error {
		status, err := a.status(ctx)
		if err != nil || len(status.SpecFiles) != 1 || status.SpecFiles[0].Bad {
			return fmt.Errorf("want the file good again, got %+v (%w)", status.SpecFiles, err)
		}
		return nil
	})
	if err := sameRuns(a, t, before); err != nil {
		t.Error(err)
	}
}

// TestKilled: an agent that is killed again and again while its files change never lets two pods run at once, never lets the
// kubelet see half a manifest, and ends where the files say.
func TestKilled(t *testing.T) {
	const kills = 30
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	a := newAgent(t)
	mark := logMark(t, a.host)
	stopWatching := watchRunning(t, a)

	for i := range kills {
		a.spec(t, "spec.yaml", daemonSetYAML(a.name, fmt.Sprint(i), ""))
		a.start(t)
		// Within this time the agent starts, reads, unlinks, waits for the pod's end and writes.
		wait(t, time.Duration(random.Int64N(int64(2500*time.Millisecond))))
		a.kill(t)
	}
	last := fmt.Sprint(kills)
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, last, ""))
	a.start(t)
	a.running(t, a.name, last)
	stopWatching()

	pods := host.PodTimes(a.runs(t, a.name))
	if len(pods) < 3 {
		t.Errorf("only %d pods ran: the kills came too early to test anything", len(pods))
	}
	t.Logf("%d kills, %d pods one after the other", kills, len(pods))
	noTwo(t, pods)
	noParseErrors(t, a.host, mark)
	if names, err := a.manifests(); err != nil || len(names) != 1 {
		t.Errorf("want one manifest and no leftovers, got %q, %v", names, err)
	}
}

// TestStopped: stopping the agent stops no pod, and starting it again starts none anew.
func TestStopped(t *testing.T) {
	a := newAgent(t)
	a.start(t)
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "1", ""))
	pod := a.running(t, a.name, "1")
	before := a.runs(t, a.name)
	names, err := a.manifests()
	if err != nil || len(names) != 1 {
		t.Fatalf("want one manifest, got %q, %v", names, err)
	}
	path := filepath.Join(a.host.Manifests, names[0])
	manifest := stat(t, path)

	a.stop(t)
	host.Throughout(t, 3*time.Second, func(ctx context.Context) error {
		return errors.Join(sameRuns(a, t, before), podReady(ctx, a.host, pod.Name))
	})
	a.start(t)
	host.Eventually(t, patience, func(ctx context.Context) error {
		ds, err := a.daemonSet(ctx, a.name)
		if err != nil || ds.Phase != api.PhaseAvailable {
			return fmt.Errorf("want the DaemonSet available, got %+v (%w)", ds, err)
		}
		return nil
	})
	if err := sameRuns(a, t, before); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(manifest, stat(t, path)); diff != "" {
		t.Errorf("the manifest was written again (-before +after):\n%s", diff)
	}
}

// TestFailedPod: a pod that the kubelet refuses is tried again until it runs.
func TestFailedPod(t *testing.T) {
	a := newAgent(t)
	foreign := filepath.Join(a.host.Manifests, "foreign.yaml")
	write(t, foreign, plainPod("port-holder")+"    ports: [{containerPort: 18080, hostPort: 18080}]\n")
	host.Eventually(t, patience, func(ctx context.Context) error { return podReady(ctx, a.host, "port-holder-"+host.NodeName) })

	a.start(t)
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "1", "      hostNetwork: true\n")+"        ports: [{containerPort: 18080}]\n")
	host.Eventually(t, patience, func(ctx context.Context) error {
		ds, err := a.daemonSet(ctx, a.name)
		if err != nil || ds.Phase != api.PhaseRefused {
			return fmt.Errorf("want the DaemonSet failed for its host port, got %+v (%w)", ds, err)
		}
		return nil
	})
	if runs := a.runs(t, a.name); len(runs) != 0 {
		t.Errorf("the port is taken, and still there ran %+v", runs)
	}

	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	a.running(t, a.name, "1")
	t.Logf("port free -> pod Ready, within the back-off: %s", time.Since(start).Round(time.Millisecond))
}

// TestKubeletDown: with no kubelet the node is not ready; nothing new is written, what runs stays, and the status says what was
// asked. A kubelet that comes up is noticed.
func TestKubeletDown(t *testing.T) {
	a := newAgent(t)
	a.start(t)
	a.spec(t, "old.yaml", daemonSetYAML("old", "1", ""))
	a.running(t, "old", "1")
	a.stop(t)
	before := a.runs(t, "old")
	names, err := a.manifests()
	if err != nil {
		t.Fatal(err)
	}

	if err := a.host.StopKubelet(); err != nil {
		t.Fatal(err)
	}
	a.spec(t, "new.yaml", daemonSetYAML("new", "1", ""))
	a.start(t)
	host.Eventually(t, patience, a.notReady)
	host.Throughout(t, 5*time.Second, func(ctx context.Context) error {
		now, err := a.manifests()
		if diff := cmp.Diff(names, now); err != nil || diff != "" {
			return fmt.Errorf("the manifests changed without a kubelet (-before +after): %w\n%s", err, diff)
		}
		runs, err := a.host.Runs(namespace, "old-")
		if diff := cmp.Diff(before, runs); err != nil || diff != "" {
			return fmt.Errorf("the old pod did not simply run on (-before +after): %w\n%s", err, diff)
		}
		return a.notReady(ctx)
	})

	if err := a.host.StartKubelet(t.Context()); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	a.running(t, "new", "1")
	t.Logf("kubelet answers -> new pod Ready: %s", time.Since(start).Round(time.Millisecond))
	a.running(t, "old", "1")
	if diff := cmp.Diff(before, a.runs(t, "old")); diff != "" {
		t.Errorf("the old pod did not simply run on (-before +after):\n%s", diff)
	}
}

// notReady returns an error unless the status says that the kubelet is unreachable, what was asked and what to do.
func (a *agent) notReady(ctx context.Context) error {
	status, err := a.status(ctx)
	if err != nil {
		return err
	}
	for _, condition := range status.Node.Conditions {
		if condition.Type == "Ready" && condition.Status == "True" {
			return fmt.Errorf("want the node not ready, got %+v", condition)
		}
	}
	k := status.Kubelet
	if k.State != api.KubeletUnreachable || k.URL == "" || k.Answer == "" || k.Remedy == "" {
		return fmt.Errorf("want the kubelet unreachable, with what was asked, what came back and what to do, got %+v", k)
	}
	return nil
}

// sameRuns returns an error unless the containers of the DaemonSet are those of before, still running.
func sameRuns(a *agent, t *testing.T, before []host.Run) error {
	if diff := cmp.Diff(before, a.runs(t, a.name)); diff != "" {
		return fmt.Errorf("the pod did not simply run on (-before +after):\n%s", diff)
	}
	return nil
}

// watchRunning asks the kubelet again and again how many pods of the DaemonSet run, until the function that it returns is
// called. It is a second opinion beside containerd's events.
func watchRunning(t *testing.T, a *agent) func() {
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	asked := 0
	watching.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			pods, err := a.host.RunningPods(ctx)
			if err != nil && ctx.Err() == nil {
				t.Errorf("asking what runs: %v", err)
			}
			if pods = ofDaemonSet(pods, a.name); len(pods) > 1 {
				t.Errorf("two pods at once: %s and %s", pods[0].Name, pods[1].Name)
				return
			}
			asked++
		}
	})
	return func() {
		cancel()
		watching.Wait()
		t.Logf("asked the kubelet %d times what runs", asked)
	}
}

// wait lets the agent live for that time.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal(context.Cause(t.Context()))
	}
}
