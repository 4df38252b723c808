package wire

import (
	"crypto/ed25519"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// key makes the same key for the same number.
func key(n byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return ed25519.NewKeyFromSeed(seed)
}

func idOf(k ed25519.PrivateKey) record.ID {
	return record.IDOf(ed25519.PublicKey(k[len(k)-ed25519.PublicKeySize:]))
}

func genRef(t *rapid.T) Ref {
	return Ref{ID: record.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")), Section: rapid.StringMatching(`[a-z0-9-]{0,16}`).Draw(t, "section")}
}

func genHead(t *rapid.T) records.Head {
	ref := genRef(t)
	return records.Head{ID: ref.ID, Section: ref.Section, Stamp: record.Stamp{Generation: rapid.Uint64().Draw(t, "generation"), Version: rapid.Uint64().Draw(t, "version")}}
}

// TestRoundTrip: what a payload was made of comes out of it again.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		heads := rapid.SliceOfN(rapid.Custom(genHead), 0, 20).Draw(t, "heads")
		var set records.BucketSet
		for _, b := range rapid.SliceOfN(rapid.IntRange(0, Buckets-1), 0, 20).Draw(t, "buckets") {
			set.Add(uint8(b))
		}
		more := rapid.Bool().Draw(t, "more")
		gotSet, gotMore, gotHeads, err := DecodeHeads(HeadsPayload(set, more, heads))
		if err != nil || gotSet != set || gotMore != more || !cmp.Equal(append([]records.Head{}, heads...), append([]records.Head{}, gotHeads...)) {
			t.Fatalf("heads: %v %v, %v", gotHeads, err, cmp.Diff(heads, gotHeads))
		}
		refs := rapid.SliceOfN(rapid.Custom(genRef), 0, 20).Draw(t, "refs")
		gotRefs, err := DecodeWant(WantPayload(refs))
		if err != nil || !cmp.Equal(append([]Ref{}, refs...), append([]Ref{}, gotRefs...)) {
			t.Fatalf("want: %v, %v", err, cmp.Diff(refs, gotRefs))
		}
		bulk := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 300), 0, 5).Draw(t, "bulk")
		gotBulk, err := DecodeBulk(BulkPayload(bulk))
		if err != nil || !cmp.Equal(append([][]byte{}, bulk...), append([][]byte{}, gotBulk...)) {
			t.Fatalf("bulk: %v, %v", err, cmp.Diff(bulk, gotBulk))
		}
		holder, head := genRef(t).ID, genHead(t)
		frame, err := Open(HintFrame(holder, head))
		if err != nil {
			t.Fatal(err)
		}
		gotHolder, gotHead, err := DecodeHint(frame.Payload)
		if err != nil || gotHolder != holder || gotHead != head {
			t.Fatalf("hint: %v %v %v", gotHolder, gotHead, err)
		}
		var vector [Buckets]uint64
		vector[rapid.IntRange(0, Buckets-1).Draw(t, "bucket")] = rapid.Uint64().Draw(t, "hash")
		if got, err := DecodeVector(VectorPayload(vector)); err != nil || got != vector {
			t.Fatalf("vector: %v", err)
		}
	})
}

// TestSeal: a frame is its sender's, for its receiver, in its cluster, byte for byte.
func TestSeal(t *testing.T) {
	k, to, stamp := key(1), idOf(key(2)), record.Stamp{Generation: 3, Version: 1 << 40}
	data := NewSealer("prod", k).Seal(Want, to, stamp, []byte("payload"))
	f, err := Open(data)
	if err != nil {
		t.Fatal(err)
	}
	if f.From != idOf(k) || f.To != to || f.Kind != Want || f.Count != stamp || string(f.Payload) != "payload" {
		t.Errorf("opened as %+v", f)
	}
	if err := f.Verify("prod"); err != nil {
		t.Error(err)
	}
	if err := f.Verify("test"); !errors.Is(err, ErrForged) {
		t.Errorf("in another cluster: %v, want %v", err, ErrForged)
	}
	for i := range data {
		changed := append([]byte{}, data...)
		changed[i] ^= 1
		if f, err := Open(changed); err == nil && f.Kind != Push && f.Kind != Hint && f.Verify("prod") == nil {
			t.Errorf("byte %d may be changed", i)
		}
	}
}

// TestWeakSeal: under a key of zeros, a signature of zeros holds for every fourth message that there is; such a frame is
// nobody's.
func TestWeakSeal(t *testing.T) {
	made := 0
	for i := range 64 {
		data := make([]byte, sealed+1)
		data[0], data[payloadAt] = byte(Want), byte(i)
		if end := payloadAt + 1; !ed25519.Verify(data[keyAt:toAt], covered("prod", data[:end]), data[end:]) {
			continue
		}
		made++
		f, err := Open(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Verify("prod"); !errors.Is(err, ErrForged) {
			t.Errorf("frame %d, sealed by nobody: %v, want %v", i, err, ErrForged)
		}
	}
	if made == 0 {
		t.Error("no seal could be made up: this test shows nothing")
	}
}

// TestOpenRefuses: what is too short, too long or unknown is not opened.
func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"empty":        {nil, ErrMalformed},
		"too long":     {make([]byte, MaxFrame+1), ErrMalformed},
		"unknown kind": {[]byte{99, 1, 2}, ErrUnknown},
		"no seal":      {append([]byte{byte(Bulk)}, make([]byte, sealed-2)...), ErrMalformed},
	} {
		if _, err := Open(c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestDecodeRefuses: lengths that lie are told before anything is made of them.
func TestDecodeRefuses(t *testing.T) {
	long := make([]byte, 17)
	long[16] = record.MaxSection + 1
	var set records.BucketSet
	many := make([]records.Head, MaxHeads+1)
	for name, err := range map[string]error{
		"short vector": second(DecodeVector(make([]byte, 7))),
		"long section": second(DecodeWant(append(long, make([]byte, 40)...))),
		"cut want":     second(DecodeWant(make([]byte, 5))),
		"many wanted":  second(DecodeWant(WantPayload(make([]Ref, MaxWant+1)))),
		"empty record": second(DecodeBulk([]byte{0})),
		"bomb":         second(DecodeBulk([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})),
		"nested":       second(DecodePushes(BulkPayload([][]byte{PushesFrame(nil)}))),
		"cut record":   second(DecodeBulk([]byte{5, 1, 2})),
		"many heads":   fourth(DecodeHeads(HeadsPayload(set, false, many))),
		"cut heads":    fourth(DecodeHeads(make([]byte, 3))),
		"long hint":    third(DecodeHint(append(HintFrame(record.ID{1}, records.Head{})[1:], 0))),
	} {
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want %v", name, err, ErrMalformed)
		}
	}
	if size := len(HeadsPayload(set, false, slicesOf(MaxHeads))); size+sealed > MaxFrame {
		t.Errorf("%d heads make a frame of %d bytes, at most %d are possible", MaxHeads, size+sealed, MaxFrame)
	}
}

// slicesOf makes heads of the largest size.
func slicesOf(n int) []records.Head {
	heads := make([]records.Head, n)
	for i := range heads {
		heads[i] = records.Head{Section: "0123456789abcdef", Stamp: record.Stamp{Generation: math.MaxUint64, Version: math.MaxUint64}}
	}
	return heads
}

func second[T any](_ T, err error) error                 { return err }
func third[T, U any](_ T, _ U, err error) error          { return err }
func fourth[T, U, V any](_ T, _ U, _ V, err error) error { return err }

// FuzzFrame: no bytes make a decoder panic, and what it takes it can write again.
func FuzzFrame(f *testing.F) {
	sealer, stamp := NewSealer("prod", key(1)), record.Stamp{Generation: 1, Version: 2}
	var vector [Buckets]uint64
	var set records.BucketSet
	set.Add(3)
	head := records.Head{ID: record.ID{1}, Section: "node", Stamp: record.Stamp{Generation: 1, Version: 2}}
	f.Add(PushFrame([]byte("record")))
	f.Add(HintFrame(record.ID{2}, head))
	f.Add(sealer.Seal(Vector, record.ID{}, stamp, VectorPayload(vector)))
	f.Add(sealer.Seal(Heads, record.ID{}, stamp, HeadsPayload(set, true, []records.Head{head})))
	f.Add(sealer.Seal(Want, record.ID{}, stamp, WantPayload([]Ref{{ID: head.ID, Section: head.Section}})))
	f.Add(sealer.Seal(Bulk, record.ID{}, stamp, BulkPayload([][]byte{[]byte("record")})))
	f.Add(PushesFrame([][]byte{PushFrame([]byte("record")), HintFrame(record.ID{2}, head)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := Open(data)
		if err != nil {
			return
		}
		_ = frame.Verify("prod")
		if refs, err := DecodeWant(frame.Payload); err == nil && string(WantPayload(refs)) != string(frame.Payload) {
			t.Errorf("want %x is written as %x", frame.Payload, WantPayload(refs))
		}
		if records, err := DecodeBulk(frame.Payload); err == nil {
			if again, err := DecodeBulk(BulkPayload(records)); err != nil || !cmp.Equal(records, again) {
				t.Errorf("bulk %x changes: %v", frame.Payload, err)
			}
		}
		if buckets, more, heads, err := DecodeHeads(frame.Payload); err == nil {
			if _, _, again, err := DecodeHeads(HeadsPayload(buckets, more, heads)); err != nil || !cmp.Equal(heads, again) {
				t.Errorf("heads %x change: %v", frame.Payload, err)
			}
		}
		_, _, _ = DecodeHint(frame.Payload)
		_, _ = DecodeVector(frame.Payload)
		if frames, err := DecodePushes(frame.Payload); err == nil {
			for _, inner := range frames {
				if f, err := Open(inner); err != nil || f.Kind == Pushes {
					t.Errorf("%x has %x in it", frame.Payload, inner)
				}
			}
		}
	})
}
