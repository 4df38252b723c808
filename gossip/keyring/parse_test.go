package keyring

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	a, b := key(1), key(2)
	tests := map[string]struct {
		text string
		want []Key
	}{
		"one":            {a.Encode(), []Key{a}},
		"two":            {a.Encode() + "\n" + b.Encode() + "\n", []Key{a, b}},
		"comments":       {"# x\n\n" + b.Encode() + "# y\n \t\n  " + a.Encode() + "\t # " + b.Encode() + "\n#\n", []Key{b, a}},
		"from a Windows": {"# x\r\n" + a.Encode() + "\r\n", []Key{a}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := Parse("gossip.key", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, r.Keys()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	a := key(1).Encode()
	many := make([]string, MaxKeys+1)
	for i := range many {
		many[i] = key(i + 1).Encode()
	}
	tests := map[string]struct{ text, want string }{
		"nothing":       {"", `"gossip.key": no key in it`},
		"only comments": {"# " + a + "\n", "no key in it"},
		"short":         {"# x\n" + a[:40] + "\n", "gossip.key:2: 40 characters, want 44"},
		"long":          {a + a, "gossip.key:1: 88 characters, want 44"},
		"AES-128":       {base64.StdEncoding.EncodeToString(make([]byte, 16)), "24 characters, want 44"},
		"33 bytes":      {strings.Repeat("A", 44), "gossip.key:1: 33 bytes, want 32"},
		"not base64":    {strings.Repeat("!", 44), "gossip.key:1: not base64"},
		"URL's base64":  {strings.Repeat("-", 43) + "=", "gossip.key:1: not base64"},
		"loose bits":    {a[:42] + "B=", "gossip.key:1: not base64"},
		"no secret":     {strings.Repeat("A", 43) + "=", "gossip.key:1: 32 equal bytes"},
		"twice":         {a + "\n#\n" + a + "\n", "gossip.key:3: the key of line 1 again"},
		"two words":     {a + " old", "gossip.key:1: 48 characters"},
		"too many":      {strings.Join(many, "\n"), "gossip.key:17: one key too many: at most 16"},
		"too large":     {strings.Repeat("#", MaxBytes+1), "more than 65536 bytes"},
		"several":       {"x\n" + a + "\ny\n", "gossip.key:3: 1 characters"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := Parse("gossip.key", []byte(tt.text))
			if r != nil || !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, %v; want an error with %q", r, err, tt.want)
			}
		})
	}
	_, err := Parse("gossip.key", []byte(strings.Repeat("secret\n", 1000)))
	if n := strings.Count(err.Error(), "\n"); n > MaxKeys+1 || !strings.Contains(err.Error(), "only so many are told") {
		t.Errorf("a file of 1000 bad lines gives an error of %d lines", n)
	}
}

// FuzzParse: what is taken is within the limits and stays the same when it is written and read again, with every comment;
// and no error shows a line of the file.
func FuzzParse(f *testing.F) {
	a, b := key(1).Encode(), key(2).Encode()
	f.Add([]byte("# x\n\n" + a + "  # of May\n" + b + "\r\n"))
	f.Add([]byte(a + "\n" + a + "\nAAAA\n"))
	f.Add([]byte("# of May\r\r\n" + a + "\r "))
	f.Add([]byte(strings.Repeat("A", 43) + "=\n" + a[:42] + "B=\n\xff\x00 # \xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse("gossip.key", data)
		if err != nil {
			checkHides(t, data, err)
			return
		}
		keys := r.Keys()
		if len(keys) == 0 || len(keys) > MaxKeys {
			t.Fatalf("%d keys", len(keys))
		}
		again, err := Parse("gossip.key", r.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(keys, again.Keys()) || !bytes.Equal(r.Bytes(), again.Bytes()) {
			t.Error("written and read again it is another ring")
		}
		if bytes.Count(r.Bytes(), []byte("#")) != bytes.Count(data, []byte("#")) || strings.Count(string(r.Bytes()), "\n") < bytes.Count(data, []byte("\n")) {
			t.Error("a comment or a line is lost")
		}
	})
}

// checkHides looks for any word of the file, long enough not to be in the message by chance.
func checkHides(t *testing.T, data []byte, err error) {
	t.Helper()
	for _, word := range bytes.FieldsFunc(data, func(c rune) bool { return unicode.IsSpace(c) || c == '#' }) {
		if len(word) > 20 && strings.Contains(err.Error(), string(word)) {
			t.Errorf("the error shows the word %q: %v", word, err)
		}
	}
	if !errors.Is(err, ErrInvalid) || len(err.Error()) > 4096 {
		t.Errorf("error %v", fmt.Sprintf("%.200s", err))
	}
}
