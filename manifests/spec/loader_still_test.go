package spec

import (
	"testing"
	"time"
)

func TestSoonest(t *testing.T) {
	var s soonest
	for _, step := range []struct{ add, want time.Duration }{{0, 0}, {-1, 0}, {5, 5}, {7, 5}, {3, 3}, {0, 3}} {
		if s.add(step.add); time.Duration(s) != step.want {
			t.Errorf("after %v: %v, want %v", step.add, time.Duration(s), step.want)
		}
	}
}
