package gossip

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// TestFaultT9Window: in whatever order frames come, and however often, none is taken twice, and none is refused that is not older than the
// window and was not taken; a newer generation begins anew and an older one is over.
func TestFaultT9Window(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		taken := map[record.Stamp]bool{}
		highest := record.Stamp{}
		for range rapid.IntRange(1, 300).Draw(t, "frames") {
			count := record.Stamp{Generation: rapid.Uint64Range(1, 3).Draw(t, "generation")}
			if rapid.Bool().Draw(t, "near") && count.Generation == highest.Generation {
				count.Version = highest.Version + uint64(rapid.IntRange(0, 2*windowSize).Draw(t, "above")) - uint64(min(int(highest.Version), rapid.IntRange(0, 2*windowSize).Draw(t, "below")))
			} else {
				count.Version = rapid.Uint64Range(0, 4*windowSize).Draw(t, "version")
			}
			old := count.Generation < highest.Generation || count.Generation == highest.Generation && highest.Version >= count.Version && highest.Version-count.Version >= windowSize
			want := !taken[count] && !old
			if got := w.fresh(count); got != want {
				t.Fatalf("%s is fresh: %v, want %v (highest %s)", count, got, want, highest)
			}
			if !want {
				continue
			}
			w.take(count)
			taken[count] = true
			if count.Compare(highest) > 0 {
				highest = count
			}
		}
	})
}
