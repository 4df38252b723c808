package gossip

import (
	"context"
	"sync"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

const (
	// gather is how long hints are gathered before their records are asked for, so that a burst is asked for together.
	gather = 20 * time.Millisecond
	// fetchTimeout is how long an answer is waited for before another hint may ask somebody else.
	fetchTimeout = 2 * time.Second
)

// fetcher gets the records that are too large for a packet from those who hint at having them.
type fetcher struct {
	node *Node
	wake chan struct{}

	mu      sync.Mutex
	pending map[wire.Ref]fetching
}

// fetching is one record that is wanted.
type fetching struct {
	stamp  record.Stamp
	holder record.ID
	// asked is when it was asked for; zero: not yet.
	asked time.Time
}

func newFetcher(n *Node) *fetcher {
	return &fetcher{node: n, wake: make(chan struct{}, 1), pending: map[wire.Ref]fetching{}}
}

// refOf names the record of a head.
func refOf(h records.Head) wire.Ref { return wire.Ref{ID: h.ID, Section: h.Section} }

// hinted notes that holder has a record, unless this member has it, is getting it, or would not take it.
func (f *fetcher) hinted(holder record.ID, head records.Head) {
	if head.ID == f.node.cfg.Identity.ID || !f.node.table.Takes(head) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	old, ok := f.pending[refOf(head)]
	stale := ok && !old.asked.IsZero() && time.Since(old.asked) > fetchTimeout
	if ok && !stale && old.stamp.Compare(head.Stamp) >= 0 {
		return
	}
	// Also where there is no room, so that those make some that nobody answers.
	defer f.hurry()
	if !ok && len(f.pending) >= maxFetches {
		f.node.counts.dropped("too-many-hints")
		return
	}
	f.pending[refOf(head)] = fetching{stamp: head.Stamp, holder: holder}
}

func (f *fetcher) hurry() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// arrived notes that a record came.
func (f *fetcher) arrived(head records.Head) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p, ok := f.pending[refOf(head)]; ok && head.Stamp.Compare(p.stamp) >= 0 {
		delete(f.pending, refOf(head))
	}
}

// run asks for what was hinted at. Nothing runs while nothing is wanted.
func (f *fetcher) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(gather):
		}
		for holder, refs := range f.due(time.Now()) {
			f.node.post(holder, wire.Want, wire.WantPayload(refs))
		}
	}
}

// due gives what is to be asked for now, by holder, and gives up what nobody answered.
func (f *fetcher) due(now time.Time) map[record.ID][]wire.Ref {
	f.mu.Lock()
	defer f.mu.Unlock()
	due := map[record.ID][]wire.Ref{}
	for ref, p := range f.pending {
		switch {
		case p.asked.IsZero():
			p.asked = now
			f.pending[ref] = p
			due[p.holder] = append(due[p.holder], ref)
		case now.Sub(p.asked) > 2*fetchTimeout:
			delete(f.pending, ref)
		}
	}
	return due
}
