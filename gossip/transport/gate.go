package transport

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// maxPeers is how many addresses the gate remembers. Those that have not been refused and whose rate has recovered are
// forgotten first.
const maxPeers = 4096

// refusal says why a stream was not served.
type refusal int

const (
	admitted refusal = iota
	tooMany
	tooManyOfPeer
	tooFast
	refusals
)

// gate decides which streams are served. The Transport's mutex guards it.
type gate struct {
	max, perPeer int
	// rate is streams a second, burst how many at once.
	rate, burst float64
	open        int
	peers       map[netip.Addr]*peer
	// known says whether an address is a member's; nil: all are. Of all places, strangers have half at most: who has no
	// key can do nothing with a stream but hold it.
	known     func(netip.Addr) bool
	strangers int
	// bytes is what was read of open streams, strangeBytes that of strangers'; maxBytes is how much that may be.
	bytes, strangeBytes, maxBytes int64
}

// peer is what the gate remembers of one address.
type peer struct {
	open    int
	refused uint64
	// strange is how many of the open ones came while the address was no member's.
	strange int
	// bytes is what was read of the open ones.
	bytes int64
	// tokens is how many streams were allowed at once at the time.
	tokens float64
	at     time.Time
}

func newGate(c Config) gate {
	return gate{
		max: c.MaxStreams, perPeer: c.PeerStreams, maxBytes: c.MaxOpenBytes,
		rate: float64(c.PeerRate), burst: 2 * float64(c.PeerRate),
		peers: map[netip.Addr]*peer{},
	}
}

// enter asks whether a stream from the address may be served now. If so, leave must follow.
func (g *gate) enter(from netip.Addr, now time.Time) refusal {
	p := g.peer(from, now)
	if p == nil {
		return tooMany
	}
	stranger := g.known != nil && !g.known(from)
	why := g.refuses(p, now)
	switch {
	case why != admitted || !stranger:
	case p.open >= max(g.perPeer/4, 1):
		why = tooManyOfPeer
	case g.strangers >= (g.max+1)/2:
		why = tooMany
	}
	if why != admitted {
		p.refused++
		return why
	}
	p.tokens--
	p.open++
	g.open++
	if stranger {
		p.strange++
		g.strangers++
	}
	return admitted
}

// refuses decides by the rate first, so that who comes too fast is told apart from who waits for others.
func (g *gate) refuses(p *peer, now time.Time) refusal {
	p.tokens = g.tokens(p, now)
	p.at = now
	switch {
	case p.tokens < 1:
		return tooFast
	case p.open >= g.perPeer:
		return tooManyOfPeer
	case g.open >= g.max:
		return tooMany
	}
	return admitted
}

// tokens is what the peer has by now.
func (g *gate) tokens(p *peer, now time.Time) float64 {
	return min(g.burst, p.tokens+max(now.Sub(p.at).Seconds(), 0)*g.rate)
}

// reads says how many of n bytes may be read from a stream of the address now, and counts them as read; held is what
// was counted for the stream so far. What was not there to be read is given back with a negative n.
func (g *gate) reads(from netip.Addr, n int64, held *held) int64 {
	p := g.peers[from]
	if n > 0 {
		room := min(g.maxBytes-g.bytes, g.maxBytes/2-p.bytes)
		if p.strange > 0 {
			room = min(room, g.maxBytes/4-g.strangeBytes, g.maxBytes/8-p.bytes)
		}
		n = max(min(n, room), 0)
	}
	g.bytes, p.bytes, held.bytes = g.bytes+n, p.bytes+n, held.bytes+n
	if p.strange > 0 && !held.known || held.strange {
		g.strangeBytes += n
		held.strange = true
	} else {
		held.known = true
	}
	return n
}

// held is what was counted for one stream, and whether for a stranger, which is decided by its first bytes.
type held struct {
	bytes          int64
	strange, known bool
}

func (g *gate) leave(from netip.Addr) {
	p := g.peers[from]
	g.open--
	p.open--
	if p.strange > 0 {
		p.strange--
		g.strangers--
	}
}

// free gives back what was counted for a stream.
func (g *gate) free(from netip.Addr, held *held) { g.reads(from, -held.bytes, held) }

// peer finds or makes the memory of an address; nil when there is no room for another.
func (g *gate) peer(from netip.Addr, now time.Time) *peer {
	if p := g.peers[from]; p != nil {
		return p
	}
	if len(g.peers) >= maxPeers {
		g.prune(now)
	}
	if len(g.peers) >= maxPeers {
		return nil
	}
	p := &peer{tokens: g.burst, at: now}
	g.peers[from] = p
	return p
}

// prune forgets those that would be treated the same if they were not known.
func (g *gate) prune(now time.Time) {
	for from, p := range g.peers {
		if p.open == 0 && g.tokens(p, now) >= g.burst {
			delete(g.peers, from)
		}
	}
}

// Refused is an address whose streams were not served.
type Refused struct {
	Peer    netip.Addr
	Streams uint64
}

// refused lists the addresses of which streams were refused, most first.
func (g *gate) refused() []Refused {
	var out []Refused
	for from, p := range g.peers {
		if p.refused > 0 {
			out = append(out, Refused{Peer: from, Streams: p.refused})
		}
	}
	slices.SortFunc(out, func(a, b Refused) int {
		return cmp.Or(cmp.Compare(b.Streams, a.Streams), a.Peer.Compare(b.Peer))
	})
	return out
}
