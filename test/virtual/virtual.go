// Package virtual lets benchmarks measure in virtual time, which testing/synctest has for tests alone.
package virtual

import (
	"flag"
	"strings"
	"testing"
)

// Run runs do as a test within a benchmark, which fails with it. It runs whatever -run and -skip say, as those are meant for the benchmarks
// around it; that it did is seen to.
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
