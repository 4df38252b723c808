package gossip

import (
	"cmp"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
	"golang.org/x/time/rate"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// swim is what memberlist has said of its members. memberlist calls with its own lock held, so nothing here waits for
// anything but this mutex, and nothing calls memberlist while holding it.
type swim struct {
	mu    sync.Mutex
	peers map[record.ID]*peer
	// alive is how many answer, this member included.
	alive atomic.Int64
	limit int
	// answer is when a probe was last answered.
	answer time.Time
	// addrs are the addresses of all peers at the time.
	addrs   map[netip.Addr]bool
	addrsAt time.Time
	// letIn is when one was let in though all places are taken; fresh limits how many are of whom nothing is known.
	letIn time.Time
	fresh *rate.Limiter
}

func newSwim(l records.Limits) *swim {
	return &swim{
		peers: map[record.ID]*peer{}, limit: cmp.Or(l.MaxMembers, records.DefaultMaxMembers),
		fresh: rate.NewLimiter(rate.Limit(cmp.Or(l.NewPerSecond, records.DefaultNewPerSecond)),
			cmp.Or(l.NewAtOnce, records.DefaultNewAtOnce)),
	}
}

// peer is one of memberlist's members.
type peer struct {
	addr netip.AddrPort
	// alive is false once it failed or said that it goes.
	alive bool
	since time.Time
	// heard is when it last answered this host, or when a new record of its own arrived.
	heard time.Time
	rtt   time.Duration
	// answers: it has answered a probe of this host, or sealed a frame, in this run.
	answers bool
	// doubted: memberlist takes it for dead, and this host is asking it.
	doubted bool
	// window is which of its sealed frames were taken; nil: none.
	window *window
	// elsewhere is another address that claimed the same ID, elsewhereAt when.
	elsewhere   netip.AddrPort
	elsewhereAt time.Time
}

// elsewhereFor is how long a second address of one key is reported after it was last seen.
const elsewhereFor = 10 * time.Minute

// addrOf is where a memberlist node listens.
func addrOf(node *memberlist.Node) netip.AddrPort {
	addr, ok := netip.AddrFromSlice(node.Addr)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.Unmap(), node.Port)
}

// joined notes that a member answers.
func (s *swim) joined(id record.ID, addr netip.AddrPort, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[id]
	if p == nil {
		p = &peer{}
		s.peers[id] = p
	}
	if !p.alive {
		p.alive, p.since = true, now
		s.alive.Add(1)
	}
	p.addr = addr
}

// known says whether a member is at an address, as of a second ago at most.
func (s *swim) known(addr netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.addrs == nil || now.Sub(s.addrsAt) >= time.Second {
		s.addrs, s.addrsAt = make(map[netip.Addr]bool, len(s.peers)), now
		for _, p := range s.peers {
			s.addrs[p.addr.Addr()] = true
		}
	}
	return s.addrs[addr]
}

// gone notes that a member does not answer any more.
func (s *swim) gone(id record.ID, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.peers[id]; p != nil && p.alive {
		p.alive, p.since = false, now
		s.alive.Add(-1)
	}
}

// oneIn is how often a member without a record is let in while all places are taken.
const oneIn = time.Second

// maxUnlisted is how many members that are not known are taken into memberlist's list while a roster says who counts:
// those that it lists without a key and that have not told their name yet, and some others for people to see.
const maxUnlisted = 128

// admits says whether a member may be taken into memberlist's list. One that is there or is expected always may; others
// as fast as a token bucket allows while there is room, and then one a second for one of them that has been dead for
// longest: memberlist itself gives up its dead about as fast. So whoever invents members can take the place of those
// alone, and memory stays bounded. Enrolled: there is a roster.
func (s *swim) admits(id record.ID, expected func(record.ID) bool, enrolled bool, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers[id] != nil || expected(id) {
		return true
	}
	if !s.fresh.AllowN(now, 1) {
		return false
	}
	if enrolled && s.unexpected(expected) >= maxUnlisted {
		return false
	}
	if len(s.peers) < s.limit {
		return true
	}
	if now.Sub(s.letIn) < oneIn {
		return false
	}
	s.letIn = now
	var longest record.ID
	var since time.Time
	for id, p := range s.peers {
		if !p.alive && (since.IsZero() || p.since.Before(since)) && !expected(id) {
			longest, since = id, p.since
		}
	}
	if since.IsZero() {
		return false
	}
	delete(s.peers, longest)
	return true
}

// unexpected counts those of whom nothing is known; mu is held.
func (s *swim) unexpected(expected func(record.ID) bool) (n int) {
	for id := range s.peers {
		if !expected(id) {
			n++
		}
	}
	return n
}

// heardOf notes that a member was heard of; a zero round trip was not measured.
func (s *swim) heardOf(id record.ID, now time.Time, rtt time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.peers[id]; p != nil {
		p.heard = now
		if rtt > 0 {
			p.rtt, p.answers, s.answer = rtt, true, now
		}
	}
}

// answering gives some member that is alive and is known to answer.
func (s *swim) answering() (record.ID, peer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, p := range s.peers { // in another order each time
		if p.lives() && p.answers && p.addr.IsValid() {
			return id, *p, true
		}
	}
	return record.ID{}, peer{}, false
}

// lastAnswer is when a probe was last answered; zero: never.
func (s *swim) lastAnswer() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer
}

// conflict notes that another address claims a member's ID and says whether that is news.
func (s *swim) conflict(id record.ID, other netip.AddrPort, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[id]
	if p == nil {
		p = &peer{}
		s.peers[id] = p
	}
	news := p.elsewhere != other || now.Sub(p.elsewhereAt) > elsewhereFor
	p.elsewhere, p.elsewhereAt = other, now
	return news
}

// forget drops a member that does not answer.
func (s *swim) forget(id record.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.peers[id]; p != nil && !p.alive {
		delete(s.peers, id)
	}
}

// get gives a copy of what is known of a member.
func (s *swim) get(id record.ID) (peer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.peers[id]; p != nil {
		return *p, true
	}
	return peer{}, false
}

// all gives a copy of everything.
func (s *swim) all() map[record.ID]peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	peers := make(map[record.ID]peer, len(s.peers))
	for id, p := range s.peers {
		peers[id] = *p
	}
	return peers
}

// living lists who answers.
func (s *swim) living() []record.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]record.ID, 0, len(s.peers))
	for id, p := range s.peers {
		if p.alive {
			ids = append(ids, id)
		}
	}
	return ids
}
