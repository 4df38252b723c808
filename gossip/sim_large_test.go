//go:build sim

package gossip_test

import (
	"runtime/debug"
	"testing"
	"time"
)

// TestSimLarge is what `make sim` runs: every scenario with 30 members, faults that last, more loss, other seeds, and fleets of
// hundreds. SEED gives all of them another seed.
func TestSimLarge(t *testing.T) {
	for i, s := range append(scenarios(), scenario{name: "disk of an hour ago", run: oldDisk(time.Hour)}) {
		simulate(t, s, 30, uint64(100+i))
	}
	for i := range 10 {
		simulate(t, scenario{name: "churn", run: churn}, 10+i, uint64(200+i))
	}
	for _, d := range []time.Duration{30 * time.Minute, 2 * time.Hour} {
		simulate(t, scenario{name: "split for " + d.String(), run: split(d)}, 20, 300)
		simulate(t, scenario{name: "one-way cut for " + d.String(), run: oneWay(d)}, 10, 301)
	}
	for share, name := range map[float64]string{0: "no loss", 0.1: "loss of 10 %", 0.25: "loss of 25 %"} {
		simulate(t, scenario{name: name, run: loss(share)}, 100, 400)
	}
	simulate(t, scenario{name: "split", run: split(5 * time.Minute)}, 200, 500)
	simulate(t, scenario{name: "half restarted", run: restartHalf}, 200, 501)
	simulate(t, scenario{name: "reboot", run: reboot}, 200, 502)
	simulate(t, scenario{name: "thousand", cold: true, run: thousand}, 1000, 600)
}

// thousand: a fleet of a thousand that all know the same two forms at once, and hears of changes. It holds a million records, each
// in every member's table and view, so memory is worth more than time here.
func thousand(c *cluster) {
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	arrive(c)
	changes(c)
}
