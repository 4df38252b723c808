package fleet

import (
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/store"
)

// Tracker makes Views out of gossip's, and decodes a section only when it is another than the last time. The zero value
// is ready for use. One goroutine uses it; the Views that it makes may be used by any number.
type Tracker struct {
	known map[memberKey]*tracked
	words words
}

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

// Update makes the View of what gossip knows now. Of a member of which nothing changed it has what the View before had, the
// same pointers. now is for members whose loss gossip gives no moment for.
func (t *Tracker) Update(v *gossip.View, now time.Time) *View {
	out := &View{Cluster: v.Cluster, Self: v.Self, Settled: v.Settled, Members: make([]Member, 0, len(v.Members))}
	if t.known == nil {
		t.known = make(map[memberKey]*tracked, len(v.Members))
	}
	for i := range v.Members {
		m := &v.Members[i]
		out.Members = append(out.Members, Member{m, t.member(m, v.Settled, now)})
	}
	if len(t.known) > len(v.Members) {
		t.sweep(v)
	}
	return out
}

func (t *Tracker) member(m *gossip.Member, settled bool, now time.Time) *Told {
	one := t.known[keyOf(m)]
	if one == nil {
		one = &tracked{}
		t.known[keyOf(m)] = one
	}
	return one.update(m, settled, now, &t.words)
}

// sweep drops members that gossip no longer knows.
func (t *Tracker) sweep(v *gossip.View) {
	present := make(map[memberKey]bool, len(v.Members))
	for i := range v.Members {
		present[keyOf(&v.Members[i])] = true
	}
	maps.DeleteFunc(t.known, func(key memberKey, _ *tracked) bool { return !present[key] })
}

// tracked is one member between Updates.
type tracked struct {
	name string
	left bool
	// lost is since when it is unreachable; zero when it is not.
	lost  time.Time
	node  kept[Facts]
	specs kept[Specs]
	told  *Told
}

func (one *tracked) update(m *gossip.Member, settled bool, now time.Time, words *words) *Told {
	changed := one.told == nil || one.name != m.Name
	one.name = m.Name
	changed = one.node.update(m.Sections, SectionNode, func(body []byte) (*Facts, error) { return decodeNamed(body, m.Name, words) }) || changed
	changed = one.specs.update(m.Sections, SectionSpecs, func(body []byte) (*Specs, error) { return decodeSpecs(body, words) }) || changed
	if lost, left := one.lostAt(m, settled, now), m.State == gossip.StateLeft; !lost.Equal(one.lost) || left != one.left {
		one.lost, one.left, changed = lost, left, true
	}
	if changed {
		one.told = one.tell()
	}
	return one.told
}

// decodeNamed is decodeNode for a node that goes by a name.
func decodeNamed(body []byte, name string, words *words) (*Facts, error) {
	facts, err := decodeNode(body, words)
	if err == nil {
		facts.Node.Name = name
	}
	return facts, err
}

// lostAt is since when the member is unreachable to this host; zero: it is not.
func (one *tracked) lostAt(m *gossip.Member, settled bool, now time.Time) time.Time {
	switch {
	case !unreachable(m, settled):
		return time.Time{}
	case !m.Since.IsZero():
		now = m.Since
	case !one.lost.IsZero():
		return one.lost
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

func (one *tracked) tell() *Told {
	told := &Told{
		Facts: one.node.value, FactsAt: one.node.at, Specs: one.specs.value, SpecsAt: one.specs.at, Lost: one.lost,
		Node: one.makeNode(),
	}
	for _, p := range []Problem{{SectionNode, one.node.problem}, {SectionSpecs, one.specs.problem}} {
		if p.Err != nil {
			told.Problems = append(told.Problems, p)
		}
	}
	return told
}

// makeNode is the facts' own node where that will do: there may be ten thousand of them.
func (one *tracked) makeNode() *corev1.Node {
	var n *corev1.Node
	switch facts := one.node.value; {
	case facts == nil:
		n = &corev1.Node{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}, ObjectMeta: metav1.ObjectMeta{Name: one.name}}
	case facts.Node.Name == one.name:
		n = facts.Node
	default:
		renamed := *facts.Node
		renamed.Name = one.name
		n = &renamed
	}
	if !one.lost.IsZero() {
		n = Unreachable(n, one.lost)
	}
	if one.left {
		n = markLeft(n)
	}
	return n
}

func markLeft(n *corev1.Node) *corev1.Node {
	out := *n
	out.Annotations = maps.Clone(n.Annotations)
	metav1.SetMetaDataAnnotation(&out.ObjectMeta, AnnotationLeft, "true")
	return &out
}

// kept is a section decoded, and where the newest one cannot be decoded, the last one that could.
type kept[T any] struct {
	stamp   record.Stamp
	value   *T
	at      time.Time
	problem error
}

// update says whether the section is another than before.
func (k *kept[T]) update(sections map[string]store.Section, name string, decode func([]byte) (*T, error)) bool {
	s := sections[name] // the stamp of none is zero, which is no stamp of a record
	if s.Stamp == k.stamp {
		return false
	}
	if s.Stamp.IsZero() {
		*k = kept[T]{}
		return true
	}
	value, err := decode(s.Body)
	k.stamp, k.problem = s.Stamp, err
	if err == nil {
		k.value, k.at = value, s.ReceivedAt
	}
	return true
}
