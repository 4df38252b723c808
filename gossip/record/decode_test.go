package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
)

// raw puts a wire form together whose parts need not fit.
func raw(version byte, sectionLength byte, section string, rest ...[]byte) []byte {
	b := append([]byte{version}, bytes.Repeat([]byte{7}, 96)...)
	b = append(b, sectionLength)
	b = append(b, section...)
	return append(b, bytes.Join(rest, nil)...)
}

func uvarint(v uint64) []byte { return binary.AppendUvarint(nil, v) }

func TestDecodeRefuses(t *testing.T) {
	one, none := uvarint(1), uvarint(0)
	tests := map[string]struct {
		encoded []byte
		says    string
	}{
		"nothing":             {nil, "it is empty"},
		"version 0":           {raw(0, 1, "a", one, one, none), "it has version 0, this program knows version 1"},
		"version 2":           {raw(2, 1, "a", one, one, none), "its sender may be newer, update this host"},
		"version 2, short":    {[]byte{2}, "it has version 2"},
		"only a version":      {[]byte{1}, "1 bytes are too few"},
		"too long":            {append(raw(1, 1, "a", one, one), make([]byte, MaxEncoded)...), "are too many, at most"},
		"no section":          {raw(1, 0, "", one, one, none), "name has 0 bytes, want 1 to 16"},
		"long section":        {raw(1, 17, strings.Repeat("a", 17), one, one, none), "its section name has 17 bytes, at most 16"},
		"section of 255":      {raw(1, 255, ""), "its section name has 255 bytes"},
		"section with slash":  {raw(1, 3, "a/b", one, one, none), `section "a/b" has byte '/' at 1`},
		"section not text":    {raw(1, 2, "a\xff", one, one, none), `has byte 'ÿ' at 1`},
		"section cut off":     {raw(1, 5, "node"), "it ends in its section name: 4 bytes where 5 should follow"},
		"no generation":       {raw(1, 4, "node"), "its generation is cut off"},
		"generation cut off":  {raw(1, 4, "node", []byte{0x80}), "its generation is cut off"},
		"generation padded":   {raw(1, 4, "node", []byte{0x81, 0x00}, one, none), "not in its shortest form"},
		"generation 65 bits":  {raw(1, 4, "node", bytes.Repeat([]byte{0xff}, 9), []byte{2}, one, none), "larger than 64 bits"},
		"generation 11 bytes": {raw(1, 4, "node", bytes.Repeat([]byte{0xff}, 11), one, none), "larger than 64 bits"},
		"no version":          {raw(1, 4, "node", one), "its version is cut off"},
		"version padded":      {raw(1, 4, "node", one, []byte{0x80, 0x80, 0x00}, none), "its version is"},
		"zero stamp":          {raw(1, 4, "node", none, none, none), "its stamp is zero"},
		"no body":             {raw(1, 4, "node", one, one), "its body length is cut off"},
		"body cut off":        {raw(1, 4, "node", one, one, uvarint(3), []byte("ab")), "it ends in its body: 2 bytes where 3 should follow"},
		"body too long":       {raw(1, 4, "node", one, one, uvarint(MaxBody+1), make([]byte, 10)), "its body has 16385 bytes, at most 16384"},
		"body of 2^64-1":      {raw(1, 4, "node", one, one, uvarint(math.MaxUint64)), "its body has 18446744073709551615 bytes"},
		"more than the body":  {raw(1, 4, "node", one, one, uvarint(1), []byte("abc")), "2 bytes follow its body"},
	}
	for name, tt := range tests {
		r, err := Decode(tt.encoded)
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want %q", name, err, tt.says)
		}
		if r.Encoded != nil {
			t.Errorf("%s: an error and a record too: %+v", name, r)
		}
	}
	if _, err := Decode(raw(1, 4, "node", one, none, none)); err != nil {
		t.Errorf("the frame of these cases is not right itself: %v", err)
	}
}

// TestDecodePrefixes: a record that was cut off is malformed, not forged. Somebody is accused of the latter.
func TestDecodePrefixes(t *testing.T) {
	r := mustSign(t, signer("c", 1), "node", Stamp{1_790_000_000, 300}, []byte("body"))
	for n := range r.Encoded {
		if _, err := Decode(r.Encoded[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	if _, err := Decode(append(bytes.Clone(r.Encoded), 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("one byte more: %v", err)
	}
}

// TestDecodeIsAView: nothing is copied, and appending to one field does not write into the next.
func TestDecodeIsAView(t *testing.T) {
	whole := mustSign(t, signer("c", 1), "node", Stamp{1, 1}, []byte("body")).Encoded
	buffer := append(bytes.Clone(whole), "the next one in the buffer"...)
	r, err := Decode(buffer[:len(whole)])
	if err != nil {
		t.Fatal(err)
	}
	if &r.Encoded[0] != &buffer[0] || &r.Key[0] != &buffer[keyAt] || &r.Body[0] != &buffer[len(whole)-4] {
		t.Error("a field is a copy")
	}
	before := bytes.Clone(buffer)
	_, _, _ = append(r.Key, 'x'), append(r.Body, 'x'), append(r.Encoded, 'x')
	if !bytes.Equal(before, buffer) {
		t.Error("appending to a field wrote into the buffer")
	}
}

// TestDecodeAllocatesNothingLarge gives it lengths that promise much and records that are as large as can be.
func TestDecodeAllocatesNothingLarge(t *testing.T) {
	one := uvarint(1)
	for name, encoded := range map[string][]byte{
		"largest record": mustSign(t, signer("c", 1), "node", Stamp{1, 1}, make([]byte, MaxBody)).Encoded,
		"length bomb":    raw(1, 4, "node", one, one, uvarint(1<<60)),
		"section bomb":   raw(1, 255, "node", one, one),
		"huge input":     append([]byte{1}, make([]byte, 1<<20)...),
	} {
		const runs = 1000
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			_, _ = Decode(encoded)
		}
		runtime.ReadMemStats(&after)
		if perRun := (after.TotalAlloc - before.TotalAlloc) / runs; perRun > 1024 {
			t.Errorf("%s: %d bytes allocated", name, perRun)
		}
	}
}

// FuzzDecode: whatever the bytes are, Decode does not panic, and what it accepts is within the limits and is written in the
// same bytes again.
func FuzzDecode(f *testing.F) {
	r := mustSign(f, signer("c", 1), "node", Stamp{1_790_000_000, 300}, []byte("body"))
	f.Add(r.Encoded)
	f.Add(r.Encoded[:len(r.Encoded)-1])
	f.Add(mustSign(f, signer("", 2), "rollout-0", Stamp{math.MaxUint64, math.MaxUint64}, nil).Encoded)
	f.Add(raw(1, 1, "a", uvarint(1), []byte{0x80, 0x00}, uvarint(1<<40)))
	f.Add(raw(2, 1, "a"))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		given := bytes.Clone(encoded)
		r, err := Decode(encoded)
		if !bytes.Equal(given, encoded) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			if !errors.Is(err, ErrMalformed) || len(err.Error()) > 300 {
				t.Fatalf("got %v, want a short ErrMalformed", err)
			}
			return
		}
		if len(r.Encoded) > MaxEncoded || len(r.Body) > MaxBody || len(r.Section) > MaxSection || r.Section == "" || r.Stamp.IsZero() {
			t.Fatalf("beyond the limits: %+v", r)
		}
		if r.Owner != IDOf(r.Key) {
			t.Fatalf("owner %v has key %x", r.Owner, r.Key)
		}
		again := append([]byte{wireVersion}, r.Key...)
		again = append(again, r.Encoded[signatureAt:signatureAt+64]...)
		again = appendContent(again, r)
		if !bytes.Equal(again, encoded) || !bytes.Equal(r.Encoded, encoded) {
			t.Fatalf("not canonical: %x is written as %x", encoded, again)
		}
		if r.Verify("a cluster that signs nothing") == nil {
			t.Fatal("verifies, but nobody signed it")
		}
	})
}
