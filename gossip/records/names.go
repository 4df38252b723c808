package records

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// pins says to whom each name belongs. A member has at most one name pinned, the one of its newest readable profile;
// where it has none that can be read, the pin stays.
type pins struct {
	byName map[string]record.ID
	byID   map[record.ID]string
}

func newPins() pins { return pins{byName: map[string]record.ID{}, byID: map[record.ID]string{}} }

func (p pins) set(name string, id record.ID) {
	delete(p.byName, p.byID[id])
	delete(p.byID, p.byName[name])
	p.byName[name], p.byID[id] = id, name
}

func (p pins) remove(name string) {
	delete(p.byID, p.byName[name])
	delete(p.byName, name)
}

// rename gives a member the name of its newest profile; the empty one is none, and then the pin stays.
func (t *Table) rename(m *member, name string) {
	t.uncount(m.profile.Name)
	m.profile.Name = name
	t.reshape = true
	if name == "" {
		return
	}
	t.named[name]++
	if old, ok := t.pins.byID[m.id]; ok && old != name {
		t.release(old)
	}
	owner, taken := t.pins.byName[name]
	switch {
	case t.roster.names[m.id] == name:
		t.settle(m.id, name)
	case owner == m.id:
	case m.id == t.self:
		// This host knows who it is, whatever it was told before.
		if taken {
			t.close(name)
		}
		t.pin(name, m.id)
	case taken:
		t.close(name)
	case !t.closed[name]:
		t.pin(name, m.id)
	}
}

// settle gives a name to whom the roster gives it.
func (t *Table) settle(id record.ID, name string) {
	t.reopen(name)
	if t.pins.byName[name] != id {
		t.pin(name, id)
	}
}

// uncount notes that one member fewer has a name.
func (t *Table) uncount(name string) {
	if t.named[name]--; t.named[name] <= 0 {
		delete(t.named, name)
	}
}

// close notes that two have claimed a name at a time. Nobody gets it by coming first, or by staying, from now on: only
// an operator can tell who is meant.
func (t *Table) close(name string) {
	// What is on disk says so itself, in the order in which it happened.
	if t.loading || t.closed[name] {
		return
	}
	t.closed[name] = true
	t.dirty.addClosed(name)
}

// reopen takes close back.
func (t *Table) reopen(name string) {
	if t.closed[name] {
		delete(t.closed, name)
		t.dirty.addClosed(name)
	}
}

// release takes a name from a member that has taken another one. Of several that claim the name nobody gets it; a
// single one does, as it would if it came now.
func (t *Table) release(name string) {
	old := t.pins.byName[name]
	t.unpin(name)
	heirs := slices.DeleteFunc(t.claimants(name), func(m *member) bool { return m.id == old })
	switch len(heirs) {
	case 0:
		t.reopen(name)
	case 1:
		t.reopen(name)
		t.pin(name, heirs[0].id)
	}
}

// claimants are the members that call themselves by a name.
func (t *Table) claimants(name string) (out []*member) {
	if t.named[name] == 0 {
		return nil
	}
	for _, m := range t.order {
		if m.profile.Name == name {
			out = append(out, m)
		}
	}
	return out
}

func (t *Table) pin(name string, id record.ID) {
	t.pins.set(name, id)
	t.dirty.addPin(name)
	t.reshape = true
	t.changed()
}

// unpin takes a name from its member, and gives it to nobody.
func (t *Table) unpin(name string) {
	id := t.pins.byName[name]
	t.pins.remove(name)
	t.lose(id)
	t.reshape = true
	t.changed()
}

// Trust pins the name of a member to it. The member to which it was pinned before is forgotten, as by Forget. It is how
// an operator says that a host with a new key is the one that it claims to be. It is local to this host and on disk
// before it returns.
//
// The error is ErrUnknown where no such member has told its name, ErrNotSaved where the change is in effect but not on
// disk.
func (t *Table) Trust(id record.ID) error {
	err := t.change(func(now time.Time) ([]frame, error) { return t.trust(id, now) })
	if err != nil {
		return fmt.Errorf("trust member %s: %w", id, err)
	}
	return nil
}

func (t *Table) trust(id record.ID, now time.Time) ([]frame, error) {
	m := t.member(id)
	if o := t.outside[id]; m == nil && o.name != "" {
		return nil, fmt.Errorf("the roster has no place for %q, or has another key for it: change it there", o.name)
	}
	if m == nil || m.profile.Name == "" {
		return nil, fmt.Errorf("%w: nothing was heard of it, or not yet its name: dsctl members shows the ids that are known",
			ErrUnknown)
	}
	name := m.profile.Name
	if key, listed := t.roster.keys[name]; listed && key != id {
		return nil, fmt.Errorf("the roster has another key for %q: change it there", name)
	}
	old, taken := t.pins.byName[name]
	k := t.known[id]
	k.flags |= knownByHand
	if old == id {
		// Nobody else gets the name, but from now on it is an operator who says so.
		t.setKnown(id, k)
		return []frame{knownFrame(id, k)}, nil
	}
	if taken && old == t.self {
		return nil, errors.New("it has this host's own name: change the name of one of them")
	}
	var frames []frame
	if taken {
		frames = append(frames, t.forget(old, now)...)
	}
	t.pin(name, id)
	t.setKnown(id, k)
	if len(t.claimants(name)) == 1 {
		t.reopen(name)
	}
	return append(frames, pinFrame(name, id), knownFrame(id, k), closedFrame(name, t.closed[name])), nil
}
