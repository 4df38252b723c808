package gossip

import (
	"cmp"
	"crypto/ed25519"
	"net/netip"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/store"
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
	Standing store.Standing
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
	// Sections are its newest records by section. Nobody may change them.
	Sections map[string]store.Section
}

// View is the fleet at one moment. It is shared: nobody may change it.
type View struct {
	Cluster string
	Self    record.ID
	// Members are all, this host too, sorted by name, then by ID.
	Members []Member
	// Settled: this run has had the time and the contacts to learn what the others know, or there is nobody to learn from.
	// What is missing before that proves nothing.
	Settled bool
	// Encrypted: what is sent is encrypted; without keys only loopback is used.
	Encrypted bool
}

// Member finds a member by its ID.
func (v *View) Member(id record.ID) (Member, bool) {
	i := slices.IndexFunc(v.Members, func(m Member) bool { return m.ID == id })
	if i < 0 {
		return Member{}, false
	}
	return v.Members[i], true
}

// Named finds the members that call themselves by a name: none, one, or several when two hosts have the same.
func (v *View) Named(name string) []Member {
	i, found := slices.BinarySearchFunc(v.Members, name, func(m Member, name string) int { return cmp.Compare(m.Name, name) })
	if !found {
		return nil
	}
	j := i
	for j < len(v.Members) && v.Members[j].Name == name {
		j++
	}
	return v.Members[i:j]
}
