package transport

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// host is the i-th address.
func host(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 0x0a000000+uint32(i))
	return netip.AddrFrom4(b)
}

func TestGateLimitsTheRateOfAPeer(t *testing.T) {
	g := newGate(Config{MaxStreams: 100, PeerStreams: 100, PeerRate: 10})
	now := time.Unix(1000, 0)
	enter := func() (n int) {
		for range 50 {
			if g.enter(host(1), now) != admitted {
				return n
			}
			g.leave(host(1))
			n++
		}
		return n
	}
	var got []int
	for _, later := range []time.Duration{0, 0, time.Second, 250 * time.Millisecond, time.Hour, -time.Hour} {
		now = now.Add(later)
		got = append(got, enter())
	}
	// Twice the rate at once; nothing more; what came back; and a clock that is put back gives nothing.
	if diff := cmp.Diff([]int{20, 0, 10, 2, 20, 0}, got); diff != "" {
		t.Error(diff)
	}
	if why := g.enter(host(1), now); why != tooFast {
		t.Errorf("refused for %d, wanted %d", why, tooFast)
	}
	if why := g.enter(host(2), now); why != admitted {
		t.Errorf("another peer is refused for %d", why)
	}
}

// A peer that keeps trying while it is refused gets in as soon as its time has come: refusals cost nothing.
func TestGateDoesNotPunishTrying(t *testing.T) {
	g := newGate(Config{MaxStreams: 100, PeerStreams: 100, PeerRate: 1})
	now := time.Unix(1000, 0)
	served := 0
	for range 1000 {
		if g.enter(host(1), now) == admitted {
			served++
			g.leave(host(1))
		}
		now = now.Add(10 * time.Millisecond)
	}
	if served < 11 || served > 12 {
		t.Errorf("%d streams were served in 10 s, wanted 2 at once and 1 for each second", served)
	}
}

func TestGateForgetsPeersToMakeRoom(t *testing.T) {
	g := newGate(Config{MaxStreams: 10 * maxPeers, PeerStreams: 10, PeerRate: 1})
	now := time.Unix(1000, 0)
	for i := range maxPeers {
		if why := g.enter(host(i), now); why != admitted {
			t.Fatalf("peer %d is refused for %d", i, why)
		}
		// The first ten stay.
		if i >= 10 {
			g.leave(host(i))
		}
	}
	if why := g.enter(host(maxPeers), now); why != tooMany {
		t.Errorf("no peer can be forgotten yet, but another gives %d", why)
	}
	now = now.Add(time.Minute)
	if why := g.enter(host(maxPeers), now); why != admitted {
		t.Errorf("refused for %d, though others could be forgotten", why)
	}
	if len(g.peers) != 11 {
		t.Errorf("%d peers are remembered, wanted those with open streams and the new one", len(g.peers))
	}
}

// Whatever comes and goes, the limits hold and the books are right.
func TestGateKeepsItsLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Config{
			MaxStreams:  rapid.IntRange(1, 6).Draw(t, "streams"),
			PeerStreams: rapid.IntRange(1, 4).Draw(t, "of a peer"),
			PeerRate:    rapid.IntRange(1, 5).Draw(t, "rate"),
		}
		g := newGate(c)
		start := time.Unix(1000, 0)
		now := start
		var open []netip.Addr
		count := map[netip.Addr]int{}
		ever := map[netip.Addr]int{}
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				from := host(rapid.IntRange(0, 3).Draw(t, "peer"))
				if g.enter(from, now) == admitted {
					open = append(open, from)
					count[from]++
					ever[from]++
				}
			},
			"leave": func(t *rapid.T) {
				if len(open) == 0 {
					t.Skip("nothing is open")
				}
				g.leave(open[0])
				count[open[0]]--
				open = open[1:]
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "ms")) * time.Millisecond)
			},
			"": func(t *rapid.T) {
				if g.open != len(open) || g.open > c.MaxStreams {
					t.Fatalf("%d open, wanted %d, at most %d", g.open, len(open), c.MaxStreams)
				}
				for from, n := range count {
					allowed := float64(c.PeerRate) * (2 + now.Sub(start).Seconds())
					if g.peers[from].open != n || n > c.PeerStreams || float64(ever[from]) > allowed+1e-6 {
						t.Fatalf("%s has %d open, wanted %d, at most %d; %d ever, at most %.2f",
							from, g.peers[from].open, n, c.PeerStreams, ever[from], allowed)
					}
				}
			},
		})
	})
}

func TestRefusedIsSorted(t *testing.T) {
	g := newGate(Config{MaxStreams: 1, PeerStreams: 1, PeerRate: 100})
	now := time.Unix(1000, 0)
	for _, i := range []int{1, 3, 2, 2} {
		g.enter(host(i), now)
	}
	want := []Refused{{host(2), 2}, {host(3), 1}}
	if diff := cmp.Diff(want, g.refused(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// Whoever is no member has half of the places at most, from however many addresses it comes.
func TestGateKeepsPlacesForMembers(t *testing.T) {
	g := newGate(Config{MaxStreams: 8, PeerStreams: 8, PeerRate: 100})
	members := map[netip.Addr]bool{host(1): true}
	g.known = func(a netip.Addr) bool { return members[a] }
	now := time.Unix(1000, 0)
	for i := range 20 {
		want := admitted
		if i >= 4 {
			want = tooMany
		}
		if why := g.enter(host(100+i), now); why != want {
			t.Fatalf("stranger %d: %d, wanted %d", i, why, want)
		}
	}
	for range 4 {
		if why := g.enter(host(1), now); why != admitted {
			t.Fatalf("a member is refused for %d", why)
		}
	}
	members[host(100)] = true // what it holds still counts as a stranger's
	g.leave(host(100))
	if why := g.enter(host(200), now); why != admitted {
		t.Errorf("a place that is free again is refused for %d", why)
	}
	if g.open != 8 || g.strangers != 4 {
		t.Errorf("%d are open, %d of them strangers'", g.open, g.strangers)
	}
}

// TestFaultT10OneAddress: one address that is no member's has few places, also of those for strangers, and one of a member not all.
func TestFaultT10OneAddress(t *testing.T) {
	g := newGate(Config{}.withDefaults())
	g.known = func(a netip.Addr) bool { return a == host(1) }
	now := time.Unix(1000, 0)
	enter := func(from netip.Addr) (n int) {
		for range 16 {
			if g.enter(from, now) == admitted {
				n++
			}
		}
		return n
	}
	var got []int
	for _, from := range []int{100, 101, 1, 102} {
		got = append(got, enter(host(from)))
	}
	if diff := cmp.Diff([]int{2, 2, 8, 2}, got); diff != "" {
		t.Errorf("places of addresses (-want +got):\n%s", diff)
	}
}

// TestFaultT10Bytes: what is read of all open streams is bounded, for one address and for all strangers together; it is free again when they
// are closed.
func TestFaultT10Bytes(t *testing.T) {
	const all = 1 << 20
	g := newGate(Config{MaxStreams: 100, PeerStreams: 100, PeerRate: 1000, MaxOpenBytes: all})
	member := func(a netip.Addr) bool { return a == host(1) || a == host(2) || a == host(3) }
	g.known = member
	now := time.Unix(1000, 0)
	var streams []*held
	var froms []netip.Addr
	got := map[netip.Addr]int64{}
	for round := range 40 {
		for _, from := range []netip.Addr{host(100), host(101), host(102), host(1), host(2), host(3)} {
			if round < 10 && member(from) {
				continue // strangers first
			}
			if why := g.enter(from, now); why != admitted {
				continue
			}
			h := &held{}
			n := g.reads(from, all/16, h)
			g.reads(from, -n/2, h) // half of it was not there
			got[from] += h.bytes
			streams, froms = append(streams, h), append(froms, from)
		}
	}
	strangers := got[host(100)] + got[host(101)] + got[host(102)]
	if strangers > all/4 || got[host(100)] > all/8 || got[host(1)] > all/2 || strangers+got[host(1)]+got[host(2)]+got[host(3)] > all {
		t.Errorf("read: %v", got)
	}
	if strangers < all/8 || got[host(1)] < all/8 {
		t.Errorf("read: %v, which is less than may be", got)
	}
	g.known = func(netip.Addr) bool { return true } // what was counted for strangers is given back for strangers
	for i, h := range streams {
		g.free(froms[i], h)
		g.leave(froms[i])
	}
	if g.bytes != 0 || g.strangeBytes != 0 || g.open != 0 || g.strangers != 0 || g.peers[host(1)].bytes != 0 {
		t.Errorf("%d bytes, %d of strangers are counted for nobody", g.bytes, g.strangeBytes)
	}
}
