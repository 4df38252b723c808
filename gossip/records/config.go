package records

import (
	"cmp"
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
	// Keep gives the bytes that are held for an accepted record: equal to its argument, which is the caller's buffer, but
	// not it, and never changed afterwards. Nil: a copy. Simulations of many members in one process share one copy among
	// all tables.
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
	// more than twice MaxBytes. Members whose keys the roster has do not count. 0: 64 MiB.
	MaxBytes int
	// NewAtOnce is how many identities that the roster does not name are admitted at once, NewPerSecond how many in a
	// second after that. Whoever has the gossip key can make up as many as it likes. 0: 2,048, and 16.
	NewAtOnce, NewPerSecond int
	// MaxHeld is how many members are kept under a name that is another one's. 0: 4.
	MaxHeld int
	// MaxClosed is how many names are remembered since two have claimed them; further claims are refused. 0: 4,096.
	MaxClosed int
}

// Defaults of Limits.
const (
	DefaultMaxMembers   = 20_000
	DefaultMaxSections  = 8
	DefaultMaxBytes     = 64 << 20
	DefaultNewAtOnce    = 2048
	DefaultNewPerSecond = 16
	DefaultMaxHeld      = 4
	DefaultMaxClosed    = 4096
)

func (l Limits) withDefaults() Limits {
	l.MaxMembers = cmp.Or(l.MaxMembers, DefaultMaxMembers)
	l.MaxSections = cmp.Or(l.MaxSections, DefaultMaxSections)
	l.MaxBytes = cmp.Or(l.MaxBytes, DefaultMaxBytes)
	l.NewAtOnce = cmp.Or(l.NewAtOnce, DefaultNewAtOnce)
	l.NewPerSecond = cmp.Or(l.NewPerSecond, DefaultNewPerSecond)
	l.MaxHeld = cmp.Or(l.MaxHeld, DefaultMaxHeld)
	l.MaxClosed = cmp.Or(l.MaxClosed, DefaultMaxClosed)
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
	case min(c.Limits.MaxMembers, c.Limits.MaxSections, c.Limits.MaxBytes, c.Limits.NewAtOnce, c.Limits.NewPerSecond,
		c.Limits.MaxHeld, c.Limits.MaxClosed) < 0:
		return fmt.Errorf("open the member table: a limit is negative: %+v", c.Limits)
	}
	return nil
}
