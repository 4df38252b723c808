package member

import (
	"net/netip"
	"sync"

	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/gossip/identity"
)

// Status is how this host stands in its fleet, at one moment.
type Status struct {
	// Mode says whether gossip is wanted, Off why it is not there though it is wanted.
	Mode config.GossipMode
	Off  error
	// Bind is the address that is bound.
	Bind netip.AddrPort
	// Keys are the fingerprints of the keys in use, RosterFile is the list of members that is in effect; empty: none.
	Keys       []string
	RosterFile string
}

// status is the Status with what else belongs to who this host is. The lock is held for copying alone.
type status struct {
	mu  sync.Mutex
	now Status
	// gossip is how it is to gossip.
	gossip config.Gossip
	id     identity.Identity
}

// get is a copy.
func (s *status) get() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// set changes something.
func (s *status) set(do func(*status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do(s)
}

// settings are how it is to gossip.
func (s *status) settings() config.Gossip {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gossip
}

// Status says how this host stands in its fleet.
func (m *Member) Status() Status { return m.status.get() }

// Alone says that no gossip is wanted. Where it is wanted and cannot be had there may be others, of whom nothing is
// known.
func (m *Member) Alone() bool {
	now := m.status.get()
	return !now.Mode.On && now.Off == nil
}

// Self is this host's id as text; its node's name where it has none.
func (m *Member) Self() string {
	m.status.mu.Lock()
	defer m.status.mu.Unlock()
	if m.status.id.ID.IsZero() {
		return m.cfg.Name
	}
	return m.status.id.ID.String()
}

// Created says that this host's identity was made when it last became a member: it has told nobody anything before.
func (m *Member) Created() bool {
	m.status.mu.Lock()
	defer m.status.mu.Unlock()
	return m.status.id.Created
}

// SetGossip changes how this host is to gossip, where it does not yet: one that does goes on as it is until a
// restart, and false is returned. Call Refresh after it, from the same goroutine.
func (m *Member) SetGossip(g config.Gossip) bool {
	if m.On() {
		return false
	}
	m.status.set(func(s *status) { s.gossip = g })
	return true
}
