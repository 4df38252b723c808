// Package pace says how soon something that changes all the time is acted on again: soon enough for a rollout in which
// every host waits for news of others, and seldom enough that no host is kept busy by them.
//
// Nothing here is shared: a Limiter belongs to the goroutine that publishes.
package pace

import (
	"time"

	"golang.org/x/time/rate"
)

const (
	// LookLeast is the shortest time between two looks at the fleet.
	LookLeast = 50 * time.Millisecond
	// LookMost is the longest one while there is news: what a large fleet on a slow host may add to each wave of a
	// rollout.
	LookMost = time.Second
	// lookShare is how many times as long as a look takes until the next: looks have a twentieth of a core at most.
	lookShare = 19
)

// Look is how long to wait after a look at the fleet that took cost, and whatever follows from it.
func Look(cost time.Duration) time.Duration {
	return min(max(lookShare*cost, LookLeast), LookMost)
}

// Publications paces what a host tells: the steps of one replacement, each at once, and four a second of what never
// rests. Whoever publishes waits for it before each publication, and takes what is newest then.
func Publications() *rate.Limiter { return rate.NewLimiter(rate.Every(250*time.Millisecond), 8) }
