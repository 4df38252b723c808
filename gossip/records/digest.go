package records

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// Buckets is the number of parts into which members are divided, by the first byte of their id.
const Buckets = 256

// Digest says in twelve bytes what a table holds: two that hold the same give the same, and two that differ give, but
// for a chance of 2^-64, different ones.
type Digest struct {
	// Root is the XOR of the vector.
	Root uint64
	// Count is the number of records.
	Count uint32
}

// Head is a record without its content.
type Head struct {
	ID      record.ID
	Section string
	Stamp   record.Stamp
}

// BucketSet is a set of buckets. The zero value is empty.
type BucketSet [Buckets / 64]uint64

// Add puts bucket i, below Buckets, into the set.
func (s *BucketSet) Add(i uint8) { s[i/64] |= 1 << (i % 64) }

// Has says whether bucket i is in the set.
func (s BucketSet) Has(i uint8) bool { return s[i/64]&(1<<(i%64)) != 0 }

// Len is the number of buckets in the set.
func (s BucketSet) Len() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// Differing gives the buckets in which two vectors differ.
func Differing(a, b [Buckets]uint64) BucketSet {
	var s BucketSet
	for i := range Buckets {
		if a[i] != b[i] {
			s.Add(uint8(i))
		}
	}
	return s
}

// bucket is one part of the members.
type bucket struct {
	// hash is the XOR of sum over all records. It needs no order and is brought up to date by what changed alone.
	hash    uint64
	members map[record.ID]*member
}

// sum is what one record adds to a digest. All hosts and all versions must agree on it.
func sum(id record.ID, section string, stamp record.Stamp) uint64 {
	b := make([]byte, 0, len(id)+16+record.MaxSection)
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint64(b, stamp.Generation)
	b = binary.BigEndian.AppendUint64(b, stamp.Version)
	b = append(b, section...)
	h := sha256.Sum256(b)
	return binary.BigEndian.Uint64(h[:])
}

// Digest gives the digest of all records.
func (t *Table) Digest() Digest {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := Digest{Count: uint32(t.records)}
	for i := range t.buckets {
		d.Root ^= t.buckets[i].hash
	}
	return d
}

// Vector gives the digest of each bucket.
func (t *Table) Vector() [Buckets]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	var v [Buckets]uint64
	for i := range t.buckets {
		v[i] = t.buckets[i].hash
	}
	return v
}

// Heads gives what is held in some buckets, sorted by id, then by section.
func (t *Table) Heads(buckets BucketSet) []Head {
	t.mu.Lock()
	defer t.mu.Unlock()
	var heads []Head
	for i := range t.buckets {
		if !buckets.Has(uint8(i)) {
			continue
		}
		for _, id := range slices.SortedFunc(maps.Keys(t.buckets[i].members), record.ID.Compare) {
			heads = appendHeads(heads, t.buckets[i].members[id])
		}
	}
	return heads
}

func appendHeads(heads []Head, m *member) []Head {
	for i := range m.entries {
		heads = append(heads, Head{ID: m.id, Section: m.entries[i].section, Stamp: m.entries[i].stamp})
	}
	return heads
}

// Compare orders heads by id, then by section.
func (h Head) Compare(other Head) int {
	return cmp.Or(h.ID.Compare(other.ID), strings.Compare(h.Section, other.Section))
}
