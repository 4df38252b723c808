package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/agent/nodecolumns"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// id is a member's id made from a number.
func id(n int) record.ID { return record.ID{0: 1, 14: byte(n >> 8), 15: byte(n)} }

func section(version uint64, received time.Time, body []byte) records.Section {
	return records.Section{Stamp: record.Stamp{Generation: 1, Version: version}, Body: body, ReceivedAt: received}
}

// exampleMember is alive, trusted and has told all.
func exampleMember(t testing.TB, n int) gossip.Member {
	t.Helper()
	node, _ := encodeNode(t, exampleNode(), exampleExtras())
	specs, _ := encodeSpecs(t, exampleFiles(), false)
	return gossip.Member{
		ID: id(n), Name: fmt.Sprintf("host-%d", n), State: gossip.StateAlive, Standing: records.Trusted, LastHeard: epoch.Add(time.Minute),
		Sections: map[string]records.Section{SectionNode: section(1, epoch, node), SectionSpecs: section(1, epoch, specs), "member": section(9, epoch, []byte("not ours"))},
	}
}

// with is the member with one section more or another.
func with(m gossip.Member, name string, s records.Section) gossip.Member {
	m.Sections = maps.Clone(m.Sections)
	if m.Sections == nil {
		m.Sections = map[string]records.Section{}
	}
	m.Sections[name] = s
	return m
}

func viewOf(members ...gossip.Member) *gossip.View {
	slices.SortFunc(members, func(a, b gossip.Member) int { return cmp.Or(cmp.Compare(a.Name, b.Name), a.ID.Compare(b.ID)) })
	return &gossip.View{Cluster: "c", Self: id(0), Members: members, Settled: true}
}

func TestTrackerTold(t *testing.T) {
	var tracker Tracker
	v := tracker.Update(viewOf(exampleMember(t, 1)), epoch)
	if v.Cluster != "c" || v.Self != id(0) || !v.Settled || len(v.Members) != 1 {
		t.Fatalf("%+v", v)
	}
	m := v.Members[0]
	want := exampleNode()
	want.Name = "host-1"
	if diff := gocmp.Diff(want, m.Node()); diff != "" {
		t.Errorf("node (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(exampleExtras(), m.Facts.Extras); diff != "" {
		t.Errorf("extras (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(exampleFiles(), m.Specs().Files); diff != "" {
		t.Errorf("specs (-want +got):\n%s", diff)
	}
	if !m.FactsAt.Equal(epoch) || !m.SpecsAt.Equal(epoch) || !m.Lost.IsZero() || len(m.Problems()) > 0 {
		t.Errorf("%+v", m.Told)
	}
}

// TestTrackerStates: what other hosts must see of a member in each state.
func TestTrackerStates(t *testing.T) {
	since := epoch.Add(3*time.Hour + 500*time.Millisecond)
	for name, c := range map[string]struct {
		state   gossip.State
		self    bool
		settled bool
		since   time.Time
		silent  bool
		lost    time.Time
		status  string
	}{
		"alive":                   {state: gossip.StateAlive, settled: true, since: since, status: "Ready"},
		"failed":                  {state: gossip.StateFailed, settled: true, since: since, lost: since.Truncate(time.Second), status: "NotReady"},
		"failed, unsettled":       {state: gossip.StateFailed, since: since, lost: since.Truncate(time.Second), status: "NotReady"},
		"failed, no moment":       {state: gossip.StateFailed, settled: true, lost: epoch, status: "NotReady"},
		"left":                    {state: gossip.StateLeft, settled: true, since: since, lost: since.Truncate(time.Second), status: "NotReady,Left"},
		"unknown":                 {state: gossip.StateUnknown, settled: true, lost: epoch, status: "NotReady"},
		"unknown after a restart": {state: gossip.StateUnknown, status: "Ready"},
		"self":                    {state: gossip.StateUnknown, self: true, settled: true, status: "Ready"},
		"self, leaving":           {state: gossip.StateLeft, self: true, settled: true, since: since, status: "Ready,Left"},
		"alive, silent":           {state: gossip.StateAlive, settled: true, silent: true, status: "Unknown"},
		"failed, silent":          {state: gossip.StateFailed, settled: true, since: since, silent: true, lost: since.Truncate(time.Second), status: "NotReady"},
	} {
		t.Run(name, func(t *testing.T) {
			m := exampleMember(t, 1)
			n := exampleNode()
			n.Spec = corev1.NodeSpec{}
			n.Status.Conditions[2].Status = corev1.ConditionTrue
			body, _ := encodeNode(t, n, Extras{})
			m = with(m, SectionNode, section(2, epoch, body))
			m.State, m.Self, m.Since = c.state, c.self, c.since
			if c.silent {
				m.Sections = nil
			}
			in := viewOf(m)
			in.Settled = c.settled
			var tracker Tracker
			got := tracker.Update(in, epoch).Members[0]
			if !got.Lost.Equal(c.lost) {
				t.Errorf("lost at %v, want %v", got.Lost, c.lost)
			}
			node := got.Node()
			if s := nodecolumns.Status(node); s != c.status {
				t.Errorf("status %q, want %q", s, c.status)
			}
			if node.Name != "host-1" || node.Kind != "Node" {
				t.Errorf("%s %q", node.Kind, node.Name)
			}
			wantTaints := 0
			if !c.lost.IsZero() {
				wantTaints = 2
			}
			if len(node.Spec.Taints) != wantTaints {
				t.Errorf("taints %v", node.Spec.Taints)
			}
			// Time alone changes nothing.
			if later := tracker.Update(in, epoch.Add(time.Hour)).Members[0]; later.Told != got.Told {
				t.Error("another Told an hour later")
			}
		})
	}
}

// TestTrackerBack: a member that answers again is as it was, and lost anew when it fails again.
func TestTrackerBack(t *testing.T) {
	var tracker Tracker
	m := exampleMember(t, 1)
	alive := tracker.Update(viewOf(m), epoch).Members[0]
	m.State = gossip.StateFailed
	failed := tracker.Update(viewOf(m), epoch.Add(time.Minute)).Members[0]
	m.State = gossip.StateAlive
	back := tracker.Update(viewOf(m), epoch.Add(2*time.Minute)).Members[0]
	m.State = gossip.StateFailed
	again := tracker.Update(viewOf(m), epoch.Add(3*time.Minute)).Members[0]
	if !failed.Lost.Equal(epoch.Add(time.Minute)) || !again.Lost.Equal(epoch.Add(3*time.Minute)) {
		t.Errorf("lost at %v, then at %v", failed.Lost, again.Lost)
	}
	if alive.Facts != back.Facts {
		t.Error("what is known of it was made anew")
	}
	if diff := gocmp.Diff(alive.Node(), back.Node()); diff != "" {
		t.Error(diff)
	}
}

// TestTrackerUndecodable: a section that cannot be decoded is that member's problem, and what it told before stays.
func TestTrackerUndecodable(t *testing.T) {
	var tracker Tracker
	bad, good, never := exampleMember(t, 1), exampleMember(t, 2), exampleMember(t, 3)
	never = with(never, SectionNode, section(1, epoch, []byte("never good")))
	before := tracker.Update(viewOf(bad, good, never), epoch)
	bad = with(bad, SectionNode, section(2, epoch.Add(time.Hour), []byte{0xff}))
	bad = with(bad, SectionSpecs, section(2, epoch.Add(time.Hour), nil))
	v := tracker.Update(viewOf(bad, good, never), epoch.Add(time.Hour))
	m := v.Members[0]
	if len(m.Problems()) != 2 || m.Problems()[0].Section != SectionNode || m.Problems()[1].Section != SectionSpecs || !errors.Is(m.Problems()[0].Err, ErrMalformed) {
		t.Errorf("problems %v", m.Problems())
	}
	if m.Facts != before.Members[0].Facts || !m.FactsAt.Equal(epoch) || gocmp.Diff(m.Specs(), before.Members[0].Specs()) != "" {
		t.Error("what it told before is not kept, with its moment")
	}
	if v.Members[1].Told != before.Members[1].Told {
		t.Error("another member was touched")
	}
	if m := v.Members[2]; m.Facts != nil || len(m.Problems()) != 1 || m.Node() == nil || m.Specs() == nil {
		t.Errorf("%+v", m.Told)
	}
	mended := with(bad, SectionNode, section(3, epoch.Add(2*time.Hour), exampleMember(t, 1).Sections[SectionNode].Body))
	mended = with(mended, SectionSpecs, section(3, epoch.Add(2*time.Hour), exampleMember(t, 1).Sections[SectionSpecs].Body))
	if m := tracker.Update(viewOf(mended, good, never), epoch).Members[0]; len(m.Problems()) > 0 || !m.FactsAt.Equal(epoch.Add(2*time.Hour)) {
		t.Errorf("mended: %+v", m.Told)
	}
}

// TestTrackerDecodesOnce: the body is not looked at while the stamp is the same.
func TestTrackerDecodesOnce(t *testing.T) {
	var tracker Tracker
	m := exampleMember(t, 1)
	first := tracker.Update(viewOf(m), epoch).Members[0]
	m = with(m, SectionNode, section(1, epoch, []byte("never read")))
	m.LastHeard, m.RTT = epoch.Add(time.Hour), time.Second
	if again := tracker.Update(viewOf(m), epoch).Members[0]; again.Told != first.Told || again.RTT != time.Second {
		t.Error("made anew, or gossip's own part is an old one")
	}
}

// TestTrackerRenamed: one id that goes by another name, and one name that goes to another id.
func TestTrackerRenamed(t *testing.T) {
	var tracker Tracker
	m := exampleMember(t, 1)
	old := tracker.Update(viewOf(m), epoch).Members[0]
	m.Name = "other"
	if got := tracker.Update(viewOf(m), epoch).Members[0]; got.Node().Name != "other" || old.Node().Name != "host-1" || got.Facts != old.Facts {
		t.Errorf("now %q, before %q", got.Node().Name, old.Node().Name)
	}
	anew := exampleMember(t, 2)
	anew.Name = "other"
	anew.Sections = nil
	if got := tracker.Update(viewOf(anew), epoch).Members[0]; got.Facts != nil {
		t.Error("what one id told is another's")
	}
	if len(tracker.known) != 1 {
		t.Errorf("%d members are remembered, 1 is there", len(tracker.known))
	}
}

// TestTrackerRoster: members that are known by name alone are each their own.
func TestTrackerRoster(t *testing.T) {
	var tracker Tracker
	a, b := gossip.Member{Name: "a", State: gossip.StateUnknown, Standing: records.Trusted}, gossip.Member{Name: "b", State: gossip.StateUnknown, Standing: records.Trusted}
	v := tracker.Update(viewOf(a, b), epoch)
	if v.Members[0].Node().Name != "a" || v.Members[1].Node().Name != "b" {
		t.Errorf("%q and %q", v.Members[0].Node().Name, v.Members[1].Node().Name)
	}
	if got := v.Members[0].Node().Status.Conditions; len(got) != 4 || got[0].Reason != "NodeStatusNeverUpdated" {
		t.Errorf("conditions %+v", got)
	}
}

// TestTrackerModel: after any history a View is what a Tracker without one makes, but for what only memory can know.
func TestTrackerModel(t *testing.T) {
	good := exampleMember(t, 0).Sections
	rapid.Check(t, func(t *rapid.T) {
		var tracker Tracker
		version := uint64(0)
		members := map[int]gossip.Member{}
		for step := range rapid.IntRange(1, 30).Draw(t, "steps") {
			n := rapid.IntRange(0, 3).Draw(t, "member")
			m, known := members[n]
			version++
			switch act := rapid.IntRange(0, 4).Draw(t, "act"); {
			case !known || act == 0:
				m = gossip.Member{ID: id(n), Name: fmt.Sprint("h", n), State: gossip.StateAlive, Standing: records.Trusted}
			case act == 1:
				delete(members, n)
			case act == 2:
				m.State = rapid.SampledFrom([]gossip.State{gossip.StateAlive, gossip.StateFailed, gossip.StateLeft, gossip.StateUnknown}).Draw(t, "state")
				m.Since = epoch.Add(time.Duration(step) * time.Minute)
			default:
				name := rapid.SampledFrom([]string{SectionNode, SectionSpecs}).Draw(t, "section")
				m = with(m, name, section(version, epoch, good[name].Body))
			}
			if _, there := members[n]; there || !known {
				members[n] = m
			}
			var all []gossip.Member
			for _, m := range members {
				all = append(all, m)
			}
			in := viewOf(all...)
			var fresh Tracker
			if diff := gocmp.Diff(fresh.Update(in, epoch).told(), tracker.Update(in, epoch).told()); diff != "" {
				t.Fatalf("with a history it is another (-want +got):\n%s", diff)
			}
		}
	})
}

// shown is what a member comes to.
type shown struct {
	Node     *corev1.Node
	Specs    *Specs
	Facts    *Facts
	At       [3]time.Time
	Problems []Problem
}

// told is what the members come to, by name.
func (v *View) told() map[string]shown {
	all := map[string]shown{}
	for _, m := range v.Members {
		all[m.Name] = shown{m.Node(), m.Specs(), m.Facts, [3]time.Time{m.FactsAt, m.SpecsAt, m.Lost}, m.Problems()}
	}
	return all
}

// fleetOf is a fleet as there are: the same labels, conditions and versions nearly everywhere.
func fleetOf(tb testing.TB, n int) *gossip.View {
	tb.Helper()
	members := make([]gossip.Member, n)
	specs, _ := encodeSpecs(tb, exampleFiles(), false)
	for i := range members {
		node := exampleNode()
		name := fmt.Sprintf("host-%05d", i)
		node.Labels[corev1.LabelHostname] = name
		for j := range 10 {
			node.Labels[fmt.Sprintf("example.com/label-%d", j)] = fmt.Sprintf("value-%d", i%7)
		}
		node.Spec.Taints = node.Spec.Taints[:1]
		node.Status.Addresses[0].Address = fmt.Sprintf("10.1.%d.%d", i/250, i%250)
		body, _ := encodeNode(tb, node, exampleExtras())
		members[i] = gossip.Member{
			ID: record.ID{0: 2, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}, Name: name, State: gossip.StateAlive, Standing: records.Trusted,
			Sections: map[string]records.Section{SectionNode: section(1, epoch, body), SectionSpecs: section(1, epoch, specs)},
		}
	}
	return viewOf(members...)
}

// BenchmarkTracker: the first look at a fleet, one at which nothing changed, and one at which one member did.
func BenchmarkTracker(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		fleet := fleetOf(b, n)
		b.Run(fmt.Sprintf("first/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var tracker Tracker
				tracker.Update(fleet, epoch)
			}
			var tracker Tracker
			before := heap()
			view := tracker.Update(fleet, epoch)
			b.ReportMetric(float64(heap()-before)/float64(n), "B/member-kept")
			runtime.KeepAlive(view)
			runtime.KeepAlive(&tracker)
		})
		b.Run(fmt.Sprintf("unchanged/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			var tracker Tracker
			for b.Loop() {
				tracker.Update(fleet, epoch)
			}
		})
		b.Run(fmt.Sprintf("nodes/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			var tracker Tracker
			view := tracker.Update(fleet, epoch)
			for b.Loop() {
				for _, m := range view.Counted() {
					_ = m.Node().Name
				}
			}
		})
		b.Run(fmt.Sprintf("one-changed/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			var tracker Tracker
			version := uint64(1)
			for b.Loop() {
				version++
				m := &fleet.Members[n/2]
				*m = with(*m, SectionNode, section(version, epoch, m.Sections[SectionNode].Body))
				tracker.Update(fleet, epoch)
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkFromNode(b *testing.B) {
	large := exampleNode()
	for i := range 500 {
		large.Labels[fmt.Sprintf("feature.node.kubernetes.io/%s%04d", strings.Repeat("x", i%9), i)] = "true"
	}
	for name, n := range map[string]*corev1.Node{"usual": exampleNode(), "500-labels": large} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				encodeNode(b, n, exampleExtras())
			}
		})
	}
}
