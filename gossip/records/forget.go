package records

import (
	"errors"
	"fmt"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// Forget drops all records of a member and refuses them from now on, for ever, unless its generation is higher than
// every one that was seen of it: a host that is started again is a member again. Of a member that is not known, records
// up to the present moment are refused, so that one and the same command can be given on every host. Its name is free
// again.
//
// It is local to this host: if one member could make others forget, whoever has the gossip key could. It is on disk
// before it returns; the error is ErrNotSaved where that failed and the member is forgotten only until the next start.
func (t *Table) Forget(id record.ID) error {
	err := t.change(func(now time.Time) ([]frame, error) {
		if id == t.self {
			return nil, errors.New("this host cannot forget itself: do it on the others")
		}
		return t.forget(id, now), nil
	})
	if err != nil {
		return fmt.Errorf("forget member %s: %w", id, err)
	}
	return nil
}

// ForgetAll is Forget for many at once, with one write to the disk. This host itself is passed over.
func (t *Table) ForgetAll(ids []record.ID) error {
	err := t.change(func(now time.Time) (frames []frame, _ error) {
		for _, id := range ids {
			if id != t.self {
				frames = append(frames, t.forget(id, now)...)
			}
		}
		return frames, nil
	})
	if err != nil {
		return fmt.Errorf("forget %d members: %w", len(ids), err)
	}
	return nil
}

// change makes a change that an operator asked for: in memory, then on disk.
func (t *Table) change(do func(now time.Time) (frames []frame, err error)) error {
	t.disk.mu.Lock()
	defer t.disk.mu.Unlock()
	frames, err := t.locked(do)
	if err != nil || len(frames) == 0 {
		return err
	}
	if err := t.disk.commit(frames...); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	return nil
}

func (t *Table) locked(do func(now time.Time) ([]frame, error)) ([]frame, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return do(time.Now())
}

// forget buries a member and gives the frames that say so.
func (t *Table) forget(id record.ID, now time.Time) []frame {
	name, pinned := t.pins.byID[id]
	up := uint64(max(now.Unix(), 1))
	if m := t.member(id); m != nil {
		up = m.newest()
	}
	t.bury(id, up)
	frames := []frame{tombstoneFrame(id, t.tombstones[id])}
	if pinned && t.closed[name] {
		// A claim may have come a moment ago: nobody may inherit after a crash either.
		frames = append(frames, closedFrame(name, true))
	}
	return frames
}

// bury forgets a member up to a generation. What is newer stays: then it is a member again.
func (t *Table) bury(id record.ID, up uint64) {
	t.tombstones[id] = max(t.tombstones[id], up)
	if m := t.member(id); m != nil {
		t.drop(m)
		delete(t.known, id)
		t.restoreNewer(m)
	}
	if name, ok := t.pins.byID[id]; ok && t.member(id) == nil {
		t.unpin(name)
	}
	t.lose(id)
}

// restoreNewer takes those records of a member that was dropped which its tombstone does not cover.
func (t *Table) restoreNewer(m *member) {
	for _, e := range m.entries {
		rec, err := record.Decode(e.encoded)
		if err == nil && !t.forgotten(m.id, e.stamp) {
			t.install(rec, e.received)
		}
	}
}

// forgotten says whether a record of this member and stamp is refused.
func (t *Table) forgotten(id record.ID, stamp record.Stamp) bool {
	if _, listed := t.roster.forgotten[id]; listed {
		return true
	}
	up, ok := t.tombstones[id]
	return ok && stamp.Generation <= up
}
