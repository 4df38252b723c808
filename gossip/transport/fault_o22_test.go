package transport

import (
	"reflect"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestFaultO22Transport: every counter of what was dropped is in the metrics, each under a reason of its own.
func TestFaultO22Transport(t *testing.T) {
	var s Stats
	v := reflect.ValueOf(&s).Elem()
	counters := 0
	for _, f := range v.Fields() {
		if f.Kind() == reflect.Uint64 {
			counters++
			f.SetUint(uint64(counters))
		}
	}
	seen := map[uint64]bool{}
	for _, n := range s.reasons() {
		seen[n] = true
	}
	if len(seen) != counters || seen[0] {
		t.Errorf("%d of %d counters have a reason", len(seen), counters)
	}
	ch := make(chan prometheus.Metric, 100)
	s.collect(ch)
	if want := counters + 6; len(ch) != want {
		t.Errorf("%d metrics, want %d", len(ch), want)
	}
}
