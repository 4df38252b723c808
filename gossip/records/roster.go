package records

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// Roster is what the operator says about who belongs to the fleet. It stands in a file on this host; nothing of it
// comes from other members.
type Roster struct {
	// Members are all members that count; empty: everybody counts.
	Members []RosterMember
	// Forgotten are members of which nothing is kept or accepted, whatever their generation, as long as they stand here.
	// Afterwards they are as if Forget had been called.
	Forgotten []record.ID
}

// RosterMember is one member that is expected.
type RosterMember struct {
	// Name is how it calls itself.
	Name string
	// Key is its public key; nil: the first member that is seen with the name is pinned to it.
	Key ed25519.PublicKey
}

// roster is a Roster made ready for questions.
type roster struct {
	listed    map[string]bool
	keys      map[string]record.ID
	names     map[record.ID]string
	public    map[record.ID]ed25519.PublicKey
	forgotten map[record.ID]struct{}
}

// SetRoster replaces the roster; nil is none. On an error other than ErrNotSaved nothing has changed.
func (t *Table) SetRoster(r *Roster) error {
	next, err := makeRoster(r)
	if err == nil {
		err = t.change(func(now time.Time) ([]frame, error) { return t.enroll(next, now) })
	}
	if err != nil {
		return fmt.Errorf("set the roster of members: %w", err)
	}
	return nil
}

func noRoster() roster {
	return roster{
		listed: map[string]bool{}, keys: map[string]record.ID{}, names: map[record.ID]string{},
		public: map[record.ID]ed25519.PublicKey{}, forgotten: map[record.ID]struct{}{},
	}
}

func makeRoster(r *Roster) (roster, error) {
	next := noRoster()
	if r == nil {
		return next, nil
	}
	for _, m := range r.Members {
		if err := next.add(m); err != nil {
			return roster{}, err
		}
	}
	for _, id := range r.Forgotten {
		if name, ok := next.names[id]; ok {
			return roster{}, fmt.Errorf("member %s is listed with its key as %q and as forgotten: remove one of both", id, name)
		}
		next.forgotten[id] = struct{}{}
	}
	return next, nil
}

func (r roster) add(m RosterMember) error {
	if err := checkName(m.Name); err != nil {
		return err
	}
	if r.listed[m.Name] {
		return fmt.Errorf("member %q is listed twice: remove one", m.Name)
	}
	r.listed[m.Name] = true
	if m.Key == nil {
		return nil
	}
	if len(m.Key) != ed25519.PublicKeySize {
		return fmt.Errorf("the key of member %q has %d bytes, want %d", m.Name, len(m.Key), ed25519.PublicKeySize)
	}
	id := record.IDOf(m.Key)
	if other, ok := r.names[id]; ok {
		return fmt.Errorf("members %q and %q are listed with one key: every host has its own", other, m.Name)
	}
	r.keys[m.Name], r.names[id], r.public[id] = id, m.Name, m.Key
	return nil
}

// enroll puts a roster into effect. It buries those that it says are forgotten.
func (t *Table) enroll(next roster, now time.Time) ([]frame, error) {
	if _, ok := next.forgotten[t.self]; ok {
		return nil, errors.New("this host is listed as forgotten: remove it from the list here")
	}
	t.roster = next
	var frames []frame
	for id := range next.forgotten {
		_, pinned := t.pins.byID[id]
		if t.member(id) != nil || pinned {
			frames = append(frames, t.forget(id, now)...)
		}
	}
	for _, m := range t.order {
		if name := t.roster.names[m.id]; name != "" && m.profile.Name == name {
			t.settle(m.id, name)
			t.disk.wake()
		}
	}
	if t.expel() > 0 {
		// What is left of them on disk goes with the next write.
		t.disk.stale = true
		t.disk.wake()
	}
	t.reshape = true
	t.changed()
	return frames, nil
}

// expected says whether a member is known from elsewhere than its records, so that no limit keeps it out.
func (t *Table) expected(id record.ID) bool {
	_, listed := t.roster.names[id]
	_, pinned := t.pins.byID[id]
	return listed || pinned
}

// expel drops whoever the roster excludes, with the pins: neither memory nor the disk is for those that do not count.
// It says how many they were. When the roster lets them in again they tell everything anew.
func (t *Table) expel() (dropped int) {
	clear(t.outside)
	if len(t.roster.listed) == 0 {
		return 0
	}
	for _, m := range slices.Clone(t.order) {
		if m.id == t.self || !t.excludes(m.id, t.nameKnown(m.id)) {
			continue
		}
		t.outside.add(record.Record{Owner: m.id, Key: m.key[:]}, m.profile.Name)
		t.drop(m)
		dropped++
	}
	for id, name := range t.pins.byID {
		if id != t.self && t.excludes(id, name) {
			t.pins.remove(name)
			dropped++
		}
	}
	for id := range t.known {
		t.lose(id)
	}
	return dropped
}

// open says whether a name is listed for which there is no key.
func (r roster) open() bool { return len(r.keys) < len(r.listed) }

// nameKnown is the name of a member, or the one that was pinned to it.
func (t *Table) nameKnown(id record.ID) string {
	if m := t.member(id); m != nil && m.profile.Name != "" {
		return m.profile.Name
	}
	return t.pins.byID[id]
}

// excludes says whether the roster leaves no place for a member that calls itself by a name; empty: it has not told
// one.
func (t *Table) excludes(id record.ID, name string) bool {
	if len(t.roster.listed) == 0 || id == t.self {
		return false
	}
	if _, keyed := t.roster.names[id]; keyed {
		return false
	}
	_, another := t.roster.keys[name]
	return another || !t.roster.listed[name]
}

// stand says how far a member that uses a name is trusted. See Standing for the rules.
func (t *Table) stand(id record.ID, name string) Standing {
	if len(t.roster.listed) == 0 {
		return t.standByPin(id, name)
	}
	if as, ok := t.roster.names[id]; ok {
		if name == "" || name == as {
			return Trusted
		}
		return Held
	}
	known := cmp.Or(name, t.pins.byID[id])
	switch _, another := t.roster.keys[known]; {
	case id == t.self && another:
		return Held // another host's key is listed under this one's name: it is for the operator to see
	case another || !t.roster.listed[known]:
		return Excluded
	}
	return t.standByPin(id, name)
}

func (t *Table) standByPin(id record.ID, name string) Standing {
	if id == t.self || name != "" && t.pins.byName[name] == id {
		return Trusted
	}
	return Held
}
