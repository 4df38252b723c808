package screen

import "encoding/binary"

// maxDepth is how deep values may be nested; memberlist's are maps of byte strings and lists of bytes.
const maxDepth = 4

// reader goes through MessagePack values (github.com/msgpack/msgpack/blob/master/spec.md) without decoding them: it
// sees to it that none is longer than what is there. After the first that is, it is bad and short; after one that
// cannot be, it is bad. Either way it has nothing left.
type reader struct {
	rest       []byte
	bad, short bool
}

// fail notes that something is wrong, unless something was already.
func (r *reader) fail() uint64 {
	r.rest, r.bad = nil, true
	return 0
}

// ends notes that it ends too early.
func (r *reader) ends() {
	r.short = r.short || !r.bad
	r.fail()
}

// take gives the next n bytes.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.ends()
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// number reads an integer of that many bytes.
func (r *reader) number(size uint64) uint64 {
	var wide [8]byte
	copy(wide[8-size:], r.take(size))
	return binary.BigEndian.Uint64(wide[:])
}

// skip goes past one value.
func (r *reader) skip() { r.value(maxDepth) }

// value goes past a value in which values may be nested that deep. Of a number that is not negative it gives the value.
func (r *reader) value(depth int) uint64 {
	first := r.take(1)
	if r.bad || depth == 0 {
		return r.fail()
	}
	switch c := first[0]; {
	case c < 0x80:
		return uint64(c)
	case c < 0x90:
		r.many(2*uint64(c&0x0f), depth)
	case c < 0xa0:
		r.many(uint64(c&0x0f), depth)
	case c < 0xc0:
		r.take(uint64(c & 0x1f))
	case c >= 0xe0 || c == 0xc0 || c == 0xc2 || c == 0xc3: // small negative numbers, nil, false, true
	case c >= 0xc4 && c <= 0xc6:
		r.take(r.number(1 << (c - 0xc4)))
	case c == 0xca || c == 0xcb:
		r.take(4 << (c - 0xca))
	case c >= 0xcc && c <= 0xcf:
		return r.number(1 << (c - 0xcc))
	case c >= 0xd0 && c <= 0xd3:
		return r.positive(c)
	case c >= 0xd9 && c <= 0xdb:
		r.take(r.number(1 << (c - 0xd9)))
	case c == 0xdc || c == 0xdd:
		r.many(r.number(2<<(c-0xdc)), depth)
	case c == 0xde || c == 0xdf:
		r.many(2*r.number(2<<(c-0xde)), depth)
	default: // extensions, of which memberlist has none
		return r.fail()
	}
	return 0
}

// positive reads a signed number; what is negative is bad, as nothing that memberlist sends is.
func (r *reader) positive(c byte) uint64 {
	size := uint64(1) << (c - 0xd0)
	n := r.number(size)
	if n>>(8*size-1) != 0 {
		return r.fail()
	}
	return n
}

// many goes past n values. Each has a byte at least, so that a number that says more ends here.
func (r *reader) many(n uint64, depth int) {
	if n > uint64(len(r.rest)) {
		r.ends()
		return
	}
	for range n {
		if r.bad {
			return
		}
		r.value(depth - 1)
	}
}

// numbers reads a map with names as keys and gives the values of those that are numbers.
func (r *reader) numbers() map[string]uint64 {
	out := map[string]uint64{}
	first := r.take(1)
	if len(first) == 0 || first[0] < 0x80 || first[0] > 0x8f {
		r.fail()
		return out
	}
	for range first[0] & 0x0f {
		name := r.name()
		value := r.value(1)
		if _, twice := out[name]; twice {
			r.fail()
		}
		out[name] = value
	}
	return out
}

// name reads a string of up to 31 bytes, which is as long as memberlist's fields have names.
func (r *reader) name() string {
	first := r.take(1)
	if len(first) == 0 || first[0] < 0xa0 || first[0] > 0xbf {
		r.fail()
		return ""
	}
	return string(r.take(uint64(first[0] & 0x1f)))
}

// header reads a map that has one number in it, of at most so much.
func (r *reader) header(field string, most int) uint64 {
	n := r.numbers()[field]
	if n > uint64(most) { //nolint:gosec // a limit, not negative
		return r.fail()
	}
	return n
}

// tail sees to it that exactly so many bytes are left.
func (r *reader) tail(n uint64) {
	switch have := uint64(len(r.rest)); {
	case have < n:
		r.ends()
	case have > n:
		r.fail()
	}
	r.rest = nil
}
