package agent

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// TestReadsNodes: who else is listed follows who reads: from the first reader on until some time after the last.
func TestReadsNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &Agent{fleet: &fleetPart{}, registry: registry.New(registry.Config{})}
		a.view.Store(&reconcile.Snapshot{Node: &corev1.Node{}})
		listed := func(want bool) {
			t.Helper()
			a.fleet.mu.Lock()
			defer a.fleet.mu.Unlock()
			if got := a.fleet.listed(time.Now()); got != want {
				t.Errorf("listed %v, want %v", got, want)
			}
		}
		listed(false)
		a.readsNodes(registry.Pods)()
		listed(false)
		watch, list := a.readsNodes(registry.Nodes), a.readsNodes(registry.Nodes)
		list()
		time.Sleep(2 * keepNodes)
		listed(true)
		watch()
		time.Sleep(keepNodes - time.Second)
		listed(true)
		time.Sleep(2 * time.Second)
		listed(false)
	})
}
