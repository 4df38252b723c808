package gossip

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

const (
	// burst and perSecond bound the sealed frames of one sender. A member in the middle of a burst sends some ten a
	// second.
	burst, perSecond = 64, 16
	// burstBytes and bytesPerSecond bound what is sent to one that asks for it: once all that there is in a fleet of
	// 10,000, and then as much as the changes of a busy one. allBytes and allBytesPerSecond bound the same for all
	// together, as one host may have many identities. Whoever gets less asks somebody else.
	burstBytes, bytesPerSecond  = 24 << 20, 1 << 20
	allBytes, allBytesPerSecond = 96 << 20, 8 << 20
	// maxBlamed is how many senders are kept track of; the one that has been quiet for longest gives way.
	maxBlamed = 1024
	// quiet is how long nothing more is said of a sender after something was.
	quiet = time.Minute
)

// blames keeps who sends how much and who was last complained about.
type blames struct {
	mu      sync.Mutex
	senders map[record.ID]*sender
	// all is how many bytes may be sent to anybody.
	all *rate.Limiter
}

type sender struct {
	// frames may come from it, bytes may be sent to it; at is when either was asked for last, reminded when it was told of
	// its own records because it had lost count.
	frames, bytes *rate.Limiter
	at, reminded  time.Time
	// count and last are of the complaints.
	count int
	last  time.Time
}

func newBlames() *blames {
	return &blames{senders: map[record.ID]*sender{}, all: rate.NewLimiter(allBytesPerSecond, allBytes)}
}

// admits says whether a sender may have one more frame looked at: a token bucket.
func (b *blames) admits(id record.ID, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.get(id, now).frames.AllowN(now, 1)
}

// reminds says whether a sender may be told of its own records once more.
func (b *blames) reminds(id record.ID, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.get(id, now)
	if !s.reminded.IsZero() && now.Sub(s.reminded) < remind {
		return false
	}
	s.reminded = now
	return true
}

// allows says whether so many bytes may be sent to somebody who asked for them.
func (b *blames) allows(id record.ID, size int, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.get(id, now)
	if s.bytes.TokensAt(now) < float64(size) {
		return false
	}
	return b.all.AllowN(now, size) && s.bytes.AllowN(now, size)
}

// allows is blames.allows, counted.
func (n *Node) allows(id record.ID, size int) bool {
	if n.blames.allows(id, size, time.Now()) {
		return true
	}
	n.counts.dropped("too-much")
	return false
}

// get finds or makes a sender; mu is held.
func (b *blames) get(id record.ID, now time.Time) *sender {
	if s := b.senders[id]; s != nil {
		s.at = now
		return s
	}
	if len(b.senders) >= maxBlamed {
		var oldest record.ID
		var at time.Time
		for id, s := range b.senders {
			if at.IsZero() || s.at.Before(at) {
				oldest, at = id, s.at
			}
		}
		delete(b.senders, oldest)
	}
	s := &sender{frames: rate.NewLimiter(perSecond, burst), bytes: rate.NewLimiter(bytesPerSecond, burstBytes), at: now}
	b.senders[id] = s
	return s
}

// complain counts a complaint and says whether it is to be logged, with how many there were.
func (b *blames) complain(id record.ID, now time.Time) (count int, tell bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.get(id, now)
	s.count++
	if !s.last.IsZero() && now.Sub(s.last) < quiet {
		return s.count, false
	}
	s.last = now
	return s.count, true
}

// of is how often a member was complained about.
func (b *blames) of(id record.ID) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.senders[id]; s != nil {
		return s.count
	}
	return 0
}

// blame tells that a member sends what it should not, at most once a minute. What came in a packet is nobody's: only
// who holds the key can have sent it.
func (n *Node) blame(id record.ID, why string) {
	count, tell := n.blames.complain(id, time.Now())
	if !tell {
		return
	}
	e := n.log.Warn().Str(logfield.Detail, why).Int(logfield.Count, count)
	if id.IsZero() {
		e.Msg("somebody who has the gossip key sends what no member would")
		return
	}
	e.Stringer(logfield.Member, id).Msg("a member sends what no member should")
	n.changed()
}
