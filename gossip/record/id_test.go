package record

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestIDOf holds the way from key to text against values from another implementation (Python's hashlib and base64) for the
// first public key of RFC 8032, section 7.1. A change would make every member of every fleet a new one.
func TestIDOf(t *testing.T) {
	key, err := hex.DecodeString("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := IDOf(key).String(), "eh7ddx5bksrgcytl7bkai36se4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseID(t *testing.T) {
	const good = "eh7ddx5bksrgcytl7bkai36se4"
	if id, err := ParseID(good); err != nil || id.String() != good || id.IsZero() {
		t.Errorf("got %v, %v", id, err)
	}
	zero := strings.Repeat("a", 26)
	if id, err := ParseID(zero); err != nil || !id.IsZero() {
		t.Errorf("want the zero id, got %v, %v", id, err)
	}
	for name, text := range map[string]string{
		"empty":                 "",
		"upper case":            strings.ToUpper(good),
		"one short":             good[1:],
		"one long":              good + "a",
		"padded":                good + "======",
		"digit 1":               "1" + good[1:],
		"bits beyond the last":  strings.Repeat("a", 25) + "b",
		"line break inside":     good[:10] + "\n" + good[10:],
		"line break at the end": good + "\n",
		"long":                  strings.Repeat("x", 1<<20),
	} {
		id, err := ParseID(text)
		if err == nil || !id.IsZero() {
			t.Errorf("%s: got %v, want an error", name, id)
			continue
		}
		if len(err.Error()) > 400 {
			t.Errorf("%s: the message has %d bytes", name, len(err.Error()))
		}
	}
}

func TestIDProperties(t *testing.T) {
	ids := rapid.Custom(func(t *rapid.T) ID {
		return ID(rapid.SliceOfN(rapid.Byte(), len(ID{}), len(ID{})).Draw(t, "bytes"))
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := ids.Draw(t, "a"), ids.Draw(t, "b")
		text := a.String()
		if len(text) != idText {
			t.Fatalf("%q has %d characters", text, len(text))
		}
		if back, err := ParseID(text); err != nil || back != a {
			t.Fatalf("%q reads back as %v, %v", text, back, err)
		}
		if got, want := a.Compare(b), slices.Compare(a[:], b[:]); got != want || b.Compare(a) != -want {
			t.Fatalf("compare gives %d, want %d", got, want)
		}
		// The alphabet is not in the order of its values, so texts need not sort as ids do; equal they are together.
		if (a == b) != (text == b.String()) {
			t.Fatal("two ids have one text")
		}
	})
}

func TestIDAsText(t *testing.T) {
	in := map[ID]ID{{1}: {2}}
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out := map[ID]ID{}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Errorf("through JSON (-want +got):\n%s", diff)
	}
	id := ID{7}
	if err := id.UnmarshalText([]byte("no id")); err == nil || id != (ID{7}) {
		t.Errorf("want an error and the id untouched, got %v, %v", id, err)
	}
}
