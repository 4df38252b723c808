package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// key is a key that differs from those of other numbers.
func key(n int) Key {
	k := Key{1: 1}
	k[0] = byte(n)
	return k
}

func parseText(t testing.TB, text string) *Ring {
	t.Helper()
	r, err := Parse("gossip.key", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEditsKeepComments(t *testing.T) {
	a, b, c := key(1), key(2), key(3)
	file := "# site A\n\n" + a.Encode() + "  # of May\n# laid by hand\n" + b.Encode() + "\n\n# the end\n"
	tests := map[string]struct {
		edit func(*Ring) error
		want string
	}{
		"nothing": {func(*Ring) error { return nil }, file},
		"add": {
			func(r *Ring) error { _, err := r.Add(c, "of\nJune"); return err },
			file + c.Encode() + "  # of June\n",
		},
		"use": {
			func(r *Ring) error { _, err := r.Use(b.Fingerprint()); return err },
			"# site A\n\n" + b.Encode() + "\n" + a.Encode() + "  # of May\n# laid by hand\n\n# the end\n",
		},
		"use in capitals": {
			func(r *Ring) error { _, err := r.Use(strings.ToUpper(a.Fingerprint())); return err },
			file,
		},
		"remove": {
			func(r *Ring) error { return r.Remove(b.Fingerprint()) },
			"# site A\n\n" + a.Encode() + "  # of May\n# laid by hand\n\n# the end\n",
		},
		"comment": {
			func(r *Ring) error { r.Comment("", "new"); return nil },
			file + "\n# new\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := parseText(t, file)
			if err := tt.edit(r); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(r.Bytes())); diff != "" {
				t.Error(diff)
			}
			parseText(t, string(r.Bytes()))
		})
	}
}

func TestEditsThatAreRefused(t *testing.T) {
	a, b := key(1), key(2)
	r := parseText(t, a.Encode()+"\n"+b.Encode()+"\n")
	before := string(r.Bytes())
	if err := r.Remove(a.Fingerprint()); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), a.Fingerprint()) {
		t.Errorf("removing the key that encrypts: %v", err)
	}
	if err := r.Remove("00000000"); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("removing an unknown key: %v", err)
	}
	if _, err := r.Use(""); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("using an unknown key: %v", err)
	}
	if _, err := r.Use(b.Encode()); !errors.Is(err, ErrUnknownKey) || strings.Contains(err.Error(), b.Encode()[:8]) {
		t.Errorf("using a key by itself: %v", err)
	}
	if added, err := r.Add(b, "again"); added || err != nil {
		t.Errorf("adding a key that is there: %v, %v", added, err)
	}
	if got := string(r.Bytes()); got != before {
		t.Errorf("a refused edit changed the ring:\n%s", cmp.Diff(before, got))
	}
	for n := range MaxKeys - 2 {
		if added, err := r.Add(key(10+n), ""); !added || err != nil {
			t.Fatal(added, err)
		}
	}
	if added, err := r.Add(key(99), ""); added || err == nil || !strings.Contains(err.Error(), "there are 16 keys") {
		t.Errorf("adding one key too many: %v, %v", added, err)
	}
}

// Whatever is printed of a key or a ring, and however, it is not the key.
func TestKeysAreNotShown(t *testing.T) {
	k := Generate()
	r := &Ring{}
	if _, err := r.Add(k, ""); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(map[string]any{"key": k, "ring": r, "keys": r.Keys()})
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{string(asJSON)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		for _, v := range []any{k, &k, []Key{k}, struct{ K Key }{k}, r, struct{ R *Ring }{r}} {
			shown = append(shown, fmt.Sprintf(verb, v))
		}
	}
	raw := string(k[:4])
	for _, secret := range []string{k.Encode()[:12], fmt.Sprintf("%x", raw), fmt.Sprintf("%d %d", k[0], k[1]), raw} {
		for _, s := range shown {
			if strings.Contains(s, secret) {
				t.Errorf("%q shows the key", s)
			}
		}
	}
	if k.Fingerprint() != k.String() || len(k.Fingerprint()) != FingerprintSize {
		t.Errorf("fingerprint %q", k.Fingerprint())
	}
	// sha256sum of the bytes 0 to 31 begins with these digits.
	var known Key
	for i := range known {
		known[i] = byte(i)
	}
	if got, want := known.Fingerprint(), "630dcd29"; got != want {
		t.Errorf("fingerprint %s, want %s", got, want)
	}
}

// model is what a ring is, without the text.
type model []Key

// Any run of edits keeps the keys in the model's order, stays within the limits, and can be read back.
func TestEditsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m model
		r := &Ring{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			k := key(rapid.IntRange(1, 20).Draw(t, "key"))
			at := -1
			for i := range m {
				if m[i] == k {
					at = i
				}
			}
			switch rapid.IntRange(0, 3).Draw(t, "act") {
			case 0:
				added, err := r.Add(k, rapid.StringMatching(`[ -~\n]{0,9}`).Draw(t, "note"))
				fits := at < 0 && len(m) < MaxKeys
				if added != fits || (err != nil) != (at < 0 && !fits) {
					t.Fatalf("Add: %v, %v", added, err)
				}
				if fits {
					m = append(m, k)
				}
			case 1:
				moved, err := r.Use(k.Fingerprint())
				if moved != (at > 0) || (err == nil) != (at >= 0) {
					t.Fatalf("Use: %v, %v", moved, err)
				}
				if at > 0 {
					m = append(model{k}, append(append(model{}, m[:at]...), m[at+1:]...)...)
				}
			case 2:
				if err := r.Remove(k.Fingerprint()); (err == nil) != (at > 0) {
					t.Fatalf("Remove: %v", err)
				}
				if at > 0 {
					m = append(append(model{}, m[:at]...), m[at+1:]...)
				}
			default:
				r.Comment("a line")
			}
			if diff := cmp.Diff([]Key(m), r.Keys()); diff != "" {
				t.Fatal(diff)
			}
		}
		if len(m) == 0 {
			return
		}
		again, err := Parse("f", r.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(r.Bytes()), string(again.Bytes())); diff != "" {
			t.Fatal(diff)
		}
	})
}
