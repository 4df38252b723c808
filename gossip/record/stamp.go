package record

import (
	"cmp"
	"math"
	"strconv"
)

// Stamp orders the records of one owner and section. Generations are begun once per start of the owner and lead;
// versions count within a generation. The zero Stamp is older than every record and belongs to none.
//
// As in Cassandra's gossip a generation is the time of the start in seconds since 1970, raised above every generation
// that the owner has used or that others show of it. Nothing here depends on that: any number that only rises will do.
type Stamp struct {
	// Generation is the start of the owner that wrote the record.
	Generation uint64 `cbor:"1,keyasint" json:"generation"`
	// Version counts what the owner wrote since that start.
	Version uint64 `cbor:"2,keyasint" json:"version"`
}

// Compare orders stamps by generation, then by version: -1 where s is older than other, 0 where they are equal, 1 where
// s is newer.
func (s Stamp) Compare(other Stamp) int {
	return cmp.Or(cmp.Compare(s.Generation, other.Generation), cmp.Compare(s.Version, other.Version))
}

// IsZero says that this is the stamp of no record.
func (s Stamp) IsZero() bool { return s == Stamp{} }

// Next is the stamp that follows s: one version further, or one generation where the versions are used up. The very
// last stamp has no next one and gives itself.
func (s Stamp) Next() Stamp {
	switch {
	case s.Version < math.MaxUint64:
		return Stamp{Generation: s.Generation, Version: s.Version + 1}
	case s.Generation < math.MaxUint64:
		return Stamp{Generation: s.Generation + 1}
	}
	return s
}

// String is "generation.version", for logs.
func (s Stamp) String() string {
	return strconv.FormatUint(s.Generation, 10) + "." + strconv.FormatUint(s.Version, 10)
}
