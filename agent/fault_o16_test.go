package agent

import (
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// TestFaultO16O21AcrossRestarts: AGE of a DaemonSet does not begin anew with the agent (O16), and metadata.generation
// moves with what rolls out (O21).
func TestFaultO16O21AcrossRestarts(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		stop := b.run()
		b.phase(api.PhaseAvailable)
		set := func() (created time.Time, generation, observed int64) {
			list, err := b.client.DaemonSets(t.Context(), client.Selection{})
			if err != nil || len(list.Items) != 1 {
				t.Fatalf("%d DaemonSets, %v", len(list.Items), err)
			}
			ds := &list.Items[0]
			return ds.CreationTimestamp.Time, ds.Generation, ds.Status.ObservedGeneration
		}
		created, generation, observed := set()
		if age := time.Since(created); age > time.Minute || generation < 1 || observed != generation {
			t.Fatalf("created %s ago, generation %d of which %d is observed", age, generation, observed)
		}
		stop()
		sleep(2 * time.Minute)
		b.run()
		b.phase(api.PhaseAvailable)
		if again, same, _ := set(); !again.Equal(created) || same != generation {
			t.Errorf("after a restart it was created at %s with generation %d, want %s and %d", again, same, created, generation)
		}
		b.lay("specs.d/logger.yaml", logger("logger:2"))
		b.eventually("the next generation", func() bool {
			again, next, observed := set()
			return next == generation+1 && observed == next && again.Equal(created)
		})
	})
}
