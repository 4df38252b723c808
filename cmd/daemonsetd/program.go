//go:build !manpages

package main

import (
	"os"
	"runtime/debug"
	"time"
)

// gcPercent keeps the heap small: the agent lives on every host and has nothing to hurry for.
const gcPercent = 50

func main() {
	started := time.Now()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(run(os.Args[1:], started, os.Stdout, os.Stderr))
}
