package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// Ref names one record of one owner, whatever its stamp.
type Ref struct {
	ID      record.ID
	Section string
}

// PushFrame carries one record.
func PushFrame(encoded []byte) []byte { return append([]byte{byte(Push)}, encoded...) }

// HintFrame says that holder has a record with that head.
func HintFrame(holder record.ID, head records.Head) []byte {
	return appendHead(append([]byte{byte(Hint)}, holder[:]...), head)
}

// DecodeHint reads the payload of a hint.
func DecodeHint(payload []byte) (holder record.ID, head records.Head, err error) {
	r := reader{rest: payload}
	holder = r.id()
	head = r.head()
	return holder, head, r.end()
}

// VectorPayload is the payload of a Vector: the buckets, 8 bytes each.
func VectorPayload(buckets [Buckets]uint64) []byte {
	b := make([]byte, 0, Buckets*8)
	for _, v := range buckets {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

// DecodeVector reads the payload of a Vector.
func DecodeVector(payload []byte) (buckets [Buckets]uint64, err error) {
	if len(payload) != Buckets*8 {
		return buckets, fmt.Errorf("%w: vector of %d bytes, want %d", ErrMalformed, len(payload), Buckets*8)
	}
	for i := range buckets {
		buckets[i] = binary.BigEndian.Uint64(payload[i*8:])
	}
	return buckets, nil
}

// HeadsPayload is the payload of a Heads frame: all heads that the sender has in the given buckets. More says that
// other buckets differ too.
func HeadsPayload(buckets records.BucketSet, more bool, heads []records.Head) []byte {
	b := make([]byte, 0, Buckets/8+1+len(heads)*40)
	for _, bits := range buckets {
		b = binary.BigEndian.AppendUint64(b, bits)
	}
	b = append(b, flag(more))
	for _, h := range heads {
		b = appendHead(b, h)
	}
	return b
}

// DecodeHeads reads the payload of a Heads frame.
func DecodeHeads(payload []byte) (buckets records.BucketSet, more bool, heads []records.Head, err error) {
	r := reader{rest: payload}
	for i := range buckets {
		buckets[i] = r.uint64()
	}
	more = r.byte() == 1
	for len(r.rest) > 0 && r.err == nil {
		if len(heads) == MaxHeads {
			return records.BucketSet{}, false, nil, fmt.Errorf("%w: more than %d heads", ErrMalformed, MaxHeads)
		}
		heads = append(heads, r.head())
	}
	if r.err != nil {
		return records.BucketSet{}, false, nil, r.err
	}
	return buckets, more, heads, nil
}

// WantPayload is the payload of a Want frame.
func WantPayload(refs []Ref) []byte {
	b := make([]byte, 0, len(refs)*24)
	for _, ref := range refs {
		b = appendRef(b, ref)
	}
	return b
}

// DecodeWant reads the payload of a Want frame.
func DecodeWant(payload []byte) ([]Ref, error) {
	r := reader{rest: payload}
	var refs []Ref
	for len(r.rest) > 0 && r.err == nil {
		if len(refs) == MaxWant {
			return nil, fmt.Errorf("%w: more than %d wanted records", ErrMalformed, MaxWant)
		}
		refs = append(refs, r.ref())
	}
	if r.err != nil {
		return nil, r.err
	}
	return refs, nil
}

// BulkPayload is the payload of a Bulk frame.
func BulkPayload(encoded [][]byte) []byte {
	size := 0
	for _, e := range encoded {
		size += len(e) + binary.MaxVarintLen32
	}
	b := make([]byte, 0, size)
	for _, e := range encoded {
		b = binary.AppendUvarint(b, uint64(len(e)))
		b = append(b, e...)
	}
	return b
}

// DecodeBulk reads the payload of a Bulk frame. The records alias it.
func DecodeBulk(payload []byte) ([][]byte, error) {
	r := reader{rest: payload}
	var records [][]byte
	for len(r.rest) > 0 {
		n := r.uvarint()
		if n == 0 || n > record.MaxEncoded {
			r.fail("record of %d bytes, want 1 to %d", n, record.MaxEncoded)
		}
		encoded := r.take(int(n)) //nolint:gosec // n is small, or r has failed and take gives nothing
		if r.err != nil {
			return nil, r.err
		}
		records = append(records, encoded)
	}
	return records, nil
}

// PushesOverhead is what a frame takes in a Pushes beside its own length, at most.
const PushesOverhead = binary.MaxVarintLen16

// PushesFrame is several frames, each a Push or a Hint, in one.
func PushesFrame(frames [][]byte) []byte { return append([]byte{byte(Pushes)}, BulkPayload(frames)...) }

// DecodePushes reads the payload of a Pushes. The frames alias it.
func DecodePushes(payload []byte) ([][]byte, error) {
	frames, err := DecodeBulk(payload)
	if err != nil {
		return nil, err
	}
	for _, f := range frames {
		if kind := Kind(f[0]); kind != Push && kind != Hint {
			return nil, fmt.Errorf("%w: %s among pushes", ErrMalformed, kind)
		}
	}
	return frames, nil
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func appendRef(b []byte, ref Ref) []byte {
	b = append(b, ref.ID[:]...)
	b = append(b, byte(len(ref.Section)))
	return append(b, ref.Section...)
}

func appendHead(b []byte, h records.Head) []byte {
	b = appendRef(b, Ref{ID: h.ID, Section: h.Section})
	b = binary.AppendUvarint(b, h.Stamp.Generation)
	return binary.AppendUvarint(b, h.Stamp.Version)
}

// reader reads fields until one is wrong; after that it gives zeros and keeps the first error.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
	r.rest = nil
}

func (r *reader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.rest) {
		r.fail("it ends where %d bytes are wanted", n)
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail("a number is cut off or too large")
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) id() (id record.ID) {
	copy(id[:], r.take(len(id)))
	return id
}

func (r *reader) ref() Ref {
	ref := Ref{ID: r.id()}
	n := int(r.byte())
	if n > record.MaxSection {
		r.fail("section name of %d bytes, at most %d are possible", n, record.MaxSection)
	}
	ref.Section = string(r.take(n))
	return ref
}

func (r *reader) head() records.Head {
	ref := r.ref()
	return records.Head{
		ID: ref.ID, Section: ref.Section,
		Stamp: record.Stamp{Generation: r.uvarint(), Version: r.uvarint()},
	}
}

// end says what was wrong, or that something follows what should be the last field.
func (r *reader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		r.fail("%d bytes follow its end", len(r.rest))
	}
	return r.err
}
