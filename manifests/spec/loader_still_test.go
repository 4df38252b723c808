package spec

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestStillness runs on the clock of a bubble, where waiting takes no time and is exact.
func TestStillness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s stillness
		wait := func(d time.Duration) {
			t.Helper()
			<-time.After(d)
		}
		expect := func(id identity, want time.Duration) {
			t.Helper()
			if got := s.observe(id, time.Now()); got != want {
				t.Errorf("observe = %v, want %v", got, want)
			}
		}
		one, two := identity{ino: 1, size: 1}, identity{ino: 1, size: 2}
		expect(one, stillFor)
		wait(stillFor - time.Nanosecond)
		expect(one, time.Nanosecond)
		expect(two, stillFor) // written at the last moment
		wait(100 * time.Millisecond)
		expect(two, 150*time.Millisecond)
		wait(150 * time.Millisecond)
		expect(two, 0)
		wait(time.Hour)
		expect(two, -time.Hour)
		expect(one, stillFor) // back at an earlier state is another change
	})
}

// TestStillnessProperty: never still within stillFor of a change that was observed; always still stillFor after the
// last one.
func TestStillnessProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s stillness
		now, changed := time.Unix(1e9, 0), time.Time{}
		var id identity
		for range rapid.IntRange(1, 50).Draw(t, "observations") {
			now = now.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "ms")) * time.Millisecond)
			if rapid.Bool().Draw(t, "changed") || changed.IsZero() {
				id.mtime++
				changed = now
			}
			wait := s.observe(id, now)
			if want := changed.Add(stillFor).Sub(now); wait != want {
				t.Fatalf("observe = %v, want %v", wait, want)
			}
		}
	})
}

func TestOld(t *testing.T) {
	now := time.Unix(1000, 0)
	at := func(d time.Duration) int64 { return now.Add(d).UnixNano() }
	const before, after = -stillFor - 1, -stillFor + 1
	for _, tt := range []struct {
		mtime, ctime time.Duration
		want         bool
	}{
		{before, before, true},
		{after, before, false},
		{before, after, false},
		{time.Hour, before, false}, // a date in the future, as an archive may carry it
		{-time.Hour, -time.Hour, true},
	} {
		if got := (identity{mtime: at(tt.mtime), ctime: at(tt.ctime)}).old(now); got != tt.want {
			t.Errorf("mtime %v, ctime %v from now: old = %v", tt.mtime, tt.ctime, got)
		}
	}
}

func TestSoonest(t *testing.T) {
	var s soonest
	for _, step := range []struct{ add, want time.Duration }{{0, 0}, {-1, 0}, {5, 5}, {7, 5}, {3, 3}, {0, 3}} {
		if s.add(step.add); time.Duration(s) != step.want {
			t.Errorf("after %v: %v, want %v", step.add, time.Duration(s), step.want)
		}
	}
}
