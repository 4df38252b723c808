package reconcile

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/plan"
)

func TestMemoriesOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	m, err := loadMemories(dir)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	want := map[string]plan.Memory{
		"a/b": {Leaving: []plan.Leaving{{PodName: "b-1", RemovedAt: at, GraceSeconds: 30, Hold: at}}, Retry: plan.Retry{Revision: "r", Delay: time.Second, Last: at}},
		"a/c": {Eviction: placement.Eviction{ScheduledAt: at, At: at.Add(time.Minute)}},
	}
	if err := m.set(want); err != nil {
		t.Fatal(err)
	}
	again, err := loadMemories(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again.now); diff != "" {
		t.Error(diff)
	}
	if err := again.set(map[string]plan.Memory{}); err != nil {
		t.Fatal(err)
	}
	if again, err = loadMemories(dir); err != nil || len(again.now) != 0 {
		t.Errorf("%+v, %v, want what is over to be forgotten", again.now, err)
	}
}

// A first manifest waits for no disk but its own: there is nothing to remember of it.
func TestNothingToRememberIsNotWritten(t *testing.T) {
	m, err := loadMemories(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m.path = "/nonexistent/pods.json"
	if err := m.set(map[string]plan.Memory{"a/b": {WrittenAt: time.Now()}}); err != nil {
		t.Error(err)
	}
	if err := m.set(map[string]plan.Memory{"a/b": {Leaving: []plan.Leaving{{PodName: "x"}}}}); err == nil {
		t.Error("what has to be remembered could not be written, and that is no error")
	}
}

func FuzzMemories(f *testing.F) {
	f.Add([]byte(`{"version":1,"daemonsets":{"a/b":{"leaving":[{"podName":"x","removedAt":"2026-01-02T03:04:05Z","graceSeconds":1}]}}}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeMemories(data)
		if err == nil && (m.Version != 1 || m.DaemonSets == nil) {
			t.Errorf("accepted %+v", m)
		}
	})
}
