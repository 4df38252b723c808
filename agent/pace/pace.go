// Package pace says how soon something that changes all the time is acted on again: soon enough for a rollout in which
// every host waits for news of others, and seldom enough that no host is kept busy by them.
//
// The package is pure: moments are arguments.
package pace

import "time"

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

// Bucket lets a few acts follow each other at once and spaces what comes after.
type Bucket struct {
	// Burst is how many may follow each other at once; one more is let through every Spacing.
	Burst   int
	Spacing time.Duration

	// free is when all of the burst may be used again.
	free time.Time
}

// Publications is the Bucket for what a host tells: the steps of one replacement, each at once, and four a second of
// what never rests.
func Publications() Bucket { return Bucket{Burst: 8, Spacing: 250 * time.Millisecond} }

// Take uses up one act and says how long to wait before the next one; 0: not at all.
func (b *Bucket) Take(now time.Time) time.Duration {
	if b.free.Before(now) {
		b.free = now
	}
	b.free = b.free.Add(b.Spacing)
	return max(b.free.Sub(now)-time.Duration(b.Burst-1)*b.Spacing, 0)
}
