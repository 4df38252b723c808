package fleet

import (
	"errors"
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// ErrMalformed is in every error about a section that another host told and that cannot be used.
var ErrMalformed = errors.New("malformed section")

// malformed is an error of bounded size that can be shown: it is kept, and what it quotes came from somebody else.
func malformed(format string, args ...any) error {
	text, _ := cut(scrub(fmt.Sprintf(format, args...)), maxProblem)
	return fmt.Errorf("%w: %s", ErrMalformed, text)
}

// codec reads and writes the wire format.
type codec struct {
	enc cbor.EncMode
	// strict stops at keys that are not known, lenient skips them.
	strict, lenient cbor.DecMode
}

// theCodec is made once; its options are constants, and the error is for the case that the library refuses them.
var theCodec = sync.OnceValues(newCodec)

func newCodec() (codec, error) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return codec{}, fmt.Errorf("cbor encoder: %w", err)
	}
	opts := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxArrayElements: maxElements, MaxMapPairs: maxElements, MaxNestedLevels: maxNesting,
	}
	lenient, err := opts.DecMode()
	if err != nil {
		return codec{}, fmt.Errorf("cbor decoder: %w", err)
	}
	opts.ExtraReturnErrors = cbor.ExtraDecErrorUnknownField
	strict, err := opts.DecMode()
	if err != nil {
		return codec{}, fmt.Errorf("cbor decoder: %w", err)
	}
	return codec{enc, strict, lenient}, nil
}

// decode reads body as the wire form T and returns how many keys it has that are not in known.
func decode[T any](body []byte, known func() shape) (wire T, unknown int, err error) {
	if len(body) > MaxSection {
		return wire, 0, malformed("it has %d bytes, at most %d are possible", len(body), MaxSection)
	}
	c, err := theCodec()
	if err != nil {
		return wire, 0, err
	}
	err = c.strict.Unmarshal(body, &wire)
	if _, ok := errors.AsType[*cbor.UnknownFieldError](err); ok {
		unknown = c.countUnknown(body, known())
		wire = *new(T)
		err = c.lenient.Unmarshal(body, &wire)
	}
	if err != nil {
		return wire, 0, malformed("%v", err)
	}
	return wire, unknown, nil
}

// shape is the keys of a map on the wire. The shape of a key's value is nil where there is nothing to know of it.
type shape map[uint64]shape

func (c codec) countUnknown(body []byte, known shape) int {
	var all any
	if err := c.lenient.Unmarshal(body, &all); err != nil {
		return 1 // at least that one: something unknown has a form that does not fit any Go value
	}
	return known.unknown(all)
}

func (s shape) unknown(v any) int {
	n := 0
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			n += s.unknown(element)
		}
	case map[any]any:
		for key, value := range v {
			n += s.unknownKey(key, value)
		}
	}
	return n
}

func (s shape) unknownKey(key, value any) int {
	number, ok := key.(uint64)
	inner, known := s[number]
	switch {
	case !ok || !known:
		return 1
	case inner == nil:
		return 0
	}
	return inner.unknown(value)
}
