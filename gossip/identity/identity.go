// Package identity keeps the key that makes a member who it is.
//
// A member is its key: its records are signed with it and its ID is made from it. A host that loses the key comes back
// as another member, the old one stays in everybody's list as failed until somebody forgets it, and two hosts with the
// same key (a disk image that was cloned after the first start) take turns at overwriting each other's records. So the
// file is made once, written so that a crash leaves all of it or nothing, and never replaced: one that cannot be read
// or does not hold together is an error with what to do, not a reason to make another.
package identity

import (
	"crypto/ed25519"
	"fmt"
	"io"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// FileName is the base name of the file in the state directory.
const FileName = "identity.key"

// Identity is who a member is. Printing one shows its ID, never the key.
type Identity struct {
	// Private signs the member's records; it has 64 bytes.
	Private ed25519.PrivateKey `json:"-"`
	// ID is the member's, made from the public key.
	ID record.ID `json:"id"`
	// Created says that the key was made just now: this is a new member.
	Created bool `json:"created,omitempty"`
}

// Generate makes a new identity from 32 bytes of random, which is crypto/rand.Reader but in tests. It is written
// nowhere. The same bytes give the same identity.
func Generate(random io.Reader) (Identity, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return Identity{}, fmt.Errorf("make an identity key: %w", err)
	}
	identity := fromSeed(seed)
	identity.Created = true
	return identity, nil
}

func fromSeed(seed []byte) Identity {
	private := ed25519.NewKeyFromSeed(seed)
	identity := Identity{Private: private}
	identity.ID = record.IDOf(identity.Public())
	return identity
}

// Public is the public half of the key, 32 bytes; nil for the zero Identity.
func (i Identity) Public() ed25519.PublicKey {
	if len(i.Private) != ed25519.PrivateKeySize {
		return nil
	}
	return ed25519.PublicKey(i.Private[ed25519.SeedSize:])
}

// String is the ID's text, so that no log has the key.
func (i Identity) String() string { return i.ID.String() }

// GoString is the ID's text too: %#v shows no key either.
func (i Identity) GoString() string { return "identity.Identity(" + i.String() + ")" }
