package records

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// Config is what a Table is made from.
type Config struct {
	// Cluster is the label that records are signed for.
	Cluster string
	// Self is this host's own member. Its records are made with Put.
	Self record.ID
	// SelfKey is the public key of Self; it may be left out.
	SelfKey ed25519.PublicKey
	// Dir is where members.log lies. It is made when it is missing. Empty: nothing is kept on disk.
	Dir string
	// Limits bound what others can make this host hold. Zero fields have defaults.
	Limits Limits
	// Logger gets what is wrong with the disk, once, and when it is well again.
	Logger zerolog.Logger
	// Verify says whether a record was signed by its owner for the cluster. Nil: record.Record.Verify. Simulations of many
	// members in one process share a cache.
	Verify func(r record.Record, cluster string) error
	// Keep gives the bytes that are held for an accepted record: equal to its argument, which is the caller's buffer, but not
	// it, and never changed afterwards. Nil: a copy. Simulations of many members in one process share one copy among all tables.
	Keep func(encoded []byte) []byte
}

// Limits bound what a Table holds.
type Limits struct {
	// MaxMembers is how many members are admitted, this host apart. Members that are there are never evicted for new ones.
	// 0: 20,000.
	MaxMembers int
	// MaxSections is how many sections one member may have. 0: 8.
	MaxSections int
	// MaxBytes is how much all records together may have, as they are encoded. When it is reached, a member may still have
	// MaxBytes/MaxMembers, or as much as it had before, so that nobody can take that from others; all together are never
	// more than twice MaxBytes. 0: 160 MiB.
	MaxBytes int
}

// Defaults of Limits.
const (
	DefaultMaxMembers  = 20_000
	DefaultMaxSections = 8
	DefaultMaxBytes    = 160 << 20
)

func (l Limits) withDefaults() Limits {
	if l.MaxMembers == 0 {
		l.MaxMembers = DefaultMaxMembers
	}
	if l.MaxSections == 0 {
		l.MaxSections = DefaultMaxSections
	}
	if l.MaxBytes == 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	return l
}

// share is what every member may have in any case.
func (l Limits) share() int { return l.MaxBytes / l.MaxMembers }

func (c Config) validate() error {
	switch {
	case c.Self.IsZero():
		return errors.New("open the member table: Self is not set: load the identity first")
	case c.SelfKey != nil && record.IDOf(c.SelfKey) != c.Self:
		return fmt.Errorf("open the member table: Self is %s, but SelfKey is the key of %s", c.Self, record.IDOf(c.SelfKey))
	case c.Limits.MaxMembers < 0 || c.Limits.MaxSections < 0 || c.Limits.MaxBytes < 0:
		return fmt.Errorf("open the member table: a limit is negative: %+v", c.Limits)
	}
	return nil
}
