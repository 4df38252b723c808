package rollout

import (
	"strings"
	"time"
)

// Trouble is why another member does not show how it stands, whatever is on record of it.
type Trouble uint8

const (
	// TroubleNone: what is on record counts.
	TroubleNone Trouble = iota
	// TroubleUnknown: nothing is on record of it.
	TroubleUnknown
	// TroubleUnreadable: its record cannot be understood, or had no room for all DaemonSets.
	TroubleUnreadable
	// TroubleLeft: it left before anything was on record of it.
	TroubleLeft
	// TroubleDown: it is down as far as anybody can tell. It may have a State.
	TroubleDown
	// TroubleKey: its key is not the one that its name is known with, and nobody has said which is right. It may have a
	// State.
	TroubleKey
	// TroubleFallen: its ticket is lower than one that it told before, which no honest host does: its disk was set back,
	// and what it knows of itself is not all that it told. It has a State.
	TroubleFallen
	// TroubleStep: what it tells is further above all that this host knows by itself, or from two others, than any honest
	// host comes to. Its record counts as one that cannot be understood; see bounded. No caller sets it.
	TroubleStep
)

// CountAfter is how long a member has been on this host's disk before it counts by itself, where no file lists the
// members.
const CountAfter = 24 * time.Hour

// Peer is another known member.
type Peer struct {
	// ID is its identity, Name its node's name.
	ID, Name string
	// State is the newest that is on record, of any age; nil: nothing is, or the record does not declare the DaemonSet.
	State *State
	// Counts: this host has reason to count the member where a number of members grants something: it is listed in the
	// members file, or, where there is none, it has been on this host's disk for CountAfter or was trusted by hand. A
	// member that does not count stands in the way as all do.
	Counts bool
	// Trouble is why it does not show how it stands. Without a State and without Trouble it does not declare the
	// DaemonSet, and is no member of it.
	Trouble Trouble
}

// placed says whether a pod of the DaemonSet belongs there, as far as is known.
func (p *Peer) placed() bool { return p.State != nil && p.State.Phase != PhaseNotPlaced }

// grants says whether the member counts where a number of members grants something: one that may have been made up does
// not, and one in trouble shows nothing.
func (p *Peer) grants(w without) bool {
	return p.placed() && (p.Counts && p.Trouble == TroubleNone || w.counts)
}

// inOrder says whether the member has a place in the order of which the last stay (partition). One that is down keeps
// it.
func (p *Peer) inOrder(w without) bool {
	return p.placed() && (p.Counts && (p.Trouble == TroubleNone || p.Trouble == TroubleDown) || w.counts)
}

// nameOf is the name of namespace/name.
func nameOf(key string) string {
	_, name, _ := strings.Cut(key, "/")
	return name
}
