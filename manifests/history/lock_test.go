package history

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// Who reads the history never waits for who records, nor holds it up: here the lock is taken for as long as the test runs.
func TestFaultO23ReadersTakeNoLock(t *testing.T) {
	s := New(Config{Dir: t.TempDir(), Logger: zerolog.Nop()})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := Revision{Fleet: "bcdfghjklm", Number: 1, Last: at, Template: []byte(`{}`)}
	if err := s.Record(Entry{Namespace: "a", Name: "x", Revision: r, Limit: 10}); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got, err := s.Get("a", "x", r.Fleet); err != nil || got.Number != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if list, err := s.List("a", "x"); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := s.Get("a", "x", "mlkjhgfdcb"); !errors.Is(err, ErrNotFound) {
		t.Errorf("of what is not there: %v", err)
	}
}

// A file that cannot be used is set aside once, by whoever finds it, and the others are given.
func TestReadersSetAside(t *testing.T) {
	s := New(Config{Dir: t.TempDir(), Logger: zerolog.Nop()})
	r := Revision{Fleet: "bcdfghjklm", Number: 1, Last: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Template: []byte(`{}`)}
	if err := s.Record(Entry{Namespace: "a", Name: "x", Revision: r, Limit: 10}); err != nil {
		t.Fatal(err)
	}
	bad, err := s.path("a", "x", "mlkjhgfdcb")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bad, []byte("no revision"), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err := s.List("a", "x"); len(list) != 1 || err == nil {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := s.List("a", "x"); len(list) != 1 || err != nil {
		t.Errorf("the second time: %+v, %v", list, err)
	}
	if _, err := os.Stat(bad); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}
