package gossip

import (
	"net/netip"
	"sync"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/screen"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

const (
	// maxStrangers is how many addresses are told apart; the one that has been quiet for longest gives way. The sender of
	// a packet can write any address on it.
	maxStrangers = 256
	// maxNamed is how many of them are named in the log in a minute.
	maxNamed = 8
)

// strangers counts by address what did not pass the screen.
type strangers struct {
	mu    sync.Mutex
	known map[netip.Addr]*stranger
	// minute is when the present minute of naming began, named how many were named in it.
	minute time.Time
	named  int
}

type stranger struct {
	count      int
	seen, told time.Time
}

func newStrangers() *strangers { return &strangers{known: map[netip.Addr]*stranger{}} }

// seen counts one more and says whether it is to be logged, with how many there were from there: once a minute for each
// address, and for a few addresses in a minute.
func (s *strangers) seen(from netip.Addr, now time.Time) (count int, tell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.get(from)
	one.count++
	one.seen = now
	if now.Sub(s.minute) >= quiet {
		s.minute, s.named = now, 0
	}
	if s.named >= maxNamed || !one.told.IsZero() && now.Sub(one.told) < quiet {
		return one.count, false
	}
	s.named++
	one.told = now
	return one.count, true
}

// since says whether something of an address was dropped since then.
func (s *strangers) since(from netip.Addr, then time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.known[from]
	return one != nil && one.seen.After(then)
}

// get finds or makes an address; mu is held.
func (s *strangers) get(from netip.Addr) *stranger {
	if one := s.known[from]; one != nil {
		return one
	}
	if len(s.known) >= maxStrangers {
		var quietest netip.Addr
		for addr, one := range s.known {
			if old := s.known[quietest]; old == nil || one.seen.Before(old.seen) {
				quietest = addr
			}
		}
		delete(s.known, quietest)
	}
	one := &stranger{}
	s.known[from] = one
	return one
}

// dropped tells of what did not pass the screen.
func (n *Node) dropped(why screen.Reason, from netip.AddrPort) {
	n.counts.dropped(string(why))
	count, tell := n.strangers.seen(from.Addr(), time.Now())
	if !tell {
		return
	}
	e := n.log.Warn().Stringer(logfield.Address, from).Str(logfield.Reason, string(why)).Int(logfield.Count, count)
	if why.Insider() {
		e.Msg("somebody who has the gossip key sends what no member would")
		return
	}
	e.Msg("somebody sends what this host's keys do not open: another key, another cluster, or no member at all")
}
