package records

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// ErrNotSaved says that a change is in effect on this host, but is not on its disk: a restart may undo it.
var ErrNotSaved = errors.New("not saved")

// ErrUnknown says that no member has such an id here.
var ErrUnknown = errors.New("unknown member")

// Table is all that one host knows of all members.
//
// Of its two locks the disk's comes first: whoever writes to the disk may look into memory, never the other way round.
type Table struct {
	cluster string
	self    record.ID
	limits  Limits
	log     zerolog.Logger
	verify  func(r record.Record, cluster string) error
	keep    func(encoded []byte) []byte

	counts [outcomeCount]atomic.Uint64
	// view is the newest snapshot; nil when something has changed since.
	view atomic.Pointer[View]
	disk *disk

	mu      sync.Mutex
	buckets [Buckets]bucket
	// order holds every member, as View shows them where reshape is false; silent those without a record.
	order  []*member
	silent []Member
	// reshape: names, standings or the set of members have changed since the last View.
	reshape bool
	records int
	bytes   int
	pins    pins
	// named is how many members call themselves by each name, closed are the names that nobody gets by coming first, since
	// two have claimed them at a time.
	named  map[string]int
	closed map[string]bool
	// known is what is remembered of every identity that has a record or a pin.
	known map[record.ID]known
	// outside are some of those that the roster excludes, for people to see; nothing else is kept of them.
	outside outside
	// admission limits how many new identities are taken; refused is when it last refused one.
	admission *rate.Limiter
	refused   time.Time
	// sections holds one string of each of the usual names of sections, instead of one in every record.
	sections map[string]string
	// tombstones: up to which generation a member is forgotten, for ever.
	tombstones map[record.ID]uint64
	roster     roster
	// generation is that of the next own record.
	generation uint64
	dirty      dirty
	// loading: the file is being read.
	loading bool
}

// Open makes the table from what is on disk. Only a wrong Config is an error: when the disk cannot be read or written,
// the table works in memory and Problem says so.
func Open(c Config) (*Table, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return open(c, linux{}), nil
}

func open(c Config, sys system) *Table {
	t := &Table{
		cluster: c.Cluster, self: c.Self, limits: c.Limits.withDefaults(), log: c.Logger, verify: c.Verify, keep: c.Keep,
		pins: newPins(), roster: noRoster(), sections: map[string]string{}, tombstones: map[record.ID]uint64{},
		named: map[string]int{}, closed: map[string]bool{}, known: map[record.ID]known{}, outside: outside{},
	}
	t.admission = rate.NewLimiter(rate.Limit(t.limits.NewPerSecond), t.limits.NewAtOnce)
	if t.verify == nil {
		t.verify = record.Record.Verify
	}
	if t.keep == nil {
		t.keep = bytes.Clone
	}
	t.disk = newDisk(t, c.Dir, sys)
	t.begin(time.Now())
	t.disk.load()
	t.dirty = newDirty(c.Dir != "")
	t.disk.start()
	return t
}

// begin chooses the generation of this run: not below the clock, so that it is above the forgotten ones when the disk
// was lost or restored. What is read from the disk then raises it above all that this host has used; so a clock that
// went back does no harm, nor one that went forward.
func (t *Table) begin(now time.Time) { t.generation = uint64(max(now.Unix(), 1)) }

// raise brings the next generation above a stamp.
func (t *Table) raise(s record.Stamp) {
	if s.Generation >= t.generation {
		t.generation = record.Stamp{Generation: s.Generation, Version: ^uint64(0)}.Next().Generation
	}
}

// Generation is that of this run. It rises when others show newer records of this host than it had, and never falls.
func (t *Table) Generation() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.generation
}

// Sections are the sections of a member of which there is a record.
func (t *Table) Sections(id record.ID) (sections []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := t.member(id); m != nil {
		for i := range m.entries {
			sections = append(sections, m.entries[i].section)
		}
	}
	return sections
}

// NextStamp is the stamp that the next own record of a section has to have: above the last one, above every one that
// was used before this run, and above every one of this host's that others have shown. It stays the same until Put or
// Offer bring something newer; the caller sees to it that one Put follows another.
func (t *Table) NextStamp(section string) record.Stamp {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := record.Stamp{Generation: t.generation}
	if e := t.member(t.self).entry(section); e != nil && e.stamp.Compare(next) > 0 {
		next = e.stamp
	}
	return next.Next()
}

// Put keeps a new record of this host. When it returns nil the record is on disk. The error is ErrNotSaved where only
// that failed: the record is then in effect nevertheless, since the fleet should learn what this host has to say though
// its disk be full, and it is written as soon as that is possible. On any other error nothing has changed.
func (t *Table) Put(rec record.Record) error {
	t.disk.mu.Lock()
	defer t.disk.mu.Unlock()
	if err := t.checkPut(rec); err != nil {
		return fmt.Errorf("keep own section %q at %s: %w", rec.Section, rec.Stamp, err)
	}
	now := time.Now()
	err := t.disk.commit(recordFrame(now, rec.Encoded))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.install(rec, now)
	if err != nil {
		return fmt.Errorf("own section %q at %s: %w: %w", rec.Section, rec.Stamp, ErrNotSaved, err)
	}
	return nil
}

func (t *Table) checkPut(rec record.Record) error {
	if rec.Owner != t.self {
		return fmt.Errorf("it is owned by %s, this host is %s", rec.Owner, t.self)
	}
	if err := t.verify(rec, t.cluster); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.member(t.self)
	e := m.entry(rec.Section)
	if e != nil && e.stamp.Compare(rec.Stamp) >= 0 {
		return fmt.Errorf("the table has it at %s already: take NextStamp", e.stamp)
	}
	if e == nil && m != nil && len(m.entries) >= t.limits.MaxSections {
		return fmt.Errorf("there are %d sections already, at most %d are possible", len(m.entries), t.limits.MaxSections)
	}
	return nil
}

// Encoded gives the record that is held, as it is sent. Nobody may change the bytes.
func (t *Table) Encoded(id record.ID, section string) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.member(id).entry(section)
	if e == nil {
		return nil, false
	}
	return e.encoded, true
}

// Key gives the public key of a member of which there is a record; nil otherwise.
func (t *Table) Key(id record.ID) ed25519.PublicKey {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := t.member(id); m != nil {
		return m.key[:]
	}
	return nil
}

// Problem says what is wrong with the disk at this moment; nil: all is well, or nothing is to be kept on disk. The
// error names the path and says what to do.
func (t *Table) Problem() error { return t.disk.trouble() }

// Close writes what is to be written and lets the disk go. The table can still be read.
func (t *Table) Close() error { return t.disk.close() }
