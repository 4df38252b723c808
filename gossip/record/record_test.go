package record

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// signer makes the signer of a member that is the same in every run.
func signer(cluster string, member byte) Signer {
	return NewSigner(cluster, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{member}, ed25519.SeedSize)))
}

// mustSign signs what is known to be right.
func mustSign(t interface{ Fatal(...any) }, s Signer, section string, stamp Stamp, body []byte) Record {
	r, err := s.Sign(section, stamp, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// content is what a record says beside its owner.
type content struct {
	cluster, section string
	stamp            Stamp
	body             []byte
}

// contents draws texts of few letters, so that a byte that moves from one field into the next is likely.
var contents = rapid.Custom(func(t *rapid.T) content {
	c := content{
		cluster: rapid.StringOfN(rapid.RuneFrom([]rune("ab\x00")), 0, 3, -1).Draw(t, "cluster"),
		section: rapid.StringOfN(rapid.RuneFrom([]rune("ab0-")), 1, 3, -1).Draw(t, "section"),
		stamp:   stamps.Draw(t, "stamp"),
		body:    rapid.SliceOfN(rapid.SampledFrom([]byte("ab\x00\x01")), 0, 4).Draw(t, "body"),
	}
	if c.stamp.IsZero() {
		c.stamp.Version = 1
	}
	return c
})

func (c content) equal(other content) bool {
	return c.cluster == other.cluster && c.section == other.section && c.stamp == other.stamp && bytes.Equal(c.body, other.body)
}

// graft gives the wire form of a content with the key and the signature of another record, as a forger would make it.
func graft(r Record, c content) []byte {
	head := bytes.Clone(r.Encoded[:signatureAt+ed25519.SignatureSize])
	return appendContent(head, Record{Section: c.section, Stamp: c.stamp, Body: c.body})
}

// TestWireForm holds the bytes of the wire form and of the signature. They may change only together with wireVersion and
// domain: members of two versions of this program talk to each other while a fleet is updated.
func TestWireForm(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "record.hex"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(strings.Join(strings.Fields(string(golden)), ""))
	if err != nil {
		t.Fatal(err)
	}
	r := mustSign(t, signer("fleet", 1), "node", Stamp{1_790_000_000, 300}, []byte("body"))
	if !bytes.Equal(r.Encoded, want) {
		t.Errorf("got\n%x\nwant\n%x", r.Encoded, want)
	}
	if got := len(r.Encoded) - len(r.Body); got != 110 {
		t.Errorf("%d bytes around the body, want 110", got)
	}
}

func TestSignRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := content{
			cluster: rapid.String().Draw(t, "cluster"),
			section: rapid.StringMatching(`[a-z0-9-]{1,16}`).Draw(t, "section"),
			stamp:   Stamp{rapid.Uint64Min(1).Draw(t, "generation"), rapid.Uint64().Draw(t, "version")},
			body:    rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "body"),
		}
		s := signer(c.cluster, rapid.Byte().Draw(t, "member"))
		signed := mustSign(t, s, c.section, c.stamp, c.body)
		read, err := Decode(bytes.Clone(signed.Encoded))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(signed, read); diff != "" {
			t.Fatalf("signed and read (-signed +read):\n%s", diff)
		}
		if err := read.Verify(c.cluster); err != nil {
			t.Fatal(err)
		}
		if read.Owner != s.ID() || read.Section != c.section || read.Stamp != c.stamp || !bytes.Equal(read.Body, c.body) {
			t.Fatalf("read %+v, signed %+v", read, c)
		}
	})
}

func TestSignedLimits(t *testing.T) {
	last := Stamp{1<<64 - 1, 1<<64 - 1}
	r := mustSign(t, signer("", 1), strings.Repeat("s", MaxSection), last, make([]byte, MaxBody))
	if len(r.Encoded) != MaxEncoded {
		t.Errorf("the largest record has %d bytes, want MaxEncoded, %d", len(r.Encoded), MaxEncoded)
	}
	if err := r.Verify(""); err != nil {
		t.Error(err)
	}
}

func TestSignRefuses(t *testing.T) {
	good := signer("c", 1)
	stamp := Stamp{1, 1}
	for _, tt := range []struct {
		name    string
		signer  Signer
		section string
		stamp   Stamp
		body    []byte
		is      error
		says    string
	}{
		{"body", good, "node", stamp, make([]byte, MaxBody+1), ErrTooLarge, `section "node": record too large: the body has 16385 bytes, at most 16384`},
		{"no section", good, "", stamp, nil, ErrMalformed, "want 1 to 16"},
		{"long section", good, strings.Repeat("a", 17), stamp, nil, ErrMalformed, "has 17 bytes, want 1 to 16"},
		{"section", good, "Node", stamp, nil, ErrMalformed, `section "Node" has byte 'N' at 0`},
		{"zero stamp", good, "node", Stamp{}, nil, nil, "zero stamp"},
		{"no key", NewSigner("c", nil), "node", stamp, nil, nil, "0 bytes, want 64"},
		{"short key", NewSigner("c", make([]byte, 32)), "node", stamp, nil, nil, "32 bytes, want 64"},
		{"zero signer", Signer{}, "node", stamp, nil, nil, "0 bytes, want 64"},
	} {
		r, err := tt.signer.Sign(tt.section, tt.stamp, tt.body)
		if err == nil || r.Encoded != nil || !strings.Contains(err.Error(), tt.says) || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.says)
		}
	}
}

// TestSignCopies: a caller may use its buffer again at once.
func TestSignCopies(t *testing.T) {
	body := []byte("body")
	r := mustSign(t, signer("c", 1), "node", Stamp{1, 1}, body)
	body[0] = 'B'
	if err := r.Verify("c"); err != nil || string(r.Body) != "body" {
		t.Errorf("body %q, %v", r.Body, err)
	}
}

// TestEveryFlippedBit changes each bit of a record: none of the results may verify.
func TestEveryFlippedBit(t *testing.T) {
	r := mustSign(t, signer("c", 1), "node", Stamp{1_790_000_000, 3}, []byte("body"))
	for i := range len(r.Encoded) * 8 {
		changed := bytes.Clone(r.Encoded)
		changed[i/8] ^= 1 << (i % 8)
		if err := decodeAndVerify(changed, "c"); !errors.Is(err, ErrForged) && !errors.Is(err, ErrMalformed) {
			t.Fatalf("bit %d of byte %d: %v", i%8, i/8, err)
		}
	}
}

func TestEveryChangedByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := contents.Draw(t, "content")
		changed := bytes.Clone(mustSign(t, signer(c.cluster, 1), c.section, c.stamp, c.body).Encoded)
		at := rapid.IntRange(0, len(changed)-1).Draw(t, "at")
		changed[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "mask"))
		if err := decodeAndVerify(changed, c.cluster); err == nil {
			t.Fatalf("verifies with byte %d changed", at)
		}
	})
}

// TestNothingElseVerifies: a signature fits one content of one owner in one cluster, however alike another one is.
func TestNothingElseVerifies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := contents.Draw(t, "signed"), contents.Draw(t, "claimed")
		r := mustSign(t, signer(a.cluster, 1), a.section, a.stamp, a.body)
		err := decodeAndVerify(graft(r, b), b.cluster)
		if a.equal(b) && err != nil {
			t.Fatalf("the same content: %v", err)
		}
		if !a.equal(b) && !errors.Is(err, ErrForged) {
			t.Fatalf("another content: %v", err)
		}
		// The same with one field at a time, which two drawn contents seldom have.
		for _, one := range []content{
			{b.cluster, a.section, a.stamp, a.body},
			{a.cluster, b.section, a.stamp, a.body},
			{a.cluster, a.section, b.stamp, a.body},
			{a.cluster, a.section, a.stamp, b.body},
		} {
			if err := decodeAndVerify(graft(r, one), one.cluster); (err == nil) != one.equal(a) {
				t.Fatalf("signed %+v, claimed %+v: %v", a, one, err)
			}
		}
	})
}

// TestAnotherOwner: a record under somebody else's key does not verify, though its signature is a good one of the forger.
func TestAnotherOwner(t *testing.T) {
	mine := mustSign(t, signer("c", 1), "node", Stamp{9, 9}, []byte("mine"))
	theirs := mustSign(t, signer("c", 2), "node", Stamp{1, 1}, []byte("theirs"))
	forged := bytes.Clone(mine.Encoded)
	copy(forged[keyAt:signatureAt], theirs.Key)
	if err := decodeAndVerify(forged, "c"); !errors.Is(err, ErrForged) {
		t.Errorf("got %v, want %v", err, ErrForged)
	}
}

// TestVerifyTakesNothingOnTrust: a Record whose fields are not those of its wire form never verifies, whoever put it together.
func TestVerifyTakesNothingOnTrust(t *testing.T) {
	good := mustSign(t, signer("c", 1), "node", Stamp{5, 5}, []byte("body"))
	other := mustSign(t, signer("c", 2), "node", Stamp{5, 5}, []byte("body"))
	for name, change := range map[string]func(*Record){
		"owner":   func(r *Record) { r.Owner = other.Owner },
		"key":     func(r *Record) { r.Key = other.Key },
		"section": func(r *Record) { r.Section = "rollout" },
		"stamp":   func(r *Record) { r.Stamp = r.Stamp.Next() },
		"body":    func(r *Record) { r.Body = []byte("Body") },
		"encoded": func(r *Record) { r.Encoded = other.Encoded },
		"nothing": func(r *Record) { *r = Record{Encoded: r.Encoded} },
	} {
		r := good
		change(&r)
		if err := r.Verify("c"); !errors.Is(err, ErrForged) {
			t.Errorf("%s: got %v, want %v", name, err, ErrForged)
		}
	}
	if err := (Record{}).Verify("c"); !errors.Is(err, ErrMalformed) {
		t.Errorf("no record: got %v, want %v", err, ErrMalformed)
	}
	if err := good.Verify("another"); !errors.Is(err, ErrForged) || !strings.Contains(err.Error(), `cluster "another"`) {
		t.Errorf("another cluster: got %v", err)
	}
}

func decodeAndVerify(encoded []byte, cluster string) error {
	r, err := Decode(encoded)
	if err != nil {
		return err
	}
	return r.Verify(cluster)
}
