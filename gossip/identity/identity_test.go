package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// seeded is a reader of the same bytes for the same number.
func seeded(n byte) io.Reader { return bytes.NewReader(bytes.Repeat([]byte{n}, ed25519.SeedSize)) }

func generate(t *testing.T, n byte) Identity {
	t.Helper()
	i, err := Generate(seeded(n))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestGenerate(t *testing.T) {
	a, again, b := generate(t, 1), generate(t, 1), generate(t, 2)
	if !a.Private.Equal(again.Private) || a.ID != again.ID {
		t.Error("the same bytes give two identities")
	}
	if a.ID == b.ID || a.Private.Equal(b.Private) {
		t.Error("other bytes give the same identity")
	}
	if !a.Created || a.ID != record.IDOf(a.Public()) || !a.Public().Equal(a.Private.Public()) {
		t.Errorf("created %v, id %v, public key %x", a.Created, a.ID, a.Public())
	}
	signed, err := record.NewSigner("c", a.Private).Sign("node", record.Stamp{Generation: 1}, nil)
	if err != nil || signed.Owner != a.ID || signed.Verify("c") != nil {
		t.Errorf("signed by %v, %v", signed.Owner, err)
	}
	if _, err := Generate(bytes.NewReader(make([]byte, 31))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("with 31 bytes: %v", err)
	}
	if (Identity{}).Public() != nil {
		t.Error("the zero identity has a public key")
	}
}

// TestNothingShowsTheKey prints an identity in every way that a careless log line might.
func TestNothingShowsTheKey(t *testing.T) {
	i := generate(t, 1)
	text, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	seed := i.Private.Seed()
	for how, shown := range map[string]string{
		"%v": fmt.Sprintf("%v", i), "%+v": fmt.Sprintf("%+v", i), "%#v": fmt.Sprintf("%#v", i), "String": i.String(),
		"%v of a pointer": fmt.Sprintf("%v", &i), "%v in a struct": fmt.Sprintf("%v", struct{ I Identity }{i}), "json": string(text),
	} {
		for _, secret := range []string{
			fmt.Sprintf("%x", seed), strings.Trim(fmt.Sprint(seed), "[]"), base64.StdEncoding.EncodeToString(seed)[:20], string(seed),
			"0x1, 0x1",
		} {
			if strings.Contains(shown, secret) {
				t.Errorf("%s shows the key: %s", how, shown)
			}
		}
		if !strings.Contains(shown, i.ID.String()) {
			t.Errorf("%s does not show the id: %s", how, shown)
		}
	}
}

func TestFormatRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), ed25519.SeedSize, ed25519.SeedSize).Draw(t, "seed")
		want := fromSeed(seed)
		got, err := parse(format(want))
		if err != nil || got.ID != want.ID || !got.Private.Equal(want.Private) || got.Created {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
	})
}

// TestEveryDamagedByte changes each byte of the file: it is read as the same identity (a change in the comment) or refused,
// never read as another one.
func TestEveryDamagedByte(t *testing.T) {
	i := generate(t, 1)
	data := format(i)
	key := bytes.LastIndex(bytes.TrimSpace(data), []byte("\n")) + 1
	for at := range data {
		for _, mask := range []byte{1, 2, 4, 8, 16, 32, 64, 128, 255} {
			damaged := bytes.Clone(data)
			damaged[at] ^= mask
			got, err := parse(damaged)
			if err == nil && got.ID != i.ID {
				t.Fatalf("byte %d with mask %d: another identity, %v", at, mask, got)
			}
			if err == nil && at >= key && at < len(data)-1 && !bytes.Equal(bytes.Fields(damaged[key:])[2], bytes.Fields(data[key:])[2]) {
				t.Fatalf("byte %d with mask %d of the key is not noticed", at, mask)
			}
		}
	}
	for n := range data {
		if got, err := parse(data[:n]); err == nil && got.ID != i.ID {
			t.Fatalf("the first %d bytes: another identity, %v", n, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	i, other := generate(t, 1), generate(t, 2)
	seed := base64.StdEncoding.EncodeToString(i.Private.Seed())
	id := i.ID.String()
	for name, tt := range map[string]struct{ data, says string }{
		"empty":           {"", "no key in it"},
		"zeros":           {string(make([]byte, 200)), "want one line"},
		"only comments":   {header, "no key in it"},
		"two lines":       {kind + " " + id + " " + seed + "\n" + kind + " " + id + " " + seed, "2 lines beside comments, want one"},
		"later version":   {"daemonsetd-identity-2 " + id + " " + seed, `want one line of "daemonsetd-identity-1"`},
		"a word too many": {kind + " " + id + " " + seed + " x", "want one line"},
		"no id":           {kind + " x " + seed, "second word"},
		"another's id":    {kind + " " + other.ID.String() + " " + seed, "belongs to id " + id},
		"short seed":      {kind + " " + id + " " + seed[:40], "third word"},
		"no base64":       {kind + " " + id + " " + strings.Repeat("?", 44), "third word"},
	} {
		_, err := parse([]byte(tt.data))
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want %q", name, err, tt.says)
		}
		if err != nil && strings.Contains(err.Error(), seed[:10]) {
			t.Errorf("%s: the message shows the key: %v", name, err)
		}
	}
}

// FuzzParse: no bytes make it panic, and what it accepts it writes in a form that it reads as the same.
func FuzzParse(f *testing.F) {
	i, err := Generate(seeded(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(format(i))
	f.Add([]byte(kind + " " + i.ID.String() + " "))
	f.Add([]byte("# comment\n\n" + kind))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parse(data)
		if err != nil {
			return
		}
		again, err := parse(format(got))
		if err != nil || again.ID != got.ID || !again.Private.Equal(got.Private) || got.ID != record.IDOf(got.Public()) {
			t.Fatalf("read %v, then %v, %v", got, again, err)
		}
	})
}
