package pace_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/agent/pace"
)

// TestLook: cheap looks follow each other soon, dear ones after a time in proportion, and none later than the most.
func TestLook(t *testing.T) {
	for _, c := range []struct{ cost, want time.Duration }{
		{0, pace.LookLeast},
		{time.Millisecond, pace.LookLeast},
		{10 * time.Millisecond, 190 * time.Millisecond},
		{time.Minute, pace.LookMost},
	} {
		if got := pace.Look(c.cost); got != c.want {
			t.Errorf("after a look of %s: %s, want %s", c.cost, got, c.want)
		}
	}
}

// TestBucket: whoever waits as told never acts more often than a burst and one act for each spacing, and a rested one has
// its whole burst again.
func TestBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := pace.Bucket{Burst: rapid.IntRange(1, 10).Draw(t, "burst"), Spacing: 250 * time.Millisecond}
		begin := time.Unix(0, 0)
		now := begin
		for n := 1; n < 50; n++ {
			wait := b.Take(now)
			if most := b.Burst + int(now.Sub(begin)/b.Spacing); n > most {
				t.Fatalf("%d acts after %s, at most %d may be", n, now.Sub(begin), most)
			}
			if wait > b.Spacing {
				t.Fatalf("to wait %s, more than the spacing of %s", wait, b.Spacing)
			}
			now = now.Add(wait + time.Duration(rapid.IntRange(0, 400).Draw(t, "rest"))*time.Millisecond)
		}
		now = now.Add(time.Duration(b.Burst) * b.Spacing)
		for i := range b.Burst - 1 {
			if wait := b.Take(now); wait != 0 {
				t.Fatalf("act %d of a rested bucket of %d is to be followed by a wait of %s", i+1, b.Burst, wait)
			}
		}
	})
}
