package records

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// member is one member that has at least one record.
type member struct {
	id      record.ID
	key     [ed25519.PublicKeySize]byte
	profile Profile
	// entries are sorted by section.
	entries []entry
	bytes   int
	// standing, contested and counts are those of the last View.
	standing          Standing
	contested, counts bool
	// shown is what View hands out; nil when an entry has changed since.
	shown map[string]Section
}

// entry is one record. Its body is the end of encoded, so that one buffer holds all.
type entry struct {
	section  string
	stamp    record.Stamp
	encoded  []byte
	body     int
	received time.Time
}

// bodyBytes is the body as a view of encoded that cannot be appended to.
func (e *entry) bodyBytes() []byte { return e.encoded[len(e.encoded)-e.body:] }

// entry finds the record of a section, nil when there is none. It may be asked of no member.
func (m *member) entry(section string) *entry {
	if m == nil {
		return nil
	}
	for i := range m.entries {
		if m.entries[i].section == section {
			return &m.entries[i]
		}
	}
	return nil
}

// newest is the highest generation of the member's records.
func (m *member) newest() uint64 {
	var g uint64
	for i := range m.entries {
		g = max(g, m.entries[i].stamp.Generation)
	}
	return g
}

// member finds a member that has a record.
func (t *Table) member(id record.ID) *member { return t.buckets[id[0]].members[id] }

// install puts a record in the place of the older one. The caller has seen that it is newer.
func (t *Table) install(rec record.Record, now time.Time) {
	m := t.member(rec.Owner)
	if m == nil {
		m = t.admit(rec)
	}
	e := m.entry(rec.Section)
	if e == nil {
		e = m.insert(t.intern(rec.Section))
		t.records++
	} else {
		t.buckets[m.id[0]].hash ^= sum(m.id, e.section, e.stamp)
	}
	t.buckets[m.id[0]].hash ^= sum(m.id, e.section, rec.Stamp)
	grown := len(rec.Encoded) - len(e.encoded)
	m.bytes += grown
	t.bytes += grown
	*e = entry{section: e.section, stamp: rec.Stamp, encoded: rec.Encoded, body: len(rec.Body), received: now}
	m.shown = nil
	t.remember(rec.Owner, now)
	if rec.Section == SectionMember {
		t.introduce(m, rec.Body)
	}
	t.changed()
}

// insert makes room for one more section, without spare room: most members have all of theirs at once.
func (m *member) insert(section string) *entry {
	i, _ := slices.BinarySearchFunc(m.entries, section, func(e entry, s string) int {
		return strings.Compare(e.section, s)
	})
	entries := make([]entry, len(m.entries)+1)
	copy(entries, m.entries[:i])
	copy(entries[i+1:], m.entries[i:])
	entries[i].section = section
	m.entries = entries
	return &m.entries[i]
}

func (t *Table) admit(rec record.Record) *member {
	// The key is copied: as a view it would hold the buffer of the first record for ever.
	m := &member{id: rec.Owner, key: [ed25519.PublicKeySize]byte(rec.Key)}
	b := &t.buckets[m.id[0]]
	if b.members == nil {
		b.members = map[record.ID]*member{}
	}
	b.members[m.id] = m
	t.order = append(t.order, m)
	t.reshape = true
	return m
}

// drop takes a member and all its records out. Its pin stays.
func (t *Table) drop(m *member) {
	b := &t.buckets[m.id[0]]
	for i := range m.entries {
		b.hash ^= sum(m.id, m.entries[i].section, m.entries[i].stamp)
	}
	delete(b.members, m.id)
	t.uncount(m.profile.Name)
	t.order = slices.DeleteFunc(t.order, func(o *member) bool { return o == m })
	t.records -= len(m.entries)
	t.bytes -= m.bytes
	t.reshape = true
	t.changed()
}

// introduce takes over what a member says of itself. A profile that cannot be read leaves it without a name, whatever
// it said before: what counts is its newest record alone.
func (t *Table) introduce(m *member, body []byte) {
	p, err := DecodeProfile(body)
	if err != nil {
		p = Profile{}
	}
	if p.Name != m.profile.Name {
		t.rename(m, p.Name)
	}
	m.profile = p
}

// changed makes the next View a new one.
func (t *Table) changed() { t.view.Store(nil) }

// maxInterned bounds the strings that are shared; a fleet has three or four sections.
const maxInterned = 64

func (t *Table) intern(section string) string {
	if s, ok := t.sections[section]; ok {
		return s
	}
	if len(t.sections) < maxInterned {
		t.sections[section] = section
	}
	return section
}
