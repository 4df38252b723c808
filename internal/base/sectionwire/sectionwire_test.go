package sectionwire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"maps"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

type wire struct {
	Name string         `cbor:"1,keyasint"`
	Some map[string]int `cbor:"2,keyasint,omitempty"`
}

func codec(t *testing.T) Codec {
	t.Helper()
	c, err := New(Limits{Elements: 16, Pairs: 16, Nesting: 4})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The bytes are the interface between hosts of different versions: they are not to change.
func TestBytes(t *testing.T) {
	c := codec(t)
	for range 10 { // the order of a map is another each time
		got, err := c.Enc.Marshal(wire{Name: "n", Some: map[string]int{"b": 1, "a": 2, "ab": 3}})
		if err != nil {
			t.Fatal(err)
		}
		if want := "a201616e02a3616102616201626162" + "03"; hex.EncodeToString(got) != want {
			t.Fatalf("got %x, want %s", got, want)
		}
	}
}

// What a later version adds is skipped, or told to who counts it.
func TestUnknownKeys(t *testing.T) {
	c := codec(t)
	body, err := c.Enc.Marshal(map[int]any{1: "n", 9: []int{1}})
	if err != nil {
		t.Fatal(err)
	}
	var w wire
	if err := c.Dec.Unmarshal(body, &w); err != nil || w.Name != "n" {
		t.Errorf("%+v, %v", w, err)
	}
	if _, ok := errors.AsType[*cbor.UnknownFieldError](c.Strict.Unmarshal(body, &w)); !ok {
		t.Error("an unknown key was not told")
	}
}

func TestRefusals(t *testing.T) {
	c := codec(t)
	many := map[int]int{}
	for i := range 17 {
		many[i] = i
	}
	long, err := c.Enc.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"a key twice":       {0xa2, 0x01, 0x61, 'a', 0x01, 0x61, 'b'},
		"indefinite length": {0xbf, 0x01, 0x61, 'a', 0xff},
		"a tag":             {0xc1, 0x01},
		"too many pairs":    long,
		"too many elements": append([]byte{0x91}, bytes.Repeat([]byte{0x01}, 17)...),
		"too deep":          {0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x01},
		"more after it":     {0xa0, 0x01},
	} {
		var v any
		if err := c.Dec.Unmarshal(body, &v); err == nil {
			t.Errorf("%s: was taken as %v", name, v)
		}
	}
	if _, err := New(Limits{Elements: 1, Pairs: 1, Nesting: 1}); err == nil {
		t.Error("limits that the library does not have were taken")
	}
	delete(many, 0)
	var got map[int]int
	if body, err := c.Enc.Marshal(many); err != nil || c.Dec.Unmarshal(body, &got) != nil || !maps.Equal(got, many) {
		t.Errorf("16 pairs: %v, %v", got, err)
	}
}
