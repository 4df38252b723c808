package records

import (
	"cmp"
	"crypto/ed25519"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// Standing is how far this host trusts that a member is who it says it is. It is a matter of this host alone.
type Standing string

const (
	// Trusted: the name is pinned to it, or the roster has its key under that name. This host itself is trusted unless the
	// roster says otherwise.
	Trusted Standing = "trusted"
	// Held: another member is pinned to its name, or two have claimed the name and nobody has said who is meant, or it has
	// not told its name yet. What it says must permit nothing.
	Held Standing = "held"
	// Excluded: there is a roster, and it does not list the name, or another key under it. Nothing is kept of it.
	Excluded Standing = "excluded"
)

// View is all that is known at one moment. It is shared: nobody may change it.
type View struct {
	// Members are sorted by name, then by ID. This host is among them once it has put a record.
	Members []Member
}

// Member is one member as this host knows it. Several can have one name: at most one of them is Trusted, except where
// this host is one.
type Member struct {
	// ID is zero where the roster lists a name without a key and nobody has been seen with it.
	ID record.ID
	// Name is that of its newest Profile, or the one that the roster or a pin has for it; empty where nothing tells.
	Name string
	// Address is that of its newest Profile; invalid where it is not known.
	Address netip.AddrPort
	// Key is its public key; nil where there is neither a record nor a key in the roster.
	Key      ed25519.PublicKey
	Standing Standing
	// Left: it has said that it left for good.
	Left bool
	// KnownSince is when its first record was kept on this host, by this host's clock at that time, in whole seconds; it
	// outlives restarts, and ends with Forget. Zero: nothing is kept of it.
	KnownSince time.Time
	// Listed: there is a roster and it lists the member: its key, or, without a key there, its name, which is pinned to
	// it.
	Listed bool
	// ByHand: Trust was called for it on this host, and it has not been forgotten since.
	ByHand bool
	// Seen: this host itself has had an answer from it, in this run or in an earlier one.
	Seen bool
	// Contested: it is trusted, and another member that is not excluded claims its name. Nobody knows which of them is the
	// host of that name, so that what either says must permit nothing.
	Contested bool
	// Counts: of all members that claim one name, one counts for all of them. Beside this host itself another one of its
	// name does. Excluded ones never do.
	Counts bool
	// Sections are its newest records by section; empty for one that the roster lists, or that was known on this host
	// before its records were lost. Nobody may change them.
	Sections map[string]Section
}

// Section is the newest record of one section.
type Section struct {
	Stamp record.Stamp
	Body  []byte
	// ReceivedAt is when this host got it, by its clock then.
	ReceivedAt time.Time
}

// View gives what is known now. As long as nothing changes it is the same pointer.
func (t *Table) View() *View {
	if v := t.view.Load(); v != nil {
		return v
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if v := t.view.Load(); v != nil {
		return v
	}
	v := &View{Members: t.shown()}
	t.view.Store(v)
	return v
}

// shown makes the members of a View. Members that did not change since the last one keep their map of sections.
func (t *Table) shown() []Member {
	if t.reshape {
		t.arrange()
	}
	silent := t.silent
	members := make([]Member, 0, len(t.order)+len(silent))
	for _, m := range t.order {
		for len(silent) > 0 && silent[0].compare(m.id, t.nameOf(m)) < 0 {
			members, silent = append(members, silent[0]), silent[1:]
		}
		members = append(members, t.show(m))
	}
	return append(members, silent...)
}

// arrange sorts the members and gives them their standing.
func (t *Table) arrange() {
	for _, m := range t.order {
		m.standing = t.stand(m.id, m.profile.Name)
	}
	slices.SortFunc(t.order, func(a, b *member) int {
		return cmp.Or(strings.Compare(t.nameOf(a), t.nameOf(b)), a.id.Compare(b.id))
	})
	t.silent = t.findSilent()
	t.count()
	t.reshape = false
}

// count chooses who counts for each name, and finds the names that are contested.
func (t *Table) count() {
	// trusted are the names that belong to somebody other than this host, shown those of which somebody counts.
	trusted, claimed := map[string]bool{}, map[string]bool{}
	for _, m := range t.order {
		if name := t.unit(m); m.id != t.self && m.standing == Trusted && name != "" {
			trusted[name] = true
		}
	}
	for i := range t.silent {
		if m := &t.silent[i]; m.Standing == Trusted {
			m.Counts, trusted[m.Name] = true, true
		}
	}
	for _, m := range t.order {
		name := t.unit(m)
		_, keyed := t.roster.names[m.id]
		switch {
		case m.standing == Excluded:
			m.counts = false
		case m.id == t.self || m.standing == Trusted || name == "" || keyed:
			m.counts = true
		default:
			m.counts = !trusted[name] && !claimed[name]
			claimed[name] = true
		}
	}
	for _, m := range t.order {
		name := t.unit(m)
		_, keyed := t.roster.names[m.id]
		m.contested = m.standing == Trusted && !keyed && claimed[name]
	}
	for i := range t.silent {
		m := &t.silent[i]
		_, keyed := t.roster.names[m.ID]
		m.Contested = m.Standing == Trusted && !keyed && claimed[m.Name]
	}
}

// unit is the name for which a member counts: the one for which the roster has its key, whatever it calls itself, else
// its own.
func (t *Table) unit(m *member) string { return cmp.Or(t.roster.names[m.id], m.profile.Name) }

// nameOf is the name under which a member is shown.
func (t *Table) nameOf(m *member) string {
	if m.profile.Name != "" {
		return m.profile.Name
	}
	return cmp.Or(t.roster.names[m.id], t.pins.byID[m.id])
}

func (t *Table) show(m *member) Member {
	if m.shown == nil {
		m.shown = make(map[string]Section, len(m.entries))
		for i := range m.entries {
			e := &m.entries[i]
			m.shown[e.section] = Section{Stamp: e.stamp, Body: e.bodyBytes(), ReceivedAt: e.received}
		}
	}
	k := t.known[m.id]
	return Member{
		ID: m.id, Name: t.nameOf(m), Address: m.profile.Address, Key: m.key[:], Standing: m.standing, Left: m.profile.Left,
		KnownSince: k.at(), Listed: m.standing == Trusted && len(t.roster.listed) > 0, ByHand: k.has(knownByHand),
		Seen:      k.has(knownSeen),
		Contested: m.contested, Counts: m.counts, Sections: m.shown,
	}
}

func (m Member) compare(id record.ID, name string) int {
	return cmp.Or(strings.Compare(m.Name, name), m.ID.Compare(id))
}

// findSilent gives the members that are known without any record: listed in the roster, or pinned before their records
// were lost.
func (t *Table) findSilent() []Member {
	var out []Member
	for id, name := range t.pins.byID {
		if t.member(id) == nil && t.roster.names[id] == "" {
			out = append(out, t.silentMember(Member{ID: id, Name: name, Standing: t.stand(id, name)}))
		}
	}
	for name := range t.roster.listed {
		id, keyed := t.roster.keys[name]
		if keyed && t.member(id) == nil {
			out = append(out, t.silentMember(Member{ID: id, Name: name, Key: t.roster.public[id], Standing: Trusted}))
		}
		if _, pinned := t.pins.byName[name]; !keyed && !pinned {
			out = append(out, t.silentMember(Member{Name: name, Standing: Trusted}))
		}
	}
	slices.SortFunc(out, func(a, b Member) int { return a.compare(b.ID, b.Name) })
	return out
}

// silentMember adds what is remembered of a member that has no record.
func (t *Table) silentMember(m Member) Member {
	k := t.known[m.ID]
	m.KnownSince, m.ByHand, m.Seen = k.at(), k.has(knownByHand), k.has(knownSeen)
	m.Listed = m.Standing == Trusted && len(t.roster.listed) > 0
	return m
}
