package fleet

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/nodecolumns"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// mixedView has one name twice, a member that is held and nothing else, one that left, one that the roster excludes and
// one without a name.
func mixedView(t testing.TB) *View {
	t.Helper()
	self, twin, held, left, excluded, nameless := exampleMember(t, 0), exampleMember(t, 1), exampleMember(t, 2), exampleMember(t, 3), exampleMember(t, 4), exampleMember(t, 5)
	self.Self, self.ID, self.Name, twin.Name = true, id(9), "a", "a"
	held.Name, held.Standing = "held", records.Held
	left.Name, left.State = "left", gossip.StateLeft
	excluded.Name, excluded.Standing = "out", records.Excluded
	nameless.Name, nameless.Standing = "", records.Trusted
	impostor := exampleMember(t, 6)
	impostor.Name, impostor.Standing = "left", records.Held
	var tracker Tracker
	return tracker.Update(viewOf(self, twin, held, left, excluded, nameless, impostor), epoch)
}

func TestNodes(t *testing.T) {
	v := mixedView(t)
	var names []string
	for _, m := range v.Counted() {
		n := m.Node()
		names = append(names, n.Name+" "+nodecolumns.Status(n))
	}
	if want := []string{"a NotReady,SchedulingDisabled", "left NotReady,SchedulingDisabled,Left"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if hosts := v.Specs(); len(hosts) != 1 || hosts[0].Host != "a" || len(hosts[0].Specs.Files) != 3 {
		t.Errorf("specs of %+v", hosts)
	}
}

// TestChanges: what a watch has to say from View to View.
func TestChanges(t *testing.T) {
	var tracker Tracker
	a, b, c, d := exampleMember(t, 1), exampleMember(t, 2), exampleMember(t, 3), exampleMember(t, 4)
	before := tracker.Update(viewOf(a, b, c), epoch)
	a.LastHeard, a.RTT = epoch.Add(time.Hour), time.Second
	b.State = gossip.StateFailed
	after := tracker.Update(viewOf(a, b, d), epoch)
	names := func(members []Member) (names []string) {
		for _, m := range members {
			names = append(names, m.Name)
		}
		return names
	}
	for _, step := range []struct {
		after, before *View
		changed, gone []string
	}{
		{before, nil, []string{"host-1", "host-2", "host-3"}, nil},
		{after, before, []string{"host-2", "host-4"}, []string{"host-3"}},
		{before, after, []string{"host-2", "host-3"}, []string{"host-4"}},
		{after, after, nil, nil},
	} {
		changed, gone := step.after.Changes(step.before)
		if !slices.Equal(names(changed), step.changed) || !slices.Equal(gone, step.gone) {
			t.Errorf("changed %q, gone %q; want %q, %q", names(changed), gone, step.changed, step.gone)
		}
	}
	a.Standing = records.Held
	if changed, gone := tracker.Update(viewOf(a, b, d), epoch).Changes(after); len(changed) != 0 || !slices.Equal(gone, []string{"host-1"}) {
		t.Errorf("of one that no longer counts: changed %q, gone %q", names(changed), gone)
	}
}

func TestLookup(t *testing.T) {
	v := mixedView(t)
	for _, c := range []struct {
		of   string
		want record.ID
		err  error
	}{
		{"a", id(9), nil},
		{id(1).String(), id(1), nil},
		{"left", id(3), nil},
		{"held", record.ID{}, ErrNotTrusted},
		{id(2).String(), id(2), nil},
		{"out", record.ID{}, ErrNotTrusted},
		{"", record.ID{}, ErrNoMember},
		{"nobody", record.ID{}, ErrNoMember},
		{id(77).String(), record.ID{}, ErrNoMember},
	} {
		m, err := v.Lookup(c.of)
		if !errors.Is(err, c.err) {
			t.Errorf("%q: %v, want %v", c.of, err, c.err)
		}
		if err == nil && m.ID != c.want {
			t.Errorf("%q is %s, want %s", c.of, m.ID, c.want)
		}
	}
	for name, want := range map[string]string{"held": "dsctl trust " + id(2).String(), "out": "roster"} {
		if _, err := v.Lookup(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say what to do: %q", err, want)
		}
	}
}

func TestForPlacement(t *testing.T) {
	told, silent, odd := exampleMember(t, 1), exampleMember(t, 2), exampleMember(t, 3)
	silent.Sections = nil
	odd = with(odd, SectionNode, section(4, epoch, []byte("?")))
	var tracker Tracker
	v := tracker.Update(viewOf(told, silent, odd), epoch)
	m, err := v.ForPlacement("host-1")
	if err != nil || m.Node().Labels["disktype"] != "ssd" {
		t.Fatalf("%+v, %v", m, err)
	}
	for name, want := range map[string]string{"host-2": "alive and has not told", "host-3": "malformed"} {
		if _, err := v.ForPlacement(name); !errors.Is(err, ErrNothingTold) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := v.ForPlacement("nobody"); !errors.Is(err, ErrNoMember) {
		t.Errorf("%v", err)
	}
}
