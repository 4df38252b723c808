package member

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// publishing is a node of which a test says what becomes of publishing.
type publishing struct {
	mu sync.Mutex
	// said is what was published as section=body, in order; errs what becomes of a section.
	said []string
	errs map[string]error
	// back are the sections of which others had something newer.
	back map[string]bool
}

func (p *publishing) Publish(section string, body []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.back[section] {
		return fmt.Errorf("section %q: %w", section, gossip.ErrReturned)
	}
	if err := p.errs[section]; err != nil {
		return err
	}
	p.said = append(p.said, section+"="+string(body))
	return nil
}

func (p *publishing) TakeReturned(section string) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.back[section]
	delete(p.back, section)
	return []byte("what others had"), was
}

func (p *publishing) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	said := p.said
	p.said = nil
	return said
}

// published runs a publisher in virtual time while do goes on.
func published(t *testing.T, do func(t *testing.T, s *sections, p *publishing)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, p := newSections(newBoard()), &publishing{errs: map[string]error{}, back: map[string]bool{}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.publish(ctx, p) }()
		do(t, s, p)
		cancel()
		<-done
	})
}

func wantSaid(t *testing.T, p *publishing, what string, want ...string) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, p.take()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestPublish: what is new is told at once, what is the same is not told again, and of many that follow each other
// the newest is.
func TestPublish(t *testing.T) {
	published(t, func(t *testing.T, s *sections, p *publishing) {
		s.put("node", []byte("1"), nil)
		wantSaid(t, p, "the first", "node=1")
		s.put("node", []byte("1"), nil)
		time.Sleep(time.Minute)
		wantSaid(t, p, "the same again")
		for i := range 100 {
			s.put("node", fmt.Append(nil, i), nil)
			synctest.Wait()
		}
		if got := len(p.take()); got < 2 || got > 10 {
			t.Errorf("%d of 100 changes within no time were told, want a few", got)
		}
		time.Sleep(time.Minute)
		if got := p.take(); len(got) != 1 || got[0] != "node=99" {
			t.Errorf("afterwards %v was told, want the newest alone", got)
		}
		s.anew()
		s.put("node", []byte("99"), nil)
		wantSaid(t, p, "a new run", "node=99")
	})
}

// TestReturned: of the node and the spec files this host is the truth; what others had of another section is for its
// owner to take before it is told again.
func TestReturned(t *testing.T) {
	for section, own := range map[string]bool{fleet.SectionNode: true, fleet.SectionSpecs: true, "rollout": false} {
		t.Run(section, func(t *testing.T) {
			published(t, func(t *testing.T, s *sections, p *publishing) {
				p.back[section] = true
				s.put(section, []byte("now"), nil)
				if own {
					wantSaid(t, p, "the member's own", section+"=now")
					return
				}
				wantSaid(t, p, "another's")
				if s.toldOf(section) {
					t.Error("what was not taken counts as told, so that the next round does not try again")
				}
				if got := textOf(s.board, health.NotTold); got != "" {
					t.Errorf("a problem that solves itself is on the board: %s", got)
				}
				p.TakeReturned(section)
				time.Sleep(time.Second)
				s.put(section, []byte("now"), nil)
				wantSaid(t, p, "after it was taken", section+"=now")
			})
		})
	}
}

// TestNotTold: what cannot be made, or is not taken, is on the board until it is; a disk that does not take it is
// another problem, and the others have been told.
func TestNotTold(t *testing.T) {
	published(t, func(t *testing.T, s *sections, p *publishing) {
		board := func(what, want string) {
			t.Helper()
			synctest.Wait()
			if got := textOf(s.board, health.NotTold); got != want {
				t.Errorf("%s: the board says %q, want %q", what, got, want)
			}
		}
		s.put("specs", nil, errors.New("too long"))
		board("one cannot be made", "other hosts cannot be told of the specs: too long")
		p.errs["node"] = record.ErrTooLarge
		s.put("node", []byte("1"), nil)
		board("another is not taken", untold(map[string]error{"specs": errors.New("too long"), "node": record.ErrTooLarge}))
		if s.toldOf("node") {
			t.Error("what was not taken counts as told, so that the next round does not try again")
		}
		p.errs["node"] = fmt.Errorf("%w: disk full", records.ErrNotSaved)
		time.Sleep(time.Second)
		s.put("node", []byte("1"), nil)
		board("it is taken, and not on disk", "other hosts cannot be told of the specs: too long")
		s.put("specs", []byte("2"), nil)
		board("all can be told", "")
	})
}

// TestUntold: one code stands for all sections that could not be made, and says which.
func TestUntold(t *testing.T) {
	got := untold(map[string]error{"specs": errors.New("too long"), "node": errors.New("no name")})
	if want := "other hosts cannot be told of the node: no name; other hosts cannot be told of the specs: too long"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestTell: nothing is made while gossip is off.
func TestTell(t *testing.T) {
	m := &Member{sections: newSections(newBoard())}
	m.Tell(Facts{Node: nodeNamed("a"), Kubelet: strings.Repeat("x", 10)})
	if m.sections.made != (Facts{}) || len(m.sections.last) > 0 {
		t.Errorf("made of %+v, told %v", m.sections.made, m.sections.last)
	}
}
