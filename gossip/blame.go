package gossip

import (
	"sync"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/zf"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

const (
	// burst and perSecond bound the sealed frames of one sender. A member in the middle of a burst sends some ten a second.
	burst, perSecond = 64, 16
	// maxBlamed is how many senders are kept track of; the one that has been quiet for longest gives way.
	maxBlamed = 1024
	// quiet is how long nothing more is said of a sender after something was.
	quiet = time.Minute
)

// blames keeps who sends how much and who was last complained about.
type blames struct {
	mu      sync.Mutex
	senders map[record.ID]*sender
}

type sender struct {
	tokens float64
	at     time.Time
	// count and last are of the complaints.
	count int
	last  time.Time
}

func newBlames() *blames { return &blames{senders: map[record.ID]*sender{}} }

// admits says whether a sender may have one more frame looked at: a token bucket.
func (b *blames) admits(id record.ID, _ wire.Kind, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.get(id, now)
	s.tokens = min(burst, s.tokens+now.Sub(s.at).Seconds()*perSecond)
	s.at = now
	if s.tokens < 1 {
		return false
	}
	s.tokens--
	return true
}

// get finds or makes a sender; mu is held.
func (b *blames) get(id record.ID, now time.Time) *sender {
	if s := b.senders[id]; s != nil {
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
	s := &sender{tokens: burst, at: now}
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

// blame tells that a member sends what it should not, at most once a minute. What came in a packet is nobody's: only who
// holds the key can have sent it.
func (n *Node) blame(id record.ID, why string) {
	count, tell := n.blames.complain(id, time.Now())
	if !tell {
		return
	}
	e := n.log.Warn().Str(zf.Detail, why).Int(zf.Count, count)
	if id.IsZero() {
		e.Msg("somebody who has the gossip key sends what no member would")
		return
	}
	e.Stringer(zf.Member, id).Msg("a member sends what no member should")
	n.changed()
}
