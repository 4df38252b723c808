//go:build race

package virtual

// Race says whether the race detector is on.
const Race = true
