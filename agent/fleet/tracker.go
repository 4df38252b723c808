package fleet

import (
	"maps"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// Tracker makes Views out of gossip's, and looks at a section only when it is another than the last time. The zero
// value is ready for use. One goroutine uses it; the Views that it makes may be used by any number.
type Tracker struct{ known map[memberKey]tracked }

// memberKey is a member's id; for one that the roster only names it is the name.
type memberKey struct {
	id   record.ID
	name string
}

func keyOf(m *gossip.Member) memberKey {
	if m.ID.IsZero() {
		return memberKey{name: m.Name}
	}
	return memberKey{id: m.ID}
}

// tracked is one member between Updates: what it told, and in which records.
type tracked struct {
	node, specs record.Stamp
	told        *Told
}

// Update makes the View of what gossip knows now. A member of which nothing changed has the same Told as in the View
// before. now is for members whose loss gossip gives no moment for.
func (t *Tracker) Update(v *gossip.View, now time.Time) *View {
	if t.known == nil {
		t.known = make(map[memberKey]tracked, len(v.Members))
	}
	out := &View{Cluster: v.Cluster, Self: v.Self, Settled: v.Settled, Members: make([]Member, 0, len(v.Members))}
	for i := range v.Members {
		m := &v.Members[i]
		before := t.known[keyOf(m)]
		after := before.update(m, v.Settled, now)
		if after.told != before.told {
			t.known[keyOf(m)] = after
		}
		out.Members = append(out.Members, Member{m, after.told})
	}
	if len(t.known) > len(v.Members) {
		t.sweep(v)
	}
	return out
}

// sweep drops members that gossip no longer knows.
func (t *Tracker) sweep(v *gossip.View) {
	present := make(map[memberKey]bool, len(v.Members))
	for i := range v.Members {
		present[keyOf(&v.Members[i])] = true
	}
	maps.DeleteFunc(t.known, func(key memberKey, _ tracked) bool { return !present[key] })
}

func (one tracked) update(m *gossip.Member, settled bool, now time.Time) tracked {
	// The stamp of a section that is not there is zero, which no record has.
	node, specs := m.Sections[SectionNode], m.Sections[SectionSpecs]
	left, lost := m.State == gossip.StateLeft, one.lostAt(m, settled, now)
	if old := one.told; old != nil && one.node == node.Stamp && one.specs == specs.Stamp &&
		old.name == m.Name && old.left == left && old.Lost.Equal(lost) {
		return one
	}
	next := &Told{}
	if one.told != nil {
		*next = *one.told
	}
	next.name, next.left, next.Lost = m.Name, left, lost
	if one.node != node.Stamp {
		next.takeNode(node)
	}
	if one.specs != specs.Stamp {
		next.takeSpecs(specs)
	}
	return tracked{node.Stamp, specs.Stamp, next}
}

// lostAt is since when the member is unreachable to this host; zero: it is not.
func (one tracked) lostAt(m *gossip.Member, settled bool, now time.Time) time.Time {
	switch {
	case !unreachable(m, settled):
		return time.Time{}
	case !m.Since.IsZero():
		now = m.Since
	case one.told != nil && !one.told.Lost.IsZero():
		return one.told.Lost
	}
	return now.Truncate(time.Second) // which is all that Kubernetes keeps of a moment
}

// unreachable says whether nobody posts the member's status any more. Of a member that has only not been heard of yet
// after a start that is not said: every restart would make the whole fleet unreachable for some seconds.
func unreachable(m *gossip.Member, settled bool) bool {
	switch {
	case m.Self || m.State == gossip.StateAlive:
		return false
	case m.State == gossip.StateUnknown:
		return settled
	}
	return true
}

// takeNode takes a section over. One that cannot be decoded leaves what was told before; one that is gone does not.
func (t *Told) takeNode(s records.Section) {
	if s.Stamp.IsZero() {
		t.Facts, t.FactsAt, t.node = nil, time.Time{}, body{}
		return
	}
	_, facts, err := DecodeNode(s.Body)
	if t.node.problem = err; err == nil {
		t.Facts, t.FactsAt, t.node.bytes = &facts, s.ReceivedAt, s.Body
	}
}

// takeSpecs is takeNode for the other section.
func (t *Told) takeSpecs(s records.Section) {
	if s.Stamp.IsZero() {
		t.SpecsAt, t.specs = time.Time{}, body{}
		return
	}
	_, err := DecodeSpecs(s.Body)
	if t.specs.problem = err; err == nil {
		t.SpecsAt, t.specs.bytes = s.ReceivedAt, s.Body
	}
}
