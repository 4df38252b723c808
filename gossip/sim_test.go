package gossip_test

import (
	"fmt"
	"hash/fnv"
	"testing"
	"time"
)

// scenarios are what fleets of every size go through; the large ones stand in sim_large_test.go, behind the build tag sim.
func scenarios() []scenario {
	return []scenario{
		{name: "arrive", cold: true, run: arrive},
		{name: "names fail at first", cold: true, run: slowNames},
		{name: "changes", run: changes},
		{name: "nothing pushed", cold: true, run: unpushed},
		{name: "long records", run: long},
		{name: "loss of 5 %", run: loss(0.05)},
		{name: "loss of 25 %", run: loss(0.25)},
		{name: "split for 5 minutes", run: split(5 * time.Minute)},
		{name: "one-way cut", run: oneWay(5 * time.Minute)},
		{name: "flapping", run: flapping},
		{name: "half restarted", run: restartHalf},
		{name: "half away", run: restartHalfLater},
		{name: "reboot without seeds", run: reboot},
		{name: "reboot at once", run: rebootAtOnce},
		{name: "join during a split", run: joinSplit},
		{name: "other address", run: moved},
		{name: "lost log", run: lostLog},
		{name: "old disk", run: oldDisk(5 * time.Minute)},
		{name: "clock back", run: clockJump(time.Hour, false)},
		{name: "clock back, log lost", run: clockJump(time.Hour, true)},
		{name: "clock forward", run: clockJump(-time.Hour, false)},
		{name: "leave", run: leave},
		{name: "reimaged", run: reimaged},
		{name: "forget", run: forgotten},
		{name: "two of one name", run: twoOfOneName},
		{name: "clone", run: cloned},
		{name: "roster", run: enrolled},
		{name: "key rotation", run: rotated},
		{name: "another fleet", run: otherFleet},
		{name: "churn", run: churn},
	}
}

// simulate runs one scenario with a fleet of that size.
func simulate(t *testing.T, s scenario, members int, seed uint64) {
	t.Helper()
	t.Run(fmt.Sprintf("%s/%d", s.name, members), func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			c := newCluster(t, members, seedOf(t, seed), lan())
			if !s.cold {
				c.startAll()
				c.await(formed)
				// What they know of each other is on their disks two seconds later at the latest.
				c.pass(5 * time.Second)
			}
			s.run(c)
			t.Logf("%s of virtual time, %d views checked", time.Since(c.begun), c.watch.looks)
		})
	})
}

// TestSimulations is every scenario with a small fleet. `make sim` runs large ones.
func TestSimulations(t *testing.T) {
	for _, s := range scenarios() {
		h := fnv.New64()
		_, _ = h.Write([]byte(s.name))
		simulate(t, s, 6, h.Sum64()%1000)
	}
}
