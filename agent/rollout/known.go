package rollout

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// A host on which a DaemonSet was placed may not take its pod down before all others know of it; see HoldDown. Where a
// members file is in effect it knows who all others are, so that it can ask them and need not wait: it tells a number
// that stands for what it asks (Asks), and every host tells one number that stands for all questions that it has heard
// (Knows). Who tells the same number as this host has heard its question, and tells how it stood then or later in the
// same section: if it had begun to take a pod down before, that section says so.

// asks says whether the host wants its pod replaced within the time after a first placement, and is held for that
// alone. One that has lost its state waits for what it told, which no answer brings back.
func (s *State) asks() bool {
	return !s.HeldUntil.IsZero() && !s.Returned && s.Phase != PhaseNotPlaced && !s.Running.IsZero() &&
		s.Running != s.Target.Revision
}

// Asks is what a host asks the others with states as it tells them: a number that stands for the DaemonSets of which
// they have to know, each since it was placed; 0: nothing.
func Asks(states []State) uint64 {
	var out uint64
	for i := range states {
		if s := &states[i]; s.asks() {
			out ^= numberOf(s.Key, uint64(s.HeldUntil.UnixNano())) //nolint:gosec // any number will do
		}
	}
	return out
}

// Heard is what the question of the member with an id adds to the number of all that were heard; they are combined by
// exclusive or, in any order.
func Heard(id string, asks uint64) uint64 {
	if asks == 0 {
		return 0
	}
	return numberOf(id, asks)
}

// Asked says whether asked, the state that was told last, asks the others about what the state now is about.
func (s *State) Asked(asked *State) bool { return asked.asks() && asked.HeldUntil.Equal(s.HeldUntil) }

func numberOf(text string, n uint64) uint64 {
	h := sha256.New()
	h.Write([]byte(text))
	h.Write(binary.BigEndian.AppendUint64([]byte{0}, n))
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// young says whether the DaemonSet was placed here a short while ago, and others may not know of it.
func (m *machine) young() bool { return m.o.Now.Before(m.HeldUntil) && !m.o.Alone && !m.known() }

// known says whether everybody has shown that they know of this host.
func (m *machine) known() bool { return m.o.Listed && (m.o.Known || m.w.known) && !m.Returned }

// join ends the time after a first placement, or passes over it for this step. By then everybody knows of this host,
// and it knows of everybody who started without knowing of it: those are still down, and it goes behind them. Else one
// of them, two of whose others are down, would not have counted this host, which would not count all of those.
func (m *machine) join() {
	if m.HeldUntil.IsZero() || !m.o.Settled || m.Phase.Taken() {
		return
	}
	over := !m.o.Now.Before(m.HeldUntil)
	if !over && !m.known() {
		return
	}
	for i := range m.peers {
		if s := m.peers[i].State; s != nil && s.Phase.Taken() && !m.Ticket.Above(s.Ticket) && s.Ticket.Class < maxClass &&
			!m.w.behind {
			m.goBehind(s.Ticket)
		}
	}
	if over {
		m.HeldUntil, m.Returned = time.Time{}, false
	}
}
