package gossip

import (
	"cmp"
	"crypto/ed25519"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// State is what the failure detector and the member itself say of its life.
type State string

const (
	// StateAlive: it answers probes, its own or another member's.
	StateAlive State = "alive"
	// StateFailed: it was alive in this run and does not answer any more. It is kept until somebody forgets it.
	StateFailed State = "failed"
	// StateLeft: its owner signed that it has left for good.
	StateLeft State = "left"
	// StateUnknown: known from the disk, from another member's records or from the roster, not seen alive in this run.
	StateUnknown State = "unknown"
)

// Member is one member of the fleet as this host knows it.
type Member struct {
	ID   record.ID
	Name string
	// Address is where its gossip listens; invalid when it is not known.
	Address netip.AddrPort
	// Key is its public key; nil for one that is known from the roster's names alone.
	Key      ed25519.PublicKey
	State    State
	Standing records.Standing
	// Self: it is this host.
	Self bool
	// Since is when State was last entered, by this host's clock; zero when that was before this run.
	Since time.Time
	// LastHeard is when this host itself last heard of it: an answered probe or a new record of its own; zero: not in
	// this run.
	LastHeard time.Time
	// RTT is the last measured round trip; zero: never measured.
	RTT time.Duration
	// Elsewhere is an address from which somebody else uses the same key; invalid: nobody does.
	Elsewhere netip.AddrPort
	// Complaints is how often it sent what no member should, since this run began.
	Complaints int
	// KnownSince is since when it is on this host's disk, by this host's clock at that time and in whole seconds: restarts
	// do not change it, and forgetting ends it. Zero: nothing is kept of it. A rule that lets members raise what a host
	// may do counts those that are Listed, ByHand, or known for long: anybody with the gossip key makes up others.
	KnownSince time.Time
	// Listed: a members file is in effect and lists it. ByHand: an operator trusted it on this host.
	Listed, ByHand bool
	// Seen: this host itself has had an answer from it, in this run or in an earlier one.
	Seen bool
	// Contested: it is trusted, and another member claims its name, so that what either says must permit nothing.
	Contested bool
	// Counts: of all members that claim one name, one counts for all of them (beside this host itself, one more of its
	// name does). Those that a members file leaves out never do.
	Counts bool
	// Sections are its newest records by section. Nobody may change them.
	Sections map[string]records.Section
}

// View is the fleet at one moment. It is shared: nobody may change it.
type View struct {
	Cluster string
	Self    record.ID
	// Members are all, this host too, sorted by name, then by ID.
	Members []Member
	// Settled: this run has had the time and the contacts to learn what the others know, or there is nobody to learn from.
	// What is missing before that proves nothing. While more new members come than are admitted in the time it is not.
	Settled bool
	// Encrypted: what is sent is encrypted; without keys only loopback is used.
	Encrypted bool
}

// viewCache keeps the last View.
type viewCache struct {
	// old says that something has changed since.
	old atomic.Bool
	mu  sync.Mutex
	at  time.Time
	now *View
}

// viewFor is how long a View is shared though nothing has changed: round trips and times move by themselves.
const viewFor = time.Second

// View is the fleet now. It costs next to nothing while nothing changes.
func (n *Node) View() *View {
	n.view.mu.Lock()
	defer n.view.mu.Unlock()
	now := time.Now()
	if old := n.view.old.Swap(false); old || n.view.now == nil || now.Sub(n.view.at) >= viewFor {
		n.view.now, n.view.at = n.look(now), now
	}
	return n.view.now
}

// look brings the table and what memberlist says together.
func (n *Node) look(now time.Time) *View {
	table, peers := n.table.View(), n.swim.all()
	v := &View{
		Cluster: n.cfg.Cluster, Self: n.cfg.Identity.ID, Encrypted: n.ring != nil,
		Members: make([]Member, 0, len(table.Members)+1),
	}
	others := 0
	for _, m := range table.Members {
		p, known := peers[m.ID]
		member := n.member(m, p, known, now)
		if member.State == StateAlive && !member.Self {
			others++
		}
		v.Members = append(v.Members, member)
		delete(peers, m.ID)
	}
	for id, p := range peers {
		if id != v.Self && p.lives() && p.addr.IsValid() {
			// Its records have not come yet, or it was forgotten and still runs. One that is gone and has none is nobody.
			m := records.Member{ID: id, Address: p.addr, Standing: n.table.Standing(id)}
			if m.Standing == records.Excluded {
				m.Name, m.Key = n.table.Outsider(id)
			} else {
				m.Counts = true
			}
			v.Members = append(v.Members, n.member(m, p, true, now))
		}
	}
	slices.SortFunc(v.Members, func(a, b Member) int { return cmp.Or(cmp.Compare(a.Name, b.Name), a.ID.Compare(b.ID)) })
	v.Settled = n.isSettled(now, others, len(v.Members))
	return v
}

// member makes one entry of the view.
func (n *Node) member(m records.Member, p peer, known bool, now time.Time) Member {
	out := Member{
		ID: m.ID, Name: m.Name, Address: m.Address, Key: m.Key, Standing: m.Standing, Self: m.ID == n.cfg.Identity.ID,
		Since: p.since, LastHeard: p.heard, RTT: p.rtt, Sections: m.Sections, Complaints: n.blames.of(m.ID),
		KnownSince: m.KnownSince, Listed: m.Listed, ByHand: m.ByHand, Seen: m.Seen, Contested: m.Contested, Counts: m.Counts,
	}
	if p.addr.IsValid() && p.lives() {
		out.Address = p.addr
	}
	if now.Sub(p.elsewhereAt) < elsewhereFor {
		out.Elsewhere = p.elsewhere
	}
	switch {
	case m.Left:
		out.State = StateLeft
	case out.Self || p.lives():
		out.State = StateAlive
	case known && !p.since.IsZero():
		out.State = StateFailed
	default:
		out.State = StateUnknown
	}
	return out
}

// isSettled: see View.Settled. A fleet of which nobody else is known, and nobody but this host was to be joined, has
// nothing to teach.
func (n *Node) isSettled(now time.Time, alive, known int) bool {
	if known <= 1 {
		// Somebody was to be joined and nobody has been met: there may be a fleet that is not seen.
		return len(n.cfg.Join) == 0 || n.lonely.Load()
	}
	return now.Sub(n.started) >= n.timing.Settle && n.sync.settled(alive) && !n.table.Throttled(n.timing.Settle)
}

// Member finds a member by its ID.
func (v *View) Member(id record.ID) (Member, bool) {
	i := slices.IndexFunc(v.Members, func(m Member) bool { return m.ID == id })
	if i < 0 {
		return Member{}, false
	}
	return v.Members[i], true
}

// NeverSeen are the members that were kept before a moment and that this host has never had an answer from, neither now
// nor in an earlier run: most likely somebody made them up. This host, those that live, those that a members file lists
// and those that were trusted by hand are never among them.
func (v *View) NeverSeen(before time.Time) []record.ID {
	var ids []record.ID
	for _, m := range v.Members {
		if m.Self || m.Seen || m.Listed || m.ByHand || m.ID.IsZero() || m.State == StateAlive || m.KnownSince.IsZero() ||
			m.KnownSince.After(before) {
			continue
		}
		ids = append(ids, m.ID)
	}
	return ids
}
