package records

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// load reads the file into the table and leaves it so that frames can be appended. It runs before anything else does,
// and again, beside everything else, where that failed.
func (d *disk) load() {
	if d.dir == "" {
		return
	}
	d.unread = false
	if err := d.sys.mkdirAll(d.dir); err != nil {
		d.stale = true
		_ = d.failed("create", "", err) // Problem says it
		return
	}
	file, err := d.sys.open(d.path(logName), true)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		_ = d.rewrite()
	case err != nil:
		d.loadOnly(err)
	default:
		d.file = file
		d.settle(d.read(file))
	}
}

// loadOnly reads a file that cannot be written. One that cannot even be read stays as it is.
func (d *disk) loadOnly(cause error) {
	d.stale = true
	file, err := d.sys.open(d.path(logName), false)
	if err == nil {
		l := d.read(file)
		err = errors.Join(l.state.err, file.Close())
	}
	d.unread = err != nil
	_ = d.failed("open", logName, cause)
}

func (t *Table) setLoading(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loading = on
}

// tidy drops what was read of identities of which nothing else was.
func (t *Table) tidy() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range t.known {
		t.lose(id)
	}
}

// loading is what is known while a file is read.
type loading struct {
	table *Table
	state logState
	// labelled: the file says which cluster it is of; foreign: another one than this.
	labelled, foreign bool
}

func (d *disk) read(file logFile) *loading {
	l := &loading{table: d.table}
	d.table.setLoading(true)
	l.state = readLog(file, l.visit)
	d.table.setLoading(false)
	d.table.tidy()
	return l
}

func (l *loading) visit(kind byte, payload []byte) {
	if kind == kindCluster {
		l.labelled, l.foreign = true, string(payload) != l.table.cluster
	}
	if !l.foreign {
		l.table.restore(kind, payload, l.labelled)
	}
}

// settle makes the file fit to be appended to after it was read.
func (d *disk) settle(l *loading) {
	s := l.state
	d.marker = s.marker
	d.setSize(s.good)
	switch {
	case l.foreign:
		d.setAside("the members on disk are of another cluster", s)
	case s.damaged():
		d.setAside("the members on disk are damaged, what could be read was kept", s)
	case s.frames == 0:
		_ = d.rewrite() // a crash came before the first frame
	case s.good < s.size:
		d.cut(s)
	default:
		d.broken = false
	}
}

// cut takes off what a crash left of the last write.
func (d *disk) cut(s logState) {
	d.table.log.Info().Str(logfield.File, d.path(logName)).Int64(logfield.Count, s.size-s.good).
		Msg("cut bytes of an unfinished write off the members on disk")
	err := d.file.Truncate(s.good)
	d.broken = err != nil
	if err != nil {
		_ = d.failed("cut", logName, err)
	}
}

// setAside keeps the file under another name and begins a new one. One that cannot be kept is not replaced: it would be
// lost.
func (d *disk) setAside(why string, s logState) {
	aside, err := d.sys.setAside(d.path(logName))
	if aside == "" {
		// Another attempt follows with the next thing that is to be written.
		d.stale, d.unread = true, true
		_ = d.file.Close()
		d.file = nil
		_ = d.failed("set aside", logName, err) // Problem says it
		return
	}
	d.aside.Store(&aside)
	d.table.log.Warn().AnErr(logfield.Error, errors.Join(s.err, err)).Str(logfield.File, aside).
		Int(logfield.Count, s.frames).Msg(why)
	_ = d.rewrite()
}

// restore takes over one frame of the file. What is in it was verified when it came; sure is false where it is not
// known whether that was for this cluster.
func (t *Table) restore(kind byte, payload []byte, sure bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch kind {
	case kindRecord:
		t.restoreRecord(payload, sure)
	case kindPin:
		t.restorePin(payload)
	case kindTombstone:
		t.restoreTombstone(payload)
	case kindKnown:
		t.restoreKnown(payload)
	case kindClosed:
		t.restoreClosed(payload)
	}
}

// restoreRecord takes no account of limits: what was known before stays known.
func (t *Table) restoreRecord(payload []byte, sure bool) {
	if len(payload) < 8 {
		return
	}
	received := time.Unix(int64(binary.LittleEndian.Uint64(payload)), 0)
	rec, err := record.Decode(t.keep(payload[8:]))
	if err != nil || !sure && t.verify(rec, t.cluster) != nil {
		return
	}
	e := t.member(rec.Owner).entry(rec.Section)
	if e != nil && e.stamp.Compare(rec.Stamp) >= 0 || t.forgotten(rec.Owner, rec.Stamp) {
		return
	}
	t.install(rec, received)
	if rec.Owner == t.self {
		t.raise(rec.Stamp)
	}
}

func (t *Table) restorePin(payload []byte) {
	const at = len(record.ID{})
	if len(payload) < at || checkName(string(payload[at:])) != nil {
		return
	}
	id, name := record.ID(payload), string(payload[at:])
	if m := t.member(id); m == nil || m.profile.Name == "" || m.profile.Name == name {
		t.pin(name, id)
	}
}

// restoreKnown may come before the records and after them.
func (t *Table) restoreKnown(payload []byte) {
	const at = len(record.ID{})
	if len(payload) != at+8+1 {
		return
	}
	since := int64(binary.LittleEndian.Uint64(payload[at:])) //nolint:gosec // as it was written
	if since <= 0 {
		return
	}
	t.known[record.ID(payload)] = known{since: since, flags: knownFlags(payload[at+8])}
}

func (t *Table) restoreClosed(payload []byte) {
	if len(payload) < 1 || checkName(string(payload[1:])) != nil {
		return
	}
	if payload[0] == 1 {
		t.closed[string(payload[1:])] = true
		return
	}
	delete(t.closed, string(payload[1:]))
}

func (t *Table) restoreTombstone(payload []byte) {
	const at = len(record.ID{})
	if len(payload) != at+8 || record.ID(payload) == t.self {
		return
	}
	t.bury(record.ID(payload), binary.LittleEndian.Uint64(payload[at:]))
}
