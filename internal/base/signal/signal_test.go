package signal

import (
	"sync"
	"testing"
)

func fired(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// TestSignal: a Fire wakes all who wait, and nobody who asks later.
func TestSignal(t *testing.T) {
	var s Signal
	s.Fire() // nobody waits
	one, two := s.Next(), s.Next()
	if fired(one) || fired(two) {
		t.Fatal("woken without a change")
	}
	s.Fire()
	if !fired(one) || !fired(two) {
		t.Error("not woken by a change")
	}
	three := s.Next()
	if fired(three) {
		t.Error("woken by a change of before")
	}
	s.Fire()
	if !fired(three) {
		t.Error("not woken by the second change")
	}
}

// TestSignalIsLocked: those who wait and those who fire are in different goroutines (for the race detector).
func TestSignalIsLocked(t *testing.T) {
	var s Signal
	var wg sync.WaitGroup
	for range 8 {
		ch := s.Next()
		wg.Go(func() { <-ch; s.Next() })
		wg.Go(s.Fire)
	}
	wg.Wait()
}
