package fleet

import (
	"errors"
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"

	"github.com/daemonsetd/daemonsetd/internal/base/sectionwire"
)

// ErrMalformed is in every error about a section that another host told and that cannot be used.
var ErrMalformed = errors.New("malformed section")

// malformed is an error of bounded size that can be shown: it is kept, and what it quotes came from somebody else.
func malformed(format string, args ...any) error {
	text, _ := cut(scrub(fmt.Sprintf(format, args...)), maxProblem)
	return fmt.Errorf("%w: %s", ErrMalformed, text)
}

// codec reads and writes the wire format.
type codec struct{ sectionwire.Codec }

// theCodec is made once; its options are constants, and the error is for the case that the library refuses them.
var theCodec = sync.OnceValues(newCodec)

func newCodec() (codec, error) {
	c, err := sectionwire.New(sectionwire.Limits{Elements: maxElements, Pairs: maxElements, Nesting: maxNesting})
	return codec{c}, err
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
	err = c.Strict.Unmarshal(body, &wire)
	if _, ok := errors.AsType[*cbor.UnknownFieldError](err); ok {
		unknown = c.countUnknown(body, known())
		wire = *new(T)
		err = c.Dec.Unmarshal(body, &wire)
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
	if err := c.Dec.Unmarshal(body, &all); err != nil {
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
