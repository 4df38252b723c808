package record

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
)

// domain begins everything that is signed here. It changes with the meaning of what is signed.
const domain = "daemonsetd gossip record 1\x00"

// Record is one signed section of one member. Sign and Decode make it; its fields are views of Encoded, so that a
// record is held in memory once. Nobody may change what they point to.
type Record struct {
	// Owner is the member that wrote it: IDOf(Key).
	Owner ID
	// Key is the owner's public key, 32 bytes.
	Key ed25519.PublicKey
	// Section is the name of what the body is about.
	Section string
	// Stamp says which of the owner's records of this section counts: the one with the highest.
	Stamp Stamp
	// Body is the content, opaque here, at most MaxBody bytes.
	Body []byte
	// Encoded is the wire form, exactly as it was signed, stored and sent.
	Encoded []byte
}

// Verify says whether the owner signed this record for the cluster with this label. A nil result means that Encoded is
// a record that the owner signed, and that the other fields are what it says.
//
// The error is ErrForged, or ErrMalformed where Encoded is no record. It costs some 60 µs; drop duplicates first.
func (r Record) Verify(cluster string) error {
	signed, err := Decode(r.Encoded)
	if err != nil {
		return err
	}
	if !signed.equal(r) {
		return fmt.Errorf("%w: its fields are not what was signed", ErrForged)
	}
	signature := r.Encoded[signatureAt : signatureAt+ed25519.SignatureSize]
	if !ed25519.Verify(signed.Key, signed.signingInput(cluster), signature) {
		return fmt.Errorf("%w: section %q of %s at %s is not signed by that member for cluster %q",
			ErrForged, signed.Section, signed.Owner, signed.Stamp, cluster)
	}
	return nil
}

// equal compares everything but Encoded.
func (r Record) equal(other Record) bool {
	return r.Owner == other.Owner && r.Key.Equal(other.Key) && r.Section == other.Section &&
		r.Stamp == other.Stamp && string(r.Body) == string(other.Body)
}

// signingInput is what the signature covers: the domain, then label, section, owner, stamp and body, each of fixed
// length or preceded by its length, so that no two records give the same bytes.
func (r Record) signingInput(cluster string) []byte {
	b := make([]byte, 0, len(domain)+len(cluster)+MaxSection+len(r.Body)+64)
	b = append(b, domain...)
	b = binary.AppendUvarint(b, uint64(len(cluster)))
	b = append(b, cluster...)
	b = binary.AppendUvarint(b, uint64(len(r.Section)))
	b = append(b, r.Section...)
	b = append(b, r.Owner[:]...)
	b = binary.BigEndian.AppendUint64(b, r.Stamp.Generation)
	b = binary.BigEndian.AppendUint64(b, r.Stamp.Version)
	b = binary.AppendUvarint(b, uint64(len(r.Body)))
	return append(b, r.Body...)
}
