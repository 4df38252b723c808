package rollout

import "strings"

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
	// TroubleKey: its key is not the one that its name is known with, and nobody has said which is right. It may have a State.
	TroubleKey
	// TroubleFallen: its ticket is lower than one that it told before, which no honest host does: its disk was set back, and
	// what it knows of itself is not all that it told. It has a State.
	TroubleFallen
)

// Peer is another known member.
type Peer struct {
	// ID is its identity, Name its node's name.
	ID, Name string
	// State is the newest that is on record, of any age; nil: nothing is, or the record does not declare the DaemonSet.
	State *State
	// Trouble is why it does not show how it stands. Without a State and without Trouble it does not declare the DaemonSet,
	// and is no member of it.
	Trouble Trouble
}

// placed says whether a pod of the DaemonSet belongs there, as far as is known.
func (p *Peer) placed() bool { return p.State != nil && p.State.Phase != PhaseNotPlaced }

// nameOf is the name of namespace/name.
func nameOf(key string) string {
	_, name, _ := strings.Cut(key, "/")
	return name
}
