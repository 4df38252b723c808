package virtual

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestRun: what is to be measured runs, in virtual time, whatever the flags choose.
func TestRun(t *testing.T) {
	var took time.Duration
	testing.Benchmark(func(b *testing.B) {
		Run(b, func(t *testing.T) {
			synctest.Test(t, func(*testing.T) {
				begin := time.Now()
				time.Sleep(time.Hour)
				took = time.Since(begin)
			})
		})
	})
	if took != time.Hour {
		t.Errorf("an hour took %s", took)
	}
}
