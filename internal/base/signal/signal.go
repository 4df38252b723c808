// Package signal wakes those who wait for the next change of something.
package signal

import "sync"

// Signal wakes all that wait for the next change. The zero value is ready, and it may be used by several goroutines.
type Signal struct {
	mu sync.Mutex
	ch chan struct{}
}

// Next is closed at the next Fire. Take it before looking at what may change, so that no change is missed.
func (s *Signal) Next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

// Fire wakes who waits.
func (s *Signal) Fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
