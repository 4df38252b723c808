package records

import "github.com/daemonsetd/daemonsetd/gossip/record"

// dirty is what has changed in memory and is not on disk yet, by name and not by content: it is bounded by what the
// table holds, and what changes twice is written once.
type dirty struct {
	// on: there is a disk.
	on      bool
	records map[slot]struct{}
	pins    map[string]struct{}
	known   map[record.ID]struct{}
	closed  map[string]struct{}
}

// slot is the place of one record.
type slot struct {
	owner   record.ID
	section string
}

func newDirty(on bool) dirty {
	return dirty{
		on: on, records: map[slot]struct{}{}, pins: map[string]struct{}{}, known: map[record.ID]struct{}{},
		closed: map[string]struct{}{},
	}
}

func (d *dirty) addRecord(owner record.ID, section string) {
	if d.on {
		d.records[slot{owner, section}] = struct{}{}
	}
}

func (d *dirty) addPin(name string) {
	if d.on {
		d.pins[name] = struct{}{}
	}
}

func (d *dirty) addKnown(id record.ID) {
	if d.on {
		d.known[id] = struct{}{}
	}
}

func (d *dirty) addClosed(name string) {
	if d.on {
		d.closed[name] = struct{}{}
	}
}

func (d *dirty) clear() {
	clear(d.known)
	clear(d.closed)
	clear(d.records)
	clear(d.pins)
}
