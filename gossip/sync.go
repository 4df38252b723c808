package gossip

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

const (
	// syncTimeout is how long the other end of an exchange has for each step.
	syncTimeout = 5 * time.Second
	// much is from how many records on an exchange was worth another one at once, with somebody else: this member, or the
	// fleet, is behind.
	much = 32
	// fruitless is how long two digests that differ, and gave nothing, are not compared again: one of the two has
	// forgotten a member that the other has not.
	fruitless = time.Minute
	// distinct is with how many others an exchange must have been completed before a run is settled.
	distinct = 2
)

// syncer is anti-entropy: it finds and moves what pushes missed. Whatever is lost of an exchange is found by the next.
type syncer struct {
	node *Node
	wake chan struct{}

	mu sync.Mutex
	// streak counts answered probes that showed another digest; with is who showed the last.
	streak int
	with   record.ID
	theirs uint64
	// peer is with whom an exchange runs that this member began, until deadline; zero: none.
	peer     record.ID
	deadline time.Time
	// missing is how many records are still expected of it, moved how many it brought.
	missing, moved int
	// next is the earliest moment for another exchange; eager: it needs no further reason.
	next  time.Time
	eager bool
	// done are the members with whom an exchange was completed, or whose digest was the same.
	done map[record.ID]bool
	// dull are pairs of digests that brought nothing, with when.
	dull map[[2]uint64]time.Time
}

func newSyncer(n *Node) *syncer {
	return &syncer{node: n, wake: make(chan struct{}, 1), done: map[record.ID]bool{}, dull: map[[2]uint64]time.Time{}}
}

// compare takes the digest that came with an answered probe. memberlist calls it; it must not wait.
func (n *Node) compare(id record.ID, root uint64) {
	s := n.sync
	ours := n.table.Digest().Root
	s.mu.Lock()
	defer s.mu.Unlock()
	if root == ours {
		s.streak = 0
		s.complete(id)
		return
	}
	s.streak++
	s.with, s.theirs = id, root
	s.poke()
}

// suspect has an exchange begun with a member whose digest is not known.
func (s *syncer) suspect(id record.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streak, s.with, s.theirs = 2, id, 0
	s.poke()
}

// complete notes that this member holds what the other one does; mu is held.
func (s *syncer) complete(id record.ID) {
	if len(s.done) < distinct {
		s.done[id] = true
		if len(s.done) == distinct {
			s.node.view.old.Store(true)
		}
	}
}

// poke wakes run; mu may be held.
func (s *syncer) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// settled says whether enough others were compared with.
func (s *syncer) settled(others int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.done) >= min(distinct, others)
}

// run begins exchanges. It sleeps while there is no reason for one.
func (s *syncer) run(ctx context.Context) {
	for {
		wait := s.step(time.Now())
		var timer <-chan time.Time
		if wait > 0 {
			timer = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-timer:
		}
	}
}

// step begins an exchange if it is time, and says how long to wait before it is asked again; 0: until something
// happens.
func (s *syncer) step(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.peer.IsZero() {
		if left := s.deadline.Sub(now); left > 0 {
			return left
		}
		s.end(now, "timeout")
	}
	// One digest that differs is what every push looks like while it is under way.
	if !s.eager && s.streak < 2 {
		return 0
	}
	if left := s.next.Sub(now); left > 0 {
		return left
	}
	peer := s.with
	if s.eager {
		living := s.node.swim.living()
		if len(living) == 0 {
			return 0
		}
		peer = living[rand.IntN(len(living))]
		if peer == s.node.cfg.Identity.ID {
			return s.node.timing.Burst
		}
	} else if at, ok := s.dull[s.pair()]; ok && s.theirs != 0 && now.Sub(at) < fruitless {
		s.streak = 0
		return 0
	}
	s.begin(peer, now)
	return syncTimeout
}

// pair is this member's digest and the one that was last seen to differ; mu is held.
func (s *syncer) pair() [2]uint64 { return [2]uint64{s.node.table.Digest().Root, s.theirs} }

// begin sends a Vector; mu is held.
func (s *syncer) begin(peer record.ID, now time.Time) {
	s.peer, s.deadline, s.missing, s.moved, s.eager, s.streak = peer, now.Add(syncTimeout), 0, 0, false, 0
	s.node.post(peer, wire.Vector, wire.VectorPayload(s.node.table.Vector()))
}

// end finishes the exchange; mu is held.
func (s *syncer) end(now time.Time, result string) {
	s.node.counts.syncs.WithLabelValues(result).Inc()
	gap := s.node.timing.Sync
	if s.moved >= much {
		s.eager, gap = true, s.node.timing.Burst
	}
	s.next = now.Add(jitter(gap))
	s.peer = record.ID{}
	s.poke()
}

// vector answers with the heads of the buckets that differ. A Vector that came with memberlist's own exchange is meant
// for nobody in particular, and both ends get one: the one with the lower ID answers.
func (s *syncer) vector(f wire.Frame) error {
	theirs, err := wire.DecodeVector(f.Payload)
	if err != nil {
		return err
	}
	differing := records.Differing(s.node.table.Vector(), theirs)
	if f.To.IsZero() && (differing.Len() == 0 || s.node.cfg.Identity.ID.Compare(f.From) > 0) {
		if differing.Len() == 0 {
			s.mu.Lock()
			s.complete(f.From)
			s.mu.Unlock()
		}
		return nil
	}
	buckets, heads := s.fitting(differing)
	if payload := wire.HeadsPayload(buckets, buckets.Len() < differing.Len(), heads); s.node.allows(f.From, len(payload)) {
		s.node.post(f.From, wire.Heads, payload)
	}
	return nil
}

// fitting gives as many of the buckets as one frame can list, from a random one on, so that repeated exchanges reach
// all.
func (s *syncer) fitting(differing records.BucketSet) (records.BucketSet, []records.Head) {
	heads := s.node.table.Heads(differing)
	if len(heads) <= wire.MaxHeads {
		return differing, heads
	}
	var some records.BucketSet
	heads = nil
	first := rand.IntN(wire.Buckets)
	for i := range wire.Buckets {
		var one records.BucketSet
		bucket := uint8((first + i) % wire.Buckets) //nolint:gosec // there are 256
		if !differing.Has(bucket) {
			continue
		}
		one.Add(bucket)
		list := s.node.table.Heads(one)
		if len(heads)+len(list) > wire.MaxHeads {
			break
		}
		some.Add(bucket)
		heads = append(heads, list...)
	}
	return some, heads
}

// heads is the answer to a Vector, asked for or not: what the other has newer is wanted, what it lacks is sent.
func (s *syncer) heads(f wire.Frame) error {
	buckets, more, theirs, err := wire.DecodeHeads(f.Payload)
	if err != nil {
		return err
	}
	want, give := s.unlike(s.node.table.Heads(buckets), theirs)
	for chunk := range slices.Chunk(want, wire.MaxWant) {
		s.node.post(f.From, wire.Want, wire.WantPayload(chunk))
	}
	s.node.give(f.From, give)
	s.mu.Lock()
	defer s.mu.Unlock()
	// Where the other takes what it is given its digest changes, and this pair does not come again. Where it does, it has
	// forgotten them.
	if len(want) == 0 && buckets.Len() > 0 && (len(give) == 0 || s.peer == f.From) {
		s.bored(time.Now())
	}
	if !more && len(want) == 0 {
		s.complete(f.From)
	}
	if s.peer != f.From {
		return nil
	}
	s.missing, s.moved = len(want), 0
	if more {
		s.moved += much
	}
	if s.missing == 0 {
		s.end(time.Now(), "ok")
		return nil
	}
	s.deadline = time.Now().Add(syncTimeout)
	return nil
}

// bored notes that two digests differ though neither has what the other would take; mu is held.
func (s *syncer) bored(now time.Time) {
	for pair, at := range s.dull {
		if now.Sub(at) > fruitless {
			delete(s.dull, pair)
		}
	}
	if len(s.dull) < maxBlamed {
		s.dull[s.pair()] = now
	}
}

// unlike compares two sorted lists of heads: what they have newer is wanted, what we have newer is given. A record of
// this member itself is wanted too where theirs is newer: that is how a restored disk finds out.
func (s *syncer) unlike(ours, theirs []records.Head) (want, give []wire.Ref) {
	have := make(map[wire.Ref]record.Stamp, len(ours))
	for _, h := range ours {
		have[refOf(h)] = h.Stamp
	}
	for _, h := range theirs {
		ref := refOf(h)
		stamp, ok := have[ref]
		if order := stamp.Compare(h.Stamp); !ok && s.node.table.Takes(h) || ok && order < 0 {
			want = append(want, ref)
		} else if ok && order > 0 {
			give = append(give, ref)
		}
		delete(have, ref)
	}
	for _, h := range ours {
		if _, left := have[refOf(h)]; left {
			give = append(give, refOf(h))
		}
	}
	return want, give
}

// want sends what somebody lacks.
func (s *syncer) want(f wire.Frame) error {
	refs, err := wire.DecodeWant(f.Payload)
	if err != nil {
		return err
	}
	s.node.give(f.From, refs)
	return nil
}

// arrived notes that somebody sent records, of which some were new.
func (s *syncer) arrived(from record.ID, count, news int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peer != from {
		return
	}
	s.missing, s.moved = s.missing-count, s.moved+news
	if s.missing <= 0 {
		s.complete(from)
		s.end(time.Now(), "ok")
		return
	}
	s.deadline = time.Now().Add(syncTimeout)
}
