package fleetsim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/test/fleetsim"
)

const key = "default/logger"

// logger is a DaemonSet that counts as available as soon as its pod is ready, and with more annotations.
func logger(image string, more string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logger, annotations: {daemonsetd.io/soak: 0s%s}}
spec:
  selector: {matchLabels: {app: logger}}
  updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 1}}
  template:
    metadata: {labels: {app: logger}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - {name: main, image: "%s"}
`, more, image)
}

// watch lets time pass until done, and sees at every step that no more than budget pods are down.
func watch(t *testing.T, f *fleetsim.Fleet, budget int, limit time.Duration, done func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !done() {
		if down := f.Unavailable(key); len(down) > budget {
			for _, h := range down {
				t.Errorf("%s is down", h.Name)
			}
			t.Fatalf("after %s %d pods are down, the budget is %d", time.Since(begin), len(down), budget)
		}
		if time.Since(begin) > limit {
			t.Fatalf("after %s it is not done: %d of %d", limit, f.Count(key, "logger:2"), len(f.Hosts))
		}
		f.Step(200 * time.Millisecond)
	}
	return time.Since(begin)
}

// TestRollout: a new image goes round, one pod at a time.
func TestRollout(t *testing.T) {
	cfg := fleetsim.Config{Hosts: 5, Seed: 1, Log: t.Output(), Faults: memnet.Faults{DelayMin: time.Millisecond, DelayMax: 2 * time.Millisecond}}
	fleetsim.Run(t, cfg, func(t *testing.T, f *fleetsim.Fleet) {
		f.LayAll("logger.yaml", logger("logger:1", ""))
		f.StartAll()
		watch(t, f, len(f.Hosts), time.Minute, func() bool { return f.Count(key, "logger:1") == len(f.Hosts) })
		f.Step(11 * time.Minute)
		f.LayAll("logger.yaml", logger("logger:2", ""))
		took := watch(t, f, 1, 10*time.Minute, func() bool { return f.Count(key, "logger:2") == len(f.Hosts) })
		t.Logf("%d hosts one by one in %s", len(f.Hosts), took)
	})
}
