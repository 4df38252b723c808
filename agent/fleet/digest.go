package fleet

import "encoding/hex"

// Digest is the first 8 bytes of a SHA-256: enough to tell contents apart that nobody made to be alike. The zero value
// stands for none.
type Digest [8]byte

// String is the digest as 16 hexadecimal characters.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements encoding.TextMarshaler with String.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(d) {
		return malformed("the digest %q is none, want %d hexadecimal characters", text, 2*len(d))
	}
	*d = Digest(raw)
	return nil
}

// IsZero says that there is no digest.
func (d Digest) IsZero() bool { return d == Digest{} }

// wire is the digest in a section: nothing for none.
func (d Digest) wire() []byte {
	if d.IsZero() {
		return nil
	}
	return d[:]
}

// digestFrom is the inverse of wire.
func digestFrom(raw []byte) (Digest, error) {
	switch len(raw) {
	case 0:
		return Digest{}, nil
	case len(Digest{}):
		return Digest(raw), nil
	}
	return Digest{}, malformed("a digest has %d bytes, want %d", len(raw), len(Digest{}))
}
