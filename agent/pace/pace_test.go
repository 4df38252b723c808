package pace_test

import (
	"testing"
	"testing/synctest"
	"time"

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

// TestPublications: the steps of a replacement follow each other at once, what never rests is told four times a second, and
// a rested host has its whole burst again.
func TestPublications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := pace.Publications()
		took := func(publications int) time.Duration {
			begin := time.Now()
			for range publications {
				if err := limiter.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(begin).Round(time.Millisecond)
		}
		for range 2 {
			if got := took(8); got != 0 {
				t.Errorf("a burst took %s", got)
			}
			if got := took(12); got != 3*time.Second {
				t.Errorf("12 more took %s, want 3s", got)
			}
			time.Sleep(2 * time.Second)
		}
	})
}
