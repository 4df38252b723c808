package record

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
)

// Signer signs the records of one member of one cluster. It is safe for use by several goroutines.
type Signer struct {
	cluster string
	key     ed25519.PrivateKey
	id      ID
}

// NewSigner makes the signer of the member with that private key. The label keeps clusters apart that share a gossip
// key: records of one never verify in another. A key that is none is reported by Sign.
func NewSigner(cluster string, key ed25519.PrivateKey) Signer {
	s := Signer{cluster: cluster, key: key}
	if len(key) == ed25519.PrivateKeySize {
		s.id = IDOf(publicKey(key))
	}
	return s
}

// ID is the member that signs.
func (s Signer) ID() ID { return s.id }

// Sign makes the record of one section. The body is copied. It is the caller's business that stamp is higher than every
// one that it has given this section before: nobody takes the record otherwise.
//
// The error is ErrTooLarge where the body has more than MaxBody bytes; others mean a wrong call: a section's name that
// is none, the zero stamp, a key that is none.
func (s Signer) Sign(section string, stamp Stamp, body []byte) (Record, error) {
	if err := s.check(section, stamp, body); err != nil {
		return Record{}, err
	}
	unsigned := Record{Owner: s.id, Section: section, Stamp: stamp, Body: body}
	encoded := make([]byte, 0, sectionAt+len(section)+2*maxUvarint+maxBodyLength+len(body))
	encoded = append(encoded, wireVersion)
	encoded = append(encoded, publicKey(s.key)...)
	encoded = append(encoded, ed25519.Sign(s.key, unsigned.signingInput(s.cluster))...)
	return Decode(appendContent(encoded, unsigned))
}

func (s Signer) check(section string, stamp Stamp, body []byte) error {
	if len(s.key) != ed25519.PrivateKeySize {
		return fmt.Errorf("sign section %.64q: the private key has %d bytes, want %d", section, len(s.key),
			ed25519.PrivateKeySize)
	}
	if err := checkSection(section); err != nil {
		return fmt.Errorf("sign section %.64q: %w", section, err)
	}
	if stamp.IsZero() {
		return fmt.Errorf("sign section %q: the zero stamp is no record's: use one above those that were used", section)
	}
	if len(body) > MaxBody {
		return fmt.Errorf("sign section %q: %w: the body has %d bytes, at most %d are possible: publish less", section,
			ErrTooLarge, len(body), MaxBody)
	}
	return nil
}

// appendContent adds what follows the signature.
func appendContent(b []byte, r Record) []byte {
	b = append(b, byte(len(r.Section)))
	b = append(b, r.Section...)
	b = binary.AppendUvarint(b, r.Stamp.Generation)
	b = binary.AppendUvarint(b, r.Stamp.Version)
	b = binary.AppendUvarint(b, uint64(len(r.Body)))
	return append(b, r.Body...)
}

// publicKey is the second half of a private key (RFC 8032 as Go stores it), without the copy and the interface of
// Public.
func publicKey(key ed25519.PrivateKey) ed25519.PublicKey {
	return ed25519.PublicKey(key[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
}
