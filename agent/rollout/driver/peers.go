package driver

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// peerSection is what a member tells of all DaemonSets, decoded.
type peerSection struct {
	id     string
	stamp  record.Stamp
	states map[string]*rollout.State
	// said are tickets that the member told and that states does not show any more: higher ones, and those of DaemonSets
	// of which it tells nothing now.
	said    map[string]rollout.Ticket
	omitted bool
	// asks and knows are rollout.Section's.
	asks, knows uint64
	err         error
}

// Peers are the other members, each with what it tells of all DaemonSets.
type Peers []peerOf

type peerOf struct {
	id, name string
	section  peerSection
	told     bool
	counts   bool
	trouble  rollout.Trouble
	// claims are what others tell that claim the same name: together they are one member.
	claims []peerSection
}

// PeersOf decodes what the others tell, each record once. It is done for every bit of news of anybody, so that what
// stayed as it was keeps its place in memory too. Who counts depends on now.
func (t *Turns) PeersOf(view *fleet.View, now time.Time) Peers {
	if view == nil {
		return nil
	}
	next := make(map[record.ID]peerSection, len(t.cache))
	out := make(Peers, 0, len(view.Members))
	claims := map[string][]peerSection{}
	for _, m := range view.Members {
		section, told := m.Sections[Section]
		if m.Self || m.Standing == records.Excluded || m.State == gossip.StateLeft && told {
			continue
		}
		known := t.cache[m.ID]
		if known.id == "" {
			known.id = m.ID.String()
		}
		if !told {
			known = peerSection{id: known.id, said: missing(known, nil)}
		} else if known.stamp != section.Stamp {
			known = decodePeer(known, section)
		}
		next[m.ID] = known
		if m.Standing == records.Held && m.Name != "" && !m.Counts {
			claims[m.Name] = append(claims[m.Name], known)
			continue
		}
		p := peerOf{id: known.id, name: m.Name, section: known, told: told, counts: counts(m, now)}
		p.trouble = troubleOf(m, p)
		out = append(out, p)
	}
	t.cache = next
	for i := range out {
		if out[i].trouble == rollout.TroubleKey {
			out[i].claims = claims[out[i].name]
		}
	}
	return out
}

// counts says whether this host has reason to count the member where a number of members grants something: anybody with
// the gossip key makes up others; see rollout.Peer. One whose name somebody else claims permits nothing.
func counts(m fleet.Member, now time.Time) bool {
	if m.Standing != records.Trusted || m.Contested {
		return false
	}
	return m.Listed || m.ByHand || !m.KnownSince.IsZero() && now.Sub(m.KnownSince) >= rollout.CountAfter
}

// decodePeer takes a member's newer section. States that it has told before are the same pointers.
func decodePeer(before peerSection, s records.Section) peerSection {
	section, err := rollout.Decode(before.id, s.Body)
	out := peerSection{
		id: before.id, stamp: s.Stamp, states: make(map[string]*rollout.State, len(section.States)),
		omitted: section.Omitted > 0, asks: section.Asks, knows: section.Knows, err: err,
	}
	for _, state := range section.States {
		old := before.states[state.Key]
		if old == nil || !reflect.DeepEqual(*old, state) {
			old = &state
		}
		out.states[state.Key] = old
	}
	out.said = missing(before, out.states)
	return out
}

// missing are the tickets that a member told before and that its states do not show now; nil: there are none, as
// always with an honest member whose disk was not set back.
func missing(before peerSection, now map[string]*rollout.State) map[string]rollout.Ticket {
	var out map[string]rollout.Ticket
	note := func(key string, t rollout.Ticket) {
		if s := now[key]; s != nil && !t.Above(s.Ticket) || !t.Above(out[key]) {
			return
		}
		if out == nil {
			out = map[string]rollout.Ticket{}
		}
		out[key] = t
	}
	for key, s := range before.states {
		note(key, s.Ticket)
	}
	for key, t := range before.said {
		note(key, t)
	}
	return out
}

// troubleOf is why a member does not show how it stands, whatever DaemonSet is asked about.
func troubleOf(m fleet.Member, p peerOf) rollout.Trouble {
	switch {
	case m.Standing == records.Held || m.Contested:
		return rollout.TroubleKey
	case !p.told && m.State == gossip.StateLeft:
		return rollout.TroubleLeft
	case !p.told:
		return rollout.TroubleUnknown
	case p.section.err != nil:
		return rollout.TroubleUnreadable
	case m.State != gossip.StateAlive:
		return rollout.TroubleDown
	}
	return rollout.TroubleNone
}

// of are the others as members of one DaemonSet; before if they are as they were then. Neither is ever changed.
func (ps Peers) of(key string, before []rollout.Peer) []rollout.Peer {
	out, shared := before, true
	n := 0
	for i := range ps {
		peer, member := ps[i].of(key)
		if !member {
			continue
		}
		if shared && (n >= len(before) || before[n] != peer) {
			out, shared = append(make([]rollout.Peer, 0, len(ps)), before[:n]...), false
		}
		if !shared {
			out = append(out, peer)
		}
		n++
	}
	return out[:n]
}

// of is the other as a member of one DaemonSet, if it is one.
func (p *peerOf) of(key string) (peer rollout.Peer, member bool) {
	peer = rollout.Peer{
		ID: p.id, Name: p.name, State: p.section.states[key], Counts: p.counts, Trouble: p.trouble,
	}
	readable := p.told && p.section.err == nil
	switch {
	case peer.State != nil && p.section.said[key].Above(peer.State.Ticket) &&
		(p.trouble == rollout.TroubleNone || p.trouble == rollout.TroubleDown):
		peer.Trouble = rollout.TroubleFallen
	case peer.State != nil || !readable:
	case p.section.omitted:
		peer.Trouble = rollout.TroubleUnreadable
	default:
		// Where it does not declare the DaemonSet, somebody who claims its name may.
		return peer, slices.ContainsFunc(p.claims, func(c peerSection) bool {
			return c.states[key] != nil || c.omitted || c.err != nil
		})
	}
	return peer, true
}

// Of are the others as members of one DaemonSet.
func (ps Peers) Of(key string) []rollout.Peer { return ps.of(key, nil) }

// rejects says whether one of them has gone back from a revision of the DaemonSet.
func (ps Peers) rejects(key string) bool {
	return slices.ContainsFunc(ps, func(p peerOf) bool {
		st := p.section.states[key]
		return st != nil && st.Rejected.Generation != 0
	})
}

// Down is a DaemonSet that is down on another host, as that host tells.
type Down struct {
	// ID is the member's, Name its node's name.
	ID, Name string
	// Key is the DaemonSet, namespace/name; declared on this host or not.
	Key string
	// Why is one sentence, of which everything can be printed.
	Why string
}

// Down are the DaemonSets that the others tell are down on them, by name and key. What a member says is left out that
// is down itself, or that is not to be believed.
func (ps Peers) Down() []Down {
	var out []Down
	for i := range ps {
		p := &ps[i]
		if p.trouble != rollout.TroubleNone {
			continue
		}
		for key, st := range p.section.states {
			if why := st.WhyDown(); why != "" {
				out = append(out, Down{ID: p.id, Name: p.name, Key: key, Why: why})
			}
		}
	}
	slices.SortFunc(out, func(a, b Down) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Key, b.Key))
	})
	return out
}
