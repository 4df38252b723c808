package record

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

// stamps draws stamps that are often equal or neighbours, and often at the ends.
var stamps = rapid.Custom(func(t *rapid.T) Stamp {
	number := rapid.OneOf(
		rapid.Uint64Range(0, 3),
		rapid.Uint64Range(math.MaxUint64-1, math.MaxUint64),
		rapid.Uint64(),
	)
	return Stamp{Generation: number.Draw(t, "generation"), Version: number.Draw(t, "version")}
})

// newer is the merge of two stamps: what a replica that saw both holds.
func newer(a, b Stamp) Stamp {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}

func TestStampIsATotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := stamps.Draw(t, "a"), stamps.Draw(t, "b"), stamps.Draw(t, "c")
		if (a.Compare(b) == 0) != (a == b) {
			t.Fatalf("%v and %v compare as %d", a, b, a.Compare(b))
		}
		if a.Compare(b) != -b.Compare(a) {
			t.Fatalf("%v and %v: %d one way, %d the other", a, b, a.Compare(b), b.Compare(a))
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Fatalf("%v <= %v <= %v, but not the first and the last", a, b, c)
		}
		if a.Generation > b.Generation && a.Compare(b) != 1 {
			t.Fatalf("%v is not newer than %v", a, b)
		}
		if !a.IsZero() && a.Compare(Stamp{}) != 1 {
			t.Fatalf("%v is not newer than no stamp", a)
		}
	})
}

func TestStampMergeLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := stamps.Draw(t, "a"), stamps.Draw(t, "b"), stamps.Draw(t, "c")
		if newer(a, a) != a {
			t.Fatal("not idempotent")
		}
		if newer(a, b) != newer(b, a) {
			t.Fatal("not commutative")
		}
		if newer(a, newer(b, c)) != newer(newer(a, b), c) {
			t.Fatal("not associative")
		}
		if newer(a, b).Compare(a) < 0 || newer(a, b).Compare(b) < 0 {
			t.Fatal("not monotone")
		}
	})
}

func TestStampNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := stamps.Draw(t, "s")
		if s == (Stamp{math.MaxUint64, math.MaxUint64}) {
			t.Skip("the last one")
		}
		next := s.Next()
		if next.Compare(s) != 1 {
			t.Fatalf("%v does not follow %v", next, s)
		}
		// Nothing lies between.
		if between := stamps.Draw(t, "other"); between.Compare(s) == 1 && between.Compare(next) == -1 {
			t.Fatalf("%v lies between %v and %v", between, s, next)
		}
	})
	for s, want := range map[Stamp]Stamp{
		{}:                               {0, 1},
		{7, 1}:                           {7, 2},
		{7, math.MaxUint64}:              {8, 0},
		{math.MaxUint64, math.MaxUint64}: {math.MaxUint64, math.MaxUint64},
		{0, math.MaxUint64 - 1}:          {0, math.MaxUint64},
		{math.MaxUint64, 0}:              {math.MaxUint64, 1},
	} {
		if got := s.Next(); got != want {
			t.Errorf("after %v comes %v, want %v", s, got, want)
		}
	}
}

func TestStampText(t *testing.T) {
	if got, want := (Stamp{1_790_000_000, 12}).String(), "1790000000.12"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestStampTags holds the names and keys under which others store stamps.
func TestStampTags(t *testing.T) {
	s := Stamp{Generation: 5, Version: 6}
	text, err := json.Marshal(s)
	if got, want := string(text), `{"generation":5,"version":6}`; err != nil || got != want {
		t.Errorf("JSON: %s, %v, want %s", got, err, want)
	}
	binary, err := cbor.Marshal(s)
	// A map of two pairs: 1 is 5, 2 is 6.
	if got, want := string(binary), "\xa2\x01\x05\x02\x06"; err != nil || got != want {
		t.Errorf("CBOR: %x, %v, want %x", got, err, want)
	}
}
