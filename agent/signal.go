package agent

import "sync"

// signal wakes all that wait for the next change. The zero value is ready, and it may be used by several goroutines.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

// next is closed at the next fire.
func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

// fire wakes who waits.
func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
