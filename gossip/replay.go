package gossip

import (
	"sync/atomic"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// frameCount counts the frames that this member seals. The generation is that of its records, which no run has twice
// and which rises above whatever others have of it.
type frameCount struct {
	table *records.Table
	sent  atomic.Uint64
}

func (c *frameCount) next() record.Stamp {
	return record.Stamp{Generation: c.table.Generation(), Version: c.sent.Add(1)}
}

// windowSize is how many counts back a frame may come late: streams overtake each other, and a sender counts what it
// sends to others too.
const windowSize = 1024

// window knows which frames of one sender have been taken, of those that are not too old to be told. The zero value has
// seen none.
type window struct {
	generation, highest uint64
	// seen has a bit for each of the last counts, at its remainder.
	seen [windowSize / 64]uint64
}

// fresh says whether a frame with this count has not been taken yet.
func (w *window) fresh(count record.Stamp) bool {
	switch {
	case count.Generation != w.generation:
		return count.Generation > w.generation
	case count.Version > w.highest:
		return true
	case w.highest-count.Version >= windowSize:
		return false
	}
	return w.seen[count.Version/64%uint64(len(w.seen))]&(1<<(count.Version%64)) == 0
}

// take notes a frame that was verified.
func (w *window) take(count record.Stamp) {
	if count.Generation > w.generation {
		*w = window{generation: count.Generation, highest: count.Version}
	}
	if count.Version > w.highest {
		if count.Version-w.highest >= windowSize {
			clear(w.seen[:])
		} else {
			for v := w.highest + 1; v < count.Version; v++ {
				w.seen[v/64%uint64(len(w.seen))] &^= 1 << (v % 64)
			}
		}
		w.highest = count.Version
	}
	w.seen[count.Version/64%uint64(len(w.seen))] |= 1 << (count.Version % 64)
}

// untaken says whether a sealed frame may be one that was not taken yet, before it is verified.
func (s *swim) untaken(id record.ID, count record.Stamp) (fresh, older bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[id]
	if p == nil || p.window == nil {
		return true, false
	}
	return p.window.fresh(count), count.Generation < p.window.generation
}

// took notes a verified frame and says whether it is the first with its count.
func (s *swim) took(id record.ID, count record.Stamp) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[id]
	if p == nil {
		return true // it has just been forgotten
	}
	if p.window == nil {
		p.window = &window{}
	}
	if !p.window.fresh(count) {
		return false
	}
	p.window.take(count)
	p.answers = true
	return true
}
