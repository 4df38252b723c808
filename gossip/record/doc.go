// Package record is what members tell each other: small pieces of bytes that one member signed and nobody else can have
// written. It is pure: no clock, no disk, no network, no randomness.
//
// Every record has an owner (ID), belongs to one section of that owner ("node", "rollout", ...) and carries a Stamp. Of
// two records of the same owner and section the one with the higher Stamp counts, wherever and in whatever order they
// arrive. That is all a replica has to know, and it makes merging idempotent, commutative, associative and monotone.
//
// An ID is made from the owner's public key, and every record carries that key, so a record proves its owner by itself:
// no list of keys is needed to say "this was written by this ID". Who that ID is, and whether to trust it, is for
// others.
//
// # Wire form
//
// All of it is canonical: what Decode accepts, it accepts in one form only.
//
//	1 byte     version of this form, now 1
//	32 bytes   ed25519 public key of the owner
//	64 bytes   ed25519 signature
//	1 byte     length of the section's name, then the name
//	uvarint    generation, shortest form
//	uvarint    version, shortest form
//	uvarint    length of the body, shortest form, then the body, and nothing after it
//
// With today's generations (seconds since 1970) and a section of four letters that is 109 to 112 bytes around the body.
//
// What is signed is not the wire form but signingInput: it begins with a domain of its own, so that no signature made
// for anything else fits, and has the cluster's label in it, which does not travel, so that no record of another
// cluster fits.
package record

import "errors"

// Limits of what is signed and accepted, in bytes.
const (
	// MaxBody is the most that a body may have. A node with 512 labels fits.
	MaxBody = 16 << 10
	// MaxSection is the most that a section's name may have; it is made of a-z, 0-9 and "-".
	MaxSection = 16
	// MaxEncoded is the most that a whole record can have.
	MaxEncoded = sectionAt + MaxSection + 2*maxUvarint + maxBodyLength + MaxBody
)

// Places and sizes in the wire form.
const (
	wireVersion = 1

	keyAt       = 1
	signatureAt = keyAt + 32
	sectionAt   = signatureAt + 64 + 1

	maxUvarint    = 10 // binary.MaxVarintLen64
	maxBodyLength = 3  // of a uvarint up to MaxBody
)

var (
	// ErrMalformed says that bytes are not a record, or not one of a form that this program knows.
	ErrMalformed = errors.New("malformed record")
	// ErrForged says that a record was not signed by its owner for this cluster.
	ErrForged = errors.New("forged record")
	// ErrTooLarge says that a body is larger than MaxBody.
	ErrTooLarge = errors.New("record too large")
)
