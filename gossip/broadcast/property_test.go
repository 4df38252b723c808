package broadcast

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// model is the queue as one would write it down: all slots in a slice, sorted for every packet.
type model struct {
	self    record.ID
	members int
	slots   []*modelSlot
	// clock numbers the moments at which slots got their place.
	clock   int
	overdue *modelSlot
}

type modelSlot struct {
	key
	stamp               record.Stamp
	msg                 string
	sent, since, passed int
}

func (m *model) find(k key) *modelSlot {
	for _, s := range m.slots {
		if s.key == k {
			return s
		}
	}
	return nil
}

func (m *model) push(k key, stamp record.Stamp, msg string) bool {
	m.clock++
	s := m.find(k)
	if s == nil {
		m.slots = append(m.slots, &modelSlot{key: k, stamp: stamp, msg: msg, since: m.clock})
		return true
	}
	if stamp.Compare(s.stamp) <= 0 {
		return false
	}
	if s.sent > 0 {
		s.since, s.passed = m.clock, 0
		m.onTime(s)
	}
	s.stamp, s.msg, s.sent = stamp, msg, 0
	return true
}

// onTime says that a slot no longer waits as it did.
func (m *model) onTime(s *modelSlot) {
	if m.overdue == s {
		m.overdue = nil
	}
}

func (m *model) remove(owner record.ID) {
	m.slots = slices.DeleteFunc(m.slots, func(s *modelSlot) bool {
		if s.owner == owner {
			m.onTime(s)
		}
		return s.owner == owner
	})
}

// rank is the place of a slot before all others that decide: what is overdue, what is own, what is not.
func (m *model) rank(s *modelSlot) int {
	switch {
	case s == m.overdue:
		return 0
	case s.owner == m.self:
		return 1
	}
	return 2
}

func (m *model) take(overhead, limit int) []string {
	slices.SortFunc(m.slots, func(a, b *modelSlot) int {
		return cmp.Or(m.rank(a)-m.rank(b), a.sent-b.sent, a.since-b.since)
	})
	room := limit
	var out []string
	var waiting []*modelSlot
	var late *modelSlot
	for _, s := range m.slots {
		cost := overhead + len(s.msg)
		switch {
		case room <= overhead:
		case cost <= room:
			room -= cost
			out = append(out, s.msg)
			m.clock++
			s.sent, s.since, s.passed = s.sent+1, m.clock, 0
			m.onTime(s)
			for _, w := range waiting {
				w.passed++
				if late == nil && w.passed >= patience {
					late = w
				}
			}
			waiting = nil
		case cost <= limit:
			waiting = append(waiting, s)
		}
	}
	m.overdue = cmp.Or(m.overdue, late)
	m.slots = slices.DeleteFunc(m.slots, func(s *modelSlot) bool { return s.sent >= Sends(m.members) })
	return out
}

// machine drives the queue and the model side by side.
type machine struct {
	q *Queue
	m *model
	// version makes every message another one; news has what was taken last for each slot.
	version uint64
	news    map[key]string
	sent    map[string]int
}

func newMachine() *machine {
	x := &machine{m: &model{self: record.ID{0}, members: 10}, news: map[key]string{}, sent: map[string]int{}}
	x.q = New(Config{Self: record.ID{0}, Members: func() int { return x.m.members }, MaxSlots: 100})
	return x
}

// push writes to one of a few slots. Lengths are few, so that many messages are equally long.
func (x *machine) push(t *rapid.T) {
	k := key{
		owner:   record.ID{byte(rapid.IntRange(0, 5).Draw(t, "owner"))},
		section: rapid.SampledFrom([]string{"node", "rollout"}).Draw(t, "section"),
	}
	x.version++
	st := stamp(x.version)
	if rapid.IntRange(0, 4).Draw(t, "late") == 0 {
		st = stamp(rapid.Uint64Range(1, x.version).Draw(t, "version"))
	}
	msg := fmt.Sprintf("%06d", x.version) + string(make([]byte, rapid.SampledFrom([]int{0, 0, 0, 1, 40}).Draw(t, "more")))
	want := x.m.push(k, st, msg)
	if got := x.q.Push(k.owner, k.section, st, []byte(msg)); got != want {
		t.Fatalf("push of %v %v: %v, want %v", k, st, got, want)
	}
	if want {
		x.news[k] = msg
	}
}

func (x *machine) take(t *rapid.T) {
	limit := rapid.SampledFrom([]int{0, 8, 9, 12, 20, 50, 100, 1000}).Draw(t, "limit")
	x.compare(t, limit)
}

// trickle has something short and new in every packet, so that what is long and old falls behind.
func (x *machine) trickle(t *rapid.T) {
	limit := rapid.SampledFrom([]int{50, 60}).Draw(t, "limit")
	for range rapid.IntRange(1, 30).Draw(t, "packets") {
		x.version++
		k := key{owner: record.ID{6}, section: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "section")}
		msg := fmt.Sprintf("%06d", x.version)
		x.m.push(k, stamp(x.version), msg)
		x.q.Push(k.owner, k.section, stamp(x.version), []byte(msg))
		x.news[k] = msg
		x.compare(t, limit)
		if rapid.IntRange(0, 3).Draw(t, "also") == 0 {
			x.push(t)
		}
	}
}

func (x *machine) compare(t *rapid.T, limit int) []string {
	want, got := x.m.take(overhead, limit), texts(x.q, overhead, limit)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("packet with room for %d (-want +got):\n%s", limit, diff)
	}
	used := 0
	for _, msg := range got {
		used += overhead + len(msg)
		x.sent[msg]++
	}
	if used > limit {
		t.Fatalf("%d bytes given where %d fit", used, limit)
	}
	return got
}

func (x *machine) remove(t *rapid.T) {
	id := record.ID{byte(rapid.IntRange(0, 5).Draw(t, "owner"))}
	x.m.remove(id)
	x.q.Remove(id)
	for k := range x.news {
		if k.owner == id {
			delete(x.news, k)
		}
	}
}

func (x *machine) grow(t *rapid.T) {
	x.m.members = rapid.IntRange(x.m.members, 3000).Draw(t, "members")
}

func (x *machine) check(t *rapid.T) {
	checkBooks(t, x.q.Stats())
	if got := x.q.Len(); got != len(x.m.slots) {
		t.Fatalf("%d slots, want %d", got, len(x.m.slots))
	}
}

// TestNothingIsLost: whatever is pushed, replaced and taken in whatever order, the newest message of every slot is sent, in
// the order and as often as it should be, and the queue is empty in the end. The number of members only grows here, as a
// shrinking one rightly ends a message early.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newMachine()
		t.Repeat(map[string]func(*rapid.T){"push": x.push, "take": x.take, "trickle": x.trickle, "remove": x.remove, "grow": x.grow, "": x.check})
		for range 1000 {
			if len(x.compare(t, 200)) == 0 {
				break
			}
		}
		if got := x.q.Len(); got != 0 {
			t.Fatalf("%d messages are left", got)
		}
		for k, msg := range x.news {
			// Sent its full number of times for the members that there were when it was sent last, at least.
			if got := x.sent[msg]; got < Sends(10) || got > Sends(x.m.members) {
				t.Fatalf("the newest of %v was sent %d times, want %d to %d", k, got, Sends(10), Sends(x.m.members))
			}
		}
		checkBooks(t, x.q.Stats())
	})
}
