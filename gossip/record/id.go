package record

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
)

// ID says which key signs a member's records: the first 16 bytes of the SHA-256 of its ed25519 public key. Nobody can
// make a second key with the same ID, so an ID needs no registry. It stays the same as long as the key does; a host
// that lost its key is another member.
type ID [16]byte

// idText is the number of characters of an ID's text.
const idText = 26

// encoding gives text of the letters a-z and the digits 2-7, which is a valid DNS label and file name.
var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// IDOf is the ID of the member that signs with the private half of key.
func IDOf(key ed25519.PublicKey) ID {
	sum := sha256.Sum256(key)
	return ID(sum[:len(ID{})])
}

// ParseID reads what String wrote. It accepts that one spelling only: 26 characters, lower case.
func ParseID(text string) (ID, error) {
	raw, err := encoding.DecodeString(text)
	if err != nil || len(text) != idText || encoding.EncodeToString(raw) != text {
		return ID{}, fmt.Errorf("%.64q is not a member's id: want %d characters of a-z and 2-7, as dsctl members shows them",
			text, idText)
	}
	return ID(raw), nil
}

// String is the ID as operators see it: 26 lower-case base32 characters without padding.
func (id ID) String() string { return encoding.EncodeToString(id[:]) }

// IsZero says that no ID was set. No key has this ID.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs by their bytes: -1, 0 or 1.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// MarshalText implements encoding.TextMarshaler with the text of String.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler with ParseID.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}
