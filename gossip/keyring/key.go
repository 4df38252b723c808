package keyring

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
)

// KeySize is the length of a key in bytes: AES-256. memberlist would take AES-128 and AES-192, too; one size leaves
// nothing to choose.
const KeySize = 32

// FingerprintSize is the length of a fingerprint in characters.
const FingerprintSize = 8

// Key is one shared key. Format, String and MarshalText give its fingerprint, so that no log or message shows it by
// accident; Encode gives the key itself.
type Key [KeySize]byte

// Generate makes a key from the system's source of randomness.
func Generate() Key {
	var k Key
	// Read fills the slice or ends the program, by its contract.
	_, _ = rand.Read(k[:])
	return k
}

// ParseKey reads a key as Encode writes it. Its errors do not have the text in them.
func ParseKey(text string) (Key, error) {
	if want := base64.StdEncoding.EncodedLen(KeySize); len(text) != want {
		return Key{}, fmt.Errorf("%d characters, want %d: a key is %d bytes in base64", len(text), want, KeySize)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return Key{}, fmt.Errorf("not base64: a key is %d bytes in standard base64 with padding", KeySize)
	}
	if len(raw) != KeySize {
		return Key{}, fmt.Errorf("%d bytes, want %d", len(raw), KeySize)
	}
	if bytes.Count(raw, raw[:1]) == KeySize {
		return Key{}, fmt.Errorf("%d equal bytes are no secret: make a key with dsctl keyring generate", KeySize)
	}
	return Key(raw), nil
}

// Encode is the key in base64: the secret itself.
func (k Key) Encode() string { return base64.StdEncoding.EncodeToString(k[:]) }

// Fingerprint names a key without telling it: the first 8 hexadecimal digits of its SHA-256.
func (k Key) Fingerprint() string {
	sum := sha256.Sum256(k[:])
	return hex.EncodeToString(sum[:FingerprintSize/2])
}

// String is the fingerprint.
func (k Key) String() string { return k.Fingerprint() }

// Format writes the fingerprint, whatever the verb is.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.Fingerprint()) }

// MarshalText gives the fingerprint; nothing can be decoded from it.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.Fingerprint()), nil }
