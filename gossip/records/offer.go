package records

import (
	"strconv"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// Outcome is what became of a record that was offered.
type Outcome uint8

// Outcomes. Only with Newer and Own is the record kept.
const (
	// Newer: it was the newest of its owner and section and is kept.
	Newer Outcome = iota
	// Own: it is this host's own and newer than what this host had. It is kept; the caller must publish the section anew,
	// with NextStamp, which now is above it.
	Own
	// Duplicate: one with the same owner, section and stamp is there already. It was not verified.
	Duplicate
	// Older: a newer one of its owner and section is there already. It was not verified.
	Older
	// Forgotten: its owner was forgotten on this host. It was not verified.
	Forgotten
	// Full: a limit is reached. It was not verified.
	Full
	// Forged: it was not signed by its owner for this cluster.
	Forged
	// Malformed: it is no record.
	Malformed
	// Future: its generation is more than ten years ahead of this host's clock. It was not verified.
	Future
	// Outside: there is a roster that leaves no place for its owner, or not under the name that it uses. It was not
	// verified.
	Outside
	// TooFast: more new identities came than are admitted in the time. It was not verified, and may be kept later.
	TooFast

	outcomeCount
)

// String is the outcome in lower case, as a label of metrics.
func (o Outcome) String() string {
	names := [outcomeCount]string{
		"newer", "own", "duplicate", "older", "forgotten", "full", "forged", "malformed",
		"future", "outside", "too-fast",
	}
	if o >= outcomeCount {
		return "outcome " + strconv.Itoa(int(o))
	}
	return names[o]
}

// Kept says that the record is in the table now and was not before.
func (o Outcome) Kept() bool { return o == Newer || o == Own }

// maxAhead is how far a generation may be ahead of this host's clock, in seconds: ten years. It is compared with the
// clock and never with what is held: Cassandra compared with the latter, and nodes that had been up for a year could
// not come back (CASSANDRA-10969). What it prevents is that one broken clock uses up all generations of a member.
const maxAhead = 10 * 366 * 24 * 3600

// Offer merges one record that came from somewhere into the table. What cannot become part of it is dropped before its
// signature is verified, which costs most; several records may be verified at the same time.
//
// Offer keeps a copy of encoded, which stays the caller's. The record is that copy where it was kept; otherwise it has
// no more than owner, section and stamp, as they were claimed, and nothing where it was Malformed.
func (t *Table) Offer(encoded []byte) (record.Record, Outcome) {
	rec, outcome := t.offer(encoded)
	t.counts[outcome].Add(1)
	return rec, outcome
}

func (t *Table) offer(encoded []byte) (record.Record, Outcome) {
	claimed, err := record.Decode(encoded)
	if err != nil {
		return record.Record{}, Malformed
	}
	now := time.Now()
	head := record.Record{Owner: claimed.Owner, Section: claimed.Section, Stamp: claimed.Stamp}
	if o := t.judgeNow(claimed, now); !o.Kept() {
		return head, o
	}
	rec, err := record.Decode(t.keep(encoded))
	if err != nil || t.verify(rec, t.cluster) != nil {
		return head, Forged
	}
	o := t.merge(rec, now)
	if !o.Kept() {
		return head, o
	}
	return rec, o
}

// Takes says whether Offer would keep a record with this head, if it is signed and not too large: whether it is worth
// being asked for. What was forgotten here, or is here already, is not.
func (t *Table) Takes(h Head) bool {
	return t.judgeNow(record.Record{Owner: h.ID, Section: h.Section, Stamp: h.Stamp}, time.Now()).Kept()
}

func (t *Table) judgeNow(rec record.Record, now time.Time) Outcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.judge(rec, now)
}

// merge installs a verified record, unless another came first in the meantime.
func (t *Table) merge(rec record.Record, now time.Time) Outcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.judge(rec, now)
	if !o.Kept() {
		return o
	}
	if t.member(rec.Owner) == nil && !t.free(rec) {
		t.admission.AllowN(now, 1)
	}
	t.install(rec, now)
	if o == Own {
		t.raise(rec.Stamp)
	}
	t.dirty.addRecord(rec.Owner, rec.Section)
	t.disk.wake()
	return o
}

// judge says what would become of a record if its signature holds.
func (t *Table) judge(rec record.Record, now time.Time) Outcome {
	m := t.member(rec.Owner)
	if e := m.entry(rec.Section); e != nil {
		switch c := e.stamp.Compare(rec.Stamp); {
		case c == 0:
			return Duplicate
		case c > 0:
			return Older
		}
	}
	switch {
	case t.forgotten(rec.Owner, rec.Stamp):
		return Forgotten
	case rec.Owner == t.self:
		// Not even a clock in 1970 makes us doubt what we signed ourselves.
		return Own
	case rec.Stamp.Generation > uint64(max(now.Unix(), 0))+maxAhead:
		return Future
	case t.excludesRecord(rec):
		return Outside
	case !t.fits(m, rec) || t.crowded(m, rec):
		return Full
	case m == nil && !t.free(rec) && t.admission.TokensAt(now) < 1:
		t.refused = now
		return TooFast
	}
	return Newer
}

// claimed is the name that a record gives its owner, if it is one that does.
func claimed(rec record.Record) (name string, ok bool) {
	if rec.Section != SectionMember || len(rec.Body) == 0 {
		return "", false
	}
	p, err := DecodeProfile(rec.Body)
	return p.Name, err == nil
}

// excludesRecord says whether the roster keeps a record out. Of a head, which has no body, only what it shows is known.
func (t *Table) excludesRecord(rec record.Record) bool {
	if len(t.roster.listed) == 0 || rec.Owner == t.self {
		return false
	}
	name, ok := claimed(rec)
	if !ok {
		// A profile that is asked for may have a name that is listed without a key.
		return t.excludes(rec.Owner, t.nameKnown(rec.Owner)) && (rec.Section != SectionMember || rec.Body != nil ||
			!t.roster.open())
	}
	if !t.excludes(rec.Owner, name) {
		return false
	}
	if t.member(rec.Owner) == nil {
		t.outside.add(rec, name)
	}
	return true
}

// free says whether a new identity needs no admission: it is expected, or takes a name that the roster lists and nobody
// has.
func (t *Table) free(rec record.Record) bool {
	if t.expected(rec.Owner) || rec.Owner == t.self {
		return true
	}
	name, ok := claimed(rec)
	_, taken := t.pins.byName[name]
	return ok && t.roster.listed[name] && !taken && !t.closed[name]
}

// crowded says whether a record would give its owner a name under which there are as many as may be, beside whom it
// belongs to.
func (t *Table) crowded(m *member, rec record.Record) bool {
	name, ok := claimed(rec)
	if !ok || m != nil && m.profile.Name == name {
		return false
	}
	owner, pinned := t.pins.byName[name]
	if owner == rec.Owner || !pinned && !t.closed[name] {
		return false
	}
	held := t.named[name]
	if o := t.member(owner); pinned && o != nil && o.profile.Name == name {
		held--
	}
	return held >= t.limits.MaxHeld || pinned && !t.closed[name] && len(t.closed) >= t.limits.MaxClosed
}

// fits says whether the limits allow the record.
func (t *Table) fits(m *member, rec record.Record) bool {
	if m == nil {
		return (t.others() < t.limits.MaxMembers || t.free(rec)) && t.fitsBytes(rec.Owner, len(rec.Encoded), len(rec.Encoded))
	}
	e := m.entry(rec.Section)
	if e == nil {
		return len(m.entries) < t.limits.MaxSections && t.fitsBytes(rec.Owner, len(rec.Encoded), m.bytes+len(rec.Encoded))
	}
	grown := len(rec.Encoded) - len(e.encoded)
	return t.fitsBytes(rec.Owner, grown, m.bytes+grown)
}

// fitsBytes says whether a member may grow by so many bytes to so many.
func (t *Table) fitsBytes(id record.ID, grown, to int) bool {
	_, keyed := t.roster.names[id]
	return keyed || grown <= 0 || t.bytes+grown <= t.limits.MaxBytes || to <= t.limits.share()
}

// others counts the members that have records, this host apart.
func (t *Table) others() int {
	if t.member(t.self) != nil {
		return len(t.order) - 1
	}
	return len(t.order)
}
