package records

import (
	"errors"
	"fmt"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// pins says to whom each name belongs. A member has at most one name pinned, the one of its newest readable profile; where it
// has none that can be read, the pin stays.
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
	m.profile.Name = name
	t.reshape = true
	if name == "" {
		return
	}
	if old, ok := t.pins.byID[m.id]; ok && old != name {
		t.unpin(old)
	}
	// This host knows who it is, whatever it was told before.
	if _, taken := t.pins.byName[name]; !taken || m.id == t.self {
		t.pin(name, m.id)
	}
}

func (t *Table) pin(name string, id record.ID) {
	t.pins.set(name, id)
	t.dirty.addPin(name)
	t.reshape = true
	t.changed()
}

// unpin takes a name from its member. Where others use it too it goes to the one with the lowest id.
func (t *Table) unpin(name string) {
	old := t.pins.byName[name]
	t.pins.remove(name)
	t.reshape = true
	t.changed()
	var heir *member
	for _, m := range t.order {
		if m.profile.Name == name && m.id != old && (heir == nil || m.id.Compare(heir.id) < 0) {
			heir = m
		}
	}
	if heir != nil {
		t.pin(name, heir.id)
	}
}

// Trust pins the name of a member to it. The member to which it was pinned before is forgotten, as by Forget. It is how an operator says that a host with a new key is the one that it claims to be. It is local to
// this host and on disk before it returns.
//
// The error is ErrUnknown where no such member has told its name, ErrNotSaved where the change is in effect but not on disk.
func (t *Table) Trust(id record.ID) error {
	err := t.change(func(now time.Time) ([]frame, error) { return t.trust(id, now) })
	if err != nil {
		return fmt.Errorf("trust member %s: %w", id, err)
	}
	return nil
}

func (t *Table) trust(id record.ID, now time.Time) ([]frame, error) {
	m := t.member(id)
	if m == nil || m.profile.Name == "" {
		return nil, fmt.Errorf("%w: nothing was heard of it, or not yet its name: dsctl members shows the ids that are known", ErrUnknown)
	}
	name := m.profile.Name
	if key, listed := t.roster.keys[name]; listed && key != id {
		return nil, fmt.Errorf("the roster has another key for %q: change it there", name)
	}
	old, taken := t.pins.byName[name]
	if old == id {
		return nil, nil
	}
	if taken && old == t.self {
		return nil, errors.New("it has this host's own name: change the name of one of them")
	}
	var frames []frame
	if taken {
		t.forget(old, now)
		frames = append(frames, tombstoneFrame(old, t.tombstones[old]))
	}
	t.pin(name, id)
	return append(frames, pinFrame(name, id)), nil
}
