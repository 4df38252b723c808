package memnet

import (
	"net/netip"
	"time"
)

// defaultReorderBy is how long a reordered packet is held back where Faults does not say.
const defaultReorderBy = 50 * time.Millisecond

// Faults is what the network does to what it carries. The zero value carries everything at once.
type Faults struct {
	// Loss, Duplicate and Reorder are the shares of packets, from 0 to 1, that are lost, that arrive twice, and that are
	// held back by up to ReorderBy (default 50 ms) so that later ones overtake them. A segment of a stream that is lost is
	// sent again after 200 ms, then 400 ms and so on, as TCP does it.
	Loss, Duplicate, Reorder float64
	ReorderBy                time.Duration
	// DelayMin and DelayMax bound the one-way delay, which is uniform between them; packets overtake each other where they
	// differ. A delay that is not 0 ends at the next multiple of Config.Grain.
	DelayMin, DelayMax time.Duration
	// Cut says whether the path from one address to another is cut at the moment; nil is no cut. It must be quick, must be
	// safe for concurrent use, and must not call the network. It is asked when a packet arrives, for every segment of a
	// stream, and while a stream is being dialed.
	Cut func(from, to netip.AddrPort) bool
	// CutResets makes SetFaults break every stream whose path is cut in either direction, as a firewall does that answers
	// with a reset. Otherwise such streams stall, as over a cable that was pulled.
	CutResets bool
}

// cuts tells whether a packet from one address does not reach the other.
func (f *Faults) cuts(from, to netip.AddrPort) bool { return f.Cut != nil && f.Cut(from, to) }

// cutsStream tells whether a stream between the two makes no progress: TCP needs both directions.
func (f *Faults) cutsStream(a, b netip.AddrPort) bool { return f.cuts(a, b) || f.cuts(b, a) }

// Split is a Cut between those addresses for which side is true and all others.
func Split(side func(netip.AddrPort) bool) func(from, to netip.AddrPort) bool {
	return func(from, to netip.AddrPort) bool { return side(from) != side(to) }
}

// OneWay is a Cut of everything that goes from an address for which from is true to one for which to is true.
func OneWay(from, to func(netip.AddrPort) bool) func(from, to netip.AddrPort) bool {
	return func(f, t netip.AddrPort) bool { return from(f) && to(t) }
}

// Among is true for the given addresses, for use with Split and OneWay.
func Among(addrs ...netip.AddrPort) func(netip.AddrPort) bool {
	set := make(map[netip.AddrPort]bool, len(addrs))
	for _, a := range addrs {
		set[a] = true
	}
	return func(a netip.AddrPort) bool { return set[a] }
}
