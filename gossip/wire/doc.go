// Package wire is what members say to each other inside memberlist's user messages: frames, decoded with a limit on
// everything before anything is allocated. It is pure.
//
// Three kinds travel in packets and are not signed as frames. A Push carries one record, which is signed itself. A Hint
// says that a record too large for a packet exists, and who has it; it is believed only so far as to ask for that
// record. Pushes is several of these two in one.
//
// The others travel in streams, are sealed by their sender and are meant for one receiver, so that what is wrong with
// them can be laid at somebody's door. Together they are one exchange of anti-entropy:
//
//	a -> b  Vector  a hash for each of 256 buckets of records
//	b -> a  Heads   of the buckets that differ: which records b has, and how new they are
//	a -> b  Want    the records that b has newer, and Bulk, those that a has newer
//	b -> a  Bulk    what was wanted
package wire

import (
	"errors"

	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// Kind says what a frame is.
type Kind byte

// The kinds. Unknown ones are dropped and counted, so that later versions may add some.
const (
	Push   Kind = 1
	Hint   Kind = 2
	Vector Kind = 3
	Heads  Kind = 4
	Want   Kind = 5
	Bulk   Kind = 6
	Pushes Kind = 7
)

// String is the name of the kind for metrics and logs.
func (k Kind) String() string {
	switch k {
	case Push:
		return "push"
	case Hint:
		return "hint"
	case Vector:
		return "vector"
	case Heads:
		return "heads"
	case Want:
		return "want"
	case Bulk:
		return "bulk"
	case Pushes:
		return "pushes"
	}
	return "unknown"
}

// Limits of one frame.
const (
	// Buckets is the number of buckets of a vector.
	Buckets = records.Buckets
	// MaxFrame is the size of the largest frame in bytes.
	MaxFrame = 512 << 10
	// MaxHeads is how many heads one frame may list: with their 34 to 53 bytes they fit into MaxFrame.
	MaxHeads = 8192
	// MaxWant is how many records one frame may ask for.
	MaxWant = 8192
	// MaxBulk is how many bytes of records a sender puts into one frame.
	MaxBulk = 256 << 10
)

var (
	// ErrMalformed is a frame that cannot be decoded.
	ErrMalformed = errors.New("malformed frame")
	// ErrForged is a frame whose seal does not hold.
	ErrForged = errors.New("forged frame")
	// ErrUnknown is a frame of a kind that this version does not know.
	ErrUnknown = errors.New("unknown kind of frame")
)
