package host

import (
	"context"
	"testing"
	"time"
)

// Eventually calls f until it returns nil and fails the test with f's last error when timeout has passed. It gives the
// time that it took.
func Eventually(t testing.TB, timeout time.Duration, f func(context.Context) error) time.Duration {
	t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	if err := Poll(ctx, func() error { return f(ctx) }); err != nil {
		t.Fatalf("not within %s: %v", timeout, err)
	}
	return time.Since(start)
}

// Throughout calls f for the whole of duration and fails the test with the first error.
func Throughout(t testing.TB, duration time.Duration, f func(context.Context) error) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(duration)
	defer end.Stop()
	for {
		if err := f(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-t.Context().Done():
			t.Fatal(context.Cause(t.Context()))
		}
	}
}
