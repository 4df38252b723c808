//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/test/e2e/host"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// TestSimulator plays the scenarios of the simulated kubelet on the real one and compares with the traces that the simulator's
// own tests compare with, so that what stands on the simulator stands on the kubelet. With UPDATE_TRACES=1 the traces are
// written instead.
func TestSimulator(t *testing.T) {
	h := startMachine(t)
	t.Cleanup(func() { empty(t, h) })
	settings, problems, _ := kubelet.NewDiscovery(kubelet.Options{ConfigFile: h.KubeletConfig}).Look(time.Now(), true)
	if problems.HasErrors() {
		t.Fatalf("the kubelet's configuration: %v", problems)
	}
	client, err := kubelet.New(settings, kubelet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	subject := kubeletsim.Subject{Dir: h.Manifests, NodeName: host.NodeName, Client: client, Image: host.Image, Port: 18080}
	recorded := kubeletsim.Recorded()
	var text strings.Builder
	for _, scenario := range kubeletsim.Scenarios() {
		t.Run(scenario.Name, func(t *testing.T) {
			trace, err := scenario.Play(t.Context(), subject)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&text, "%s\n\t%s\n", scenario.Name, strings.Join(trace, "\n\t"))
			if os.Getenv("UPDATE_TRACES") != "" {
				return
			}
			if diff := cmp.Diff(recorded[scenario.Name], trace); diff != "" {
				t.Errorf("the real kubelet (+) does not do what the simulator does (-):\n%s", diff)
			}
		})
	}
	if os.Getenv("UPDATE_TRACES") != "" && !t.Failed() {
		head := "# What a real kubelet does. Written by UPDATE_TRACES=1 go test -tags e2e -run TestSimulator ./test/e2e\n"
		if err := os.WriteFile("../kubeletsim/traces.txt", []byte(head+text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
