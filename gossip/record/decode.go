package record

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"slices"
)

// Decode reads the wire form. It checks structure and limits, not the signature: that is Verify. The result's fields
// are views of encoded, which must not change afterwards; a caller with a borrowed buffer copies it first. Whatever the
// bytes are, nothing larger than a section's name is allocated.
//
// What it accepts is canonical: no two different inputs give records that differ in Encoded alone, the signature aside.
// The error is ErrMalformed.
func Decode(encoded []byte) (Record, error) {
	if err := checkFrame(encoded); err != nil {
		return Record{}, err
	}
	c := cursor{rest: encoded[sectionAt-1:]}
	section := string(c.take(uint64(c.byte()), MaxSection, "section name"))
	stamp := Stamp{Generation: c.uvarint("generation"), Version: c.uvarint("version")}
	body := c.take(c.uvarint("body length"), MaxBody, "body")
	if err := c.end(); err != nil {
		return Record{}, err
	}
	if err := checkSection(section); err != nil {
		return Record{}, err
	}
	if stamp.IsZero() {
		return Record{}, fmt.Errorf("%w: its stamp is zero", ErrMalformed)
	}
	key := ed25519.PublicKey(encoded[keyAt:signatureAt:signatureAt])
	if WeakKey(key) {
		return Record{}, fmt.Errorf("%w: everybody could sign under its key", ErrMalformed)
	}
	return Record{
		Owner: IDOf(key), Key: key, Section: section, Stamp: stamp, Body: body,
		Encoded: slices.Clip(encoded),
	}, nil
}

// checkFrame looks at the version and at the length that every record has.
func checkFrame(encoded []byte) error {
	switch {
	case len(encoded) == 0:
		return fmt.Errorf("%w: it is empty", ErrMalformed)
	case encoded[0] != wireVersion:
		return fmt.Errorf("%w: it has version %d, this program knows version %d: its sender may be newer, update this host",
			ErrMalformed, encoded[0], wireVersion)
	case len(encoded) < sectionAt:
		return fmt.Errorf("%w: %d bytes are too few", ErrMalformed, len(encoded))
	case len(encoded) > MaxEncoded:
		return fmt.Errorf("%w: %d bytes are too many, at most %d are possible", ErrMalformed, len(encoded), MaxEncoded)
	}
	return nil
}

// checkSection says what is wrong with a section's name.
func checkSection(name string) error {
	if name == "" || len(name) > MaxSection {
		return fmt.Errorf("%w: the section's name has %d bytes, want 1 to %d", ErrMalformed, len(name), MaxSection)
	}
	for i := range len(name) {
		if c := name[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return fmt.Errorf("%w: section %q has byte %q at %d, want a-z, 0-9 and \"-\"", ErrMalformed, name, c, i)
		}
	}
	return nil
}

// cursor reads fields one after another and keeps the first error; after one it gives zeros.
type cursor struct {
	rest []byte
	err  error
}

// fail keeps the first error and stops reading.
func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
	c.rest = nil
}

func (c *cursor) byte() byte {
	b := c.take(1, 1, "section name")
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

// take gives the next n bytes, as a view that cannot be appended to.
func (c *cursor) take(n, limit uint64, what string) []byte {
	switch {
	case c.err != nil:
		return nil
	case n > limit:
		c.fail("its %s has %d bytes, at most %d are possible", what, n, limit)
		return nil
	case n > uint64(len(c.rest)):
		c.fail("it ends in its %s: %d bytes where %d should follow", what, len(c.rest), n)
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	return b
}

// uvarint reads a number in its shortest form.
func (c *cursor) uvarint(what string) uint64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Uvarint(c.rest)
	if n <= 0 || n > 1 && c.rest[n-1] == 0 {
		c.fail("its %s is cut off, larger than 64 bits or not in its shortest form", what)
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

func (c *cursor) end() error {
	if len(c.rest) > 0 {
		c.fail("%d bytes follow its body", len(c.rest))
	}
	return c.err
}
