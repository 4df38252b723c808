package manifestdir

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/daemonsetd/daemonsetd/internal/base/dirlock"
)

// Lock keeps every other Store that is locked off the directory, in this process and in others: two of them would
// remove each other's manifests without end. The lock is on the directory itself, so that the kubelet sees no file of
// it. A directory that is missing, or that takes another one's place, is locked by the next Scan. Where another holds
// the lock, the error has a *dirlock.HeldError in it, also from Scan.
func (s *Store) Lock() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.locking = true
	err := s.relock()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return failed("lock", s.dir, err)
}

// Unlock gives the lock up.
func (s *Store) Unlock() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.locking = false
	return s.unlock()
}

func (s *Store) unlock() error {
	if s.lock == nil {
		return nil
	}
	err := s.lock.Close()
	s.lock = nil
	return err
}

// relock has the lock be on the directory that is there now.
func (s *Store) relock() error {
	if !s.locking {
		return nil
	}
	info, err := s.sys.stat(s.dir)
	if err != nil {
		return err
	}
	if s.lock != nil && s.lock.Of(info) {
		return nil
	}
	next, err := dirlock.Take(s.dir)
	if err != nil {
		return err
	}
	if err := s.unlock(); err != nil {
		return fmt.Errorf("unlock the former directory: %w", errors.Join(err, next.Close()))
	}
	s.lock = next
	return nil
}
