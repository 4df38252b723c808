package records

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

func profiles() []Profile {
	return []Profile{
		{Name: "a"},
		{Name: "Node_1.example.org", Address: netip.MustParseAddrPort("10.0.0.1:7947"), Left: true},
		{Name: strings.Repeat("n", MaxName), Address: netip.MustParseAddrPort("[2001:db8::1]:1")},
	}
}

func TestProfileRoundTrip(t *testing.T) {
	for _, p := range profiles() {
		body, err := EncodeProfile(p)
		if err != nil {
			t.Fatalf("%+v: %v", p, err)
		}
		got, err := DecodeProfile(body)
		if err != nil || got != p {
			t.Errorf("got %+v, %v, want %+v", got, err, p)
		}
		again, err := EncodeProfile(got)
		if err != nil || !bytes.Equal(again, body) {
			t.Errorf("not deterministic: %x, %x, %v", body, again, err)
		}
	}
}

func TestProfileEncodingStays(t *testing.T) {
	// What older members read: a map with the keys 1, 2 and 3.
	body, err := EncodeProfile(Profile{Name: "a", Address: netip.MustParseAddrPort("10.0.0.1:7947"), Left: true})
	want := append([]byte{0xa3, 0x01, 0x61, 'a', 0x02, 0x6d}, "10.0.0.1:7947\x03\xf5"...)
	if err != nil || !bytes.Equal(body, want) {
		t.Errorf("got %x, %v, want %x", body, err, want)
	}
}

func TestProfileOfLaterVersions(t *testing.T) {
	body, err := cbor.Marshal(map[int]any{1: "name", 9: []int{1, 2}, 10: map[string]int{"x": 1}})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := DecodeProfile(body); err != nil || p.Name != "name" {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestProfileRefused(t *testing.T) {
	encode := func(v any) []byte {
		body, err := cbor.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	for name, body := range map[string][]byte{
		"nothing":            nil,
		"garbage":            []byte("garbage"),
		"another type":       encode([]int{1}),
		"no name":            encode(map[int]any{2: "10.0.0.1:1"}),
		"a long name":        encode(map[int]any{1: strings.Repeat("n", MaxName+1)}),
		"a terminal's code":  encode(map[int]any{1: "a\x1b[31m"}),
		"a path":             encode(map[int]any{1: "../a"}),
		"not an address":     encode(map[int]any{1: "a", 2: "host:1"}),
		"a zone":             encode(map[int]any{1: "a", 2: "[fe80::1%eth0]:1"}),
		"a key twice":        {0xa2, 0x01, 0x61, 'a', 0x01, 0x61, 'b'},
		"indefinite length":  {0xbf, 0x01, 0x61, 'a', 0xff},
		"something after it": append(encode(map[int]any{1: "a"}), 0),
		"too large":          encode(map[int]any{1: "a", 9: strings.Repeat("x", MaxProfile)}),
		"an array of 2^32":   {0xa2, 0x01, 0x61, 'a', 0x09, 0x9a, 0xff, 0xff, 0xff, 0xff},
	} {
		if p, err := DecodeProfile(body); err == nil {
			t.Errorf("%s: got %+v", name, p)
		}
	}
	for _, p := range []Profile{{}, {Name: "a b"}, {Name: "a", Address: netip.MustParseAddrPort("[fe80::1%eth0]:1")}} {
		if _, err := EncodeProfile(p); err == nil {
			t.Errorf("%+v was encoded", p)
		}
	}
}

func FuzzDecodeProfile(f *testing.F) {
	for _, p := range profiles() {
		body, err := EncodeProfile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte{0xbf, 0x01, 0x61, 'a', 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := DecodeProfile(body)
		if err != nil {
			if p != (Profile{}) {
				t.Errorf("an error and %+v", p)
			}
			return
		}
		again, err := EncodeProfile(p)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if got, err := DecodeProfile(again); err != nil || got != p {
			t.Errorf("got %+v, %v, want %+v", got, err, p)
		}
	})
}
