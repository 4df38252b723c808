// Package virtual helps with what runs in virtual time, by testing/synctest: benchmarks, for which it is not meant, and
// large simulations.
package virtual

import (
	"flag"
	"runtime"
	"strings"
	"testing"
)

// Main runs the tests of a package that simulates much, and gives the exit code. With the race detector they have one
// processor: the goroutines of a bubble share one context of the detector for their timers (bubble.timers.raceCtx in
// unlockAndRun of Go 1.26's runtime/time.go), and two that look at timers at the same moment crash it now and then.
func Main(m *testing.M) int {
	if Race {
		runtime.GOMAXPROCS(1)
	}
	return m.Run()
}

// Run runs do as a test within a benchmark, which fails with it. It runs whatever -run and -skip say, as those are
// meant for the benchmarks around it; that it did is seen to.
func Run(b *testing.B, do func(t *testing.T)) {
	b.Helper()
	skip := flag.Lookup("test.skip").Value.String()
	matches := func(pattern, _ string) (bool, error) { return !strings.Contains(skip, pattern), nil }
	ran := false
	ok := testing.RunTests(matches, []testing.InternalTest{{Name: b.Name(), F: func(t *testing.T) { ran = true; do(t) }}})
	if !ok || !ran {
		b.Fatal("the simulation failed or did not run")
	}
}
