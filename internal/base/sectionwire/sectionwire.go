// Package sectionwire is the encoding of what hosts tell each other in the sections of their records: CBOR (RFC 8949)
// in the core deterministic form, so that equal facts are equal bytes and a changed body is a changed host, read by a
// decoder that has a limit on everything. Every section is encoded with it; what stands in one is its owner's. How to
// add to one, so that hosts of different versions understand each other, is in CONTRIBUTING.md.
package sectionwire

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Limits bound what a body may make the decoder build. The record layer bounds its bytes.
type Limits struct {
	// Elements is how many an array may have, Pairs how many a map, Nesting how deep they may stand in each other. The
	// library takes at least 16, 16 and 4.
	Elements, Pairs, Nesting int
}

// Codec reads and writes sections. It may be used by several goroutines.
type Codec struct {
	Enc cbor.EncMode
	// Dec skips what it does not know, so that a later version may tell more. Strict stops there with a
	// *cbor.UnknownFieldError, for those who count it.
	Dec, Strict cbor.DecMode
}

// New makes a codec. Its options are constants; the error is for the case that the library refuses the limits.
func New(l Limits) (Codec, error) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return Codec{}, fmt.Errorf("cbor encoder: %w", err)
	}
	opts := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxArrayElements: l.Elements, MaxMapPairs: l.Pairs, MaxNestedLevels: l.Nesting,
	}
	dec, err := opts.DecMode()
	if err != nil {
		return Codec{}, fmt.Errorf("cbor decoder with %+v: %w", l, err)
	}
	opts.ExtraReturnErrors = cbor.ExtraDecErrorUnknownField
	strict, err := opts.DecMode()
	if err != nil {
		return Codec{}, fmt.Errorf("cbor decoder with %+v: %w", l, err)
	}
	return Codec{enc, dec, strict}, nil
}
