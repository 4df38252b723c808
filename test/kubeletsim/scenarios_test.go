package kubeletsim

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
)

// TestScenarios plays every scenario on the simulator, in virtual time, and wants what the real kubelet did. The traces
// are recorded by playing them on a real one (test/e2e), never from the simulator.
func TestScenarios(t *testing.T) {
	recorded := Recorded()
	for _, scenario := range Scenarios() {
		t.Run(scenario.Name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				k, client := start(t, Options{Dir: dir, NodeName: "node-1", Behaviour: ScenarioBehaviour, ScanEvery: 5 * time.Millisecond})
				trace, err := scenario.Play(t.Context(), Subject{Dir: dir, NodeName: "node-1", Client: client, Image: "busybox:1", Port: 18080})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(recorded[scenario.Name], trace); diff != "" {
					t.Errorf("the simulator (+) does not do what the real kubelet did (-):\n%s", diff)
					for _, e := range k.Log() {
						t.Log(e)
					}
				}
			})
		})
	}
	if len(recorded) != len(Scenarios()) {
		t.Errorf("%d traces are recorded for %d scenarios", len(recorded), len(Scenarios()))
	}
}

// start runs a simulated kubelet without fsnotify until the end of the test.
func start(t *testing.T, opts Options) (*Kubelet, *kubelet.Client) {
	t.Helper()
	opts.Manual = true
	k, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = k.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	<-k.Ready()
	return k, newClient(t, k)
}

func newClient(t *testing.T, k *Kubelet) *kubelet.Client {
	t.Helper()
	client, err := kubelet.New(kubelet.Settings{URL: kubelet.DefaultURL, HealthzURL: kubelet.DefaultHealthzURL}, kubelet.Config{Transport: k.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	return client
}
